"""How long to wait before the next try at most. A leaf: everybody may import it, and it imports nothing of ours.

Who waits takes a random part of it (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015): those that failed
together must not try again together.
"""

from __future__ import annotations

# 2**1024 is no float, and multiplying by it raises OverflowError: at three tries a second that comes after six minutes.
_DOUBLINGS_MAX = 40


def longest_s(failures: int, *, first_s: float, most_s: float) -> float:
    """Seconds: `first_s`, doubled by each failure after the first, `most_s` at most.

    `failures` in a row there may be any number.
    """
    return min(most_s, first_s * 2.0 ** min(max(0, failures - 1), _DOUBLINGS_MAX))
