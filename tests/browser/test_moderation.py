"""What moderators do with members, on two pages at once, and what the people panel and profiles show."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.person import Person
from tests.support.waiting import poll


def moderate(ann: Person, bob: Person, item: str) -> None:
    """Choose an item of Bob's menu in Ann's people panel, which is open."""
    ann.choose(ann.panel.get_by_role("button", name=f"Moderate {bob.name}"), item)


def expect_offered(ann: Person, bob: Person, item: str, *, opener: str | None = None) -> None:
    """Of Mute… and Unmute, Bob's menu comes to have this one alone."""

    def offered() -> list[str]:
        ann.panel.get_by_role("button", name=opener or f"Moderate {bob.name}").click()
        labels = ann.page.locator("[role=menu] [role=menuitem]").all_inner_texts()
        ann.page.keyboard.press("Escape")
        expect(ann.page.locator("[role=menu]")).to_have_count(0)
        return [label for label in labels if "ute" in label]

    poll(lambda: offered() == [item])


def test_a_mute_and_its_end_reach_the_muted_one(pair: tuple[Person, Person]) -> None:
    ann, bob = pair
    ann.open_panel("People")
    moderate(ann, bob, "Mute")
    ann.dialog.get_by_role("button", name="Mute").click()
    expect(ann.toasts).to_contain_text(f"{bob.name} is muted for 1 hour.")
    moderate(ann, bob, "Unmute")
    expect(ann.toasts).to_contain_text("may write again")
    expect_offered(ann, bob, "Mute…")
    bob.page.reload()
    bob.send_message("I am back")
    ann.expect_message("I am back")


def test_a_mute_is_offered_to_who_is_not_muted_and_its_end_to_who_is_also_later(pair: tuple[Person, Person]) -> None:
    ann, bob = pair
    audit = re.compile(r"/audit")
    with ann.page.expect_response(audit):
        ann.open_panel("People")
    expect_offered(ann, bob, "Mute…")
    moderate(ann, bob, "Mute")
    ann.dialog.get_by_role("button", name="Mute").click()
    expect(ann.toasts).to_contain_text(f"{bob.name} is muted for 1 hour.")
    expect_offered(ann, bob, "Unmute")
    with ann.page.expect_response(audit):
        ann.page.reload()
    expect_offered(ann, bob, "Unmute")
    with ann.page.expect_response(audit):
        ann.person(bob.name).click()
    expect_offered(ann, bob, "Unmute", opener="Moderate…")
    ann.choose(ann.panel.get_by_role("button", name="Moderate…"), "Unmute")
    expect(ann.toasts).to_contain_text("may write again")
    expect_offered(ann, bob, "Mute…", opener="Moderate…")


def test_who_is_banned_leaves_at_once_and_is_on_the_list_until_the_ban_ends(
    pair: tuple[Person, Person], room_name: str
) -> None:
    ann, bob = pair
    ann.open_panel("People")
    moderate(ann, bob, "Ban")
    ann.dialog.get_by_label("Reason").fill("Too many puns")
    ann.dialog.get_by_role("button", name="Ban").click()
    expect(bob.room_button(room_name)).to_have_count(0)
    expect(bob.toasts).to_contain_text("no longer in this room")
    ann.choose_of_room("Room settings")
    ann.dialog.get_by_role("button", name="Bans").click()
    expect(ann.dialog).to_contain_text("Too many puns")
    ann.dialog.get_by_role("button", name="End the ban").click()
    expect(ann.dialog).to_contain_text("Nobody is banned.")


def test_a_profile_leads_to_a_direct_room_and_can_be_blocked(pair: tuple[Person, Person]) -> None:
    ann, bob = pair
    bob.send_message("Hello all")
    ann.expect_message("Hello all")
    ann.message("Hello all").locator(".author").click()
    expect(ann.panel).to_contain_text(f"@{bob.name}")
    ann.panel.get_by_role("button", name="Block").click()
    expect(ann.timeline).to_contain_text("1 message of a blocked person")
    ann.panel.get_by_role("button", name="Unblock").click()
    ann.expect_message("Hello all")
    ann.panel.get_by_role("button", name="Send a message").click()
    expect(ann.heading).to_have_text(bob.name)


def test_a_direct_room_with_a_blocked_person_offers_to_unblock_instead_of_a_message_field(
    pair: tuple[Person, Person],
) -> None:
    ann, bob = pair
    bob_id = bob.page.evaluate("JSON.parse(localStorage.getItem('chat.session')).user.id")
    ann.composer.fill(f"/dm @{bob.name} Hello")
    ann.composer.press("Enter")
    ann.expect_message("Hello")
    ann.page.evaluate(
        "(hash) => { location.hash = hash; }", f"{ann.page.url.partition('#')[2]}&panel=profile&id={bob_id}"
    )
    ann.panel.get_by_role("button", name="Block").click()
    room = ann.page.locator("main")
    expect(room.get_by_role("status").filter(has_text="You blocked this person.")).to_be_visible()
    expect(ann.composer).to_have_count(0)
    room.get_by_role("button", name="Unblock").click()
    expect(ann.composer).to_be_focused()
    expect(ann.panel.get_by_role("button", name="Block", exact=True)).to_be_visible()
    ann.send_message("Hello again")
    ann.expect_message("Hello again")


def test_the_settings_of_a_room_change_on_both_pages(pair: tuple[Person, Person], room_name: str) -> None:
    ann, bob = pair
    ann.choose_of_room("Room settings")
    ann.dialog.get_by_label("What is it about?").fill("Only good news")
    ann.dialog.get_by_role("button", name="Save").click()
    for person in pair:
        expect(person.page.locator(".room-title")).to_contain_text("Only good news")
    bob.choose_of_room("Room settings")
    expect(bob.dialog.get_by_role("button", name="Save")).to_have_count(0)
