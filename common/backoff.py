"""Exponential backoff: the longest wait before the next try.

Callers wait for a random part of it (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015), so that clients
that failed together do not retry together.
"""

from __future__ import annotations

# 2.0**1024 raises OverflowError, which three tries a second would reach after six minutes.
_DOUBLINGS_MAX = 40


def longest_s(failures: int, *, first_s: float, most_s: float) -> float:
    """Return seconds: `first_s`, doubled for each failure after the first, at most `most_s`.

    `failures` is how many there were in a row, any number from 0.
    """
    return min(most_s, first_s * 2.0 ** min(max(0, failures - 1), _DOUBLINGS_MAX))
