"""JSON as clients send it, read for what is wrong with it. Strict decoding is msgspec's; this explains its refusals."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator
from math import isfinite

import msgspec

UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # what decoding a client's bytes may raise
DIGITS_MAX = 40  # of an integer
CUT_SHORT = 10 ** (DIGITS_MAX - 2)  # from here on it may be more
BOM = codecs.BOM_UTF8  # RFC 8259 section 8.1: a reader may ignore it


def has_character(value: object, unwanted: Callable[[str], bool]) -> bool:
    """Whether a text, or one within a list or an object, has an unwanted character."""
    return any(isinstance(one, str) and any(map(unwanted, one)) for one in _leaves(value))


def has_number_out_of_range(value: object) -> bool:
    """Whether a value that `parse_any` returned is, or holds, a number that msgspec does not read."""
    return any(
        (isinstance(one, float) and not isfinite(one)) or (isinstance(one, int) and abs(one) >= CUT_SHORT)
        for one in _leaves(value)
    )


def _leaves(value: object) -> Iterator[object]:
    """What a value consists of that is neither a list nor an object; the names in objects too."""
    waiting = [value]  # and no recursion, for a client chooses the depth
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += (*one, *one.values())
        elif isinstance(one, tuple | list):
            waiting += one
        else:
            yield one


def is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


def _cut_short(digits: str) -> int:
    """An integer that is out of every range still is, of its first digits: int() refuses thousands of them, as if that
    were no JSON.
    """
    return int(digits[:DIGITS_MAX])


def parse_any(raw: bytes) -> object:
    """What the JSON is, of whatever type; None where it is no JSON at all.

    The standard library's decoder takes lone surrogates, which msgspec does not, so that they can be named as what is
    wrong.
    """

    def refuse(constant: str) -> None:
        raise ValueError(constant)  # NaN and Infinity are no JSON

    try:
        return json.loads(raw.decode(), parse_constant=refuse, parse_int=_cut_short)
    except (ValueError, RecursionError):
        return None
