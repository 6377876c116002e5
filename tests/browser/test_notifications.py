"""Notifications of a page without a service worker: of which messages, where a click leads, and when they go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.person import Person
from tests.support.server import ServerProcess

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


def listens(page: Page) -> None:
    """Wait until this tab is the one that notifies."""
    held = "() => navigator.locks.query().then(({ held }) => held.some(({ name }) => name === 'chat.notifications'))"
    page.wait_for_function(held, polling=100)


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
