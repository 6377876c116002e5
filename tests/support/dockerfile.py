"""A parser of the Dockerfile and .dockerignore, for tests without a Docker daemon. It knows the syntax in use."""

from __future__ import annotations

import fnmatch
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import Template

from msgspec import Struct

from tests.support.server import ROOT


class Stage(Struct, frozen=True):
    """A build stage: the image of its FROM, and its steps as pairs of an instruction and its arguments."""

    image: str
    steps: list[tuple[str, str]]

    def all(self, instruction: str) -> list[str]:
        return [arguments for name, arguments in self.steps if name == instruction]

    def one(self, instruction: str) -> str:
        (arguments,) = self.all(instruction)
        return arguments

    def command(self, instruction: str) -> list[str]:
        """The command of an instruction in exec form."""
        words: list[str] = json.loads(self.one(instruction)[self.one(instruction).index("[") :])
        return words

    def env(self, outside: Mapping[str, str]) -> dict[str, str]:
        """The variables that its ENV instructions set. `$NAME` is replaced by its value in `outside`."""
        pairs = (pair.partition("=") for arguments in self.all("ENV") for pair in shlex.split(arguments))
        return {name: Template(value).substitute(outside) for name, _, value in pairs}


def stages(root: Path = ROOT) -> list[Stage]:
    """The Dockerfile's stages."""
    found: list[Stage] = []
    for line in _lines((root / "Dockerfile").read_text()):
        name, _, arguments = line.partition(" ")
        if name == "FROM":
            found.append(Stage(arguments, []))
        else:
            found[-1].steps.append((name, arguments.strip()))
    return found


def _lines(text: str) -> Iterator[str]:
    """The lines without comments and blank lines; continued lines are joined."""
    plain = "\n".join(line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    yield from plain.replace("\\\n", " ").splitlines()


def ignore_rules(root: Path = ROOT) -> list[str]:
    return list(_lines((root / ".dockerignore").read_text()))


def is_ignored(path: Path, rules: Sequence[str]) -> bool:
    """Whether .dockerignore excludes a path relative to the root. The last rule that matches it or a parent decides."""
    ignored = False
    for rule in rules:
        if any(_matches(one, rule.removeprefix("!")) for one in (path, *path.parents[:-1])):
            ignored = not rule.startswith("!")
    return ignored


def _matches(path: Path, rule: str) -> bool:
    """Match one rule: `**/` stands for any folder, the top included; `*` matches no slash."""
    if rule.startswith("**/"):
        return fnmatch.fnmatchcase(path.name, rule.removeprefix("**/"))
    return rule.count("/") == len(path.parts) - 1 and fnmatch.fnmatchcase(path.as_posix(), rule)


def build_context(root: Path = ROOT) -> set[Path]:
    """The files below the root that `COPY . .` copies.

    Ignored folders at the top are not searched, because .venv is large.
    """
    rules = ignore_rules(root)
    tops = [path for path in root.iterdir() if not is_ignored(path.relative_to(root), rules)]
    files = (path for top in tops for path in ([top] if top.is_file() else top.rglob("*")) if path.is_file())
    return {path for path in files if not is_ignored(path.relative_to(root), rules)}
