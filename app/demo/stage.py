"""What the demo has made so far: ids of people, rooms and messages, by the names that the scenes use."""

from __future__ import annotations

from app.composition.chat import Chat
from app.demo.timeline import Step
from store.models import Actor, User


class Stage:
    """`chat` is the parts with which the steps are played. `bot_token` is set when the bot is made."""

    def __init__(self, *, chat: Chat) -> None:
        self.chat = chat
        self.users: dict[str, User] = {}
        self.rooms: dict[str, str] = {}
        self.bot_token = ""
        self._said: dict[tuple[str, str], tuple[str, str]] = {}  # id and author, by room and label

    def id_of(self, name: str) -> str:
        return self.users[name].id

    def actor(self, name: str) -> Actor:
        return Actor(self.id_of(name))

    def remember(self, step: Step, message_id: str, author: str) -> None:
        """Note the message that a step's label stands for."""
        self._said[step.room, step.label] = message_id, author

    def message(self, room: str, label: str) -> str:
        """The id of a message."""
        return self._said[room, label][0]

    def author(self, room: str, label: str) -> Actor:
        """Who wrote a message."""
        return self.actor(self._said[room, label][1])
