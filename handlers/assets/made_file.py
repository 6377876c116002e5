"""A file that is made of others, and that names others: what module bundles, style sheets and pages are put into."""

from __future__ import annotations

from msgspec import Struct

from handlers.assets.references import Reference


class MadeFile(Struct, frozen=True):
    """The text of a file, and where it names others. `is_part`: it is of no use but to the file that names it."""

    text: str
    references: tuple[Reference, ...]
    is_part: bool = False


class MadeText:
    """A text that is put together; it remembers the places where it names other files."""

    def __init__(self, text: str = "") -> None:
        self._pieces = [text]
        self._length = len(text)
        self._references: list[Reference] = []

    def add(self, text: str) -> None:
        self._pieces.append(text)
        self._length += len(text)

    def add_name(self, text: str, target: str) -> None:
        """Add a relative URL, without query and fragment, of the file that has this name."""
        self._references.append(Reference(self._length, self._length + len(text), target))
        self.add(text)

    def file(self, *, is_part: bool = False) -> MadeFile:
        return MadeFile("".join(self._pieces), tuple(self._references), is_part)
