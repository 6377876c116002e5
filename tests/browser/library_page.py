"""A bare page of Chromium that imports the client library from the server and nothing else: no chat page."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, WebSocketRoute

from tests.browser.person import CONNECTION_ERRORS
from tests.support.client import PASSWORD

# A document of the server without any script: a document that Playwright makes up has no address, and Chromium lets
# such a one connect to none of this machine.
DOCUMENT = "/health"

# Before any script of the page.
WATCH_ERRORS = """
  window.problems = [];
  addEventListener("error", (event) => problems.push(`uncaught: ${event.message}`));
  addEventListener("unhandledrejection", ({ reason }) => problems.push(`unhandled: ${reason?.stack ?? reason}`));
"""
# What tests use: `chat`, a client, and helpers. `chat.seen` has the messages of the event `message`, by room;
# `chat.log` the rarer events.
PREPARE = """async () => {
  const library = await import(`${location.origin}/static/chat.js`);
  const rare = ["truncated", "reset", "closed", "saved", "undeliverable", "user", "ended", "settings"];
  window.library = library;
  window.make = (options = {}) => {
    const chat = new library.ChatClient(options);
    chat.log = [];
    chat.seen = {};
    for (const name of rare) chat.addEventListener(name, ({ detail }) => chat.log.push([name, detail]));
    chat.addEventListener("message", ({ detail: { roomId, message } }) => (chat.seen[roomId] ??= []).push(message));
    return chat;
  };
  // Resolves as soon as the condition holds. It is asked often, because not all that it may be about is an event.
  window.until = (condition, withinMs = 60_000) => new Promise((resolve, reject) => {
    const started = performance.now();
    const ask = () => {
      let value;
      try { value = condition(); } catch (error) { return reject(error); }
      if (value) return resolve(value);
      if (performance.now() - started > withinMs) return reject(new Error(`never: ${condition}`));
      setTimeout(ask, 10);
    };
    ask();
  });
  window.isReady = (chat) => until(() => chat.connection?.isOnline && chat.rooms.isListed);
  window.held = (chat, roomId) => chat.rooms.get(roomId)?.timeline.messages ?? [];
  window.chat = make();
}"""


class LibraryPage:
    """A page whose global `chat` is a client of the server at `url`."""

    def __init__(self, page: Page, url: str, *, name: str = "") -> None:
        self.page = page
        self.url = url
        self.name = f"{name}-{secrets.token_hex(3)}"
        self.errors: list[str] = []
        page.on("console", lambda one: one.type == "error" and self.errors.append(one.text))
        page.add_init_script(WATCH_ERRORS)

    def open(self) -> LibraryPage:
        self.page.goto(f"{self.url}{DOCUMENT}")
        self.page.evaluate(PREPARE)
        return self

    def open_before_sockets(self, handler: Callable[[WebSocketRoute], None]) -> LibraryPage:
        """Open the page anew, with its WebSockets passed through a handler."""
        self.page.route_web_socket("**/ws*", handler)
        return self.open()

    def run(self, script: str, argument: Any = None) -> Any:
        """Run the body of an async function with `argument`; returns what it returns."""
        return self.page.evaluate(f"async (argument) => {{ {script} }}", argument)

    def until(self, condition: str, argument: Any = None) -> None:
        """Wait until an expression holds. Other pages go on meanwhile."""
        self.run(f"await until(() => {condition})", argument)

    def register(self) -> LibraryPage:
        fields = {"username": self.name, "email": f"{self.name}@example.test", "password": PASSWORD}
        self.run("await chat.register(argument); await isReady(chat);", fields)
        return self

    def log_in(self, name: str) -> LibraryPage:
        self.run("await chat.login(argument); await isReady(chat);", {"username": name, "password": PASSWORD})
        return self

    def resume(self) -> LibraryPage:
        """Continue the session that another page of the same storage has."""
        assert self.run("return await chat.resume()")
        self.run("await isReady(chat)")
        return self

    def make_room(self, name: str = "Kitchen") -> str:
        """Create a room and open it; returns its id."""
        script = "const room = await chat.createRoom({ name: argument }); await chat.open(room.id); return room.id;"
        return str(self.run(script, name))

    def open_room(self, room_id: str) -> None:
        self.run("await chat.join(argument); await chat.open(argument);", room_id)

    def send(self, room_id: str, texts: list[str]) -> None:
        self.run("for (const text of argument[1]) chat.send(argument[0], text);", [room_id, texts])

    def held(self, room_id: str) -> list[str]:
        """The contents of the room's timeline."""
        found: list[str] = self.run("return held(chat, argument).map(({ content }) => content)", room_id)
        return found

    def seen(self, room_id: str) -> list[int]:
        """The seqs of the room's `message` events."""
        found: list[int] = self.run("return (chat.seen[argument] ?? []).map(({ seq }) => seq)", room_id)
        return found

    def until_held(self, room_id: str, count: int) -> None:
        self.until("held(chat, argument[0]).length >= argument[1]", [room_id, count])

    def until_offline(self) -> None:
        self.until("!chat.connection.isOnline")

    def until_online(self) -> None:
        self.until("chat.connection.isOnline && chat.rooms.isListed")

    @property
    def problems(self) -> list[str]:
        """Uncaught errors, unhandled rejections and errors of the console, without those of lost connections."""
        if self.page.is_closed():
            return []
        found = [*self.page.evaluate("window.problems ?? []"), *self.errors]
        expected = (*CONNECTION_ERRORS, "Failed to load resource")
        return [one for one in found if not any(part in one for part in expected)]
