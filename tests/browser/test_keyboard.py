"""The chat page by its keys: where they lead, what they do to a message, and when they do nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.person import Person

NewPerson = Callable[..., Person]
BLUR = "document.activeElement.blur()"
# What an input method's key looks like: to most browsers, and after the word in Safari.
COMPOSING = [{"isComposing": True}, {"keyCode": 229}]


def send_key(person: Person, key: str, **fields: object) -> None:
    """Send a key to what has the focus, with fields that no keyboard of Playwright can set."""
    send = """([key, fields]) => document.activeElement.dispatchEvent(
        new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...fields }))"""
    person.page.evaluate(send, [key, fields])


def make_rooms(person: Person, *names: str) -> None:
    """Make rooms, and show the last one."""
    for name in names[:-1]:
        assert person.call("POST", "/rooms", {"name": name}) == 201
    person.make_room(names[-1])
    for name in names:
        expect(person.room_button(name)).to_be_visible()


def write(person: Person, *texts: str) -> None:
    for text in texts:
        person.send_message(text)
        person.expect_message(text)


def test_j_leads_from_anywhere_to_the_messages_and_is_no_text(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    ann.make_room(room_name)
    write(ann, "first", "second", "third")
    ann.page.evaluate(BLUR)
    ann.page.keyboard.press("j")
    expect(ann.message("third")).to_be_focused()
    expect(ann.composer).to_have_value("")
    ann.room_button(room_name).focus()
    ann.page.keyboard.press("k")
    expect(ann.message("third")).to_be_focused()


def test_letters_mean_the_same_with_caps_lock(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    ann.make_room(room_name)
    write(ann, "first", "second")
    ann.page.evaluate(BLUR)
    ann.page.keyboard.press("J")
    expect(ann.message("second")).to_be_focused()
    ann.page.keyboard.press("K")
    expect(ann.message("first")).to_be_focused()
    ann.page.keyboard.press("E")
    expect(ann.page.get_by_role("textbox", name="Edit the message")).to_have_value("first")
    expect(ann.composer).to_have_value("")


def test_letters_are_those_of_the_key_where_a_keyboard_writes_other_letters(
    new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    ann.make_room(room_name)
    write(ann, "first")
    ann.page.evaluate(BLUR)
    send_key(ann, "о", code="KeyJ")
    expect(ann.composer).to_be_focused()  # it begins a text
    ann.message("first").focus()
    send_key(ann, "у", code="KeyE")
    expect(ann.page.get_by_role("textbox", name="Edit the message")).to_have_value("first")
    send_key(ann, "л", code="KeyK", ctrlKey=True)
    expect(ann.dialog.get_by_role("combobox")).to_be_focused()


def test_a_shortcut_with_another_modifier_is_none(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    make_rooms(ann, f"{room_name} one", f"{room_name} two")
    for keys in ("Control+Alt+ArrowUp", "Alt+Meta+ArrowUp", "Control+Alt+k", "Control+Shift+k", "Control+Shift+f"):
        ann.page.keyboard.press(keys)
    ann.page.keyboard.press("Alt+ArrowUp")
    expect(ann.heading).to_have_text(f"{room_name} one")
    expect(ann.dialog).to_have_count(0)
    expect(ann.panel).to_be_hidden()


@pytest.mark.parametrize("fields", COMPOSING, ids=["composing", "229"])
def test_keys_of_an_input_method_are_no_shortcuts(
    new_person: NewPerson, room_name: str, fields: dict[str, object]
) -> None:
    ann = new_person("ann")
    make_rooms(ann, f"{room_name} one", f"{room_name} two")
    write(ann, "first")
    ann.open_panel("People")
    for key, modifiers in (
        ("Escape", {}),
        ("k", {"ctrlKey": True}),
        ("f", {"ctrlKey": True}),
        ("ArrowUp", {"altKey": True}),
    ):
        ann.composer.focus()
        send_key(ann, key, **modifiers, **fields)
    for key in ("e", "t", "Delete", "k"):
        ann.message("first").focus()
        send_key(ann, key, **fields)
    expect(ann.message("first")).to_be_focused()
    ann.page.keyboard.press("ArrowRight")  # what comes after it has come
    expect(ann.heading).to_have_text(f"{room_name} two")
    expect(ann.panel).to_have_attribute("data-panel-name", "people")
    expect(ann.dialog).to_have_count(0)
    expect(ann.message("first")).to_contain_text("first")
    expect(ann.page.get_by_role("textbox", name="Edit the message")).to_have_count(0)


def test_keys_in_a_dialog_are_the_dialogs(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    make_rooms(ann, f"{room_name} one", f"{room_name} two")
    write(ann, "first")
    ann.choose(ann.own_line, "Keyboard shortcuts")
    expect(ann.dialog).to_be_visible()
    for keys in ("j", "?", "Control+k", "Control+f", "Control+u", "Alt+ArrowUp", "F6"):
        ann.page.keyboard.press(keys)
    expect(ann.dialog).to_have_count(1)
    assert ann.dialog.evaluate("node => node.contains(document.activeElement)")
    ann.page.keyboard.press("Escape")
    expect(ann.heading).to_have_text(f"{room_name} two")
    expect(ann.panel).to_be_hidden()


def test_a_dialog_that_is_still_being_loaded_opens_once(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    ann.make_room(room_name)
    held = []
    ann.page.route("**/*switcher-dialog*", lambda route: held.append(route))
    with ann.page.expect_request("**/*switcher-dialog*"):
        ann.page.keyboard.press("Control+k")
    ann.page.keyboard.press("Control+k")
    held[0].continue_()
    expect(ann.dialog).to_be_visible()
    ann.page.keyboard.press("Escape")
    expect(ann.dialog).to_have_count(0)
    ann.page.keyboard.press("Control+k")
    expect(ann.dialog).to_have_count(1)
