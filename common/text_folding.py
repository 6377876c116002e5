"""Text as search sees it: words without regard to case, accents and the way in which they were typed. Pure.

The same form is indexed, asked for, counted and marked in what was found, so that all of these agree on every store:
compatibility forms and ligatures are taken apart (NFKC), case is folded (ß is ss, and a final sigma a sigma), accents
are dropped, and everything that is neither letter nor digit separates words. Scripts that put no spaces between words
(Chinese, Japanese, Thai …), Korean, and emoji count each character as a word, and so are found by any part of a text.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache

from msgspec import Struct

# Ranges of code points whose characters are words of their own, by first and last.
_LONE = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1100, 0x11FF),  # Hangul letters
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x2FDF),  # radicals
    (0x3005, 0x312F),  # iteration marks, kana, Bopomofo
    (0x3130, 0x318F),  # Hangul letters of the older standards
    (0x31A0, 0x31FF),  # Bopomofo, kana
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),  # Han
    (0xA960, 0xA97F),  # Hangul letters
    (0xAA60, 0xAA7F),  # Myanmar
    (0xAC00, 0xD7FF),  # Hangul
    (0xF900, 0xFAFF),  # Han
    (0x1AFF0, 0x1B16F),  # kana
    (0x20000, 0x3FFFF),  # Han
)
_LONE_FIRST = [first for first, _ in _LONE]

# Marks that change no letter but its sound or its look: accents, points of Hebrew and Arabic, variation selectors.
# The vowel signs of Indic scripts are marks too, and stay.
_ACCENTS = (
    (0x0300, 0x036F), (0x0483, 0x0489), (0x0591, 0x05C7), (0x0610, 0x061A), (0x064B, 0x065F), (0x0670, 0x0670),
    (0x06D6, 0x06ED), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE00, 0xFE0F), (0xFE20, 0xFE2F),
    (0xE0100, 0xE01EF),
)  # fmt: skip

# Letters that Unicode does not take apart, and that people type without what distinguishes them.
_LETTERS = {
    "đ": "d", "ð": "d", "ø": "o", "ł": "l", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th",
}  # fmt: skip
_TATWEEL = "\u0640"

# The later letters of a Hangul syllable.
_LATER_LETTERS = ((0x1160, 0x11FF), (0xD7B0, 0xD7FF))

# One character may stand for 18 (U+FDFA). What a text of up to 4,000 characters stands for is cut after so many.
_EXPANDED_MAX = 8_000

# The characters of which the table of _Translation remembers what becomes of them.
_REMEMBERED_MAX = 8192

_ASCII = bytes(code if chr(code).isalnum() else 0x20 for code in range(128)) + bytes(128)
_ASCII_WORD = re.compile("[a-z0-9]+")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
# Bytes of UTF-8 for each character, below which it is quicker to replace those that are not ASCII one by one.
_FEW_OTHERS = 1.1


class Word(Struct, frozen=True):
    """A folded word, and where it stands in the text: from `start` to before `end`, in code points."""

    text: str
    start: int
    end: int


def search_form(text: str) -> str:
    """The folded words of a text, with one space between them; empty where it has none."""
    if text.isascii():
        return _ascii_form(text)
    composed = _composed(text)
    # To ask for each character takes most of the time. In most European languages few of them are not ASCII.
    if len(composed.encode(errors="surrogatepass")) < _FEW_OTHERS * len(composed):
        folded = _NOT_ASCII.sub(lambda found: _TRANSLATION[ord(found[0])], composed)
        if folded.isascii():
            return _ascii_form(folded)
    return " ".join(composed.translate(_TRANSLATION).split())


def located_words(text: str) -> list[Word]:
    """The words of `search_form`, each with its place."""
    if text.isascii():
        return [Word(found[0], found.start(), found.end()) for found in _ASCII_WORD.finditer(text.lower())]
    words: list[Word] = []
    letters: list[str] = []
    start = end = 0

    def finish() -> None:
        if letters:
            words.append(Word("".join(letters), start, end))
            letters.clear()

    for first, last in _clusters(text):
        for letter in _folded(text[first:last]):
            if letter == " ":
                finish()
                continue
            if not letters:
                start = first
            letters.append(letter)
            end = last
    finish()
    return words


def _ascii_form(text: str) -> str:
    return b" ".join(text.lower().encode().translate(_ASCII).split()).decode()


def _folded(text: str) -> str:
    return _composed(text).translate(_TRANSLATION)


def _composed(text: str) -> str:
    # Case folding takes some characters apart, and what is then composed again is one character for the table.
    composed = unicodedata.normalize("NFKC", text)[: max(_EXPANDED_MAX, 2 * len(text))]
    return unicodedata.normalize("NFKC", composed.casefold())


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """Where each character with what belongs to it begins and ends: these can be folded one by one."""
    first = 0
    for place in range(1, len(text)):
        if not _is_later(text[place]):
            yield first, place
            first = place
    if text:
        yield first, len(text)


@lru_cache(maxsize=_REMEMBERED_MAX)
def _is_later(character: str) -> bool:
    """Whether a character belongs to the one before it: marks, and later letters of Hangul in any of their forms."""
    first = unicodedata.normalize("NFKC", character)[0]
    return unicodedata.category(first)[0] == "M" or _within(ord(first), _LATER_LETTERS)


def _folded_character(code: int) -> str:
    """What becomes of one character of a composed, case-folded text. A space separates words."""
    character = chr(code)
    category = unicodedata.category(character)
    if category[0] in "LMN" and _is_lone(code):
        return f" {character} "
    if category in ("So", "Cn"):  # Cn: what this Python's Unicode does not know yet is most often an emoji
        return f" {character} "
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category[0] in "LN":
        apart = unicodedata.normalize("NFKD", character)
        return "".join(_LETTERS.get(part, part) for part in apart if not _is_dropped(part))
    if category[0] == "M":
        return "" if _is_dropped(character) else character
    return "" if category in ("Cf", "Sk") and not character.isascii() else " "


def _is_dropped(character: str) -> bool:
    return character == _TATWEEL or _within(ord(character), _ACCENTS)


def _is_lone(code: int) -> bool:
    place = bisect_right(_LONE_FIRST, code) - 1
    return place >= 0 and code <= _LONE[place][1]


def _within(code: int, ranges: Sequence[tuple[int, int]]) -> bool:
    return any(first <= code <= last for first, last in ranges)


class _Translation(dict[int, str]):
    """What becomes of each character, remembered: str.translate asks once for each character of a text."""

    def __missing__(self, code: int) -> str:
        if len(self) >= _REMEMBERED_MAX:
            self.clear()
        folded = self[code] = _folded_character(code)
        return folded


_TRANSLATION = _Translation()
