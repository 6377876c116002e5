"""The long room: what a CI's webhook posts in three weeks, and what people say to it. The same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from app.demo.cast import FEED_ROOM
from app.demo.screenplay import React, Say
from app.demo.timeline import Burst, Step

DAYS = 21
PUSHES_A_DAY = 26
_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
_LATEST_MS = 25 * 60_000  # before now
_SERVICES = ("api", "web", "tides", "maps")
_BRANCHES = ("main", "main", "main", "west-coast", "login-page", "icons", "offline-14d", "importer")
_FAILURES = (
    "3 of 812 tests failed: test_fathoms_are_no_metres",
    "1 of 812 tests failed: test_high_tide_comes_twice_a_day",
    "lint: a comma where nobody expected one",
    "timeout: the map took longer than the voyage",
    "the disk of the runner is full of pictures of boats",
)
_AUTHORS = ("ben", "dmitri", "jun", "kavya", "lucia")
_SORRY = (
    "That one is mine, sorry. Fix comes.",
    "Looking.",
    "Again? It was green on my machine.",
    "I know what it is. Two minutes.",
    "让我看看。",
    "Это я. Сейчас.",
    "मेरी गलती, ठीक कर रही हूँ।",
    "Mía. Ya lo arreglo.",
)
_CHEERS = ("🎉", "💚", "🚀", "👏")


def steps(*, now_ms: int, random: Random) -> Iterator[Step]:
    """Return what happens in the room, in the order of time."""
    number = 4100
    moments = sorted(_moments(now_ms, random))
    for place, at_ms in enumerate(moments):
        number += 1
        label = f"push-{number}"
        broken = random.choice(_SERVICES) if random.random() < 0.12 else None
        branch = random.choice(_BRANCHES)
        yield Step(at_ms, FEED_ROOM, label, Burst(tuple(_builds(number, branch, broken, random))))
        room_ms = (moments[place + 1] if place + 1 < len(moments) else now_ms) - at_ms
        if broken is not None:
            who = random.choice(_AUTHORS)
            yield Step(at_ms + room_ms // 3, FEED_ROOM, f"sorry-{number}", Say(who, random.choice(_SORRY)))
            others = tuple(random.sample([name for name in _AUTHORS if name != who], 2))
            yield Step(at_ms + room_ms // 2, FEED_ROOM, f"sorry-{number}", React("🙏", others))
        elif branch == "main" and random.random() < 0.1:
            cheer = React(random.choice(_CHEERS), tuple(random.sample(_AUTHORS, 2)))
            yield Step(at_ms + room_ms // 2, FEED_ROOM, label, cheer)


def _moments(now_ms: int, random: Random) -> Iterator[int]:
    """The times of the pushes: on working hours, the last one a while ago."""
    today_ms = now_ms - now_ms % _DAY_MS
    for days_ago in range(DAYS, 0, -1):
        for _ in range(PUSHES_A_DAY):
            yield today_ms - days_ago * _DAY_MS + 8 * _HOUR_MS + random.randrange(9 * _HOUR_MS)
    for place in range(6):
        yield now_ms - _LATEST_MS - place * 7 * 60_000 - random.randrange(60_000)


def _builds(number: int, branch: str, broken: str | None, random: Random) -> Iterator[str]:
    for service in _SERVICES:
        minutes, seconds = random.randrange(1, 5), random.randrange(60)
        name = f"{service} #{number} ({branch})"
        if service == broken:
            yield f"❌ {name} failed after {minutes} m {seconds:02d} s: {random.choice(_FAILURES)}"
        else:
            yield f"✅ {name} passed in {minutes} m {seconds:02d} s"
