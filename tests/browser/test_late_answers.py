"""Dialogs that are closed, or whose tab is changed, before the server answers what was asked in them."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import APIResponse, Route, expect

from tests.browser.person import PASSWORD, Person
from tests.support.waiting import poll

NewPerson = Callable[..., Person]


class Held:
    """A request of a page that is not answered until the test says so: the next one by a method to such a path."""

    def __init__(self, person: Person, path: str, method: str = "POST") -> None:
        self._page = person.page
        self._method = method
        self._held: list[Route] = []
        self._page.route(re.compile(path), self._hold)

    def _hold(self, route: Route) -> None:
        if route.request.method == self._method and not self._held:
            self._held.append(route)
        else:
            route.fallback()

    def expect(self) -> Held:
        """Wait until the request was sent."""
        poll(lambda: self._page.evaluate("0") == 0 and self._held)
        return self

    def answer(self, *, fails: bool = False) -> None:
        """Let the server answer it, or answer it with an error."""
        self.expect()
        (route,) = self._held
        if fails:
            error = {"code": "internal", "message": "The server stumbled.", "details": {}}
            route.fulfill(status=500, json={"error": error})
        else:
            route.continue_()


def close_by_escape(person: Person) -> None:
    person.page.keyboard.press("Escape")
    expect(person.dialog).to_have_count(0)


def test_who_closes_a_form_before_its_answer_is_told_what_became_of_it(pair: tuple[Person, Person]) -> None:
    ann, bob = pair
    ann.ignored_errors = (*ann.ignored_errors, "500")  # Chromium logs responses with an error status
    ann.open_panel("People")
    muted = Held(ann, r"/members/", "PATCH")
    ann.choose(ann.panel.get_by_role("button", name=f"Moderate {bob.name}"), "Mute")
    ann.dialog.get_by_role("button", name="Mute", exact=True).click()
    muted.expect()
    close_by_escape(ann)
    muted.answer()
    expect(ann.toasts).to_contain_text(f"{bob.name} is muted for 1 hour.")

    banned = Held(ann, r"/bans/")
    ann.choose(ann.panel.get_by_role("button", name=f"Moderate {bob.name}"), "Ban")
    ann.dialog.get_by_role("button", name="Ban", exact=True).click()
    banned.expect()
    ann.page.go_back()
    expect(ann.dialog).to_have_count(0)
    banned.answer(fails=True)
    expect(ann.toasts).to_contain_text("The server stumbled.")


def test_who_closes_the_settings_before_their_answer_is_told_what_failed(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    ann.ignored_errors = (*ann.ignored_errors, "500")
    ann.make_room(room_name)
    stumbled = ann.toasts.get_by_text("The server stumbled.")
    for tab, button, path, method in (
        ("Settings", "Save", r"/rooms/[^/]+$", "PATCH"),
        ("Invite links", "Make a link", r"/invites$", "POST"),
    ):
        held = Held(ann, path, method)
        ann.choose_of_room("Room settings")
        ann.dialog.get_by_role("button", name=tab, exact=True).click()
        ann.dialog.get_by_role("button", name=button).click()
        held.expect()
        close_by_escape(ann)
        held.answer(fails=True)
        expect(stumbled).to_be_visible()
        ann.toasts.get_by_role("button", name="Dismiss").click()
        expect(stumbled).to_have_count(0)


def test_a_room_that_is_made_after_its_dialog_was_closed_is_offered_and_not_opened(
    new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    ann.make_room(room_name)
    held = Held(ann, r"/rooms$")
    ann.choose(ann.page.get_by_role("button", name="Add a room"), "New room")
    ann.dialog.get_by_label("Name").fill(f"{room_name} two")
    ann.dialog.get_by_role("button", name="Make room").click()
    held.expect()
    close_by_escape(ann)
    held.answer()
    expect(ann.toasts).to_contain_text(f"{room_name} two is made.")
    expect(ann.heading).to_have_text(room_name)
    ann.toasts.get_by_role("button", name="Open").click()
    expect(ann.heading).to_have_text(f"{room_name} two")


def test_a_secret_that_comes_after_its_tab_or_dialog_was_left_is_shown_all_the_same(
    new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    ann.make_room(room_name)

    def leave_by_tab() -> None:
        ann.dialog.get_by_role("button", name="Bans").click()
        expect(ann.dialog).to_contain_text("Nobody is banned.")

    for name, leave in (("Deploys", leave_by_tab), ("Builds", lambda: close_by_escape(ann))):
        held = Held(ann, r"/webhooks$")
        ann.choose_of_room("Room settings")
        ann.dialog.get_by_role("button", name="Integrations").click()
        ann.dialog.get_by_label("Name").fill(name)
        ann.dialog.get_by_role("button", name="Make a webhook").click()
        held.expect()
        leave()
        held.answer()
        shown = ann.page.get_by_role("dialog", name=name)
        expect(shown).to_contain_text("is not shown again")
        expect(shown.get_by_label(f"address of {name}", exact=True)).to_have_value(re.compile("/hooks/"))
        expect(shown.get_by_label(f"address of {name}", exact=True)).to_be_focused()
        ann.page.keyboard.press("Escape")
        expect(shown).to_have_count(0)
        ann.page.keyboard.press("Escape")
        expect(ann.dialog).to_have_count(0)


def test_what_is_answered_after_a_log_out_is_not_told_to_who_comes_next(pair: tuple[Person, Person]) -> None:
    ann, bob = pair
    late: list[tuple[Route, APIResponse]] = []
    ann.page.route(re.compile("/members/"), lambda route: late.append((route, route.fetch())))
    ann.open_panel("People")
    ann.choose(ann.panel.get_by_role("button", name=f"Moderate {bob.name}"), "Mute")
    ann.dialog.get_by_role("button", name="Mute", exact=True).click()
    poll(lambda: ann.page.evaluate("0") == 0 and late)
    close_by_escape(ann)
    ann.log_out()
    ann.page.evaluate(
        """() => {
            const tell = () => (window.told = document.querySelector(".toasts").textContent);
            new MutationObserver(tell).observe(document.querySelector(".toasts"), { childList: true, subtree: true });
        }"""
    )
    with ann.page.expect_event("requestfinished", lambda request: "/members/" in request.url):
        ((route, answer),) = late
        route.fulfill(response=answer)
    ann.fill_login(bob.name, PASSWORD)
    ann.expect_online()
    assert ann.page.evaluate("window.told ?? null") is None
