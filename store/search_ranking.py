"""The order of search results, the same on every store: the newest matches, ranked within windows of WINDOW.

To rank all matches of a common word means to read them all. So the matches are taken in windows, from new to old: of
each window the best come first, and then the next window's. Knows no backend: a store gives candidates, newest first.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Generic, TypeVar

from msgspec import Struct

WINDOW = 300

# As in BM25: how soon a further occurrence counts little, how much a long text counts against it, and the number of
# words of a text that counts as neither long nor short. A word's rarity is left out: all words are wanted anyway.
_SATURATION = 1.2
_LENGTH_WEIGHT = 0.75
_USUAL_WORDS = 12

# A place in the order from new to old: a greater one is older.
P = TypeVar("P", int, tuple[int, str, int])


class Span(Struct, Generic[P], frozen=True):
    """The candidates to read, at most `limit`, from new to old: older than `after`, and from `newest` to `oldest`."""

    limit: int
    after: P | None = None
    newest: P | None = None
    oldest: P | None = None


class Candidate(Struct, Generic[P], frozen=True):
    """A message that may match: its place, and the search form of its content."""

    place: P
    form: str


class Mark(Struct, Generic[P], frozen=True):
    """Where the results continue: the window of the last result, and that result's score and place."""

    newest: P
    oldest: P
    score: float
    place: P


class RankedPlace(Struct, Generic[P], frozen=True):
    """One result."""

    place: P
    score: float


# A result as it is compared: the score, negative; the place; and from which place to which the window is.
_Ranked = tuple[float, P, P, P]


def ranked_page(
    texts: Sequence[str], *, limit: int, after: Mark[P] | None
) -> Generator[Span[P], Sequence[Candidate[P]], tuple[list[RankedPlace[P]], Mark[P] | None]]:
    """Return up to `limit` results after a mark, and the mark of the next page, None at the end.

    Each span that is yielded is to be answered with its candidates. `texts` are in search form; a candidate that lacks
    one is left out. Without texts the newest come first.
    """
    size = WINDOW if texts else limit + 1
    results: list[_Ranked[P]] = []
    # What is newer than the first page's window, or was edited into it, is not seen on later pages.
    span = Span[P](limit=size)
    if after is not None and texts:
        span = Span(limit=2 * size, newest=after.newest, oldest=after.oldest)
    elif after is not None:
        span = Span(limit=size, after=after.place)
    while True:
        candidates = yield span
        if candidates:
            results += _ranked(candidates, texts, span)
        if span.oldest is not None and after is not None:
            results = [one for one in results if one[:2] > (-after.score, after.place)]
            oldest = after.oldest
        elif len(candidates) < size:
            break
        else:
            oldest = candidates[-1].place
        if len(results) > limit:
            break
        span = Span(limit=size, after=oldest)
    mark: Mark[P] | None = None
    if len(results) > limit:
        score, place, newest, oldest = results[limit - 1]
        mark = Mark(newest, oldest, -score, place)
    return [RankedPlace(place, -score) for score, place, _, _ in results[:limit]], mark


def _ranked(candidates: Sequence[Candidate[P]], texts: Sequence[str], span: Span[P]) -> list[_Ranked[P]]:
    newest = candidates[0].place if span.newest is None else span.newest
    oldest = candidates[-1].place if span.oldest is None else span.oldest
    scored = [(-score_of(one.form, texts), one.place, newest, oldest) for one in candidates]
    return sorted(one for one in scored if one[0] or not texts)


def score_of(form: str, texts: Sequence[str]) -> float:
    """How well a message matches texts, all in search form: greater is better, 0.0 where it lacks one of them."""
    length = _SATURATION * (1 - _LENGTH_WEIGHT + _LENGTH_WEIGHT * (form.count(" ") + 1) / _USUAL_WORDS)
    padded = _padded(form)
    score = 0.0
    for text in texts:
        count = padded.count(_padded(text))
        if not count:
            return 0.0
        score += count * (_SATURATION + 1) / (count + length)
    return round(score, 4)


def _padded(form: str) -> str:
    """Each word between two spaces of its own, so that neighbours are counted too."""
    return f" {form.replace(' ', '  ')} "
