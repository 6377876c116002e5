"""The documents name files that exist, and the architecture document answers the questions of a newcomer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
ARCHITECTURE = "docs/architecture.md"
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/python-client.md",
    "examples/README.md",
    ARCHITECTURE,
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs" / "decisions").glob("*.md")),
)
TOPS = "app bench cache chat client cluster common deploy docs examples handlers images limits monitor store tests web"
FOLDERS = f"(?:{TOPS.replace(' ', '|')})"
PATH = re.compile(rf"`((?:{FOLDERS}/[\w./@-]*)|server\.py|Makefile|setup\.cfg|constraints\.txt|pyproject\.toml)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


def named_in(document: str) -> set[Path]:
    """Every file or folder that a document names in backticks, or links to."""
    text = (ROOT / document).read_text()
    linked = {(ROOT / document).parent / target for target in LINK.findall(text)}
    return {ROOT / name for name in PATH.findall(text)} | linked


def rows_below(heading: str) -> list[str]:
    """The rows of the first table below a heading of the architecture document."""
    section = (ROOT / ARCHITECTURE).read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("| ")][2:]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_a_document_names_exists(document: str) -> None:
    missing = sorted(str(path.relative_to(ROOT)) for path in named_in(document) if not path.exists())
    assert not missing


def test_the_architecture_document_answers_at_least_thirty_questions_with_a_file_each() -> None:
    rows = rows_below("Where to change what")
    assert len(rows) >= 30
    assert [row for row in rows if not PATH.search(row)] == []


def test_each_step_of_a_message_names_its_file() -> None:
    rows = rows_below("A message's way from socket to socket")
    assert len(rows) >= 12
    assert [row for row in rows if not PATH.search(row)] == []
