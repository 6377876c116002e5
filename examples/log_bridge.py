"""Posts what is appended to a log file to a bot's room, also after the file was rotated, or the server restarted.

CHAT_URL=http://127.0.0.1:8000 CHAT_TOKEN=… python log_bridge.py FILE
"""

import asyncio
import os
import sys

from chat_rooms.client import ChatClient


async def appended(path):
    file, rotated = open(path, "rb"), False  # noqa: SIM115
    file.seek(0, os.SEEK_END)
    while True:
        start, text = file.tell(), file.read(1500)  # of a message's 2,000 characters
        whole = text[: text.rfind(b"\n") + 1] or (text if rotated or len(text) == 1500 else b"")
        file.seek(start + len(whole))
        if whole:
            yield whole.decode(errors="replace").replace("\0", "").strip()
        elif rotated:
            file, rotated = open(path, "rb"), False  # noqa: SIM115
        else:
            await asyncio.sleep(0.5)
            found = os.stat(path) if os.path.exists(path) else os.fstat(file.fileno())
            rotated = not os.path.samestat(found, os.fstat(file.fileno())) or found.st_size < start


async def main(path):
    async with ChatClient(os.environ["CHAT_URL"], token=os.environ["CHAT_TOKEN"]) as chat:
        room = await chat.join((await chat.rooms())[0].id)  # a bot has one room
        print(f"{path} goes to {room.room.name}", flush=True)
        async for lines in appended(path):
            if lines:
                await room.send(lines)


asyncio.run(main(sys.argv[1]))
