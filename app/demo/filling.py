"""Fills an empty store with the sample, and knows one that was filled. Knows no command line."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from random import Random

from msgspec import Struct, structs

from app.clock import now_ms
from app.composition.storage import build_storage
from app.demo import ci_feed
from app.demo.cast import BOT_ROOM, HERO, PEOPLE, ROOMS
from app.demo.player import Player
from app.demo.screenplay import parse
from app.demo.timeline import Step, steps_of
from app.settings import Settings
from app.unserved_chat import open_unserved_chat
from monitor.observer import Observer
from store.contract import Store

SEED = 17
DAYS = 28
SCENES = Path(__file__).parent / "scenes"
_DAY_MS = 86_400_000
# In the settings of the hero's account: by it a later run knows that this one came to its end
_DONE = {"client": {"demo": 1}}


class State(Enum):
    EMPTY = "no account"
    FILLED = "the whole sample"
    CUT_OFF = "a part of the sample"
    OTHERS = "accounts of others"


class Made(Struct, frozen=True):
    """What was made. `bot_token` is a secret."""

    people: int
    rooms: int
    messages: int
    bot_token: str
    bot_room_id: str


class _Clock:
    """The store's clock: it shows what it was wound to, and never the present, which would hold it there."""

    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms

    def __call__(self) -> int:
        return self.at_ms

    def wind(self, at_ms: int) -> None:
        self.at_ms = at_ms


def alone(settings: Settings) -> Settings:
    """The settings of a process that shares its store with no other, so that it is refused where one runs."""
    return structs.replace(settings, redis=structs.replace(settings.redis, host=None, url=None))


async def state_of(store: Store) -> State:
    """What a store holds. Raises StoreError."""
    if not await store.users.has_any():
        return State.EMPTY
    hero = next(person for person in PEOPLE if person.username == HERO)
    account = await store.users.account_by_login(email=hero.email)
    if account is None:
        return State.OTHERS
    client = (await store.settings.get(account.user.id)).get("client")
    return State.FILLED if isinstance(client, dict) and "demo" in client else State.CUT_OFF


async def fill(settings: Settings, password: str, *, report: Callable[[str, int, int], None]) -> Made:
    """Fill the store, which is empty. `report` is given a part's name, and how many of how many are done.

    Raises StartupError with one line, StoreError.
    """
    present_ms = now_ms()
    clock = _Clock(present_ms - present_ms % _DAY_MS - DAYS * _DAY_MS)
    async with (
        build_storage(settings, Observer(), clock=clock) as storage,
        open_unserved_chat(
            settings, store=storage.store, secret=storage.secret, process_id=f"demo{secrets.token_hex(4)}"
        ) as opened,
    ):
        player = Player(chat=opened.chat, store=storage.store, wind=clock.wind)
        await player.set_up(password, report=lambda done, total: report("people and rooms", done, total))
        steps = all_steps(present_ms)
        await player.play(steps, report=lambda done, total: report("conversations", done, total))
        clock.wind(present_ms)
        await player.mark_read()
        await storage.store.settings.merge(player.stage.id_of(HERO), _DONE)
        return Made(
            people=len(PEOPLE),
            rooms=len(ROOMS),
            messages=player.messages,
            bot_token=player.stage.bot_token,
            bot_room_id=player.stage.rooms[BOT_ROOM],
        )


def all_steps(present_ms: int) -> list[Step]:
    """All that is said and done up to the present, in the order of time: the same for the same present."""
    scenes = [scene for path in sorted(SCENES.glob("*.txt")) for scene in parse(path.read_text(encoding="utf-8"))]
    said = steps_of(scenes, now_ms=present_ms, random=Random(SEED))
    fed = ci_feed.steps(now_ms=present_ms, random=Random(SEED))
    return sorted([*said, *fed], key=lambda step: step.at_ms)
