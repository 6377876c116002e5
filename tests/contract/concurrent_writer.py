"""One process of several that write to one store: `concurrent_writer.py BACKEND LOCATION JOB…`; a JOB is JSON.

It prints each acked write.

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
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

sys.path.insert(0, str(Path(__file__).parents[2]))

from store.contract import Store
from store.errors import StoreError
from store.models import Actor, Message, MessageDraft, Stored
from tests.contract.backends import BACKENDS
from tests.support.actors import ADMIN

TRIES = 10

T = TypeVar("T")


def print_acked(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def write(store: Store, job: dict[str, Any]) -> None:
    user_id, previous = job["user"], None
    for number in range(job["count"]):
        draft = MessageDraft(user_id, "name", f"text {number}", f"{user_id}-{number}")
        drafts = [draft] if number % 10 or previous is None else [previous, draft]
        outcomes, is_first_attempt = await retry_until_done(
            lambda drafts=drafts: store.messages.append(job["write"], drafts)
        )
        for sent, outcome in zip(drafts, outcomes, strict=True):
            assert isinstance(outcome, Stored)
            if is_first_attempt or sent is previous:
                assert outcome.duplicate == (sent is previous)
            print_acked(outcome.message.seq, user_id, sent.client_id)
        previous = draft


async def retry_until_done(work: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
    """Do the work, repeated after a StoreError as clients do.

    Returns its result, and whether the first attempt succeeded: a failed one may have been stored all the same.
    """
    for attempt in range(TRIES):
        try:
            return await work(), attempt == 0
        except StoreError:  # the store's deadline, or an error of its server: the machine is busy
            await asyncio.sleep(random.uniform(0, 0.2))
    raise AssertionError(f"not done after {TRIES} tries")


async def change(store: Store, job: dict[str, Any]) -> None:
    user_id = job["user"]

    async def change_once(number: int) -> Message:
        message_id, emoji = random.choice(job["change"]), random.choice("👍🎉🚀")
        if number % 2:
            changed, _ = await retry_until_done(
                lambda: store.messages.edit(message_id, f"by {user_id}, {number}", actor=ADMIN)
            )
        else:
            changed, _ = await retry_until_done(
                lambda: store.messages.react(message_id, emoji, actor=Actor(user_id), on=bool(number % 4))
            )
        return changed.message

    for message in await asyncio.gather(*(change_once(number) for number in range(job["count"]))):
        print_acked(message.rev, message.id)


async def main(backend: str, location: str, jobs: list[dict[str, Any]]) -> None:
    store = await BACKENDS[backend].open(Path(location), lambda: int(time.time() * 1000))
    await asyncio.gather(*((write if "write" in job else change)(store, job) for job in jobs))
    await store.close()


asyncio.run(main(sys.argv[1], sys.argv[2], [json.loads(job) for job in sys.argv[3:]]))
