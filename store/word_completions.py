"""Which words a beginning may be completed to, by what messages say. Pure: a store gives the messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

from common.text_folding import located_words, search_form

# The messages whose words are counted, and the characters, as they are folded, after which no more are: some 12 ms, and
# 40 ms where all are emoji.
COMPLETED_FROM_MAX = 100
_CHARACTERS_MAX = 20_000


def with_prefix(contents: Iterable[str], prefix: str) -> Iterator[str]:
    """Those of the contents that have a word with a prefix, COMPLETED_FROM_MAX at most."""
    padded = f" {prefix}"
    return islice((content for content in contents if padded in f" {search_form(content)}"), COMPLETED_FROM_MAX)


def completions(contents: Iterable[str], prefix: str, *, limit: int) -> list[str]:
    """Words of the contents that begin with a prefix, which is in search form: the most frequent first.

    Words that differ in case and accents alone are one, in lower case and with the accents that are the most frequent.
    """
    spellings: dict[str, Counter[str]] = {}
    characters = 0
    for content in contents:
        words = located_words(content)
        for word in words:
            if word.text.startswith(prefix):
                spellings.setdefault(word.text, Counter())[content[word.start : word.end].lower()] += 1
        characters += max(len(content), sum(len(word.text) for word in words))
        if characters >= _CHARACTERS_MAX:
            break
    frequent = sorted(spellings, key=lambda text: (-spellings[text].total(), text))
    return [spellings[text].most_common(1)[0][0] for text in frequent[:limit]]
