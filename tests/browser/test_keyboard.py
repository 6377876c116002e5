"""The chat page by its keys: where they lead, what they do to a message, and when they do nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.person import Person

NewPerson = Callable[..., Person]
PHONE = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}
BLUR = "document.activeElement.blur()"
# What an input method's key looks like: to most browsers, and after the word in Safari.
COMPOSING = [{"isComposing": True}, {"keyCode": 229}]


def send_key(person: Person, key: str, **fields: object) -> bool:
    """Send a key to what has the focus, with fields that no keyboard of Playwright can set; returns whether it is left
    to the browser.
    """
    send = """([key, fields]) => document.activeElement.dispatchEvent(
        new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...fields }))"""
    return bool(person.page.evaluate(send, [key, fields]))


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


def test_ctrl_k_finds_a_room_by_some_letters_and_enter_goes_there(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    make_rooms(ann, f"{room_name} one", f"{room_name} two")
    ann.composer.focus()
    ann.page.keyboard.press("Control+k")
    expect(ann.dialog.get_by_role("combobox")).to_be_focused()
    ann.page.keyboard.type(f"{room_name} o")
    expect(ann.dialog.get_by_role("option", selected=True)).to_have_text(f"{room_name} one")
    ann.page.keyboard.press("Enter")
    expect(ann.heading).to_have_text(f"{room_name} one")
    expect(ann.dialog).to_have_count(0)


def test_ctrl_f_searches_in_a_room_and_is_the_browsers_elsewhere_and_the_second_time(
    new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    assert send_key(ann, "f", ctrlKey=True)
    ann.make_room(room_name)
    expect(ann.panel).to_be_hidden()
    ann.composer.focus()
    ann.page.keyboard.press("Control+f")
    expect(ann.panel.get_by_role("searchbox")).to_be_focused()
    assert send_key(ann, "f", ctrlKey=True)


def test_alt_and_the_arrows_go_through_the_rooms_as_the_sidebar_shows_them(
    new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    page = ann.page
    names = [f"{room_name} {number}" for number in (1, 2, 3)]
    make_rooms(ann, *names)
    ann.choose_of_room("Star")
    shown = page.locator(".sidebar [data-room-id]")
    expect(shown).to_have_text([names[2], names[0], names[1]])
    ann.composer.focus()

    def press(key: str, room: str) -> None:
        page.keyboard.press(key)
        expect(ann.heading).to_have_text(room)
        expect(page.locator(".sidebar [data-room-id][aria-current=true]")).to_have_text(room)

    for room in (names[0], names[1], names[2]):
        press("Alt+ArrowDown", room)
    press("Alt+ArrowUp", names[1])
    page.locator(".sidebar").get_by_role("button", name="Rooms", exact=True).click()
    expect(shown).to_have_text([names[2], names[1]])
    press("Alt+ArrowUp", names[2])
    expect(shown).to_have_text([names[2]])
    press("Alt+ArrowDown", names[2])


def test_alt_shift_and_the_arrows_go_to_the_next_room_that_is_shown_as_unread(
    new_person: NewPerson, room_name: str
) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    names = [f"{room_name} {number}" for number in (1, 2, 3, 4)]
    make_rooms(ann, *names)
    write(ann, "marked as unread by hand")
    ann.message("by hand").focus()
    ann.page.keyboard.press("u")
    expect(ann.page.get_by_role("group", name="New messages")).to_be_visible()
    ann.room_button(names[0]).click()
    expect(ann.heading).to_have_text(names[0])
    bob.join_room(names[1])
    bob.send_message("new")
    expect(ann.page.locator("[data-room-id][data-unread]")).to_have_count(2)
    for key, room in (("ArrowUp", names[3]), ("ArrowUp", names[1]), ("ArrowDown", names[3])):
        ann.page.keyboard.press(f"Alt+Shift+{key}")
        expect(ann.heading).to_have_text(room)


def test_t_opens_the_thread_enter_all_actions_and_delete_deletes(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    ann.make_room(room_name)
    write(ann, "first", "second")
    ann.message("first").focus()
    ann.page.keyboard.press("Enter")
    expect(ann.page.get_by_role("menu", name="Message")).to_be_visible()
    ann.page.keyboard.press("Escape")
    expect(ann.message("first")).to_be_focused()
    ann.page.keyboard.press("Delete")
    expect(ann.timeline).to_contain_text("This message was deleted.")
    ann.message("second").focus()
    ann.page.keyboard.press("t")
    expect(ann.panel).to_contain_text("second")


def test_ctrl_u_asks_for_files(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    ann.make_room(room_name)
    for focus in (ann.composer.focus, ann.timeline.focus):
        focus()
        with ann.page.expect_file_chooser() as chooser:
            ann.page.keyboard.press("Control+u")
        assert chooser.value.is_multiple()
    chooser.value.set_files({"name": "list.txt", "mimeType": "text/plain", "buffer": b"milk"})
    expect(ann.page.get_by_role("list", name="Attachments")).to_contain_text("list.txt")


def test_escape_closes_what_is_innermost(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    page = ann.page
    ann.make_room(room_name)
    write(ann, "first")
    ann.open_panel("People")
    ann.message("first").focus()
    page.keyboard.press("Control+k")
    expect(ann.dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(ann.dialog).to_have_count(0)
    expect(ann.message("first")).to_be_focused()
    page.keyboard.press("r")
    reply = page.locator("main .composer-reply")
    expect(reply).to_be_visible()
    page.keyboard.type(":smil")
    completion = page.locator("main .completion [role=option]")
    for innermost, next_one in ((completion, reply), (reply, ann.panel)):
        expect(innermost.first).to_be_visible()
        page.keyboard.press("Escape")
        expect(innermost).to_have_count(0)
        expect(next_one).to_be_visible()
    page.keyboard.press("Escape")
    expect(ann.panel).to_be_hidden()
    expect(ann.composer).to_have_value(":smil")


KEYS = {
    "Alt+Shift+↑",
    "Alt+Shift+↓",
    "Alt+↑",
    "Alt+↓",
    "Ctrl+B",
    "Ctrl+E",
    "Ctrl+F",
    "Ctrl+I",
    "Ctrl+K",
    "Ctrl+U",
    "Enter",
    "Esc",
    "F6",
    "Shift+Enter",
    "Shift+F6",
    *"?↑+CEJKRTU",
    "Del",
}


def test_a_question_mark_opens_a_list_of_all_keys(new_person: NewPerson, room_name: str) -> None:
    """What each of them does is tested above, in test_composer.py, test_messages.py and test_accessibility.py."""
    ann = new_person("ann")
    ann.make_room(room_name)
    ann.composer.press("?")
    expect(ann.composer).to_have_value("?")
    ann.timeline.focus()
    ann.page.keyboard.press("?")
    expect(ann.dialog.locator("kbd").first).to_be_visible()
    assert set(ann.dialog.locator("kbd").all_inner_texts()) == KEYS
    ann.page.keyboard.press("Escape")
    expect(ann.timeline).to_be_focused()
    expect(ann.composer).to_have_value("?")


def test_f6_goes_on_between_the_parts_of_the_page(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    page = ann.page
    expect(ann.heading).to_be_visible()
    page.keyboard.press("F6")
    assert page.evaluate("document.activeElement.closest('.sidebar') !== null")
    page.keyboard.press("F6")
    expect(ann.heading).to_be_focused()
    make_rooms(ann, f"{room_name} one", f"{room_name} two")
    write(ann, "first")
    ann.open_panel("People")
    places = [ann.room_button("two"), ann.message("first"), ann.composer, ann.panel.locator("h2").first]
    page.evaluate(BLUR)
    for place in [*places, places[0]]:
        page.keyboard.press("F6")
        expect(place).to_be_focused()
    for place in reversed(places):
        page.keyboard.press("Shift+F6")
        expect(place).to_be_focused()
    page.locator("main header").get_by_role("button", name="More").focus()
    page.keyboard.press("F6")
    expect(ann.message("first")).to_be_focused()
    page.locator("main header").get_by_role("button", name="More").focus()
    page.keyboard.press("Shift+F6")
    expect(ann.room_button("two")).to_be_focused()


def test_a_panel_takes_the_focus_and_gives_it_back(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    page = ann.page
    ann.make_room(room_name)
    write(ann, "first")
    people = page.locator("main header").get_by_role("button", name="People")
    people.focus()
    page.keyboard.press("Enter")
    heading = ann.panel.get_by_role("heading", name="People")
    expect(heading).to_be_focused()
    page.keyboard.press("Escape")
    expect(people).to_be_focused()
    ann.message("first").focus()
    page.keyboard.press("t")
    expect(ann.panel.get_by_role("textbox")).to_be_focused()
    page.keyboard.press("Escape")
    expect(ann.message("first")).to_be_focused()
    ann.message("first").hover()
    ann.message("first").get_by_role("button", name="Reply in a thread").click()
    expect(ann.panel.get_by_role("textbox")).to_be_focused()
    page.go_back()
    expect(ann.message("first")).to_be_focused()
    people.click()
    ann.person(ann.name).click()
    expect(ann.panel.get_by_role("heading", name="Profile")).to_be_focused()
    ann.panel.get_by_role("button", name="Close the panel").click()
    expect(people).to_be_focused()
    people.click()
    expect(heading).to_be_focused()
    ann.composer.focus()
    page.keyboard.press("Escape")
    expect(ann.panel).to_be_hidden()
    expect(ann.composer).to_be_focused()
    page.evaluate("location.hash += '&panel=people'")
    page.reload()
    expect(ann.panel).to_be_visible()
    ann.expect_message("first")
    expect(page.locator("body")).to_be_focused()


def test_the_keys_of_messages_hold_in_a_thread(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    page = ann.page
    ann.make_room(room_name)
    write(ann, "first")
    ann.message("first").focus()
    page.keyboard.press("t")
    field = ann.panel.get_by_role("textbox", name="Reply in the thread")
    field.fill("a reply")
    field.press("Enter")
    thread = ann.panel.locator('[data-state="stored"]')
    expect(thread).to_have_count(2)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    expect(ann.panel.get_by_role("region", name="Thread")).to_be_focused()
    page.keyboard.press("j")
    expect(thread.last).to_be_focused()
    page.keyboard.press("k")
    expect(thread.first).to_be_focused()
    page.keyboard.press("Escape")
    expect(field).to_be_focused()
    expect(ann.panel).to_be_visible()
    thread.last.focus()
    page.keyboard.press("e")
    expect(ann.panel.get_by_role("textbox", name="Edit the message")).to_have_value("a reply")


def test_whoever_goes_to_another_room_goes_on_in_its_message_field(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    page = ann.page
    ann.make_room(f"{room_name} one")
    expect(ann.composer).to_be_focused()
    make_rooms(ann, f"{room_name} two")
    expect(ann.composer).to_be_focused()
    ann.room_button("one").click()
    expect(ann.heading).to_have_text(f"{room_name} one")
    expect(ann.composer).to_be_focused()
    page.keyboard.press("Control+k")
    expect(ann.dialog).to_be_visible()
    page.keyboard.type(f"{room_name} t")
    page.keyboard.press("Enter")
    expect(ann.heading).to_have_text(f"{room_name} two")
    expect(ann.composer).to_be_focused()
    room_id = page.url.partition("room=")[2]
    assert ann.call("PATCH", f"/rooms/{room_id}", {"archived": True}) == 200
    page.go_back()
    expect(ann.heading).to_have_text(f"{room_name} one")
    page.go_forward()
    expect(ann.heading).to_be_focused()


def test_on_a_phone_another_room_and_a_panel_bring_up_no_keyboard(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann", **PHONE)
    ann.make_room(room_name)
    write(ann, "first")
    ann.page.get_by_role("button", name="Back to the rooms").click()
    ann.room_button(room_name).click()
    expect(ann.heading).to_be_focused()
    ann.message("first").focus()
    ann.page.keyboard.press("t")
    expect(ann.panel.get_by_role("textbox")).to_be_visible()
    expect(ann.panel.get_by_role("heading", name="Thread")).to_be_focused()
    ann.panel.get_by_role("button", name="Back").click()
    expect(ann.message("first")).to_be_focused()
