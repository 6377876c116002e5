"""Where the words of a query stand in a message that was found. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from common.text_folding import located_words

_BMP_END = "\uffff"

Highlight = tuple[int, int]


def highlights(content: str, forms: Sequence[str]) -> tuple[Highlight, ...]:
    """Start and end, exclusive, of each place of one of `forms` (texts in search form), ascending and without overlap.

    Offsets count UTF-16 code units, as JavaScript, Java and C# do.
    """
    words = located_words(content)
    texts = [word.text for word in words]
    first_places: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        first_places.setdefault(text, []).append(place)
    spans = []
    for form in forms:
        wanted = form.split(" ")
        for place in first_places.get(wanted[0], ()):
            if texts[place : place + len(wanted)] == wanted:
                spans.append((words[place].start, words[place + len(wanted) - 1].end))
    return tuple(_in_utf16(content, _merged(spans)))


def _merged(spans: list[Highlight]) -> list[Highlight]:
    merged: list[Highlight] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _in_utf16(content: str, spans: list[Highlight]) -> list[Highlight]:
    if not spans or max(content) <= _BMP_END:
        return spans
    offsets = [0]
    for character in content:
        offsets.append(offsets[-1] + (2 if character > _BMP_END else 1))
    return [(offsets[start], offsets[end]) for start, end in spans]
