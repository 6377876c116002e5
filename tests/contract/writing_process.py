"""A process that writes messages and prints each acked one, until it is killed.

Run as `writing_process.py BACKEND LOCATION ROOM_ID USER_ID…`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from store.models import MessageDraft, Stored
from tests.contract.backends import BACKENDS


async def main(backend: str, location: str, room_id: str, user_ids: list[str]) -> None:
    store = await BACKENDS[backend].open(Path(location), lambda: int(time.time() * 1000))

    async def write(user_id: str) -> None:
        for number in range(100_000):
            client_id = f"{os.getpid()}-{number}"
            (outcome,) = await store.messages.append(room_id, [MessageDraft(user_id, "name", client_id, client_id)])
            assert isinstance(outcome, Stored)
            # A pipe takes a short line whole, so what the parent can read was acked before the kill.
            os.write(1, f"{outcome.message.seq} {user_id} {client_id}\n".encode())

    await asyncio.gather(*(write(user_id) for user_id in user_ids))


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
