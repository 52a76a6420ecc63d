"""Markdown files of the repository: their links, headings and blocks."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Block:
    """A fenced block. The words after its language say how it is tried: see CONTRIBUTING.md."""

    page: Path
    language: str
    mark: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text.splitlines()[0]}"


def documents() -> list[Path]:
    """Every page of ours, relative to the repository."""
    found = [path.relative_to(ROOT) for path in ROOT.glob("*.md")]
    for folder in ("docs", "moshi", "frontend", "third_party", "tools"):
        found += [path.relative_to(ROOT) for path in (ROOT / folder).rglob("*.md")]
    ignored = subprocess.run(
        ["git", "check-ignore", "--stdin"], cwd=ROOT, input="\n".join(map(str, found)), capture_output=True, text=True
    )
    return sorted(set(found) - {Path(line) for line in ignored.stdout.splitlines()})


def links(page: Path) -> list[str]:
    text = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"\]\(([^()\s]+)\)", text)


def anchors(page: Path) -> set[str]:
    """Of the headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def blocks(page: Path) -> list[Block]:
    text = (ROOT / page).read_text()
    return [
        Block(page, language, mark.strip(), body)
        for language, mark, body in re.findall(r"^```(\w*)([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ]
