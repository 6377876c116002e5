"""Replaces parts of a text by their places."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct


class Edit(Struct, frozen=True, order=True):
    """text[start:end] becomes `replacement`."""

    start: int
    end: int
    replacement: str


def edited(text: str, edits: Iterable[Edit]) -> str:
    """Return the text after all edits, none of which overlap."""
    pieces, at = [], 0
    for edit in sorted(edits):
        pieces += [text[at : edit.start], edit.replacement]
        at = edit.end
    return "".join((*pieces, text[at:]))
