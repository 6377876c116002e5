"""Acts that take something away, each with the button that brings back what was before, on two pages at once."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.browser.person import Person
from tests.support.waiting import poll

DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

NewPerson = Callable[..., Person]

ROOM = """async (roomId) => {
    const { accessToken } = JSON.parse(localStorage.getItem("chat.session"));
    const reply = await fetch(`/rooms/${roomId}`, { headers: { Authorization: `Bearer ${accessToken}` } });
    return (await reply.json()).room;
}"""


def room_of(person: Person, room_id: str) -> dict[str, Any]:
    """A room as the server tells it to this person."""
    room: dict[str, Any] = person.page.evaluate(ROOM, room_id)
    return room


def undo(person: Person, told: str) -> None:
    """Press Undo in the toast that says this."""
    toast = person.toasts.locator(".toast", has_text=told)
    toast.get_by_role("button", name="Undo").click()
    expect(toast).to_have_count(0)


def moderate(ann: Person, bob: Person, item: str) -> None:
    """Choose an item of Bob's menu in Ann's people panel, which is open."""
    ann.choose(ann.panel.get_by_role("button", name=f"Moderate {bob.name}"), item)


def test_a_role_a_mute_and_its_end_are_taken_back(pair: tuple[Person, Person]) -> None:
    ann, bob = pair
    silence = bob.page.locator(".composer-silence")
    ann.open_panel("People")
    moderate(ann, bob, "Make a moderator")
    expect(ann.person(bob.name)).to_contain_text("moderator")
    undo(ann, f"{bob.name} is now moderator.")
    expect(ann.toasts).to_contain_text(f"{bob.name} is a member again.")
    expect(ann.person(bob.name)).not_to_contain_text("moderator")

    moderate(ann, bob, "Mute")
    ann.dialog.get_by_role("button", name="Mute").click()
    expect(silence).to_contain_text("muted")
    undo(ann, f"{bob.name} is muted for 1 hour.")
    expect(silence).to_have_count(0)

    moderate(ann, bob, "Mute")
    ann.dialog.get_by_role("button", name="Mute").click()
    expect(silence).to_contain_text("muted")
    until = silence.inner_text()
    moderate(ann, bob, "Unmute")
    expect(silence).to_have_count(0)
    ann.toasts.locator(".toast", has_text="may write again").get_by_role("button", name="Undo").last.click()
    expect(ann.toasts).to_contain_text(f"{bob.name} is muted as before.")
    expect(silence).to_have_text(until)


def test_who_was_removed_or_banned_is_added_again_with_the_role_of_before(
    pair: tuple[Person, Person], room_name: str
) -> None:
    ann, bob = pair
    ann.open_panel("People")
    moderate(ann, bob, "Make a moderator")
    expect(ann.person(bob.name)).to_contain_text("moderator")

    moderate(ann, bob, "Remove")
    ann.dialog.get_by_role("button", name="Remove").click()
    expect(bob.room_button(room_name)).to_have_count(0)
    undo(ann, f"{bob.name} was removed.")
    expect(bob.room_button(room_name)).to_be_visible()
    expect(ann.person(bob.name)).to_contain_text("moderator")

    moderate(ann, bob, "Ban")
    ann.dialog.get_by_role("button", name="Ban").click()
    expect(bob.room_button(room_name)).to_have_count(0)
    undo(ann, f"{bob.name} is banned for 7 days. Undo ends the ban and adds them again.")
    expect(ann.toasts).to_contain_text(f"The ban is over, and {bob.name} is a member again.")
    expect(bob.room_button(room_name)).to_be_visible()
    expect(ann.person(bob.name)).to_contain_text("moderator")


def test_a_block_is_taken_back(pair: tuple[Person, Person]) -> None:
    ann, bob = pair
    bob.send_message("Hello all")
    ann.expect_message("Hello all")
    ann.message("Hello all").locator(".author").click()
    ann.panel.get_by_role("button", name="Block").click()
    expect(ann.timeline).to_contain_text("1 message of a blocked person")
    undo(ann, f"{bob.name} is blocked")
    ann.expect_message("Hello all")
    expect(ann.panel.get_by_role("button", name=re.compile("^Block"))).to_be_visible()


def test_who_left_a_public_room_is_back_where_it_was_and_others_are_asked_first(
    pair: tuple[Person, Person], room_name: str
) -> None:
    ann, bob = pair
    bob.choose_of_room("Leave the room")
    expect(bob.heading).to_contain_text("Welcome")
    expect(bob.room_button(room_name)).to_have_count(0)
    undo(bob, f"You left {room_name}.")
    expect(bob.heading).to_have_text(room_name)
    bob.expect_in_room()
    ann.send_message("You are back.")
    bob.expect_message("You are back.")

    ann.send_message("/leave")
    expect(ann.dialog).to_contain_text("It gets another owner: you come back as a member.")
    ann.dialog.get_by_role("button", name="Stay").click()
    expect(ann.dialog).to_have_count(0)
    expect(ann.heading).to_have_text(room_name)
    ann.make_room("Attic", private=True)
    ann.choose_of_room("Leave the room")
    expect(ann.dialog).to_contain_text("You can come back only if you are invited again.")
    ann.dialog.get_by_role("button", name="Leave").click()
    expect(ann.room_button("Attic")).to_have_count(0)
    expect(ann.toasts.get_by_role("button", name="Undo")).to_have_count(0)


def test_what_was_marked_as_read_is_as_before_after_undo_and_read_once_the_time_is_over(
    pair: tuple[Person, Person], room_name: str
) -> None:
    ann, bob = pair
    room_id = ann.page.url.partition("room=")[2].partition("&")[0]
    other = f"Cellar {room_name[-6:]}"
    bob.make_room("Desk")
    ann.send_message("one")
    ann.send_message(f"two for @{bob.name}")
    ann.make_room(other)
    bob.join_room(other)
    bob.room_button("Desk").click()
    ann.send_message("three")
    rooms = [bob.room_button(room_name), bob.room_button(other)]
    badges = [room.locator(".badge") for room in rooms]
    entry = bob.page.get_by_role("button", name=re.compile("^Unread"))

    def expect_unread() -> None:
        expect(badges[0]).to_have_text("@1")
        expect(rooms[0]).to_have_attribute("data-unread", "2")
        expect(badges[1]).to_have_text("1")
        expect(entry.locator(".badge")).to_have_text("3")

    expect_unread()
    entry.click()
    bob.panel.get_by_role("button", name="Mark all as read").click()
    expect(bob.panel).to_contain_text("You have read everything.")
    expect(entry.locator(".badge")).to_have_count(0)
    undo(bob, "2 rooms are marked as read.")
    expect_unread()
    assert room_of(bob, room_id)["readSeq"] == 0

    bob.panel.get_by_role("button", name=f"Mark {room_name} as read").click()
    expect(badges[0]).to_have_count(0)
    bob.toasts.locator(".toast", has_text=room_name).get_by_role("button", name="Dismiss").click()
    poll(lambda: room_of(bob, room_id)["readSeq"] == 2)
    expect(badges[0]).to_have_count(0)
    expect(badges[1]).to_have_text("1")
    bob.panel.get_by_role("button", name=f"Mark {other} as read").click()
    bob.page.reload()  # the time is over
    expect(bob.room_button("Desk")).to_be_visible()
    expect(badges[1]).to_have_count(0)
    assert room_of(bob, room_id)["unreadCount"] == 0


def test_a_mark_of_unread_and_a_star_come_back(pair: tuple[Person, Person], room_name: str) -> None:
    _, bob = pair
    room = bob.room_button(room_name)
    starred = bob.page.get_by_role("region", name="Starred").locator("[data-room-id]", has_text=room_name)
    bob.choose_of_room("Star")
    expect(starred).to_be_visible()
    bob.choose_of_room("Remove the star")
    expect(starred).to_have_count(0)
    undo(bob, "The star is removed.")
    expect(starred).to_be_visible()

    for text in ("one", "two"):
        bob.send_message(text)
        bob.expect_message(text)
    bob.message("two").hover()
    bob.choose(bob.message("two").get_by_role("button", name="More", exact=True), "Mark as unread")
    line = bob.timeline.get_by_role("separator", name="New")
    expect(line).to_be_visible()
    bob.page.get_by_role("button", name="Mark as read").click()
    expect(line).to_have_count(0)
    expect(room).not_to_have_attribute("data-unread", re.compile(r"\d"))
    undo(bob, f"{room_name} is marked as read.")
    expect(line).to_be_visible()
    expect(room).to_have_attribute("data-unread", re.compile(r"\d"))


def test_what_waits_for_its_undo_is_done_before_the_log_out(pair: tuple[Person, Person]) -> None:
    ann, bob = pair
    ann.send_message("Oops")
    bob.expect_message("Oops")
    ann.message("Oops").focus()
    ann.page.keyboard.press("Delete")
    expect(ann.timeline).to_contain_text("This message was deleted.")
    ann.log_out()
    expect(bob.timeline).to_contain_text("This message was deleted.")


def test_a_file_a_message_that_failed_and_a_change_that_was_given_up_come_back(
    new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    ann.make_room(room_name)
    files = ann.page.get_by_role("list", name="Attachments")
    notes = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"some notes\n"}
    ann.page.set_input_files("input[type=file]", [notes, {**notes, "name": "more.txt"}])
    expect(files.locator('[data-state="done"]')).to_have_count(2)
    files.get_by_role("button", name="Remove notes.txt").click()
    expect(files.get_by_role("listitem")).to_have_count(1)
    undo(ann, "notes.txt is removed.")
    expect(files.get_by_role("listitem")).to_contain_text(["notes.txt", "more.txt"])
    expect(files.locator('[data-state="done"]')).to_have_count(2)

    ann.send_message("nul \u0000 here")
    failed = ann.messages("failed")
    failed.get_by_role("button", name="Discard").click()
    expect(failed).to_have_count(0)
    undo(ann, "Discarded.")
    expect(failed).to_contain_text("Not sent")
    failed.get_by_role("button", name="Edit").click()
    expect(files.get_by_role("listitem")).to_contain_text(["notes.txt", "more.txt"])
    ann.send_message("nul is gone")
    ann.expect_message("nul is gone")
    expect(ann.message("nul is gone")).to_contain_text("more.txt")

    ann.composer.press("ArrowUp")
    field = ann.page.get_by_label("Edit the message")
    field.fill("Something else")
    field.press("Escape")
    expect(field).to_have_count(0)
    undo(ann, "The change is discarded.")
    expect(field).to_have_value("Something else")
    field.press("Enter")
    ann.expect_message("Something else")


def test_a_topic_a_status_and_the_settings_of_a_room_are_as_before_after_undo(
    pair: tuple[Person, Person], room_name: str
) -> None:
    ann, bob = pair
    titles = [person.page.locator(".room-title") for person in pair]
    ann.send_message("/topic Good news")
    expect(titles[1]).to_contain_text("Good news")
    ann.send_message("/topic ")
    expect(titles[1]).not_to_contain_text("Good news")
    undo(ann, "The topic is removed.")
    expect(titles[1]).to_contain_text("Good news")

    ann.send_message("/status At sea")
    expect(ann.own_line).to_contain_text("At sea")
    ann.send_message("/status ")
    expect(ann.own_line).not_to_contain_text("At sea")
    undo(ann, "Your status is cleared.")
    expect(ann.own_line).to_contain_text("At sea")

    ann.choose_of_room("Room settings")
    ann.dialog.get_by_label("Name").fill("Mistake")
    ann.dialog.get_by_label("What is it about?").fill("Nothing")
    ann.dialog.get_by_role("button", name="Save").click()
    expect(titles[1]).to_contain_text("Nothing")
    expect(bob.heading).to_have_text("Mistake")
    undo(ann, "Saved.")
    expect(bob.heading).to_have_text(room_name)
    expect(titles[1]).to_contain_text("Good news")


def test_a_picture_that_was_removed_or_replaced_comes_back_and_the_end_of_a_session_is_asked_about(
    new_person: NewPerson,
) -> None:
    ann = new_person("ann", registered=False).register()  # by the form: pictures are read by a cookie
    ann.choose(ann.own_line, "Profile")
    ann.panel.get_by_role("button", name="Edit the profile").click()
    picture = ann.dialog.locator(".avatar-field img")
    remove = ann.dialog.get_by_role("button", name="Remove the picture")
    put_back = ann.dialog.get_by_role("button", name="Undo")
    ann.dialog.locator("input[type=file]").set_input_files(
        {"name": "dot.png", "mimeType": "image/png", "buffer": base64.b64decode(DOT)}
    )
    expect(picture).to_be_visible()
    put_back.click()
    expect(picture).to_have_count(0)
    ann.dialog.locator("input[type=file]").set_input_files(
        {"name": "dot.png", "mimeType": "image/png", "buffer": base64.b64decode(DOT)}
    )
    remove.click()
    expect(picture).to_have_count(0)
    put_back.click()
    expect(picture).to_be_visible()
    poll(lambda: picture.evaluate("image => image.naturalWidth") == 1)
    expect(put_back).to_have_count(0)
    ann.page.keyboard.press("Escape")

    other = new_person("other", registered=False)
    other.name = ann.name
    other.log_in()
    ann.choose(ann.own_line, "Preferences")
    ann.dialog.get_by_role("button", name="Sessions").click()
    end = ann.dialog.get_by_role("button", name="End", exact=True)
    end.click()
    question = ann.page.get_by_role("dialog", name=re.compile("^End the session"))
    expect(question).to_contain_text("cannot be undone")
    question.get_by_role("button", name="End").click()
    expect(end).to_have_count(0)
    expect(other.page.get_by_role("form", name="Log in")).to_be_visible()
