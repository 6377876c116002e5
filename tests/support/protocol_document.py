"""docs/protocol.md as data: its tables, the routes that their cells name, and the fields that stand in braces.

The cells are written for people. What is read of them is strict: methods, paths, names in backticks and braces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct, field

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")

_CODE = re.compile(r"`([^`]*)`")
_TOKEN = re.compile(
    r"(?P<cut>…/\S*)|(?P<method>GET|POST|PUT|PATCH|DELETE)\b(?! of\b)|(?P<path>/[\w{}./()?&=-]*)|(?P<end>[;·])"
)
_PLACE = re.compile(r"\{\w+\}")


class Row(Struct, frozen=True):
    """A row of a table: its cells without the pipes."""

    cells: tuple[str, ...]

    @property
    def first(self) -> str:
        return self.cells[0]

    @property
    def text(self) -> str:
        """All cells, with a space between them."""
        return " ".join(self.cells)


class Call(Struct, frozen=True, order=True):
    """A method on a path whose ids are `{}`."""

    method: str
    path: str
    query: tuple[str, ...] = field(default=())

    @property
    def key(self) -> tuple[str, str]:
        return self.method, self.path


def table(heading: str, first_cell: str) -> list[Row]:
    """The rows of the table below a heading whose head begins with this cell. Raises ValueError where there is none."""
    lines = TEXT[TEXT.index(f"\n## {heading}") :].splitlines()[2:]
    begin = next((number for number, line in enumerate(lines) if line.startswith(f"| {first_cell} |")), None)
    if begin is None:
        raise ValueError(f"{heading} has no table of {first_cell}")
    rows = []
    for line in lines[begin + 2 :]:
        if not line.startswith("|"):
            break
        cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
        rows.append(Row(tuple(cell.strip().replace("\\|", "|") for cell in cells)))
    return rows


def calls_of(cell: str) -> list[Call]:
    """The calls that a cell names.

    `GET, PATCH /a` are two; `…/a` is none, nor is `DELETE of an a`. `POST /a/b, /c` also names `/a/c`. Of
    `POST, DELETE /a(/{id})` the last method has the id. `GET /a, PATCH {b}, DELETE` are three of one path.
    """
    found: list[Call] = []
    methods: list[str] = []
    used: list[str] = []
    path = ""
    text = re.sub(r"`[^`/]*`", " ", cell).replace("`", " ")
    for token in _TOKEN.finditer(text + ";"):
        if token["cut"]:
            methods = []
        elif token["method"]:
            methods.append(token["method"])
        elif token["path"] is not None:
            path = token["path"] if methods else _next_path(path, token["path"])
            used, methods = methods or used, []
            found += _calls(used, path)
        elif methods:
            found += _calls(methods, path)
            methods = []
    return found


def _next_path(before: str, path: str) -> str:
    """A path of one part, after one of several, stands beside the last part of that."""
    plain = before.partition("?")[0]
    if plain.count("/") > 1 and path.count("/") == 1 and len(path) > 1:
        return plain.rpartition("/")[0] + path
    return path


def _calls(methods: Sequence[str], path: str) -> Iterator[Call]:
    plain, _, query = path.partition("?")
    names = tuple(one.partition("=")[0] for one in query.split("&") if one)
    base, _, suffix = plain.partition("(")
    for number, method in enumerate(methods):
        is_last = suffix and number == len(methods) - 1
        yield Call(method, _PLACE.sub("{}", base + (suffix.rstrip(")") if is_last else "")), names)


def fields_of(text: str, *, nested: bool = False) -> set[str]:
    """The names in the braces of a text: `{a, b?: [c], d | e}` has a, b, d and e. With `nested`, also those deeper."""
    found: set[str] = set()
    for code in _CODE.findall(text):
        depth, is_value = 0, False
        for part in re.findall(r"\w+|[^\w\s]", code):
            if part in "{[(":
                depth += 1
                is_value = False
            elif part in "}])":
                depth -= 1
                is_value = False
            elif part == ":":
                is_value = True
            elif part == ",":
                is_value = False
            elif part.isidentifier() and depth and not is_value and part != "or" and (nested or depth == 1):
                found.add(part)
    return found


def names_in(text: str) -> set[str]:
    """The words in backticks outside of braces."""
    return {word for code in _CODE.findall(text) if "{" not in code for word in re.findall(r"[A-Za-z]\w*", code)}
