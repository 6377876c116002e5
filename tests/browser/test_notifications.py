"""Notifications, by the service worker and of a page without one: of which messages, by which tab, where a click leads,
and when they go.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, WebSocketRoute, expect

from tests.browser.conftest import CHROMIUM_FLAGS, DESKTOP
from tests.browser.person import Person
from tests.support.server import ServerProcess
from tests.support.waiting import poll

NewPerson = Callable[..., Person]

# Chromium's headless shell allows no notifications: this stands where the browser's own class does, and remembers.
RECORDER = """
  window.made = [];
  window.Notification = class {
    static permission = "granted";
    constructor(title, { body }) {
      Object.assign(this, { title, body, isOpen: true });
      window.made.push(this);
    }
    close() {
      this.isOpen = false;
    }
  };
"""
MADE = "window.made.filter(({ isOpen }) => isOpen).map(({ title, body }) => [title, body])"


# What the browser shows, by the service worker.
SHOWN = """async () => {
  const registration = await navigator.serviceWorker.getRegistration();
  return (await registration.getNotifications()).map(({ title, body }) => [title, body]);
}"""
# A page remembers what it has shown so. Without a desktop, Chromium would drop it by itself after 25 s.
REMEMBER = """
  window.told = [];
  const show = ServiceWorkerRegistration.prototype.showNotification;
  ServiceWorkerRegistration.prototype.showNotification = async function (title, options) {
    await show.call(this, title, { ...options, requireInteraction: true });
    window.told.push([title, options.body]);
  };
"""
# Nothing outside of Chromium can click what it shows. The worker is given the event that it would be given.
CLICK = """async (body) => {
  const found = (await self.registration.getNotifications()).find((one) => one.body === body);
  self.dispatchEvent(new NotificationEvent("notificationclick", { notification: found }));
}"""
TABS = """async () => {
  const { held, pending } = await navigator.locks.query();
  return [held, pending].map((locks) => locks.filter(({ name }) => name === "chat.notifications").length);
}"""


@pytest.fixture(scope="module")
def whole_chromium(browser: Browser) -> Iterator[Browser]:
    """Chromium with its windows: the headless shell allows no notifications."""
    path = Path("/usr/bin/chromium")
    if not path.exists():
        pytest.skip("needs the whole of Chromium: apt-get install chromium")
    chromium = browser.browser_type.launch(executable_path=path, args=CHROMIUM_FLAGS)
    yield chromium
    chromium.close()


@pytest.fixture
def notified(whole_chromium: Browser) -> Iterator[BrowserContext]:
    """A context in which pages have the permission to notify, and a service worker."""
    options: dict[str, Any] = {**DESKTOP, "service_workers": "allow", "permissions": ["notifications"]}
    context = whole_chromium.new_context(**options)
    context.add_init_script(REMEMBER)
    yield context
    context.close()


def listens(page: Page, *, tabs: int = 1) -> None:
    """Wait until so many tabs of the browser take part, of which one notifies."""
    poll(lambda: page.evaluate(TABS) == [1, tabs - 1], describe=lambda: page.evaluate(TABS))


def by_the_worker(page: Page) -> None:
    """Wait until the page has its service worker."""
    page.evaluate("() => navigator.serviceWorker.ready.then(() => null)")


def expect_told(page: Page, *expected: list[str]) -> None:
    """Wait until the page itself has shown all these, and no others, since it was loaded."""
    poll(
        lambda: sorted(page.evaluate("window.told")) == sorted(expected), describe=lambda: page.evaluate("window.told")
    )


def expect_shown(page: Page, *expected: list[str]) -> None:
    """Wait until the browser shows these. After `expect_told`: Chromium forgets what is about to be on the screen while
    it is asked.
    """
    poll(lambda: sorted(page.evaluate(SHOWN)) == sorted(expected), describe=lambda: page.evaluate(SHOWN))


def in_another_room(person: Person, *room_names: str) -> None:
    """Join rooms and go to one of the person's own, where the others' messages are not seen."""
    for name in room_names:
        person.join_room(name)
    person.make_room(f"Desk of {person.name}")
    by_the_worker(person.page)


def id_of(person: Person) -> str:
    return str(person.page.evaluate("JSON.parse(localStorage.getItem('chat.session')).user.id"))


def mention(person: Person, room_id: str, text: str, *mentioned: str) -> None:
    body: dict[str, Any] = {"roomId": room_id, "content": text, "mentions": list(mentioned)}
    assert person.call("POST", "/messages", body) == 201


def test_a_page_without_a_service_worker_notifies_itself_by_the_level_of_the_room(
    new_person: NewPerson, server: ServerProcess, room_name: str
) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    room_id = ann.make_room(room_name)
    bob.page.add_init_script(RECORDER)
    bob.join_room(room_name)
    bob.make_room("Desk")
    bob.page.reload()
    bob.expect_online()
    listens(bob.page)
    settings = {"notifications": {room_id: "all"}}
    expect(bob.room_button(room_name)).to_be_visible()
    mention(ann, room_id, "not for bob")
    expect(bob.room_button(room_name)).to_have_attribute("data-unread", "1")
    assert bob.call("PATCH", "/users/me/settings", settings) == 200
    bob.page.reload()
    bob.expect_online()
    listens(bob.page)
    expect(bob.room_button(room_name)).to_have_attribute("data-unread", "1")
    mention(ann, room_id, "for bob")
    bob.page.wait_for_function(f"() => {MADE}.length === 1")
    assert bob.page.evaluate(MADE) == [[f"{ann.name} in {room_name}", "for bob"]]

    bob.page.evaluate("window.made[0].onclick()")
    expect(bob.heading).to_have_text(room_name)
    bob.expect_message("for bob")
    bob.page.wait_for_function(f"() => {MADE}.length === 0")


def test_the_messages_of_a_room_are_one_notification_whose_click_shows_the_room_in_the_page_that_is_there(
    new_person: NewPerson, notified: BrowserContext, room_name: str
) -> None:
    ann, bob = new_person("ann"), new_person("bob", context=notified)
    kitchen, garden = f"{room_name} K", f"{room_name} G"
    ids = [ann.make_room(name) for name in (kitchen, garden)]
    in_another_room(bob, kitchen, garden)
    listens(bob.page)
    mention(ann, ids[0], "one", id_of(bob))
    one, two = [f"{ann.name} in {kitchen}", "one"], [f"{ann.name} in {kitchen} (2 new)", "two"]
    aside = [f"{ann.name} in {garden}", "aside"]
    expect_told(bob.page, one)
    mention(ann, ids[1], "aside", id_of(bob))
    mention(ann, ids[0], "two", id_of(bob))
    expect_told(bob.page, one, two, aside)
    expect_shown(bob.page, two, aside)

    (worker,) = notified.service_workers
    worker.evaluate(CLICK, "two")
    expect(bob.heading).to_have_text(kitchen)
    bob.expect_message("two")
    assert len(notified.pages) == 1
    expect_shown(bob.page, aside)


def test_a_room_notifies_by_its_level_and_not_while_it_is_muted(
    new_person: NewPerson, notified: BrowserContext, room_name: str
) -> None:
    ann, bob = new_person("ann"), new_person("bob", context=notified)
    names = [f"{room_name} {letter}" for letter in "ABCD"]
    mentions, none, muted, every = [ann.make_room(name) for name in names]
    in_another_room(bob, *names)
    listens(bob.page)
    now_ms = int(bob.page.evaluate("Date.now()"))
    settings = {
        "notifications": {none: "none", muted: "all", every: "all"},
        "client": {"mutedUntil": {muted: now_ms + 3_600_000, every: now_ms - 1}},
    }
    assert bob.call("PATCH", "/users/me/settings", settings) == 200
    bob.page.reload()
    bob.expect_online()
    listens(bob.page)
    for room_id in (none, muted, mentions):
        mention(ann, room_id, "to nobody")
    mention(ann, none, "to bob", id_of(bob))
    mention(ann, muted, "to bob", id_of(bob))
    mention(ann, mentions, "to bob", id_of(bob))
    mention(ann, every, "to all")  # the last: what the others make is shown before
    expect_told(bob.page, [f"{ann.name} in {names[0]}", "to bob"], [f"{ann.name} in {names[3]}", "to all"])


def test_of_two_tabs_one_notifies_and_the_other_takes_over_when_it_closes(
    new_person: NewPerson, notified: BrowserContext, room_name: str
) -> None:
    ann, bob = new_person("ann"), new_person("bob", context=notified)
    kitchen, garden = f"{room_name} K", f"{room_name} G"
    ids = [ann.make_room(name) for name in (kitchen, garden)]
    in_another_room(bob, kitchen, garden)
    listens(bob.page)
    second = Person(notified.new_page(), url=bob.url, name=bob.name)
    second.page.goto(bob.page.url)
    second.expect_online()
    listens(bob.page, tabs=2)
    of_kitchen, of_garden = [f"{ann.name} in {kitchen}", "one"], [f"{ann.name} in {garden}", "two"]
    mention(ann, ids[0], "one", id_of(bob))
    expect_told(bob.page, of_kitchen)
    mention(ann, ids[1], "two", id_of(bob))
    expect_told(bob.page, of_kitchen, of_garden)
    expect(second.room_button(garden)).to_have_attribute("data-unread", "1")

    bob.page.close()
    listens(second.page)
    mention(ann, ids[0], "three", id_of(second))
    of_kitchen = [f"{ann.name} in {kitchen} (2 new)", "three"]
    expect_told(second.page, of_kitchen)  # and nothing before
    expect_shown(second.page, of_kitchen, of_garden)
    second.room_button(garden).click()
    expect_shown(second.page, of_kitchen)
    assert second.console_errors == []


def test_what_is_read_on_another_device_or_in_no_room_of_the_user_any_more_is_not_shown(
    new_person: NewPerson, notified: BrowserContext, new_context: Callable[..., BrowserContext], room_name: str
) -> None:
    ann, bob = new_person("ann"), new_person("bob", context=notified)
    names = [f"{room_name} {letter}" for letter in "ABC"]
    ids = [ann.make_room(name) for name in names]
    in_another_room(bob, *names)
    listens(bob.page)
    for room_id in ids:
        mention(ann, room_id, "for bob", id_of(bob))
    shown = [[f"{ann.name} in {name}", "for bob"] for name in names]
    expect_told(bob.page, *shown)
    expect_shown(bob.page, *shown)
    elsewhere = Person(new_context().new_page(), url=bob.url, name=bob.name).log_in()
    elsewhere.room_button(names[0]).click()
    elsewhere.expect_message("for bob")
    expect_shown(bob.page, *shown[1:])
    assert ann.call("DELETE", f"/rooms/{ids[1]}/members/{id_of(bob)}") == 204
    expect_shown(bob.page, *shown[2:])


def test_a_logout_in_any_tab_closes_all_notifications(
    new_person: NewPerson, notified: BrowserContext, room_name: str
) -> None:
    ann, bob = new_person("ann"), new_person("bob", context=notified)
    room_id = ann.make_room(room_name)
    in_another_room(bob, room_name)
    listens(bob.page)
    second = Person(notified.new_page(), url=bob.url, name=bob.name)
    second.page.goto(bob.page.url)
    second.expect_online()
    listens(bob.page, tabs=2)
    mention(ann, room_id, "for bob", id_of(bob))
    expect_told(bob.page, [f"{ann.name} in {room_name}", "for bob"])
    expect_shown(bob.page, [f"{ann.name} in {room_name}", "for bob"])
    second.log_out()
    expect(bob.page.get_by_role("form", name="Log in")).to_be_visible()
    expect_shown(bob.page)


@pytest.mark.parametrize("next_user", ["nobody", "another user"])
def test_what_a_user_left_is_closed_by_the_next_start_without_the_session(
    new_person: NewPerson, notified: BrowserContext, room_name: str, next_user: str
) -> None:
    ann, bob = new_person("ann"), new_person("bob", context=notified)
    room_id = ann.make_room(room_name)
    in_another_room(bob, room_name)
    listens(bob.page)
    mention(ann, room_id, "for bob", id_of(bob))
    expect_told(bob.page, [f"{ann.name} in {room_name}", "for bob"])
    expect_shown(bob.page, [f"{ann.name} in {room_name}", "for bob"])
    session = None
    if next_user == "another user":
        session = new_person("eve").page.evaluate("localStorage.getItem('chat.session')")
    page = notified.new_page()
    page.goto(f"{bob.url}/health")
    bob.page.close()
    expect_shown(page, [f"{ann.name} in {room_name}", "for bob"])
    page.evaluate(
        """(session) => {
          if (session === null) localStorage.removeItem("chat.session");
          else localStorage.setItem("chat.session", session);
        }""",
        session,
    )
    page.goto(bob.url)
    expect_shown(page)


def test_what_comes_before_the_settings_were_read_is_told_after_it(new_person: NewPerson, room_name: str) -> None:
    ann, bob = new_person("ann"), new_person("bob", registered=False)
    room_id = ann.make_room(room_name)
    bob.page.add_init_script(RECORDER)
    asked: list[Route] = []
    bob.page.route("**/users/me/settings", lambda route: asked.append(route))
    bob.open_with_session()
    listens(bob.page)
    assert ann.call("POST", f"/rooms/{room_id}/members", {"userId": id_of(bob)}) < 300
    expect(bob.room_button(room_name)).to_be_visible()
    mention(ann, room_id, "not for bob")
    mention(ann, room_id, "for bob", id_of(bob))
    expect(bob.room_button(room_name)).to_have_attribute("data-unread", "2")
    for route in asked:
        route.continue_()
    bob.page.wait_for_function(f"() => {MADE}.length === 1")
    assert bob.page.evaluate(MADE) == [[f"{ann.name} in {room_name}", "for bob"]]


def test_what_comes_between_the_list_of_rooms_and_the_join_of_a_room_is_told(
    new_person: NewPerson, room_name: str
) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    room_id = ann.make_room(room_name)
    bob.page.add_init_script(RECORDER)
    bob.join_room(room_name)
    bob.make_room(f"Desk of {bob.name}")
    assert bob.call("PATCH", "/users/me/settings", {"notifications": {room_id: "all"}}) == 200
    joins = HeldJoins(bob.page, room_id)
    bob.page.reload()
    listens(bob.page)
    expect(bob.room_button(room_name)).to_be_visible()
    poll(lambda: bob.page.wait_for_timeout(50) or joins.held)  # frames are passed on while the page is waited for
    mention(ann, room_id, "for bob")
    joins.release()
    poll(lambda: bob.page.evaluate(MADE) == [[f"{ann.name} in {room_name}", "for bob"]])
    mention(ann, room_id, "again")
    poll(lambda: bob.page.evaluate("window.made.map(({ body }) => body)") == ["for bob", "again"])


class HeldJoins:
    """Holds a page's joins of a room back. Of what comes to it meanwhile only their acks tell: `roomActivity` is sent
    once a second at most, and the page may have joined by then.
    """

    def __init__(self, page: Page, room_id: str) -> None:
        self.held: list[tuple[WebSocketRoute, str | bytes]] = []
        self._room_id = room_id
        self._holds = True
        page.route_web_socket("**/ws*", self._connect)

    def release(self) -> None:
        self._holds = False
        for server, text in self.held:
            server.send(text)

    def _connect(self, socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def to_server(text: str | bytes) -> None:
            frame = json.loads(text)
            is_join = frame["event"] == "joinRoom" and frame["data"]["roomId"] == self._room_id
            if is_join and self._holds:
                self.held.append((server, text))
            else:
                server.send(text)

        def to_page(text: str | bytes) -> None:
            if json.loads(text)["event"] != "roomActivity":
                socket.send(text)

        socket.on_message(to_server)
        server.on_message(to_page)
