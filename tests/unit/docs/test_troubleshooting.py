"""Every error has a row in the tables, and every row an error that happens."""

import re
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

import troubleshooting
from moshi_service.errors import entries
from troubleshooting import ROOT, SECTIONS, Foreign, described

PACKAGES = ("moshi/src", "frontend/src", "service/src", "tools/client/src", "tools/vendoring")
TABLES = [source for _, _, sources in SECTIONS for source in sources if isinstance(source, ModuleType)]


def code_of(package: str) -> str:
    """The Python code of a package, without its tables of errors."""
    files = [
        file for file in (ROOT / package).rglob("*.py") if "errors" not in file.relative_to(ROOT).with_suffix("").parts
    ]
    return "\n".join(file.read_text() for file in files)


SOURCES = {package: code_of(package) for package in PACKAGES}
EVERYTHING = "\n".join(SOURCES.values()) + (ROOT / "tools/run").read_text()


def test_a_code_stands_for_one_error() -> None:
    codes = Counter(error.code for _, _, sources in SECTIONS for error in described(sources))
    assert [code for code, count in codes.items() if count > 1] == []
    assert len(codes) > 250
    assert [code for code in codes if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", code)] == [], "a search finds words"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_every_error_of_a_table_happens(table: ModuleType) -> None:
    names = [entry.code.replace("-", "_") for entry in entries(table)]
    assert names
    assert [name for name in names if f".{name}" not in EVERYTHING] == []


def test_every_table_is_on_the_page() -> None:
    """By the modules' names, because an installed package lies in another folder than its source."""
    folders = [*ROOT.glob("*/src"), *ROOT.glob("tools/*/src"), ROOT / "tools"]
    files = [
        (file, folder) for folder in folders for name in ("errors", "errors/*") for file in folder.glob(f"*/{name}.py")
    ]
    there = {".".join(file.relative_to(folder).with_suffix("").parts) for file, folder in files}
    assert {name for name in there if not name.endswith("__init__")} == {table.__name__ for table in TABLES}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_error_has_its_words_outside_of_the_tables(package: str) -> None:
    """Types demand a `Problem` of most errors. These take any text."""
    for call in (r"log\.(?:warning|error|exception|critical)", "raise (?:ValueError|OSError|LookupError|RuntimeError)"):
        assert re.findall(rf'{call}\(\s*f?"[^"]*"', SOURCES[package]) == []
    assert re.findall(r'HTTPException\(\d+, f?"', SOURCES[package]) == []


def test_a_script_with_an_unknown_code_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(troubleshooting, "ROOT", tmp_path)
    foreign = Foreign("errors.toml", "*.sh", troubleshooting.SET_UP.pattern, troubleshooting.SET_UP.varying)
    (tmp_path / "one.sh").write_text('fail tool-missing "$1 was not found (\\"$(uname)\\")"\n')
    (tmp_path / "errors.toml").write_text('[[row]]\ncodes = ["tool-missing"]\ncause = "why"\nremedy = "what"\n')
    (found,) = foreign.described()
    assert (found.code, found.text, found.row.cause) == ("tool-missing", '… was not found (\\"…\\")', "why")
    (tmp_path / "two.sh").write_text('fail other-missing "It is not there"\n')
    with pytest.raises(ValueError, match=r"differ: .*other-missing"):
        list(foreign.described())


def test_every_failure_of_the_scripts_has_a_code() -> None:
    """A call without a code would be on no page."""
    scripts = "\n".join(file.read_text() for file in (ROOT / "tools").iterdir() if file.is_file())
    apphost = "\n".join(file.read_text() for file in (ROOT / "AppHost").glob("*.cs"))
    assert re.findall(r'\bfail "', scripts) == []
    assert re.findall(r'\bFail\((?!string |"[a-z-]+", )', apphost) == []
