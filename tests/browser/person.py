"""A person at the chat page (a page object): actions and expectations, by labels and by the page's stable ids."""

from __future__ import annotations

import json
import re
import time

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

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
# Hide the page, or show it: "hidden" or "visible".
SET_VISIBILITY = """(state) => {
    Object.defineProperty(document, "visibilityState", { get: () => state, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""

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
        page.get_by_label("Username").fill(self.name)
        page.get_by_label("Email").fill(f"{self.name}@example.test")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Create account").click()
        self.expect_online()
        return self

    def log_in(self, *, online: bool = True) -> Person:
        self.page.goto(self.url)
        self.fill_login(self.name, PASSWORD)
        if online:
            self.expect_online()
        return self

    def fill_login(self, account: str, password: str) -> None:
        """Fill and submit the form that is shown."""
        page = self.page
        page.get_by_label("Username or email").fill(account)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()

    def log_out(self) -> None:
        """Log out by the menu of one's own line, and confirm."""
        self.choose(self.own_line, "Log out")
        self.page.get_by_role("dialog").get_by_role("button", name="Log out").click()
        expect(self.page.get_by_role("form", name="Log in")).to_be_visible()

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

    # ---- what the page shows -----------------------------------------------------------------------------------------

    @property
    def own_line(self) -> Locator:
        return self.page.locator("[data-own]")

    @property
    def heading(self) -> Locator:
        """The name of the shown room, or the title of the welcome."""
        return self.page.locator("main h1")

    @property
    def composer(self) -> Locator:
        """The message field of the shown room."""
        return self.page.locator("main").get_by_role("textbox", name=re.compile("^Message"))

    @property
    def timeline(self) -> Locator:
        return self.page.locator("main [data-timeline]")

    @property
    def panel(self) -> Locator:
        """The panel on the right."""
        return self.page.locator(".panel")

    @property
    def dialog(self) -> Locator:
        return self.page.locator("dialog[open]")

    @property
    def toasts(self) -> Locator:
        return self.page.locator(".toasts")

    @property
    def banner(self) -> Locator:
        """What is said of the connection."""
        return self.page.locator(".connection-banner")

    @property
    def typing(self) -> Locator:
        """The line that says who types in the shown room."""
        return self.page.locator("main [data-typing]")

    def people(self, section: str) -> Locator:
        """The people in a section of the people panel: here or others."""
        return self.panel.locator(f'[data-people="{section}"] li')

    def person(self, name: str) -> Locator:
        """A person in the people panel."""
        return self.panel.locator("button[data-user-id]", has_text=name)

    def messages(self, state: str) -> Locator:
        """The rows of messages in a state: stored, waiting, sending, sent or failed."""
        return self.timeline.locator(f'[data-state="{state}"]')

    @property
    def unsent(self) -> Locator:
        """The rows of all messages that are not stored."""
        return self.timeline.locator('[data-state]:not([data-state="stored"])')

    def room_button(self, name: str) -> Locator:
        """The line of a room, or of a person, in the sidebar."""
        return self.page.locator(".sidebar").locator("[data-room-id]", has_text=name)

    def message(self, text: str) -> Locator:
        """The row of a message in the timeline, the last one with this text."""
        return self.timeline.locator("article", has_text=text).last

    # ---- what a person does ------------------------------------------------------------------------------------------

    def choose(self, opener: Locator, item: str) -> None:
        """Open a menu and choose the first item whose label begins so."""
        opener.click()
        self.page.locator("[role=menu] button", has_text=re.compile(rf"^{re.escape(item)}")).first.click()

    def choose_of_room(self, item: str) -> None:
        """Choose an item of the menu in the head of the shown room."""
        self.choose(self.page.locator("main").get_by_role("button", name="More", exact=True).first, item)

    def open_panel(self, name: str) -> Locator:
        """Open a panel by its button in the head of the room: Search or People."""
        self.page.locator("main header").get_by_role("button", name=re.compile(f"^{name}")).click()
        expect(self.panel).to_be_visible()
        return self.panel

    def make_room(self, name: str, *, private: bool = False) -> str:
        """Create a room; returns its id."""
        self.choose(self.page.get_by_role("button", name="Add a room"), "New room")
        self.dialog.get_by_label("Name").fill(name)
        self.dialog.get_by_label("Private").set_checked(private)
        self.dialog.get_by_role("button", name="Make room").click()
        expect(self.heading).to_have_text(name)
        return self.page.url.partition("room=")[2].partition("&")[0]

    def join_room(self, name: str) -> None:
        self.choose(self.page.get_by_role("button", name="Add a room"), "Find rooms")
        self.search_in_dialog(name)
        self.dialog.get_by_role("button", name=f"Join {name}").click()
        expect(self.heading).to_have_text(name)
        self.expect_in_room()

    def search_in_dialog(self, query: str) -> None:
        """Search, and wait until the rows that are shown are what was found: they move under the mouse before."""
        self.dialog.get_by_role("searchbox").fill(query)
        expect(self.dialog.get_by_role("status")).to_be_empty()

    def expect_in_room(self) -> None:
        expect(self.timeline).to_have_attribute("aria-busy", "false")

    def send_message(self, text: str) -> None:
        self.composer.fill(text)
        self.composer.press("Enter")

    def expect_message(self, text: str) -> None:
        """Wait until a stored message with this text is visible."""
        stored = self.timeline.locator('[data-state="stored"] .content', has_text=text)
        expect(stored.last).to_be_visible()

    @property
    def stored(self) -> list[str]:
        """The texts of the messages that are shown as stored, in order."""
        return self.timeline.locator('[data-state="stored"] .content').all_inner_texts()

    @property
    def seqs(self) -> list[int]:
        found = self.timeline.locator("[data-seq]")
        seqs = found.evaluate_all("nodes => nodes.map((node) => Number(node.dataset.seq))")
        return [int(seq) for seq in seqs]
