"""The rules for displayed names, of rooms and of people, and for reactions: nothing invisible or reversing. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

# Embeddings, overrides, isolates and their ends (UAX 9): they would reverse the text that follows the name.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BARRED_CATEGORIES = frozenset(("Cc", "Zl", "Zp", "Cs"))
_UNSEEN_CATEGORIES = frozenset(("Cc", "Cf", "Zl", "Zp", "Zs", "Cs"))


def _is_unseen(character: str) -> bool:
    """Whether the character alone is drawn as nothing. One that this Python's Unicode does not know yet is visible."""
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

EMOJI_BYTES_MAX = 32

SHRINKS_AT_MOST = 4  # NFC shortens a text by this factor at most: a longer one is refused without normalising it


def has_visible_character(text: str) -> bool:
    """Whether at least one character of the text is drawn as something."""
    return not all(map(_is_unseen, text))


def nfc(text: str) -> str:
    """Return the text in NFC, so that a composed character equals the sequence that another keyboard writes for it."""
    return unicodedata.normalize("NFC", text)


def _turns_or_breaks(text: str) -> bool:
    return any(character in _TURNING or unicodedata.category(character) in _BARRED_CATEGORIES for character in text)


def emoji(text: str) -> str:
    """Return a reaction's text as it is: its bytes tell reactions apart, so nothing is normalised.

    Raises ValueError with what is wrong, worded for the details of an error reply.
    """
    if not text or len(text) > EMOJI_BYTES_MAX or len(text.encode(errors="replace")) > EMOJI_BYTES_MAX:
        raise ValueError(f"takes 1 to {EMOJI_BYTES_MAX} bytes of UTF-8")
    if _turns_or_breaks(text):
        raise ValueError("takes no control, line or bidirectional formatting characters")
    if not has_visible_character(text):
        raise ValueError("takes at least one visible character")
    return text


def seen_as_name(*, max_chars: int) -> Callable[[str], str]:
    """Return a function that makes a name of a text: NFC, trimmed, 1 to `max_chars` characters.

    The function raises ValueError with what is wrong, worded for the details of an error reply.
    """

    def prepare(text: str) -> str:
        if len(text.strip()) > SHRINKS_AT_MOST * max_chars:
            raise ValueError(f"takes 1 to {max_chars} characters")
        name = nfc(text.strip()).strip()
        if _turns_or_breaks(name):
            raise ValueError("takes no control, line or bidirectional formatting characters")
        if not 1 <= len(name) <= max_chars:
            raise ValueError(f"takes 1 to {max_chars} characters")
        if not has_visible_character(name):
            raise ValueError("takes at least one visible character")
        return name

    return prepare


def printable(text: str) -> str:
    """Return the text trimmed, without control, line and bidirectional formatting characters."""
    return "".join(
        character
        for character in text
        if character not in _TURNING and unicodedata.category(character) not in _BARRED_CATEGORIES
    ).strip()
