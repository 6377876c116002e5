"""What people see as names, of rooms and of people: one form for the same text, and nothing that hides or turns it.

Pure.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

# Embeddings, overrides, isolates and their ends (UAX 9): they would turn round what is written after the name.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BARRED_CATEGORIES = frozenset(("Cc", "Zl", "Zp", "Cs"))
_UNSEEN_CATEGORIES = frozenset(("Cc", "Cf", "Zl", "Zp", "Zs", "Cs"))


def _is_unseen(character: str) -> bool:
    """Whether nothing is drawn of it alone. What this Python's Unicode does not know yet (a new emoji) is seen."""
    return unicodedata.category(character) in _UNSEEN_CATEGORIES or character in _BLANK


# Characters of other categories that are drawn as nothing (Default_Ignorable_Code_Point, and the blank Braille
# pattern).
_BLANK = frozenset(
    map(
        chr,
        (
            0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, 0x2065,
            *range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE1000),
        ),
    )
)  # fmt: skip

SHRINKS_AT_MOST = 4  # times, by NFC: what is longer than that is too long, and need not be composed to know it


def nfc(text: str) -> str:
    """The same text, composed: what one keyboard writes in one character and another in two is equal then."""
    return unicodedata.normalize("NFC", text)


def seen_as_name(*, max_chars: int) -> Callable[[str], str]:
    """What makes a name of a text: NFC, trimmed.

    It raises ValueError with what is wrong, in the words of an error's details.
    """

    def prepare(text: str) -> str:
        if len(text.strip()) > SHRINKS_AT_MOST * max_chars:
            raise ValueError(f"takes 1 to {max_chars} characters")
        name = nfc(text.strip()).strip()
        if any(character in _TURNING or unicodedata.category(character) in _BARRED_CATEGORIES for character in name):
            raise ValueError("takes no control, line or bidirectional formatting characters")
        if not 1 <= len(name) <= max_chars:
            raise ValueError(f"takes 1 to {max_chars} characters")
        if all(map(_is_unseen, name)):
            raise ValueError("takes at least one visible character")
        return name

    return prepare
