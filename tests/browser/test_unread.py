"""What is unread: where a room opens, what counts as read, marks of unread, the title, the lists of unread rooms."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.person import Person
from tests.support.server import ServerProcess
from tests.support.waiting import poll

NewPerson = Callable[..., Person]
StartServer = Callable[..., ServerProcess]

POST_MANY = """async ([roomId, count]) => {
    const { accessToken } = JSON.parse(localStorage.getItem("chat.session"));
    const headers = { Authorization: `Bearer ${accessToken}`, "Content-Type": "application/json" };
    for (let number = 1; number <= count; number += 1) {
        const body = JSON.stringify({ roomId, content: `number ${number}` });
        const reply = await fetch("/messages", { method: "POST", headers, body });
        if (!reply.ok) throw new Error(await reply.text());
    }
}"""
# As an operating system keeps it: also when the page is gone.
ICON_NUMBER = """
    navigator.setAppBadge = async (number) => localStorage.setItem("iconNumber", number);
    navigator.clearAppBadge = async () => localStorage.removeItem("iconNumber");
"""
READ_SEQ = """async (roomId) => {
    const { accessToken } = JSON.parse(localStorage.getItem("chat.session"));
    const reply = await fetch(`/rooms/${roomId}`, { headers: { Authorization: `Bearer ${accessToken}` } });
    return (await reply.json()).room.readSeq;
}"""


def read_seq(person: Person, room_id: str) -> int:
    return int(person.page.evaluate(READ_SEQ, room_id))


@pytest.fixture
def busy_room(new_person: NewPerson, start_server: StartServer, room_name: str) -> tuple[Person, Person, str]:
    """Ann and Bob are in a room, Bob looks at another one, and Ann has written 120 messages."""
    server = start_server(RATE_LIMIT_MESSAGES="off", RATE_LIMIT_API="off")
    ann, bob = new_person("ann", at=server), new_person("bob", at=server)
    room_id = ann.make_room(room_name)
    bob.join_room(room_name)
    bob.make_room("Desk")
    ann.page.evaluate(POST_MANY, [room_id, 120])
    expect(bob.room_button(room_name)).to_have_attribute("data-unread", "120")
    return ann, bob, room_id


def test_a_room_opens_at_the_first_unread_message_and_only_what_was_seen_is_read(
    busy_room: tuple[Person, Person, str], room_name: str
) -> None:
    _, bob, room_id = busy_room
    bob.room_button(room_name).click()
    expect(bob.timeline.locator('[data-seq="1"]')).to_be_in_viewport()
    expect(bob.timeline.get_by_role("separator", name="New")).to_be_in_viewport()
    bar = bob.page.locator(".unread-bar")
    expect(bar).to_contain_text(re.compile(r"\d+ new since \d\d:\d\d"))
    poll(lambda: read_seq(bob, room_id) > 0)
    seen = read_seq(bob, room_id)
    assert 3 <= seen < 60
    unread = bob.room_button(room_name).get_attribute("data-unread")
    assert unread is not None and int(unread) == 120 - seen
    bar.get_by_role("button", name="Jump").click()
    expect(bob.timeline.locator('[data-seq="120"]')).to_be_in_viewport()
    assert read_seq(bob, room_id) < 60  # what was jumped over is not read
    bar.get_by_role("button", name="Jump").click()
    expect(bob.timeline.get_by_role("separator", name="New")).to_be_in_viewport()
    bar.get_by_role("button", name="Mark as read").click()
    expect(bob.room_button(room_name)).not_to_have_attribute("data-unread", re.compile(r"\d"))
    poll(lambda: read_seq(bob, room_id) == 120)


def test_what_is_read_to_the_end_by_scrolling_is_read(busy_room: tuple[Person, Person, str], room_name: str) -> None:
    _, bob, _ = busy_room
    bob.room_button(room_name).click()
    expect(bob.timeline.locator('[data-seq="1"]')).to_be_in_viewport()
    bob.page.evaluate(
        """async () => {
            const scroller = document.querySelector("[data-timeline]");
            const isRead = () => !document.querySelector("[aria-current=true][data-unread]");
            for (let step = 0; step < 500 && !isRead(); step += 1) {
                scroller.scrollTop += 120;
                await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
            }
        }"""
    )
    expect(bob.room_button(room_name)).not_to_have_attribute("data-unread", re.compile(r"\d"))


def test_unread_rooms_and_mentions_are_in_the_title_and_in_their_panels(new_person: NewPerson, room_name: str) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    room_id = ann.make_room(room_name)
    bob.join_room(room_name)
    bob.make_room("Desk")
    for text in ("one", "two", f"three @{bob.name}"):
        ann.send_message(text)
    expect(bob.room_button(room_name)).to_have_attribute("data-unread", "3")
    expect(bob.room_button(room_name)).to_contain_text("@1")
    assert bob.call("PATCH", "/users/me/settings", {"notifications": {room_id: "all"}}) == 200
    expect(bob.page).to_have_title(re.compile(r"^\(3\) Desk"))
    expect(bob.page.locator('link[rel="icon"]')).to_have_attribute("href", re.compile("mention"))
    bob.page.get_by_role("button", name=re.compile("^Mentions")).click()
    expect(bob.panel).to_contain_text("three")
    bob.page.get_by_role("button", name=re.compile("^Unread")).click()
    bob.panel.locator("[data-unread-room]", has_text=room_name).click()
    bob.expect_message("three")
    expect(bob.timeline.locator(".mentions-me")).to_have_count(1)
    expect(bob.page).to_have_title(re.compile(f"^{room_name}"))
    expect(bob.panel).to_contain_text("You have read everything.")
    bob.page.reload()
    bob.expect_message("three")
    expect(bob.room_button(room_name)).not_to_have_attribute("data-unread", re.compile(r"\d"))


def test_the_number_on_the_icon_of_the_app_is_that_of_the_user_who_is_logged_in(
    new_person: NewPerson, new_context: Callable[..., BrowserContext], room_name: str
) -> None:
    context = new_context()
    context.add_init_script(ICON_NUMBER)
    ann, bob = new_person("ann"), new_person("bob", context=context)
    ann.make_room(room_name)
    bob.join_room(room_name)
    bob.make_room("Desk")

    def wait_for_number(number: str | None) -> None:
        poll(lambda: bob.page.evaluate("localStorage.getItem('iconNumber')") == number)

    bob.page.evaluate("localStorage.setItem('iconNumber', 7)")  # of a page that was closed
    bob.page.reload()
    wait_for_number(None)
    ann.send_message(f"Are you there, @{bob.name}?")
    wait_for_number("1")
    bob.log_out()
    wait_for_number(None)


def test_replies_under_their_root_are_read_with_its_line_and_elsewhere_have_a_row(
    new_person: NewPerson, room_name: str
) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    room_id = ann.make_room(room_name)
    bob.join_room(room_name)
    ann.send_message("Plan for Monday")
    ann.expect_message("Plan for Monday")
    root_id = ann.message("Plan for Monday").get_attribute("data-id")

    def reply(text: str) -> None:
        body = {"roomId": room_id, "content": text, "threadId": root_id}
        assert ann.call("POST", "/messages", body) == 201

    line, rows = bob.message("Plan for Monday").locator(".thread-line"), bob.timeline.locator(".replies-line")
    reply("Ten o'clock")
    reply("And bring cake")
    expect(line).to_contain_text("2 replies")
    expect(rows).to_have_count(0)
    poll(lambda: read_seq(bob, room_id) == 3)
    ann.send_message("Who has the key?")
    bob.expect_message("Who has the key?")
    reply("Which cake?")
    expect(rows).to_contain_text("1 reply in a thread")
    expect(line).to_contain_text("3 replies")
    poll(lambda: read_seq(bob, room_id) == 5)
    bob.page.goto(f"{bob.url}/#room={room_id}&at=2")
    expect(bob.timeline.locator(".window-flash")).to_contain_text("Plan for Monday")


def test_a_mark_of_unread_holds_until_the_room_is_marked_as_read(new_person: NewPerson, room_name: str) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    ann.make_room(room_name)
    bob.join_room(room_name)
    for text in ("one", "two", "three"):
        ann.send_message(text)
        bob.expect_message(text)
    bob.message("two").hover()
    bob.choose(bob.message("two").get_by_role("button", name="More", exact=True), "Mark as unread")
    expect(bob.room_button(room_name)).to_have_attribute("data-unread", re.compile(r"\d"))
    bob.make_room("Desk")
    expect(bob.room_button(room_name)).to_have_attribute("data-unread", re.compile(r"\d"))
    bob.room_button(room_name).click()
    expect(bob.timeline.get_by_role("separator", name="New")).to_be_visible()
    expect(bob.room_button(room_name)).to_have_attribute("data-unread", re.compile(r"\d"))
    bob.page.get_by_role("button", name="Mark as read").click()
    expect(bob.room_button(room_name)).not_to_have_attribute("data-unread", re.compile(r"\d"))


def test_a_room_that_is_marked_as_unread_counts_as_one_and_is_in_the_unread_panel(
    new_person: NewPerson, room_name: str
) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    room_id = ann.make_room(room_name)
    bob.join_room(room_name)
    for text in ("one", "two", "three"):
        ann.send_message(text)
        bob.expect_message(text)
    poll(lambda: read_seq(bob, room_id) == 3)
    bob.make_room("Desk")
    expect(bob.page).to_have_title(re.compile("^Desk"))
    bob.room_button(room_name).click()
    bob.message("two").hover()
    bob.choose(bob.message("two").get_by_role("button", name="More", exact=True), "Mark as unread")
    bob.room_button("Desk").click()
    expect(bob.page).to_have_title(re.compile(r"^\(1\) Desk"))
    expect(bob.page.locator('link[rel="icon"]')).to_have_attribute("href", re.compile("unread"))
    entry = bob.page.get_by_role("button", name=re.compile("^Unread"))
    expect(entry.locator(".badge")).to_have_text("1")
    entry.click()
    expect(bob.panel.locator("[data-unread-room]", has_text=room_name)).to_contain_text("marked as unread")
    ann.send_message("four")
    expect(bob.panel.locator("[data-unread-room]", has_text=room_name)).to_contain_text("1 new")
    expect(bob.page).to_have_title(re.compile(r"^\(1\) Desk"))
    bob.panel.get_by_role("button", name=f"Mark {room_name} as read").click()
    expect(bob.panel).to_contain_text("You have read everything.")
    expect(bob.page).to_have_title(re.compile("^Desk"))
    expect(entry.locator(".badge")).to_have_count(0)


def test_a_link_to_a_message_opens_its_room_there(busy_room: tuple[Person, Person, str]) -> None:
    ann, bob, room_id = busy_room
    bob.page.goto(f"{ann.url}/#room={room_id}&at=40")
    expect(bob.timeline.locator('[data-seq="40"]')).to_be_in_viewport()
    expect(bob.timeline.locator(".window-flash")).to_contain_text("number 40")


def test_messages_above_come_while_one_scrolls_up_and_the_place_stays(
    busy_room: tuple[Person, Person, str], room_name: str
) -> None:
    ann, _, _ = busy_room
    ann.page.reload()
    ann.expect_message("number 120")
    expect(ann.timeline.locator('[data-seq="120"]')).to_be_in_viewport()
    moved = ann.page.evaluate(
        """async () => {
            const scroller = document.querySelector("[data-timeline]");
            const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
            const rows = () => [...scroller.querySelectorAll("[data-seq]")];
            let most = 0;
            for (let step = 0; step < 400 && !scroller.querySelector('[data-seq="1"]'); step += 1) {
                scroller.scrollTop -= 150;
                await frame();
                const top = scroller.getBoundingClientRect().top;
                const first = rows().find((row) => row.getBoundingClientRect().bottom > top);
                const before = first.getBoundingClientRect().top;
                await frame();
                await frame();
                if (first.isConnected) most = Math.max(most, Math.abs(first.getBoundingClientRect().top - before));
            }
            return most;
        }"""
    )
    assert moved <= 1
    expect(ann.timeline.locator('[data-seq="1"]')).to_be_attached()
    ann.timeline.evaluate("node => { node.scrollTop = 0; }")
    expect(ann.timeline).to_contain_text(f"This is where {room_name} began.")
    ann.page.get_by_role("button", name="Jump to latest").click()
    expect(ann.timeline.locator('[data-seq="120"]')).to_be_in_viewport()
