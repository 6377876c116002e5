"""Random operations on one store of each kind: both answer the same, and show the same to everybody."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tornado.ioloop import IOLoop

from tests.contract.backends import BACKENDS, STORES, URI_VARIABLE, database_at
from tests.contract.random_operations import HOUR_MS, OPERATIONS, look, make_room, say
from tests.contract.random_steps import PEOPLE, Step, World
from tests.support.clock import HandClock
from tests.support.mongo import drop_database

STEPS = 200


@pytest.fixture
def worlds(tmp_path: Path, mongo_uri: str, clock: HandClock, io_loop: IOLoop) -> Iterator[list[World]]:
    """A store of each kind, with the same people, and a room with a message."""
    os.environ[URI_VARIABLE] = mongo_uri

    async def opened(backend: str) -> World:
        world = World(await BACKENDS[backend].open(tmp_path / backend, clock))
        for number in range(PEOPLE):
            user = await world.store.users.create(
                username=f"person{number}", email=f"p{number}@example.org", password_hash="hash"
            )
            world.made(world.people, user.id, "person")
        first = Step(n=0, who=0, whom=0, room=0, message=0, choice=1, is_admin=False, now_ms=clock.ms)
        await make_room(world, first)
        world.messages.append(f"{world.rooms[0]}-1")  # which may be named, from now on
        await say(world, first)
        return world

    worlds = [io_loop.run_sync(lambda backend=backend: opened(backend)) for backend in STORES]
    yield worlds
    for world in worlds:
        io_loop.run_sync(world.store.close)
    for backend in STORES:
        if BACKENDS[backend].is_mongo:
            drop_database(mongo_uri, database_at(tmp_path / backend))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.gen_test(timeout=120)
async def test_whatever_is_done_both_stores_answer_the_same(worlds: list[World], clock: HandClock, seed: int) -> None:
    chance = random.Random(seed)
    done: list[str] = []
    for n in range(1, STEPS):
        clock.ms += 1 + chance.choice((0, 0, 0, 1000, 60_000, HOUR_MS))
        numbers = [chance.randrange(1000) for _ in range(4)]
        step = Step(n, *numbers, choice=chance.randrange(15), is_admin=chance.random() < 0.2, now_ms=clock.ms)
        operation = chance.choice(OPERATIONS)
        for act in (operation, look):
            answers = [await world.outcome(act, step) for world in worlds]
            done.append(f"{act.__name__} {step}: {answers[0][:200]}")
            assert answers[0] == answers[1], "\n".join(done[-20:])
