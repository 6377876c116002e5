"""What a limit is: so many in so long. Knows no operation and no backend."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """At most `count` in `period_s` seconds; both at least 1."""

    count: int
    period_s: int
