"""Plays operations against the clients of a cluster and holds what comes of them against the model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any

from tests.support.authorization.served_operations import served_operations
from tests.support.conversation.clients import Client, Clients, Outcome
from tests.support.conversation.model import OK, Conversation, Member, Room, as_seen
from tests.support.conversation.operation import Act, Choice, Draw, Operation
from tests.support.conversation.operations import OPERATIONS

OLD_S = 15.0  # how long a process may refuse by what was true before: 5 s by the contract, and a busy machine
SETTLED_WITHIN_S = 30.0
PACE_S = 0.05
TRIES = 20  # how often an operation that is not possible now is drawn again


def operations_served() -> list[str]:
    """The names of the rows that the product can do, each as often as its weight."""
    served = served_operations()
    return [row.name for row in OPERATIONS if row.needs in served for _ in range(row.weight)]


class Play:
    """One conversation: the model, the clients, and what was done, as lines for the report of a failure."""

    def __init__(self, clients: Clients, conversation: Conversation) -> None:
        self.clients = clients
        self.conversation = conversation
        self.done: list[str] = []
        self._rows = {row.name: row for row in OPERATIONS}
        self._served = operations_served()

    async def begin(self) -> None:
        """A public and a private room of the first person; two more people are in the one, one in the other."""
        owner, *others = self.conversation.people
        for is_private, max_users, members in ((False, 100, others[:2]), (True, 3, others[:1])):
            body = {"name": "A room", "isPrivate": is_private, "maxUsers": max_users}
            made = (await self.clients.rest(owner, 0, "POST", "/rooms", body)).data["room"]
            room = Room(made["id"], made["name"], is_private, max_users, {owner: Member("owner", 0)})
            for one in members:
                body = {"userId": one}
                assert (await self.clients.rest(owner, 0, "POST", f"/rooms/{room.id}/members", body)).code == "ok"
                room.joined(one)
            self.conversation.rooms.append(room)
            await asyncio.gather(*(client.join(room.id) for user in room.members for client in self.clients.of(user)))

    async def step(self, draw: Draw) -> None:
        """Do one operation that is possible now."""
        for _ in range(TRIES):
            act = self._rows[draw.one(self._served)].choose(self.conversation, draw)
            if act is not None:
                await self.perform(act)
                return

    async def perform(self, act: Act) -> None:
        """Do an operation; its outcome must be one that the model expects."""
        row, choice = self._rows[act.operation], Choice(self.conversation, act)
        expected = row.expect(choice)
        outcome = await self._do(row, choice, expected)
        self.done.append(f"{act.describe(self.conversation)} → {outcome.code}")
        assert outcome.code in expected, f"{outcome}, not {sorted(expected)}"
        if outcome.code == "ok":
            row.apply(choice, outcome.data)
        for client in self.clients.all:
            client.subscribed &= {room.id for room in self.conversation.rooms_of(client.person.id)}

    async def _do(self, row: Operation, choice: Choice, expected: frozenset[str]) -> Outcome:
        """A process may refuse for some seconds by a membership or a setting that is no more. Never may it allow."""
        deadline_s = time.monotonic() + OLD_S
        while True:
            outcome = await row.do(self.clients, choice)
            if outcome.code in expected or outcome.code == "ok" or time.monotonic() > deadline_s:
                return outcome
            await asyncio.sleep(PACE_S)

    async def settle(self) -> None:
        """End all faults; then each client must come to see what is true, within the contract's time."""
        await self.clients.restore()
        self.conversation.cut_off.clear()
        self.done.append("settle")
        deadline_s = time.monotonic() + SETTLED_WITHIN_S
        while found := [*self._told(), *(await self._asked())]:
            assert time.monotonic() < deadline_s, "\n".join(found)
            await asyncio.sleep(PACE_S)

    # ---- what differs --------------------------------------------------------------------------------------------

    def _told(self) -> Iterable[str]:
        """What the connections were told otherwise than it is."""
        for client in self.clients.all:
            user = client.person.id
            who = f"person{self.conversation.people.index(user)} at {client.process}"
            yield from (f"{who}: {fault}" for fault in client.faults)
            for number, room in enumerate(self.conversation.rooms):
                timeline, found = client.timeline(room.id), []
                is_member = user in room.members and not room.is_deleted
                if timeline.is_open and is_member:
                    found = [*timeline.differences(room), *_settings_told(client, room)]
                elif timeline.is_open:
                    found = ["still subscribed"]
                elif room.id in client.subscribed:
                    found = [f"not subscribed, because {timeline.closed_because}"]
                yield from (f"{who}, room{number}: {one}" for one in found or timeline.faults)

    async def _asked(self) -> Sequence[str]:
        """What REST says otherwise than it is, to everybody at every process."""
        places = [(user, process) for user in self.conversation.people for process in range(len(self.clients.servers))]
        found = await asyncio.gather(*(self._asked_by(*place) for place in places))
        return [
            f"person{self.conversation.people.index(user)} asks {process}: {one}"
            for (user, process), differences in zip(places, found, strict=True)
            for one in differences
        ]

    async def _asked_by(self, user: str, process: int) -> list[str]:
        listed = (await self.clients.rest(user, process, "GET", "/rooms", mine="true", limit=100)).data["rooms"]
        shown = {one["id"]: _state_shown(one) for one in listed}
        true = {room.id: _state(room, user) for room in self.conversation.rooms_of(user)}
        found = [] if shown == true else [f"rooms {shown}, not {true}"]
        for room in self.conversation.rooms:
            found += await self._history(room, user, process)
        return found

    async def _history(self, room: Room, user: str, process: int) -> list[str]:
        outcome = await self.clients.rest(user, process, "GET", "/messages", roomId=room.id, limit=100)
        expected = room.may_read(user)
        if outcome.code not in expected:
            return [f"messages: {outcome.code}, not {sorted(expected)}"]
        if expected != OK:
            return []
        shown, true = [as_seen(one) for one in outcome.data["messages"]], [one.seen() for one in room.messages]
        found = [] if shown == true else [f"messages {shown}, not {true}"]
        for root in {one.thread for one in room.messages if one.thread} if "reply in thread" in self._served else ():
            page = (await self.clients.rest(user, process, "GET", f"/messages/{root}/thread", limit=100)).data
            replies = [one.seen() for one in room.messages if one.thread == root]
            if (page["count"], [as_seen(one) for one in page["messages"]]) != (len(replies), replies):
                found.append(f"thread {page}, not {replies}")
        changes = (await self.clients.rest(user, process, "GET", f"/rooms/{room.id}/changes", limit=100)).data
        if not changes["hasMore"]:
            revs = [change["rev"] for change in changes["changes"]]
            of_messages = [change["rev"] for change in changes["changes"] if change["message"] is not None]
            if revs != list(range(1, changes["rev"] + 1)) or of_messages != room.change_revs:
                found.append(f"changes {revs}, of messages {of_messages}, not {room.change_revs}")
        return found


def _settings_told(client: Client, room: Room) -> list[str]:
    """The settings that a subscribed connection was told last, if they are not the room's."""
    told = client.rooms[room.id]
    shown = told["name"], told["isPrivate"], told["archivedAt"] is not None
    true = room.name, room.is_private, room.is_archived
    return [] if shown == true else [f"settings {shown}, not {true}"]


def _state(room: Room, user: str) -> dict[str, Any]:
    """A room as its member must see it listed."""
    read, unread, mentioned = room.unread(user)
    return {
        "name": room.name,
        "isPrivate": room.is_private,
        "archived": room.is_archived,
        "memberCount": len(room.members),
        "owner": next((one for one, member in room.members.items() if member.role == "owner"), None),
        "lastSeq": room.last_seq,
        "role": room.members[user].role,
        "muted": user in room.muted,
        "readSeq": read,
        "unreadCount": unread,
        "mentionCount": mentioned,
    }


def _state_shown(room: dict[str, Any]) -> dict[str, Any]:
    same = ("name", "isPrivate", "memberCount", "lastSeq", "role", "readSeq", "unreadCount", "mentionCount")
    return {
        **{name: room[name] for name in same},
        "archived": room["archivedAt"] is not None,
        "muted": room["mutedUntil"] is not None,
        "owner": room["ownerId"],
    }
