"""The clients of a conversation: people with connections to several processes, and the faults of their network."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.client import REPLY_WITHIN_S, Person, Reply, person_at
from tests.support.conversation.timeline import Timeline
from tests.support.redis_proxy_thread import RedisProxyThread
from tests.support.server import ServerProcess

Data = Mapping[str, Any]


class Outcome(Struct, frozen=True):
    """What a request came to: `ok` or the error code, and the reply's data."""

    code: str
    data: Any = None


class Client:
    """One connection of a person. It feeds the timelines of its rooms in the order in which frames arrive."""

    def __init__(self, person: Person, process: int) -> None:
        self.person = person
        self.process = process
        self.timelines: dict[str, Timeline] = {}
        self.subscribed: set[str] = set()  # the rooms that it joined and neither left nor was removed from
        self.faults: list[str] = []
        self.rooms: dict[str, Data] = {}  # as the newest ack of a joinRoom or roomUpdated has them
        self._read_seqs: dict[str, int] = {}
        self._asked: dict[str, tuple[str, Data, asyncio.Future[Outcome]]] = {}
        self._ids = itertools.count(1)
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None

    def timeline(self, room_id: str) -> Timeline:
        return self.timelines.setdefault(room_id, Timeline())

    async def connect(self, server: ServerProcess) -> None:
        headers = {"Authorization": f"Bearer {self.person.access_token}"}
        self._socket = await connect(server.ws_url, additional_headers=headers, max_size=None, ping_interval=None)
        self._reader = asyncio.create_task(self._read(self._socket))

    async def disconnect(self) -> None:
        if self._socket is not None and self._reader is not None:
            await self._socket.close()
            await self._reader
        for timeline in self.timelines.values():
            timeline.left()

    async def command(self, event: str, data: Data) -> Outcome:
        command_id = str(next(self._ids))
        reply: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._asked[command_id] = event, data, reply
        assert self._socket is not None
        await self._socket.send(json.dumps({"event": event, "id": command_id, "data": data}))
        return await asyncio.wait_for(reply, REPLY_WITHIN_S)

    async def join(self, room_id: str) -> Outcome:
        """joinRoom, from where its timeline ends."""
        resume = self.timeline(room_id).resume_from() if room_id in self.subscribed else {}
        outcome = await self.command("joinRoom", {"roomId": room_id, **resume})
        if outcome.code == "ok":
            self.subscribed.add(room_id)
        return outcome

    async def leave(self, room_id: str) -> Outcome:
        outcome = await self.command("leaveRoom", {"roomId": room_id})
        self.subscribed.discard(room_id)
        return outcome

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                frame = json.loads(text)
                if frame["event"] in ("ack", "error") and "id" in frame:
                    self._answered(frame)
                else:
                    self._told(frame["event"], frame["data"])
        except ConnectionClosed:
            pass
        for _, _, reply in self._asked.values():
            if not reply.done():
                reply.set_exception(ConnectionError(f"closed with {socket.close_code}"))
        self._asked.clear()

    def _answered(self, frame: Data) -> None:
        event, asked, reply = self._asked.pop(frame["id"])
        is_ack = frame["event"] == "ack"
        # In the order of the frames: what follows the ack of a joinRoom is its live stream
        if is_ack and event == "joinRoom":
            self.timeline(asked["roomId"]).joined(asked, frame["data"])
            self.rooms[asked["roomId"]] = frame["data"]["room"]
        elif is_ack and event == "leaveRoom":
            self.timeline(asked["roomId"]).left()
        reply.set_result(Outcome("ok", frame["data"]) if is_ack else Outcome(frame["data"]["code"], frame["data"]))

    def _told(self, event: str, data: Data) -> None:
        if event == "error":
            self.faults.append(f"an error without an id: {data}")
        elif event == "messageReadUpdate":
            before = self._read_seqs.get(data["roomId"], 0)
            if data["readSeq"] < before:
                self.faults.append(f"the read mark went back from {before} to {data['readSeq']}")
            self._read_seqs[data["roomId"]] = data["readSeq"]
        elif event == "mention" and not {self.person.id, "room"} & set(data["message"]["mentions"]):
            self.faults.append(f"a mention of somebody else: {data}")
        elif event == "roomUpdated":
            self._room_updated(data["room"])
        elif "roomId" in data:
            self.timeline(data["roomId"]).told(event, data)

    def _room_updated(self, room: Data) -> None:
        """Settings come in rev order. What is told of the person's own membership may cross them, and says its rev."""
        newest = self.rooms.get(room["id"], room)
        if "role" not in room and room["rev"] < newest["rev"]:
            self.faults.append(f"settings of rev {room['rev']} after those of {newest['rev']}")
        if room["rev"] >= newest["rev"]:
            self.rooms[room["id"]] = room


class Clients:
    """Everybody's connections to the processes of one cluster, and requests as any of them through any process."""

    def __init__(
        self, people: Sequence[Person], servers: Sequence[ServerProcess], proxies: Sequence[RedisProxyThread]
    ) -> None:
        self.people = {one.id: one for one in people}
        self.servers = servers
        self.proxies = proxies
        self.all = [Client(person, process) for person in people for process in range(len(servers))]

    async def __aenter__(self) -> Clients:
        await asyncio.gather(*(one.connect(self.servers[one.process]) for one in self.all))
        return self

    async def __aexit__(self, *raised: object) -> None:
        await asyncio.gather(*(one.disconnect() for one in self.all))
        await self.restore()

    def of(self, user: str, process: int | None = None) -> list[Client]:
        """Somebody's connections, at one process or at all."""
        return [one for one in self.all if one.person.id == user and process in (None, one.process)]

    def one(self, user: str, process: int) -> Client:
        """One connection of somebody, at this process if there is one."""
        return (self.of(user, process) or self.of(user))[0]

    async def rest(self, user: str, process: int, method: str, path: str, body: object = None, **query: Any) -> Outcome:
        """A request of somebody to a process."""
        person = person_at(self.people[user], self.servers[process])
        reply: Reply = await asyncio.to_thread(person.call, method, path, body, **query)
        if reply.status < 300:
            return Outcome("ok", reply.json if reply.body else None)
        return Outcome(reply.code, reply.json)

    async def reconnect(self, client: Client, process: int) -> None:
        """Close a connection, open it at a process and resume the rooms that it was subscribed to."""
        await client.disconnect()
        client.process = process
        await client.connect(self.servers[process])
        for room_id in sorted(client.subscribed):
            if (await client.join(room_id)).code != "ok":
                client.subscribed.discard(room_id)

    async def cut(self, process: int) -> None:
        """Cut a process off from the bus: it neither tells nor is told."""
        await asyncio.to_thread(self.proxies[process].go_away)

    async def drop(self, process: int) -> None:
        """Lose what is on its way between a process and the bus."""
        await asyncio.to_thread(self.proxies[process].drop)

    async def restore(self) -> None:
        for proxy in self.proxies:
            await asyncio.to_thread(proxy.restore)
