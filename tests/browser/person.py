"""Somebody at a page of the chat: what people do and see, by labels and by the hooks that the page keeps stable."""

from __future__ import annotations

import json
import time

from playwright.sync_api import ConsoleMessage, Page, expect

from tests.support import client

PASSWORD = client.PASSWORD
# What Chromium itself says of each try while the server is down, and of one that was under way when it was killed.
NO_SERVER = (
    "ERR_CONNECTION_REFUSED",
    "ERR_CONNECTION_RESET",
    "ERR_CONNECTION_CLOSED",
    "ERR_EMPTY_RESPONSE",
    "ERR_SOCKET_NOT_CONNECTED",
    "ERR_INCOMPLETE_CHUNKED_ENCODING",
    "ERR_CONTENT_LENGTH_MISMATCH",
    "before receiving a handshake response",
)

# What a page keeps of a registration (lib-tokens.js); once a tab, for who logs out is out also after a reload.
ARRIVE = """
    if (location.protocol === "http:" && !sessionStorage.getItem("arrived")) {
        sessionStorage.setItem("arrived", "yes");
        localStorage.setItem("chat.session", JSON.stringify(%s));
    }
"""


class Person:
    """Somebody at a page: what people do, by the labels they see."""

    def __init__(self, page: Page, *, url: str, name: str) -> None:
        self.page = page
        self.url = url
        self.name = name
        self.complaints: list[str] = []  # of the console: errors, and what the CSP refused
        self.ignored: tuple[str, ...] = NO_SERVER
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(part in message.text for part in self.ignored):
            self.complaints.append(message.text)

    def arrive(self) -> Person:
        """Come as somebody who has registered before, by REST: the page finds their session in its storage."""
        asked_ms = time.time_ns() // 1_000_000
        reply = client.call(
            self.url,
            "POST",
            "/auth/register",
            {"username": self.name, "email": f"{self.name}@example.test", "password": PASSWORD},
        )
        assert reply.status == 201, reply.body
        told = reply.json
        kept = {name: told[name] for name in ("user", "accessToken", "refreshToken")}
        times = {"expiresAt": asked_ms + told["expiresIn"] * 1000, "lifetimeMs": told["expiresIn"] * 1000}
        self.page.add_init_script(ARRIVE % json.dumps({**kept, **times}))
        self.page.goto(self.url)
        self.is_online()
        return self

    def register(self) -> Person:
        """Make the account by the page's own form."""
        page = self.page
        page.goto(self.url)
        page.get_by_role("button", name="Create an account").click()
        page.locator("#register-username").fill(self.name)
        page.locator("#register-email").fill(f"{self.name}@example.test")
        page.locator("#register-password").fill(PASSWORD)
        page.get_by_role("button", name="Create account").click()
        self.is_online()
        return self

    def log_in(self, *, online: bool = True) -> Person:
        page = self.page
        page.goto(self.url)
        page.locator("#login-name").fill(self.name)
        page.locator("#login-password").fill(PASSWORD)
        page.locator("#login-submit").click()
        if online:
            self.is_online()
        return self

    def call(self, method: str, path: str, body: object = None) -> int:
        """Ask REST with the page's own session; returns the status."""
        status = self.page.evaluate(
            """async ([method, path, body]) => {
                const { accessToken } = JSON.parse(localStorage.getItem("chat.session"));
                const headers = { Authorization: `Bearer ${accessToken}`, "Content-Type": "application/json" };
                return (await fetch(path, { method, headers, body: body && JSON.stringify(body) })).status;
            }""",
            [method, path, body],
        )
        return int(status)

    def is_online(self) -> None:
        expect(self.page.locator("html")).to_have_attribute("data-link", "online")

    def make_room(self, name: str, *, private: bool = False) -> str:
        """Make a room; returns its id."""
        page = self.page
        page.locator("#new-room").click()
        page.locator("#create-name").fill(name)
        page.locator("#create-private").set_checked(private)
        page.locator("#create-submit").click()
        expect(page.locator("#room-name")).to_have_text(name)
        return page.url.partition("room=")[2]

    def join_room(self, name: str) -> None:
        page = self.page
        page.locator("#find-rooms").click()
        page.locator("#find-q").fill(name)
        page.get_by_role("button", name=f"Join {name}").click()
        expect(page.locator("#room-name")).to_have_text(name)
        self.is_in_room()

    def is_in_room(self) -> None:
        expect(self.page.locator("#messages")).to_have_attribute("aria-busy", "false")

    def say(self, text: str) -> None:
        self.page.locator("#composer").fill(text)
        self.page.locator("#composer").press("Enter")

    def sees(self, text: str) -> None:
        """A stored message is on the screen."""
        stored = self.page.locator('[data-state="stored"] .content', has_text=text)
        expect(stored.last).to_be_visible()

    @property
    def stored(self) -> list[str]:
        """What is shown as stored, in the order of the screen."""
        return self.page.locator('[data-state="stored"] .content').all_inner_texts()

    @property
    def seqs(self) -> list[int]:
        found = self.page.locator("[data-seq]").evaluate_all("nodes => nodes.map((node) => Number(node.dataset.seq))")
        return [int(seq) for seq in found]
