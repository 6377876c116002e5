"""Plays the sample conversations through the use cases, which check and record each step as they do a client's.

The store's clock is wound to the moment of each step, so that a message has the time at which it was said.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec

from app.composition.chat import Chat
from app.demo import pictures
from app.demo.acts import VERBS
from app.demo.cast import FEED_NAME, FEED_ROOM, HERO, PEOPLE, ROOMS, UNREAD_BY_HERO, Person, RoomPlan
from app.demo.screenplay import Act, Delete, Edit, React, Say
from app.demo.stage import Stage
from app.demo.timeline import Burst, Step
from chat.errors import ChatError
from chat.incoming_files import IncomingFile
from chat.request_context import RequestContext
from chat.request_inputs.bots import AddWebhook, WebhookMessage
from chat.request_inputs.messages import SendMessage
from chat.request_inputs.people import PatchProfile
from chat.request_inputs.rooms import CreateRoom
from chat.secret_tokens import hash_of
from store.contract import Store
from store.models import ROOM_MENTION, Actor, Role, User, Webhook

ADDRESS = "127.0.0.1"
MAX_USERS = 100
_MENTION = re.compile(r"@([\w-]+)")

Report = Callable[[int, int], None]


class _Posted(msgspec.Struct, frozen=True):
    """What is read of an encoded message."""

    id: str


class Player:
    """Makes the people and the rooms, then plays the steps.

    `wind` sets the store's clock, in milliseconds since the epoch. Reports are given how many of how many are done.
    """

    def __init__(self, *, chat: Chat, store: Store, wind: Callable[[int], None]) -> None:
        self.stage = Stage(chat=chat)
        self.messages = 0  # that were posted
        self._conversation = chat.conversation
        self._accounts = chat.account_parts
        self._files = chat.file_parts
        self._store = store
        self._wind = wind
        self._webhook: Webhook | None = None

    async def set_up(self, password: str, *, report: Report) -> None:
        """Make the people, who all have this password, and the rooms."""
        stage, total = self.stage, len(PEOPLE) + len(ROOMS)
        for number, person in enumerate(PEOPLE, 1):
            stage.users[person.username] = await self._make_person(person, password)
            report(number, total)
        for number, plan in enumerate(ROOMS, len(PEOPLE) + 1):
            stage.rooms[plan.key] = await self._make_room(plan)
            report(number, total)
        by = stage.actor(next(plan.people[0] for plan in ROOMS if plan.key == FEED_ROOM))
        made = await self._conversation.bot_parts.webhooks.add(stage.rooms[FEED_ROOM], by, AddWebhook(FEED_NAME))
        self._webhook = await self._store.webhooks.by_token(hash_of(made.url.rpartition("/")[2]))

    async def _make_person(self, person: Person, password: str) -> User:
        hashed = await self._accounts.passwords.hash(password)
        user = await self._store.users.create(username=person.username, email=person.email, password_hash=hashed)
        shown = PatchProfile(
            display_name=person.display_name,
            text_color=person.text_color,
            background_color=person.background_color,
        )
        await self._accounts.profiles.update(user.id, shown)
        if person.has_picture:
            await self._set_picture(user, pictures.avatar(person.username, person.text_color, person.background_color))
        return await self._accounts.profiles.set_status(user.id, person.status, person.custom_status)

    async def _set_picture(self, user: User, image: bytes) -> None:
        async with self._uploaded(user, image) as upload:
            try:
                file = await self._files.files.add_avatar(user.id, upload)
            except ChatError as error:
                _require_unwanted(error)
            else:
                await self._accounts.profiles.set_avatar(user.id, file.id)

    async def _attach(self, user: User, name: str) -> tuple[str, ...]:
        """Upload a file. Returns its id, or nothing where ALLOWED_FILE_TYPES leaves its type out."""
        async with self._uploaded(user, pictures.FILES[name]()) as upload:
            try:
                return ((await self._files.files.add(user.id, upload, name=name)).id,)
            except ChatError as error:
                _require_unwanted(error)
                return ()

    @asynccontextmanager
    async def _uploaded(self, user: User, content: bytes) -> AsyncIterator[IncomingFile]:
        upload = self._files.incoming.begin(user.id)
        try:
            await upload.write(content)
            yield upload
        finally:
            upload.close()

    async def _make_room(self, plan: RoomPlan) -> str:
        """Make a room with its people and their roles. Returns its id."""
        stage, rooms = self.stage, self._conversation.rooms
        first, *others = plan.people
        owner = stage.actor(first)
        if plan.is_direct:
            view, _ = await rooms.direct(owner.user_id, stage.id_of(others[0]))
            return view.id
        body = CreateRoom(plan.name, plan.description, plan.is_private, MAX_USERS)
        room_id = (await rooms.create(owner.user_id, body)).id
        for user_id in map(stage.id_of, others):
            if plan.is_private:
                await rooms.invite(room_id, owner, user_id)
            else:
                await rooms.join(await rooms.standing(room_id, user_id), user_id)
        for user_id in map(stage.id_of, plan.moderators):
            await self._conversation.member_moderation.set_role(owner, room_id, user_id, Role.MODERATOR)
        return room_id

    async def play(self, steps: Sequence[Step], *, report: Report) -> None:
        """Play the steps, which are in the order of time."""
        for number, step in enumerate(steps, 1):
            self._wind(step.at_ms)
            await self._play(step)
            report(number, len(steps))

    async def _play(self, step: Step) -> None:
        match step.does:
            case Say() as line:
                await self._say(step, line)
            case Burst() as burst:
                await self._burst(step, burst)
            case React() as line:
                await self._react(step, line)
            case Edit(text):
                author, message_id = self._own(step)
                await self._conversation.message_changes.edit(author, message_id, text)
            case Delete():
                await self._conversation.message_changes.delete(*self._own(step))
            case Act() as act:
                await VERBS[act.verb](self.stage, step, act)

    async def mark_read(self) -> None:
        """Move everybody's read marks to the end, but where the hero is to find something new."""
        stage = self.stage
        heads = await self._store.rooms.heads(list(stage.rooms.values()))
        for plan in ROOMS:
            room_id = stage.rooms[plan.key]
            for name in plan.people:
                seq = heads[room_id].seq - (UNREAD_BY_HERO.get(plan.key, 0) if name == HERO else 0)
                if seq > 0:
                    await self._conversation.read_marks.move(room_id, stage.id_of(name), seq)

    # ---- one step ------------------------------------------------------------------------------------------------

    async def _say(self, step: Step, line: Say) -> None:
        stage, author = self.stage, self.stage.users[line.who]
        named = [name if name == ROOM_MENTION else stage.id_of(name) for name in _MENTION.findall(line.text)]
        body = SendMessage(
            room_id=stage.rooms[step.room],
            content=line.text,
            reply_to_id=None if line.reply_to is None else stage.message(step.room, line.reply_to),
            thread_id=None if line.thread is None else stage.message(step.room, line.thread),
            mentions=tuple(named),
            attachments=() if line.attached is None else await self._attach(author, line.attached),
        )
        posted = await self._conversation.messages.post(RequestContext(ADDRESS, "rest", author), body)
        self._remember(step, posted.message, line.who)

    async def _burst(self, step: Step, burst: Burst) -> None:
        webhook = self._webhook
        assert webhook is not None
        post = self._conversation.bot_parts.webhooks.post
        for posted in await asyncio.gather(*(post(ADDRESS, webhook, WebhookMessage(text)) for text in burst.texts)):
            self._remember(step, posted.message, HERO)

    async def _react(self, step: Step, line: React) -> None:
        react, message_id = self._conversation.message_changes.react, self.stage.message(step.room, step.label)
        people = map(self.stage.actor, line.people)
        await asyncio.gather(*(react(person, message_id, line.emoji, on=True) for person in people))

    def _remember(self, step: Step, message: bytes, author: str) -> None:
        self.messages += 1
        self.stage.remember(step, msgspec.json.decode(message, type=_Posted).id, author)

    def _own(self, step: Step) -> tuple[Actor, str]:
        """The author of the step's message, and its id."""
        return self.stage.author(step.room, step.label), self.stage.message(step.room, step.label)


def _require_unwanted(error: ChatError) -> None:
    """Raises the error, unless it says that the settings take no such files."""
    if error.code != "unsupported_type":
        raise error
