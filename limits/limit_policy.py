"""A limit: a count in a period. Knows no operation and no backend."""

from __future__ import annotations

from msgspec import Struct

from common.number_parsing import whole_number


class Policy(Struct, frozen=True):
    """At most `count` tokens in `period_s` seconds; both at least 1."""

    count: int
    period_s: int


def parse_policy(text: str) -> Policy | None:
    """Read `count/seconds`, or `off` as None. Raises ValueError."""
    text = text.strip()
    if text.lower() == "off":
        return None
    count, slash, period = text.partition("/")
    if not slash:
        raise ValueError(text)
    policy = Policy(whole_number(count), whole_number(period))
    if not (1 <= policy.count <= 10**12 and 1 <= policy.period_s <= 31_536_000):
        raise ValueError(text)
    return policy
