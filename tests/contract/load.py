"""One process of several that write to one store: `load.py BACKEND LOCATION JOB…`; a JOB is JSON. It prints what it was acked.

`{"write": room id, "user": user id, "count": n}`: messages one after another, every tenth sent again;
`{"change": [message id…], "user": user id, "count": n}`: edits and reactions.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from store.contract import Store
from store.errors import StoreError
from store.models import Message, MessageDraft, Stored
from tests.contract.backends import BACKENDS

TRIES = 10


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def write(store: Store, job: dict[str, Any]) -> None:
    user_id, previous = job["user"], None
    for number in range(job["count"]):
        draft = MessageDraft(user_id, "name", f"text {number}", f"{user_id}-{number}")
        drafts = [draft] if number % 10 or previous is None else [previous, draft]
        outcomes, sure = await append(store, job["write"], drafts)
        for sent, outcome in zip(drafts, outcomes, strict=True):
            assert isinstance(outcome, Stored)
            if sure or sent is previous:
                assert outcome.duplicate == (sent is previous)
            say(outcome.message.seq, user_id, sent.client_id)
        previous = draft


async def append(store: Store, room_id: str, drafts: list[MessageDraft]) -> tuple[Sequence[object], bool]:
    """Append, again where it is in doubt, as clients do; False if it was: what was sent may be there already."""
    for attempt in range(TRIES):
        try:
            return await store.messages.append(room_id, drafts), attempt == 0
        except StoreError:  # the store's deadline, or its server's trouble: the machine is busy
            await asyncio.sleep(random.uniform(0, 0.2))
    raise AssertionError(f"not stored after {TRIES} tries")


async def change(store: Store, job: dict[str, Any]) -> None:
    user_id = job["user"]

    async def one(number: int) -> Message:
        message_id = random.choice(job["change"])
        if number % 2:
            return (await store.messages.edit(message_id, f"by {user_id}, {number}")).message
        return (await store.messages.react(message_id, user_id, random.choice("👍🎉🚀"), on=bool(number % 4))).message

    for message in await asyncio.gather(*(one(number) for number in range(job["count"]))):
        say(message.rev, message.id)


async def main(backend: str, location: str, jobs: list[dict[str, Any]]) -> None:
    store = await BACKENDS[backend].open(Path(location), lambda: int(time.time() * 1000))
    await asyncio.gather(*((write if "write" in job else change)(store, job) for job in jobs))
    await store.close()


asyncio.run(main(sys.argv[1], sys.argv[2], [json.loads(job) for job in sys.argv[3:]]))
