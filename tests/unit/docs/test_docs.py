"""What the documentation names exists, and what it tells to type is tried or says why not."""

import re
import subprocess
from pathlib import Path

import pytest

from moshi_backend.doctor import report
from moshi_backend.settings import Settings as MoshiSettings
from moshi_frontend.settings import Settings as FrontendSettings
from support.documents import Block, anchors, blocks, documents, links

ROOT = Path(__file__).parents[3]
NAMES = re.compile(r"`([\w.-]+(?:/[\w.*-]+)+/?)`")


@pytest.mark.parametrize("document", documents(), ids=str)
def test_links_lead_somewhere(document: Path) -> None:
    for target in links(document):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / document).parent / path if path else ROOT / document
        assert file.exists(), f"{document}: {target}"
        if anchor:
            assert anchor in anchors(file), f"{document}: {target}"


def test_the_index_lists_every_page() -> None:
    """docs/README.md, and for decisions the list that it names."""
    docs = ROOT / "docs"
    listed = {
        (docs / target).resolve() for page in ("README.md", "architecture.md") for target in links(Path("docs") / page)
    }
    pages = {path.resolve() for path in docs.rglob("*.md")} - {docs / "README.md"}
    assert sorted(str(page.relative_to(docs)) for page in pages - listed) == []


def tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    return listed.stdout.splitlines()


@pytest.mark.parametrize("document", documents(), ids=str)
def test_a_named_file_of_this_repository_exists(document: Path) -> None:
    """A path in backquotes that begins with a folder of ours."""
    files = tracked()
    if not files:
        pytest.skip("not a git checkout")
    folders = {name.split("/")[0] for name in files if "/" in name}
    for name in NAMES.findall((ROOT / document).read_text()):
        if name.startswith(tuple(f"{folder}/" for folder in folders)):
            pattern = re.compile(re.escape(name.rstrip("/")).replace(r"\*", "[^/]*") + "(/.*)?")
            known = any(pattern.fullmatch(file) for file in files)
            placed = any((folder / name).exists() for folder in (ROOT, ROOT / "third_party/moshi"))
            assert known or placed or name in PLACED, f"{document}: {name}"


PLACED = {
    "third_party/moshi/moshi/",
    "third_party/moshi/patches/",
    "third_party/moshi/patches/*.patch",
    "tests/artifacts/states",
    "moshi/moshi",
}
"""By the vendoring tool, by whoever writes a patch, by the tests; and names inside upstream's."""


@pytest.mark.parametrize("document", documents(), ids=str)
def test_a_named_setting_exists(document: Path) -> None:
    known = {f"MOSHI_{name.upper()}" for name in MoshiSettings.model_fields}
    known |= {f"FRONTEND_{name.upper()}" for name in FrontendSettings.model_fields}
    known |= {"MOSHI_URL", "MOSHI_VERSION"}
    if document.name == "CONTRIBUTING.md":
        known |= {"MOSHI_GREETING"}  # the one of its example
    text = (ROOT / document).read_text()
    named = set(re.findall(r"(?<![\w…])((?:MOSHI|FRONTEND)_[A-Z_]*[A-Z])(?![\w…*])", text))
    assert named <= known | {f"{name}" for name in named if name.endswith("_TLS_HOSTS")}, document


def test_the_preflight_page_has_the_doctors_rows() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs/reference/preflight.md").read_text(), re.MULTILINE)
    assert rows == [finding.check for finding in report.examine(MoshiSettings())]


PAGES = (Path("README.md"), Path("docs/tutorial/quickstart.md"))


def commands() -> list[Block]:
    return [block for page in PAGES for block in blocks(page) if block.language in ("sh", "bash", "shell", "console")]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_block_that_a_reader_types_is_known_as_one(page: Path) -> None:
    assert all(block.language for block in blocks(page)), "a block without a language may be a command"


@pytest.mark.parametrize("block", commands(), ids=str)
def test_a_command_is_tried_or_says_what_it_needs(block: Block) -> None:
    assert block.mark in TRIED_BY or block.mark.startswith("needs: "), block


TRIED_BY = {
    "": "tests/e2e/test_documented_commands.py",
    "while: make run": "tests/e2e/test_documented_commands.py",
    "all of it": ".ci/run",
}


def test_what_ci_runs_is_what_the_readme_says() -> None:
    (block,) = [block for block in commands() if block.mark == "all of it"]
    assert block.text == "make test\n"
    assert "exec make test" in (ROOT / ".ci/run").read_text()
    for file in TRIED_BY.values():
        assert (ROOT / file).exists()
