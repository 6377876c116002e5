"""What the Dockerfile and .dockerignore say, read as far as ours go: for tests where there is no Docker daemon."""

from __future__ import annotations

import fnmatch
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import NamedTuple

from tests.support.server import ROOT


class Stage(NamedTuple):
    """What follows a FROM: pairs of an instruction and what it says."""

    image: str
    steps: list[tuple[str, str]]

    def all(self, instruction: str) -> list[str]:
        return [says for name, says in self.steps if name == instruction]

    def one(self, instruction: str) -> str:
        (says,) = self.all(instruction)
        return says

    def command(self, instruction: str) -> list[str]:
        """What an instruction runs, without a shell."""
        words: list[str] = json.loads(self.one(instruction)[self.one(instruction).index("[") :])
        return words

    def env(self, outside: Mapping[str, str]) -> dict[str, str]:
        """What its ENV sets, where `$NAME` is what it was outside."""
        pairs = (pair.partition("=") for says in self.all("ENV") for pair in shlex.split(says))
        return {name: Template(value).substitute(outside) for name, _, value in pairs}


def stages(root: Path = ROOT) -> list[Stage]:
    """The Dockerfile's stages."""
    found: list[Stage] = []
    for line in _lines((root / "Dockerfile").read_text()):
        name, _, says = line.partition(" ")
        if name == "FROM":
            found.append(Stage(says, []))
        else:
            found[-1].steps.append((name, says.strip()))
    return found


def _lines(text: str) -> Iterator[str]:
    """Without comments, and what a backslash continues on one line."""
    plain = "\n".join(line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    yield from plain.replace("\\\n", " ").splitlines()


def patterns(root: Path = ROOT) -> list[str]:
    return list(_lines((root / ".dockerignore").read_text()))


def is_ignored(path: Path, rules: Sequence[str]) -> bool:
    """Whether a path, relative to the root, stays out: the last rule counts that names it or a folder that it is in."""
    ignored = False
    for rule in rules:
        if any(_is_meant(one, rule.removeprefix("!")) for one in (path, *path.parents[:-1])):
            ignored = not rule.startswith("!")
    return ignored


def _is_meant(path: Path, rule: str) -> bool:
    """`**/` is any folder, the top too; `*` is no slash."""
    if rule.startswith("**/"):
        return fnmatch.fnmatchcase(path.name, rule.removeprefix("**/"))
    return rule.count("/") == len(path.parts) - 1 and fnmatch.fnmatchcase(path.as_posix(), rule)


def let_through(root: Path = ROOT) -> set[Path]:
    """The files below the root which `COPY . .` copies.

    What is ignored at the top is not looked into, for .venv is large.
    """
    rules = patterns(root)
    tops = [path for path in root.iterdir() if not is_ignored(path.relative_to(root), rules)]
    files = (path for top in tops for path in ([top] if top.is_file() else top.rglob("*")) if path.is_file())
    return {path for path in files if not is_ignored(path.relative_to(root), rules)}
