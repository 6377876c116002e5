"""The export of a user's own data: one file after the other, in pieces that are read when they are asked for."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing, contextmanager

from msgspec import Struct

from chat.blocks import Blocks
from chat.codec import Codec
from chat.errors import ChatError
from chat.logins import Identity, Logins
from chat.presenter import Presenter
from chat.profiles import Profiles
from chat.request_results.people import BlockList
from chat.room_views import RoomViews
from chat.settings import Settings
from store.contract import Store

EXPORTS_MAX = 2  # at once, in this process; one of each user
RETRY_AFTER_S = 10
CHECKED_EVERY_S = 5.0  # whether the login still stands
PIECE_BYTES = 32_768  # what is read, encoded and packed in one go
ROOMS_A_READ = FILES_A_READ = 100


class ExportedFile(Struct, frozen=True):
    """One file of an export. `is_large`: it may have over 2 GB."""

    name: str
    pieces: AsyncGenerator[bytes, None]
    is_large: bool = False


class DataExport:
    """The use case. `now` is monotonic, in seconds."""

    def __init__(
        self,
        *,
        store: Store,
        logins: Logins,
        profiles: Profiles,
        settings: Settings,
        blocks: Blocks,
        presenter: Presenter,
        codec: Codec,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._room_views = RoomViews(store=store, presenter=presenter)
        self._logins = logins
        self._profiles = profiles
        self._settings = settings
        self._blocks = blocks
        self._codec = codec
        self._now = now
        self._under_way: set[str] = set()  # user ids, EXPORTS_MAX at most

    @contextmanager
    def begin(self, identity: Identity) -> Iterator[AsyncGenerator[ExportedFile, None]]:
        """Take a place among the exports under way, and yield the files. The pieces of each are read before the next.

        Raises ChatError unavailable where the user has one under way, or this process as many as it may. The iterators
        raise ChatError unauthorized once the login is revoked; StoreError.
        """
        user_id = identity.user.id
        if user_id in self._under_way or len(self._under_way) >= EXPORTS_MAX:
            raise ChatError("unavailable", "Another export is under way.", retry_after_s=RETRY_AFTER_S)
        self._under_way.add(user_id)
        try:
            yield self._files(identity)
        finally:
            self._under_way.discard(user_id)

    async def _files(self, identity: Identity) -> AsyncGenerator[ExportedFile, None]:
        user_id, encode = identity.user.id, self._codec.encode
        yield ExportedFile("profile.json", _whole(encode(await self._profiles.own(user_id))))
        yield ExportedFile("settings.json", _whole(encode(await self._settings.get(user_id))))
        yield ExportedFile("sessions.json", _whole(encode(await self._logins.sessions_of(identity))))
        yield ExportedFile("blocks.json", _whole(encode(BlockList(await self._blocks.list(user_id)))))
        yield ExportedFile("rooms.json", self._rooms(user_id))
        yield ExportedFile("files.jsonl", self._described_files(user_id))
        yield ExportedFile("messages.jsonl", self._messages(identity), is_large=True)

    async def _rooms(self, user_id: str) -> AsyncGenerator[bytes, None]:
        cursor, before = None, b""
        yield b'{"rooms":['
        while True:
            rooms, cursor = await self._store.rooms.list_for(
                user_id, mine=True, query=None, limit=ROOMS_A_READ, after=cursor
            )
            views = await self._room_views.of(user_id, rooms)
            if views:
                yield before + b",".join(map(self._codec.encode, views))
                before = b","
            if cursor is None:
                break
        yield b"]}"

    async def _described_files(self, user_id: str) -> AsyncGenerator[bytes, None]:
        """Of the user's files what they are; GET of their `url` has the bytes."""
        after = ""
        while files := await self._store.files.owned_by(user_id, limit=FILES_A_READ, after=after):
            yield b"".join(self._codec.encode(file) + b"\n" for file in files)
            after = files[-1].id

    async def _messages(self, identity: Identity) -> AsyncGenerator[bytes, None]:
        checked_at = self._now()
        async with aclosing(self._store.messages.by_author(identity.user.id)) as slices:
            async for messages in slices:
                for piece in _in_pieces(self._codec.encode(message) + b"\n" for message in messages):
                    yield piece
                if self._now() - checked_at >= CHECKED_EVERY_S:
                    if await self._store.sessions.not_live([identity.session_id]):
                        raise ChatError("unauthorized")
                    checked_at = self._now()


async def _whole(content: bytes) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(content), PIECE_BYTES):
        yield content[start : start + PIECE_BYTES]


def _in_pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines, joined to pieces of about PIECE_BYTES."""
    waiting: list[bytes] = []
    size = 0
    for line in lines:
        waiting.append(line)
        size += len(line)
        if size >= PIECE_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)
