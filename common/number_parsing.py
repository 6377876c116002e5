"""Parses numbers that clients, proxies and operators write as text: ASCII digits only.

Python's own parsers accept more: `int()` accepts `1_000`, `+5`, surrounding spaces and the digits of every script,
`float()` also `inf` and `nan`, and `str.isdigit()` is true for `²`, which `int()` refuses.
"""

from __future__ import annotations

import re

_WHOLE = re.compile(r"[0-9]{1,18}")  # at most 18 digits, so that every result fits into 64 bits
_DECIMAL = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})?")


def whole_number(text: str) -> int:
    """Parse a whole number of at most 18 digits, without a sign. Raises ValueError for anything else."""
    if _WHOLE.fullmatch(text) is None:
        raise ValueError("not a whole number in ASCII digits")
    return int(text)


def decimal_number(text: str) -> float:
    """Parse a decimal number; it has no sign and no exponent, and perhaps a fraction. Raises ValueError."""
    if _DECIMAL.fullmatch(text) is None:
        raise ValueError("not a number in ASCII digits")
    return float(text)
