"""Gives each line of the scenes a time, and puts the lines of all rooms in the order of time. Pure, and the same for
the same seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random

from msgspec import Struct

from app.demo.screenplay import Act, Delete, Edit, React, Say, Scene, When

_DAY_MS = 86_400_000
_MINUTE_MS = 60_000
PAUSE_S = (41, 190)  # between two messages; more than the slow mode of a room
READING_S = (3, 35)  # until somebody reacts


class Burst(Struct, frozen=True):
    """Messages that the webhook of a room posts at one moment."""

    texts: tuple[str, ...]


class Step(Struct, frozen=True):
    """What happens at one moment, in milliseconds since the epoch."""

    at_ms: int
    room: str
    label: str
    does: Say | React | Edit | Delete | Act | Burst


def steps_of(scenes: Iterable[Scene], *, now_ms: int, random: Random) -> list[Step]:
    """Return the lines of all scenes in the order of time; none is later than `now_ms`."""
    steps = [step for scene in scenes for step in _timed(scene, now_ms=now_ms, random=random)]
    return sorted(steps, key=lambda step: step.at_ms)


def start_of(when: When, *, now_ms: int) -> int:
    """The moment at which a scene begins."""
    if when.days_ago is None:
        return now_ms - when.minutes * _MINUTE_MS
    return now_ms - now_ms % _DAY_MS - when.days_ago * _DAY_MS + when.minutes * _MINUTE_MS


def _timed(scene: Scene, *, now_ms: int, random: Random) -> Iterator[Step]:
    at_ms = start_of(scene.when, now_ms=now_ms)
    for number, line in enumerate(scene.lines):
        if number:
            between = READING_S if isinstance(line.says, React) else PAUSE_S
            at_ms += random.randint(*between) * 1000 + random.randrange(1000)
        if isinstance(line.says, Say | React) and at_ms > now_ms:
            raise ValueError(f"a scene of {scene.room} ends in the future")
        yield Step(at_ms, scene.room, line.label, line.says)
