"""The people of the authorization matrix at a server, the rooms that they act in, and what happens when they ask."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from tests.support.accounts import create_account
from tests.support.api_documents.conformance import DocumentedReplies
from tests.support.authorization.operation import Operation
from tests.support.authorization.outcomes import NO_SESSION, OK, Who
from tests.support.client import PASSWORD, Person, Reply, call, register
from tests.support.pictures import encoded, photo
from tests.support.raw_websocket_client import RawWebSocket
from tests.support.server import ServerProcess
from tests.support.uploads import FORM, form, part, upload

ADMINISTRATOR = "root"
SMALL_IMAGE = encoded(photo(16, 16), "image/png")
FUTURE = "2099-01-01T00:00:00.000Z"
_MEMBERS = (Who.MODERATOR, Who.MUTED, Who.BANNED, Who.AUTHOR, Who.MEMBER)
_STANDINGS = (Who.MODERATOR, Who.MUTED, Who.BANNED)
_names = itertools.count(1)


def _new_name() -> str:
    return f"newcomer{next(_names)}"


def _done(reply: Reply) -> Reply:
    assert reply.status < 300, reply.body
    return reply


class World:
    """A server's people, and the scenes in which they meet: one public, one private, restored after what an
    allowed request has spent.
    """

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.documented = DocumentedReplies(call(server.url, "GET", "/openapi.json").json)
        self.people = {who: register(server.url) for who in (Who.STRANGER, Who.OWNER, *_MEMBERS, Who.DELETED)}
        self.people[Who.ADMIN] = create_account(server, ADMINISTRATOR)
        self.target, self.newcomer = register(server.url), register(server.url)
        _done(self.people[Who.DELETED].call("DELETE", "/users/me", {"password": PASSWORD}))
        self._scenes: dict[bool, Scene] = {}

    def outcome(self, operation: Operation, who: Who, *, is_private: bool) -> str:
        """Ask for the operation as that person: `ok` or the error code. The next finds the scene as it was."""
        scene = self._scenes.get(is_private) or Scene(self, is_private=is_private)
        self._scenes[is_private] = scene
        outcome = scene.ask(operation, who)
        is_expected = outcome == operation.expected(who, is_private=is_private)
        if not is_expected or (outcome == OK and not scene.restore(operation.spends, who)):
            del self._scenes[is_private]
        return outcome


class Scene:
    """One room with everybody in their relation to it, and what requests name: messages, invites, bots."""

    def __init__(self, world: World, *, is_private: bool) -> None:
        self._world = world
        self._people = world.people
        owner = self._owner = self._people[Who.OWNER]
        self._room: str = owner.make_room(isPrivate=is_private)["id"]
        self._path = f"/rooms/{self._room}"
        for one in (*(self._people[who] for who in _MEMBERS), world.target):
            self._add(one)
        self._made = {f"message of {who}": self._post(who) for who in (Who.MUTED, Who.BANNED)}
        for who in _STANDINGS:
            self._set_standing(who)
        self._bot_token: str = self._new_bot()["token"]

    def ask(self, operation: Operation, who: Who) -> str:
        """`ok`, or the code of the refusal. Raises AssertionError for a reply that /openapi.json does not describe."""
        if operation.is_by_rest:
            reply = self.reply_to(operation, who)
            self._world.documented.require(*operation.served.split(" "), reply)
            return OK if reply.status < 300 else reply.code
        token, _, event, data, _ = self._filled(operation, who)
        if not operation.is_command:
            return self._command(token, "heartbeat", {}, connects_only=True)
        return self._command(token, event, data or {})

    def reply_to(self, operation: Operation, who: Who) -> Reply:
        """Ask for an operation of REST, and return the reply."""
        token, method, path, data, query = self._filled(operation, who)
        body, headers = (form(part(SMALL_IMAGE)), {"Content-Type": FORM}) if operation.is_upload else (data, None)
        return call(self._world.server.url, method, path, body, token=token, headers=headers, **query)

    def restore(self, spent: str, who: Who) -> bool:
        """Make again what somebody's allowed request has used up. False if that takes a new scene."""
        target = self._world.target
        restorers: Mapping[str, Callable[[], None]] = {
            "absence": lambda: self._leave(who),
            "membership": lambda: self._join_again(who),
            "target": lambda: self._add_unbanned(target),
            "role": lambda: self._change(target, role="member"),
            "ban": lambda: self._set_standing(Who.BANNED),
            "own_message": lambda: self._post_again(who),
        }
        if spent == "room" or (spent == "membership" and who is Who.OWNER):
            return False
        restorers.get(spent, lambda: self._made.pop(spent, None))()
        return True

    def _filled(
        self, operation: Operation, who: Who
    ) -> tuple[str | None, str, str, Mapping[str, Any] | None, dict[str, Any]]:
        """The token of who asks, and method, path, data and query of the operation."""
        account = self._account(operation, who)
        token = self._bot_token if who is Who.BOT else account.access_token if account else None
        return token, *operation.filled(lambda name: self._value(name, who, account))

    def _account(self, operation: Operation, who: Who) -> Person | None:
        """The account that asks. Who loses it or its session by asking is somebody new."""
        if who in (Who.ANONYMOUS, Who.BOT):
            return None
        if operation.spends == "session" and who not in NO_SESSION:
            return register(self._world.server.url)
        return self._people[who]

    def _command(self, token: str | None, event: str, data: Mapping[str, Any], *, connects_only: bool = False) -> str:
        with RawWebSocket(self._world.server.port, token=token) as socket:
            if (welcome := socket.read_message()) is None:
                return {4401: "unauthorized"}.get(socket.close_code or 0, f"closed with {socket.close_code}")
            assert welcome["event"] == "welcome"
            if connects_only:
                return OK
            socket.send_command(event, **data)
            while (frame := socket.read_message()) is not None:
                if frame.get("id") == "1":
                    return OK if frame["event"] == "ack" else str(frame["data"]["code"])
        return f"closed with {socket.close_code}"

    # ---- who stands how to the room ------------------------------------------------------------------------------

    def _add(self, one: Person) -> None:
        _done(self._owner.call("POST", f"{self._path}/members", {"userId": one.id}))

    def _change(self, one: Person, **standing: str | None) -> None:
        _done(self._owner.call("PATCH", f"{self._path}/members/{one.id}", standing))

    def _set_standing(self, who: Who) -> None:
        """What somebody is besides a member."""
        one = self._people[who]
        if who is Who.MODERATOR:
            self._change(one, role="moderator")
        elif who is Who.MUTED:
            self._change(one, mutedUntil=FUTURE)
        elif who is Who.BANNED:
            _done(self._owner.call("POST", f"{self._path}/bans/{one.id}", {"reason": "noise"}))

    def _leave(self, who: Who) -> None:
        """Who entered and was no member before is none again."""
        if who in (Who.STRANGER, Who.ADMIN):
            _done(self._people[who].call("POST", f"{self._path}/leave"))

    def _join_again(self, who: Who) -> None:
        self._add(self._people[who])
        self._set_standing(who)

    def _add_unbanned(self, one: Person) -> None:
        self._owner.call("DELETE", f"{self._path}/bans/{one.id}")
        self._add(one)

    def _post_again(self, who: Who) -> None:
        """Somebody has deleted their message; a muted person wrote it before they were muted."""
        if who is Who.MUTED:
            self._change(self._people[who], mutedUntil=None)
        self._made[f"message of {who}"] = self._post(who)
        if who is Who.MUTED:
            self._set_standing(who)

    # ---- what a request names ------------------------------------------------------------------------------------

    def _value(self, name: str, who: Who, account: Person | None) -> str:
        """What a row names: of who asks, of everybody's, or made when first asked for."""
        if name == "own_message":
            name = f"message of {who}"
            if name not in self._made:
                self._made[name] = self._post(who)
        personal: Mapping[str, Callable[[], str]] = {
            "own_token": lambda: self._bot_token if who is Who.BOT else account.access_token if account else "none",
            "own_refresh_token": lambda: account.refresh_token if account else self._bot_token,
            "own_session": lambda: self._own_session(account) if account and who not in NO_SESSION else "none",
            "new_name": _new_name,
            "new_email": lambda: f"{_new_name()}@example.com",
        }
        if name in personal:
            return personal[name]()
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name: str) -> str:
        people, world = self._people, self._world
        makers: Mapping[str, Callable[[], str]] = {
            "room": lambda: self._room,
            "message": lambda: self._post(Who.AUTHOR),
            "member": lambda: people[Who.MEMBER].id,
            "member_name": lambda: people[Who.MEMBER].username,
            "banned": lambda: people[Who.BANNED].id,
            "target": lambda: world.target.id,
            "newcomer": lambda: world.newcomer.id,
            "file": self._post_file,
            "emoji": lambda: "👍",
            "asset": lambda: "chat.js",
            "invite": lambda: str(self._owned("invites", {})["code"]),
            "webhook": lambda: str(self._owned("webhooks", {"name": "A hook"})["id"]),
            "hook_token": lambda: str(self._owned("webhooks", {"name": "A hook"})["url"]).rpartition("/")[2],
            "other_bot": lambda: str(self._new_bot()["user"]["id"]),
        }
        return makers[name]()

    def _owned(self, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Something that the owner makes in the room."""
        made: dict[str, Any] = _done(self._owner.call("POST", f"{self._path}/{kind}", body)).json
        return made

    def _new_bot(self) -> dict[str, Any]:
        return self._owned("bots", {"username": _new_name()})

    def _post(self, who: Who) -> str:
        token = self._bot_token if who is Who.BOT else self._people[who].access_token
        body = {"roomId": self._room, "content": "hello"}
        message_id: str = _done(call(self._world.server.url, "POST", "/messages", body, token=token)).json["message"][
            "id"
        ]
        return message_id

    def _post_file(self) -> str:
        author = self._people[Who.AUTHOR]
        file_id = str(upload(author, encoded(photo(), "image/jpeg"))["id"])
        author.post(self._room, "look", attachments=[file_id])
        return file_id

    def _own_session(self, account: Person) -> str:
        sessions = _done(account.call("GET", "/auth/sessions")).json["sessions"]
        return next(str(one["id"]) for one in sessions if one["current"])
