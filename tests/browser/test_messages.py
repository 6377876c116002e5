"""What can be done with a message, on two pages at once: edit, delete, react, reply, threads, copy, report."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.person import SET_VISIBILITY, Person
from tests.support.waiting import poll

HTML = "<img src=x onerror=alert(1)><b>bold</b>"
HAS_FOCUS = "row => row.contains(document.activeElement)"


def act(person: Person, text: str, button: str) -> None:
    """Press a button of a message's toolbar."""
    row = person.message(text)
    row.hover()
    row.get_by_role("button", name=button, exact=True).click()


def menu(person: Person, text: str, item: str) -> None:
    """Choose an item of a message's menu."""
    row = person.message(text)
    row.hover()
    person.choose(row.get_by_role("button", name="More", exact=True), item)


def test_an_edit_shows_on_both_pages_with_its_mark(pair: tuple[Person, Person]) -> None:
    ann, bob = pair
    ann.send_message("Teh")
    bob.expect_message("Teh")
    menu(ann, "Teh", "Edit")
    field = ann.page.get_by_role("textbox", name="Edit the message")
    expect(field).to_be_focused()
    field.fill("The")
    field.press("Enter")
    for person in pair:
        expect(person.message("The")).to_contain_text("(edited)")
    expect(ann.composer).to_be_focused()


def test_the_arrow_up_in_an_empty_field_edits_the_last_message_of_ones_own(pair: tuple[Person, Person]) -> None:
    ann, bob = pair
    ann.send_message("Mine")
    ann.expect_message("Mine")
    bob.send_message("Theirs")
    ann.expect_message("Theirs")
    ann.composer.press("ArrowUp")
    field = ann.page.get_by_role("textbox", name="Edit the message")
    expect(field).to_have_value("Mine")
    field.press("Escape")
    expect(field).to_have_count(0)
    expect(ann.message("Mine")).not_to_contain_text("(edited)")


def test_a_deleted_message_can_be_brought_back_until_the_server_is_told(pair: tuple[Person, Person]) -> None:
    ann, bob = pair
    ann.send_message("Oops")
    bob.expect_message("Oops")
    menu(ann, "Oops", "Delete")
    expect(ann.timeline).to_contain_text("This message was deleted.")
    ann.toasts.get_by_role("button", name="Undo").click()
    ann.expect_message("Oops")
    bob.expect_message("Oops")
    menu(ann, "Oops", "Delete")
    ann.toasts.get_by_role("button", name="Dismiss").click()
    expect(bob.timeline).to_contain_text("This message was deleted.")


def test_undo_is_there_for_as_long_as_it_is_pointed_at_and_the_focus_comes_back(pair: tuple[Person, Person]) -> None:
    ann, _ = pair
    page = ann.page
    page.clock.install()
    ann.send_message("Oops")
    ann.expect_message("Oops")
    menu(ann, "Oops", "Delete")
    expect(ann.message("This message was deleted.")).to_be_focused()
    undo = ann.toasts.get_by_role("button", name="Undo")
    field, toast = page.locator("main .composer").bounding_box(), ann.toasts.locator(".toast").bounding_box()
    assert field and toast and toast["y"] + toast["height"] <= field["y"]  # nothing that is written is covered
    undo.hover()
    page.clock.run_for(20_000)
    expect(undo).to_be_visible()
    ann.composer.focus()
    page.keyboard.press("F6")
    expect(undo).to_be_focused()
    ann.heading.hover()
    page.clock.run_for(20_000)
    page.keyboard.press("Enter")
    ann.expect_message("Oops")
    expect(ann.composer).to_be_focused()
    menu(ann, "Oops", "Delete")
    ann.heading.hover()
    page.clock.run_for(20_000)
    expect(undo).to_have_count(0)
    expect(ann.message("This message was deleted.")).to_be_focused()


def test_a_message_is_deleted_also_where_the_page_is_left_before_its_time(pair: tuple[Person, Person]) -> None:
    ann, bob = pair
    ann.send_message("Oops")
    bob.expect_message("Oops")
    menu(ann, "Oops", "Delete")
    expect(ann.timeline).to_contain_text("This message was deleted.")
    ann.page.reload()
    expect(bob.timeline).to_contain_text("This message was deleted.")


def test_reactions_are_counted_on_both_pages_and_taken_back(pair: tuple[Person, Person]) -> None:
    ann, bob = pair
    ann.send_message("Cake?")
    bob.expect_message("Cake?")
    act(bob, "Cake?", "React with 👍")
    for person in pair:
        expect(person.message("Cake?").locator('[data-emoji="👍"]')).to_contain_text("1")
    ann.message("Cake?").locator('[data-emoji="👍"]').click()
    expect(bob.message("Cake?").locator('[data-emoji="👍"]')).to_contain_text("2")
    bob.message("Cake?").locator('[data-emoji="👍"]').click()
    expect(ann.message("Cake?").locator('[data-emoji="👍"]')).to_contain_text("1")
    ann.message("Cake?").locator('[data-emoji="👍"]').click()
    expect(bob.message("Cake?").locator("[data-emoji]")).to_have_count(0)


def test_any_emoji_can_be_found_by_a_word_with_the_keyboard(pair: tuple[Person, Person]) -> None:
    ann, bob = pair
    ann.send_message("Sailing?")
    ann.expect_message("Sailing?")
    ann.message("Sailing?").focus()
    ann.page.keyboard.press("+")
    search = ann.page.get_by_role("searchbox", name="Search emoji")
    search.fill("anchor")
    search.press("Enter")
    expect(bob.message("Sailing?").locator('[data-emoji="⚓"]')).to_be_visible()


def test_the_focus_stays_at_a_message_whose_menu_was_used(pair: tuple[Person, Person]) -> None:
    ann, bob = pair
    for text in ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"):
        ann.send_message(text)
    bob.expect_message("eighth")
    row = bob.message("first")  # its menu opens below it, and the pointer leaves it
    menu(bob, "first", "Mark as unread")
    expect(bob.page.locator(".unread-bar button").first).to_be_visible()
    poll(lambda: row.evaluate(HAS_FOCUS))
    menu(bob, "first", "Report")
    expect(bob.dialog).to_be_visible()
    bob.page.keyboard.press("Escape")
    expect(bob.dialog).to_have_count(0)
    poll(lambda: row.evaluate(HAS_FOCUS))


def test_a_reply_shows_what_it_answers_and_leads_there(pair: tuple[Person, Person]) -> None:
    ann, bob = pair
    ann.send_message("Who has the key?")
    bob.expect_message("Who has the key?")
    act(bob, "Who has the key?", "Reply")
    bob.send_message("I have.")
    reply = ann.message("I have.")
    expect(reply.locator(".quote")).to_contain_text("Who has the key?")
    reply.locator(".quote").click()
    expect(ann.timeline.locator(".window-flash")).to_contain_text("Who has the key?")


def test_a_reply_names_whom_it_answers_where_there_is_room(pair: tuple[Person, Person]) -> None:
    ann, bob = pair
    assert bob.call("PATCH", "/users/me", {"displayName": "Bartholomew Longname"}) == 200
    for text in ("Yes", "A long answer " * 30):
        bob.send_message(text)
        ann.expect_message(text.strip())
        act(ann, text.strip(), "Reply")
        ann.send_message(f"To {text[0]}")
        ann.expect_message(f"To {text[0]}")
        whom = ann.message(f"To {text[0]}").locator("button.quote b")
        expect(whom).to_have_text("Bartholomew Longname")
        assert whom.evaluate("node => node.scrollWidth <= node.clientWidth")


def test_a_reply_to_a_message_of_a_thread_is_written_in_the_thread(pair: tuple[Person, Person]) -> None:
    ann, _ = pair
    ann.send_message("Plan for Monday")
    ann.expect_message("Plan for Monday")
    act(ann, "Plan for Monday", "Reply in a thread")
    field = ann.panel.get_by_role("textbox", name="Reply in the thread")
    field.fill("What about Tuesday?")
    field.press("Enter")
    row = ann.panel.locator('[data-state="stored"]', has_text="What about Tuesday?")
    row.hover()
    row.get_by_role("button", name="Reply", exact=True).click()
    expect(ann.panel.locator(".composer-reply")).to_contain_text("What about Tuesday?")
    expect(field).to_be_focused()
    expect(ann.page.locator("main .composer-reply")).to_have_count(0)
    field.fill("Not on Tuesday")
    field.press("Enter")
    expect(ann.panel.locator('[data-state="stored"]', has_text="Not on Tuesday")).to_contain_text("What about Tuesday?")


def test_a_thread_has_its_replies_and_its_own_message_field(pair: tuple[Person, Person]) -> None:
    ann, bob = pair
    ann.send_message("Plan for Monday")
    bob.expect_message("Plan for Monday")
    act(bob, "Plan for Monday", "Reply in a thread")
    expect(bob.panel).to_contain_text("Plan for Monday")
    field = bob.panel.get_by_role("textbox", name=re.compile("Message|Reply"))
    field.fill("Ten o'clock")
    field.press("Enter")
    expect(bob.panel.locator('[data-state="stored"]', has_text="Ten o'clock")).to_be_visible()
    line = ann.message("Plan for Monday").locator(".thread-line")
    expect(line).to_contain_text("1 reply")
    line.click()
    expect(ann.panel).to_contain_text("Ten o'clock")
    for person in pair:  # the line leads to where they are
        expect(person.message("Plan for Monday").locator(".thread-line")).to_contain_text("1 reply")
        expect(person.panel.locator(".thread-line")).to_have_count(0)
    field = bob.panel.get_by_role("textbox", name=re.compile("Message|Reply"))
    field.fill("And bring cake")
    field.press("Enter")
    expect(ann.panel).to_contain_text("And bring cake")
    ann.page.go_back()
    expect(ann.panel).to_be_hidden()


def test_replies_that_came_while_the_page_was_not_seen_are_read_once_it_is(pair: tuple[Person, Person]) -> None:
    ann, bob = pair
    ann.send_message("Plan for Monday")
    act(ann, "Plan for Monday", "Reply in a thread")
    field = ann.panel.get_by_role("textbox", name="Reply in the thread")
    field.fill("Ten o'clock")
    field.press("Enter")
    line = ann.message("Plan for Monday").locator(".thread-line")
    expect(line).to_contain_text("1 reply")
    act(bob, "Plan for Monday", "Reply in a thread")
    ann.page.evaluate(SET_VISIBILITY, "hidden")
    field = bob.panel.get_by_role("textbox", name="Reply in the thread")
    field.fill("And bring cake")
    field.press("Enter")
    expect(line).to_have_text(re.compile("2 replies.*, new"))
    expect(ann.panel).to_contain_text("And bring cake")
    ann.page.evaluate(SET_VISIBILITY, "visible")
    expect(line).not_to_have_text(re.compile(", new"))


def test_only_somebodys_name_is_a_mention(pair: tuple[Person, Person]) -> None:
    ann, bob = pair
    ann.send_message(f"Ask @{bob.name}, not @nobody-at-all")
    row = bob.message("not @nobody-at-all")
    expect(row.locator(".mention-me")).to_have_text(f"@{bob.name}")
    expect(row.locator(".mention")).to_have_count(1)
    expect(ann.message("Ask").locator(".mention")).to_have_count(1)


def test_marks_become_elements_and_html_stays_text(pair: tuple[Person, Person]) -> None:
    ann, bob = pair
    ann.send_message(f"**bold** _slanted_ ~~gone~~ `code` {HTML}")
    row = bob.message("slanted")
    expect(row.locator("strong")).to_have_text("bold")
    expect(row.locator("em")).to_have_text("slanted")
    expect(row.locator("s")).to_have_text("gone")
    expect(row.locator("code")).to_have_text("code")
    expect(row).to_contain_text(HTML)
    assert bob.page.locator("img[src=x]").count() == 0


def test_code_is_copied_with_one_button(pair: tuple[Person, Person]) -> None:
    ann, bob = pair
    bob.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ann.send_message("```py\nprint(1)\n```")
    row = bob.message("print(1)")
    row.get_by_role("button", name="Copy the code").click()
    expect(bob.toasts).to_contain_text("Copied.")
    assert clipboard(bob.page) == "print(1)"


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_keys_act_on_the_message_with_the_focus(pair: tuple[Person, Person]) -> None:
    ann, _ = pair
    ann.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for text in ("first", "second", "third"):
        ann.send_message(text)
        ann.expect_message(text)
    ann.message("third").focus()
    ann.page.keyboard.press("k")
    expect(ann.message("second")).to_be_focused()
    ann.page.keyboard.press("ArrowUp")
    expect(ann.message("first")).to_be_focused()
    ann.page.keyboard.press("j")
    ann.page.keyboard.press("c")
    expect(ann.toasts).to_contain_text("Copied.")
    assert clipboard(ann.page) == "second"
    ann.message("second").focus()
    ann.page.keyboard.press("e")
    expect(ann.page.get_by_role("textbox", name="Edit the message")).to_have_value("second")


def test_a_report_goes_to_the_moderators(pair: tuple[Person, Person]) -> None:
    ann, bob = pair
    ann.send_message("Something rude")
    bob.expect_message("Something rude")
    menu(bob, "Something rude", "Report")
    bob.dialog.get_by_label("What is wrong with it?").fill("It is rude.")
    bob.dialog.get_by_role("button", name="Report").click()
    expect(bob.toasts).to_contain_text("Reported")
    room_id = ann.page.url.partition("room=")[2].partition("&")[0]
    assert ann.call("GET", f"/rooms/{room_id}/reports") == 200
