"""Saved voices, and what is refused as one."""

import io
import tarfile
import warnings
from pathlib import Path

import pytest
import torch

from moshi_backend.errors import LoadError
from moshi_backend.model.tokens import NO_TOKEN
from moshi_backend.personas.voices import ARCHIVE_FILES, BadVoice, from_archive, read_prompt
from support.personas import PATTERN, WIDTH, catalogue


def saved(**changes: object) -> bytes:
    data = io.BytesIO()
    content = {"embeddings": torch.ones(7, 1, 1, WIDTH), "cache": torch.arange(20).reshape(1, 5, 4)} | changes
    torch.save(content, data)
    return data.getvalue()


def test_a_saved_prompt_goes_on_where_its_ring_stands() -> None:
    read = read_prompt("anna", saved(), PATTERN, WIDTH)
    assert read.frames == 7
    assert catalogue(read).seconds(read) == 0.6
    assert read.start.tokens.tolist() == [[3, 7, 11, 15, 19], [NO_TOKEN, NO_TOKEN, 8, NO_TOKEN, 16]]


class Evil:
    """Would run when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return (Path("/").joinpath, ("evil",))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no pickle",
        saved(embeddings=Evil()),
        saved(embeddings=3),
        saved(cache="x"),
        saved(embeddings=torch.ones(7, 1, 1, WIDTH + 1)),
        saved(cache=torch.zeros(1, 6, 4)),
        saved(cache=torch.full((1, 5, 4), -2)),
        saved(cache=torch.full((1, 5, 4), 81)),
        saved(cache=torch.full((1, 5, 1), 3)),
        saved(cache=torch.full((1, 5, 4), -1)),
        saved(embeddings=torch.full((7, 1, 1, WIDTH), torch.nan)),
        saved(embeddings=torch.ones(7, 1, 1, WIDTH, dtype=torch.int64)),
    ],
)
def test_what_is_no_saved_prompt_is_refused_and_never_run(data: bytes) -> None:
    with pytest.raises(BadVoice, match=r"^anna\.pt"):
        read_prompt("anna", data, PATTERN, WIDTH)


class Program(torch.nn.Module):
    def forward(self) -> int:
        return 1


def test_what_pytorch_would_run_in_spite_of_weights_only_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    program, old = io.BytesIO(), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(Program()), program)
    torch.save({"embeddings": torch.ones(7, 1, 1, WIDTH)}, old, _use_new_zipfile_serialization=False)

    def run(*_: object, **__: object) -> None:
        raise AssertionError("it was loaded as a program")

    monkeypatch.setattr(torch.jit, "load", run)
    monkeypatch.setattr(torch.serialization, "_legacy_load", run)
    with pytest.raises(BadVoice, match="it is a compiled program"):
        read_prompt("anna", program.getvalue(), PATTERN, WIDTH)
    with pytest.raises(BadVoice, match=r"not in the format that PyTorch writes since 1\.6"):
        read_prompt("anna", old.getvalue(), PATTERN, WIDTH)


def archive(path: Path, *entries: tuple[str, bytes], link: str | None = None) -> Path:
    with tarfile.open(path, "w:gz") as file:
        for name, data in entries:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            file.addfile(entry, io.BytesIO(data))
        if link:
            entry = tarfile.TarInfo("voices/linked.pt")
            entry.type, entry.linkname = tarfile.SYMTYPE, link
            file.addfile(entry)
    return path


def test_only_voices_are_read_from_an_archive_and_nothing_is_written(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    path = archive(
        inside / "voices.tgz",
        ("voices/anna.pt", saved()),
        ("voices/notes.txt", b"hello"),
        ("../../outside.pt", saved()),
        ("voices/.hidden.pt", saved()),
        link="/etc/passwd",
    )
    assert [one.id for one in from_archive(path, PATTERN, WIDTH)] == ["anna", "outside"]
    assert sorted(tmp_path.rglob("*")) == [inside, path]


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "voices.tgz"
    path.write_bytes(b"nothing")
    with pytest.raises(LoadError, match="is damaged"):
        from_archive(path, PATTERN, WIDTH)
    whole = archive(path, ("voices/anna.pt", saved())).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LoadError, match="is damaged"):
        from_archive(path, PATTERN, WIDTH)
    archive(path, ("voices/anna.pt", b"x"))
    with pytest.raises(LoadError, match=r"anna\.pt is not a saved voice"):
        from_archive(path, PATTERN, WIDTH)
    archive(path, *[(f"voices/{index}.txt", b"") for index in range(ARCHIVE_FILES + 1)])
    with pytest.raises(LoadError, match="more than 200 entries"):
        from_archive(path, PATTERN, WIDTH)
