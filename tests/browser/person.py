"""A person at the chat page (a page object): actions and expectations, by labels and by the page's stable ids."""

from __future__ import annotations

import json
import time

from playwright.sync_api import ConsoleMessage, Page, expect

from tests.support import client

PASSWORD = client.PASSWORD
# Console messages of Chromium for requests while the server is down, or that were in flight when it was killed.
CONNECTION_ERRORS = (
    "ERR_CONNECTION_REFUSED",
    "ERR_CONNECTION_RESET",
    "ERR_CONNECTION_CLOSED",
    "ERR_EMPTY_RESPONSE",
    "ERR_SOCKET_NOT_CONNECTED",
    "ERR_INCOMPLETE_CHUNKED_ENCODING",
    "ERR_CONTENT_LENGTH_MISMATCH",
    "before receiving a handshake response",
)

# What the page stores after a registration (web/client/tokens.js); once per tab, so that a logout survives a reload.
STORE_SESSION = """
    if (location.protocol === "http:" && !sessionStorage.getItem("sessionStored")) {
        sessionStorage.setItem("sessionStored", "yes");
        localStorage.setItem("chat.session", JSON.stringify(%s));
    }
"""


class Person:
    """A person at a page."""

    def __init__(self, page: Page, *, url: str, name: str) -> None:
        self.page = page
        self.url = url
        self.name = name
        self.console_errors: list[str] = []  # also violations of the Content-Security-Policy
        self.ignored_errors: tuple[str, ...] = CONNECTION_ERRORS
        page.on("console", self._on_console_message)
        page.on("pageerror", lambda error: self.console_errors.append(f"uncaught: {error}"))

    def _on_console_message(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(part in message.text for part in self.ignored_errors):
            self.console_errors.append(message.text)

    def open_with_session(self) -> Person:
        """Register by REST and open the page with the session in its storage."""
        sent_at_ms = time.time_ns() // 1_000_000
        reply = client.call(
            self.url,
            "POST",
            "/auth/register",
            {"username": self.name, "email": f"{self.name}@example.test", "password": PASSWORD},
        )
        assert reply.status == 201, reply.body
        registration = reply.json
        session = {name: registration[name] for name in ("user", "accessToken", "refreshToken")}
        lifetime_ms = registration["expiresIn"] * 1000
        times = {"expiresAt": sent_at_ms + lifetime_ms, "lifetimeMs": lifetime_ms}
        self.page.add_init_script(STORE_SESSION % json.dumps({**session, **times}))
        self.page.goto(self.url)
        self.expect_online()
        return self

    def register(self) -> Person:
        """Create the account with the page's form."""
        page = self.page
        page.goto(self.url)
        page.get_by_role("button", name="Create an account").click()
        page.locator("#register-username").fill(self.name)
        page.locator("#register-email").fill(f"{self.name}@example.test")
        page.locator("#register-password").fill(PASSWORD)
        page.get_by_role("button", name="Create account").click()
        self.expect_online()
        return self

    def log_in(self, *, online: bool = True) -> Person:
        page = self.page
        page.goto(self.url)
        page.locator("#login-name").fill(self.name)
        page.locator("#login-password").fill(PASSWORD)
        page.locator("#login-submit").click()
        if online:
            self.expect_online()
        return self

    def call(self, method: str, path: str, body: object = None) -> int:
        """Send a REST request with the page's session; returns the status."""
        status = self.page.evaluate(
            """async ([method, path, body]) => {
                const { accessToken } = JSON.parse(localStorage.getItem("chat.session"));
                const headers = { Authorization: `Bearer ${accessToken}`, "Content-Type": "application/json" };
                return (await fetch(path, { method, headers, body: body && JSON.stringify(body) })).status;
            }""",
            [method, path, body],
        )
        return int(status)

    def expect_online(self) -> None:
        expect(self.page.locator("html")).to_have_attribute("data-link", "online")

    def make_room(self, name: str, *, private: bool = False) -> str:
        """Create a room; returns its id."""
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
        self.expect_in_room()

    def expect_in_room(self) -> None:
        expect(self.page.locator("#messages")).to_have_attribute("aria-busy", "false")

    def send_message(self, text: str) -> None:
        self.page.locator("#composer").fill(text)
        self.page.locator("#composer").press("Enter")

    def expect_message(self, text: str) -> None:
        """Wait until a stored message with this text is visible."""
        stored = self.page.locator('[data-state="stored"] .content', has_text=text)
        expect(stored.last).to_be_visible()

    @property
    def stored(self) -> list[str]:
        """The texts of the messages that are shown as stored, in order."""
        return self.page.locator('[data-state="stored"] .content').all_inner_texts()

    @property
    def seqs(self) -> list[int]:
        found = self.page.locator("[data-seq]").evaluate_all("nodes => nodes.map((node) => Number(node.dataset.seq))")
        return [int(seq) for seq in found]
