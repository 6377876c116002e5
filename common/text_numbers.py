"""Numbers that came from outside as text: ASCII digits alone.

A leaf: everybody may import it, and it imports nothing of ours.

Python's own readers take more than a client, a proxy or an operator can have meant: `int()` takes `1_000`, `+5`, text
within spaces and the digits of every script, `float()` besides these `inf` and `nan`, and `str.isdigit()` is true for
`²`, which `int()` then refuses.
"""

from __future__ import annotations

import re

_WHOLE = re.compile(r"[0-9]{1,18}")  # what 64 bits hold, so that no reader further on is surprised
_DECIMAL = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})?")


def whole_number(text: str) -> int:
    """A whole number of at most 18 digits, without a sign. Raises ValueError for anything else."""
    if _WHOLE.fullmatch(text) is None:
        raise ValueError("not a whole number in ASCII digits")
    return int(text)


def decimal_number(text: str) -> float:
    """A number with or without a decimal point, without sign and exponent. Raises ValueError for anything else."""
    if _DECIMAL.fullmatch(text) is None:
        raise ValueError("not a number in ASCII digits")
    return float(text)
