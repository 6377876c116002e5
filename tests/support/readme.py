"""The commands of a document, as a stranger would paste them: its code blocks, and the commands within its lines."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from msgspec import Struct

from tests.support.example_programs import as_installed
from tests.support.server import ROOT

_FENCED = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_ROW = re.compile(r"^\| (`.*?) \|", re.MULTILINE)
_PROGRAMS = ("server.py ", ".venv/bin/python ", "chat-rooms ", "python ", "pip ", "curl ")
_OF_MAKE_OR_DOCKER = re.compile(r"(\w+=\S* )*(make|docker) ")
_LEFT_OUT = {
    ".git",
    ".venv",
    ".coverage-data",
    "data",
    "build",
    "dist",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".hypothesis",
}


class Block(Struct, frozen=True):
    """A code block: its language, and its text."""

    language: str
    text: str


def blocks(document: str) -> list[Block]:
    """The code blocks of a document, by its path in the checkout."""
    return [Block(*found) for found in _FENCED.findall((ROOT / document).read_text())]


def blocks_below(document: str, heading: str) -> list[str]:
    """The texts of the code blocks below a heading."""
    section = (ROOT / document).read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [text for _, text in _FENCED.findall(section)]


def lines_to_paste(block: str) -> list[str]:
    """The lines of a shell's block but those of make and Docker, without their remarks."""
    lines = (line.partition("   #")[0].partition(" # ")[0].strip() for line in block.splitlines())
    return [line for line in lines if line and not _OF_MAKE_OR_DOCKER.match(line)]


def commands_in_tables(document: str) -> list[str]:
    """What the first columns of the tables name, in order, as one would type it: `a b`, `c` are `a b` and `a c`."""
    found: list[str] = []
    for cell in _ROW.findall((ROOT / document).read_text()):
        spans = _INLINE.findall(cell)
        before = ""
        for span in spans:
            if _is_command(span):
                before = span[: span.index("server.py ") + 10] if "server.py " in span else ""
                found.append(span)
            elif before:
                found.append(before + span)
    return [command for command in found if not _OF_MAKE_OR_DOCKER.match(f"{command} ")]


def commands_in_text(document: str) -> list[str]:
    """The commands within lines, those of tables' first columns left out."""
    text = _ROW.sub("", _FENCED.sub("", (ROOT / document).read_text()))
    return [span for span in _INLINE.findall(text) if _is_command(span)]


def _is_command(span: str) -> bool:
    return span.startswith(_PROGRAMS) or ("server.py " in span and not span.startswith("deploy"))


def checkout_of_a_stranger(folder: Path) -> Path:
    """A copy of the checkout in `folder`, with a `.venv/bin/python` that has what `make install` installs."""
    checkout = folder / "chat-rooms"
    shutil.copytree(ROOT, checkout, ignore=lambda _, names: _LEFT_OUT & set(names))
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{as_installed(folder)}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return checkout
