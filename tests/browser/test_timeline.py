"""The timeline of a room: where it opens, what it marks as read, what it loads, and what it says meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.person import Person
from tests.support.server import ServerProcess, serving
from tests.support.waiting import poll

NewPerson = Callable[..., Person]

WRITE_MANY = """async ([roomId, from, to]) => {
    const { accessToken } = JSON.parse(localStorage.getItem("chat.session"));
    const headers = { Authorization: `Bearer ${accessToken}`, "Content-Type": "application/json" };
    for (let number = from; number <= to; number += 1) {
        const body = JSON.stringify({ roomId, content: `number ${number}` });
        const reply = await fetch("/messages", { method: "POST", headers, body });
        if (!reply.ok) throw new Error(await reply.text());
    }
}"""
UNREAD_ON_THE_SERVER = """async (name) => {
    const { accessToken } = JSON.parse(localStorage.getItem("chat.session"));
    const reply = await fetch("/rooms?mine=true", { headers: { Authorization: `Bearer ${accessToken}` } });
    return (await reply.json()).rooms.find((room) => room.name === name).unreadCount;
}"""


def write_many(person: Person, room_id: str, first: int, last: int) -> None:
    person.page.evaluate(WRITE_MANY, [room_id, first, last])


def unread_of(person: Person, room: str) -> int:
    """How many messages of the room are unread, as the server counts."""
    return int(person.page.evaluate(UNREAD_ON_THE_SERVER, room))


def expect_unread(person: Person, room: str, count: int) -> None:
    poll(lambda: unread_of(person, room) == count)


def scroll_until(found: Locator, px: int) -> None:
    """Turn the wheel over the timeline until this is drawn; what is loaded on the way takes its time."""

    def is_drawn() -> bool:
        found.page.mouse.move(700, 400)
        found.page.mouse.wheel(0, px)
        return found.count() > 0

    poll(is_drawn)


def row(person: Person, seq: int) -> Locator:
    """The row of a message by its number in the room."""
    return person.timeline.locator(f'article[data-seq="{seq}"]')


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that takes messages as fast as they come."""
    with serving(tmp_path_factory.mktemp("fast") / "data", {"RATE_LIMIT_MESSAGES": "off"}) as one:
        yield one


def test_a_room_opens_at_the_first_unread_message_and_only_what_was_seen_is_read(
    new_person: NewPerson, fast: ServerProcess, room_name: str
) -> None:
    ann, bob = new_person("ann", at=fast), new_person("bob", at=fast)
    room_id = ann.make_room(room_name)
    write_many(ann, room_id, 1, 20)
    bob.join_room(room_name)
    expect_unread(bob, room_name, 0)
    bob.make_room("Desk")
    write_many(ann, room_id, 21, 140)
    bob.room_button(room_name).click()
    bob.expect_in_room()
    expect(bob.timeline.get_by_role("separator", name="New")).to_be_in_viewport()
    expect(row(bob, 21)).to_be_in_viewport()
    expect(row(bob, 140)).not_to_be_in_viewport()
    bar = bob.page.get_by_role("group", name="New messages")
    expect(bar).to_contain_text(re.compile(r"120 new since \d\d:\d\d"))
    shown = bob.timeline.locator("article").evaluate_all(
        """(rows) => rows.filter((row) => row.getBoundingClientRect().bottom < innerHeight)
                         .map((row) => row.dataset.seq)"""
    )
    button = bob.room_button(room_name)
    expect(button).to_have_attribute("data-unread", re.compile(r"^(9\d|1[01]\d)$"))
    assert int(button.get_attribute("data-unread") or 0) >= 140 - max(int(seq) for seq in shown)
    # One goes to the end: what was jumped over stays unread.
    bar.get_by_role("button", name="Jump").click()
    expect(row(bob, 140)).to_be_in_viewport()
    assert unread_of(bob, room_name) > 60
    bar.get_by_role("button", name="Jump").click()
    expect(bob.timeline.get_by_role("separator", name="New")).to_be_in_viewport()
    bar.get_by_role("button", name="Mark as read").click()
    expect_unread(bob, room_name, 0)
    expect(bar).to_have_count(0)


def test_what_comes_at_the_end_is_read_and_what_comes_below_is_counted(
    new_person: NewPerson, fast: ServerProcess, room_name: str
) -> None:
    ann, bob = new_person("ann", at=fast), new_person("bob", at=fast)
    room_id = ann.make_room(room_name)
    write_many(ann, room_id, 1, 60)
    bob.join_room(room_name)
    bob.expect_message("number 60")
    ann.send_message("at the end")
    expect(bob.message("at the end")).to_be_in_viewport()
    expect_unread(bob, room_name, 0)
    bob.timeline.evaluate("node => { node.scrollTop = 0; }")
    jump = bob.page.get_by_role("button", name="Jump to latest")
    expect(jump).to_be_visible()
    write_many(ann, room_id, 61, 63)
    jump = bob.page.get_by_role("button", name="3 new messages")
    expect(jump).to_be_visible()
    assert unread_of(bob, room_name) == 3
    # Readers are told of what comes, not of history.
    log = bob.page.get_by_role("log", name="New messages")
    expect(log).to_contain_text("number 63")
    jump.click()
    expect(row(bob, 64)).to_be_in_viewport()
    expect_unread(bob, room_name, 0)
    # What one writes oneself leads to the end.
    bob.timeline.evaluate("node => { node.scrollTop = 0; }")
    expect(bob.page.get_by_role("button", name="Jump to latest")).to_be_visible()
    bob.send_message("mine")
    expect(bob.message("mine")).to_be_in_viewport()


def test_scrolling_back_keeps_what_is_read_where_it_is_to_the_beginning(
    new_person: NewPerson, fast: ServerProcess, room_name: str
) -> None:
    ann = new_person("ann", at=fast)
    room_id = ann.make_room(room_name)
    write_many(ann, room_id, 1, 150)
    ann.page.reload()
    ann.expect_message("number 150")
    expect(row(ann, 150)).to_be_in_viewport()
    page = ann.page
    scroll_until(page.locator(".room-start"), -1500)
    expect(page.locator(".room-start")).to_have_text(f"This is where {room_name} began.")
    ann.timeline.evaluate("node => { node.scrollTop = 0; }")
    expect(row(ann, 1)).to_be_in_viewport()
    page.get_by_role("button", name="Jump to latest").click()
    expect(row(ann, 150)).to_be_in_viewport()


def test_an_address_leads_to_a_message_far_back_and_newer_ones_are_loaded_from_there(
    new_person: NewPerson, fast: ServerProcess, room_name: str
) -> None:
    ann = new_person("ann", at=fast)
    room_id = ann.make_room(room_name)
    write_many(ann, room_id, 1, 150)
    ann.page.goto("about:blank")
    ann.page.goto(f"{ann.url}/#room={room_id}&at=20")
    expect(ann.timeline.locator(".window-flash")).to_contain_text("number 20")
    expect(row(ann, 20)).to_be_in_viewport()
    scroll_until(row(ann, 150), 1500)
    ann.page.evaluate("id => { location.hash = `#room=${id}&at=75`; }", room_id)
    expect(row(ann, 75)).to_be_in_viewport()


def test_a_room_that_did_not_load_says_so_and_retry_loads_it(
    new_person: NewPerson, fast: ServerProcess, room_name: str
) -> None:
    ann = new_person("ann", at=fast)
    ann.ignored_errors = (*ann.ignored_errors, "500")
    room_id = ann.make_room(room_name)
    write_many(ann, room_id, 1, 120)
    refused = {"error": {"code": "internal", "message": "Something broke."}}

    def refuse(route: Route) -> None:
        route.fulfill(status=500, json=refused)

    ann.page.route(re.compile(r"/messages\?"), refuse)
    ann.page.add_init_script("Object.defineProperty(window, 'indexedDB', { value: undefined })")  # nothing was kept
    ann.page.reload()
    alert = ann.timeline.get_by_role("alert")
    expect(alert).to_be_visible()
    ann.page.unroute(re.compile(r"/messages\?"))
    alert.get_by_role("button", name="Retry").click()
    ann.expect_message("number 120")
    # History that fails is asked for once, until one asks again.
    asked: list[str] = []

    def refuse_and_count(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=500, json=refused)

    ann.page.route(re.compile(r"/messages\?"), refuse_and_count)
    ann.timeline.evaluate("node => { node.scrollTop = 0; }")
    expect(alert).to_be_visible()
    ann.timeline.evaluate("node => { node.scrollTop = 50; }")
    ann.send_message("meanwhile")
    ann.expect_message("meanwhile")
    ann.timeline.evaluate("node => { node.scrollTop = 0; }")
    expect(alert).to_be_visible()
    assert len({*asked}) == 1
    ann.page.unroute(re.compile(r"/messages\?"))
    alert.get_by_role("button", name="Retry").click()
    expect(alert).to_have_count(0)
    expect(row(ann, 1)).to_be_attached()


def test_a_mark_of_unread_holds_until_the_room_is_marked_as_read(
    new_person: NewPerson, fast: ServerProcess, room_name: str
) -> None:
    ann, bob = new_person("ann", at=fast), new_person("bob", at=fast)
    room_id = ann.make_room(room_name)
    write_many(ann, room_id, 1, 4)
    bob.join_room(room_name)
    bob.expect_message("number 4")
    bob.message("number 3").focus()
    bob.page.keyboard.press("u")
    bar = bob.page.get_by_role("group", name="New messages")
    expect(bar).to_contain_text("2 new")
    bob.make_room("Desk")
    bob.page.reload()
    bob.expect_online()
    bob.room_button(room_name).click()
    bob.expect_message("number 4")
    expect(bob.timeline.get_by_role("separator", name="New")).to_be_visible()
    bar.get_by_role("button", name="Mark as read").click()
    expect(bar).to_have_count(0)
    expect(bob.timeline.get_by_role("separator", name="New")).to_have_count(0)


def test_what_a_blocked_person_wrote_is_hidden_until_one_asks(
    new_person: NewPerson, fast: ServerProcess, room_name: str
) -> None:
    ann, bob = new_person("ann", at=fast), new_person("bob", at=fast)
    ann.make_room(room_name)
    bob.join_room(room_name)
    bob.send_message("Something silly")
    ann.expect_message("Something silly")
    bob_id = bob.page.evaluate("JSON.parse(localStorage.getItem('chat.session')).user.id")
    assert ann.call("PUT", f"/users/me/blocks/{bob_id}") in {200, 204}
    ann.page.reload()
    expect(ann.timeline).to_contain_text("1 message of a blocked person")
    expect(ann.timeline).not_to_contain_text("Something silly")
    ann.timeline.get_by_role("button", name="Show").click()
    ann.expect_message("Something silly")


def test_the_whole_timeline_is_one_stop_of_the_tab_key(
    new_person: NewPerson, fast: ServerProcess, room_name: str
) -> None:
    ann = new_person("ann", at=fast)
    ann.make_room(room_name)
    for text in ("See https://example.test/ and `code`", "```\ncode\n```", f"@{ann.name} hello", "last one"):
        ann.send_message(text)
    ann.expect_message("last one")
    ann.timeline.focus()
    ann.page.keyboard.press("Tab")
    assert not ann.timeline.evaluate("node => node.contains(document.activeElement)")
    ann.page.keyboard.press("Shift+Tab")
    expect(ann.timeline).to_be_focused()
    ann.page.keyboard.press("ArrowUp")
    expect(ann.message("last one")).to_be_focused()
    for _ in range(3):
        ann.page.keyboard.press("k")
    expect(ann.message("example.test")).to_be_focused()
    for _ in range(8):
        ann.page.keyboard.press("ArrowRight")
        if ann.page.evaluate("document.activeElement.localName") == "a":
            break
    expect(ann.message("example.test").get_by_role("link")).to_be_focused()
    ann.page.keyboard.press("Escape")
    expect(ann.message("example.test")).to_be_focused()
    ann.page.keyboard.press("Escape")
    expect(ann.composer).to_be_focused()


def test_today_becomes_yesterday_at_midnight(new_person: NewPerson, fast: ServerProcess, room_name: str) -> None:
    ann = new_person("ann", at=fast)
    ann.make_room(room_name)
    ann.send_message("Good night")
    ann.expect_message("Good night")
    expect(ann.timeline.get_by_role("separator", name="Today")).to_be_visible()
    ann.page.clock.install()
    ann.page.reload()
    ann.expect_message("Good night")
    expect(ann.timeline.get_by_role("separator", name="Today")).to_be_visible()
    ann.page.clock.fast_forward("24:00:00")
    expect(ann.timeline.get_by_role("separator", name="Yesterday")).to_be_visible()


def test_a_long_press_opens_the_actions_as_a_sheet_and_a_tap_chooses_one(
    new_person: NewPerson, fast: ServerProcess, room_name: str
) -> None:
    ann = new_person("ann", at=fast)
    ann.make_room(room_name)
    ann.send_message("Press me")
    ann.expect_message("Press me")
    page = ann.page
    page.set_viewport_size({"width": 360, "height": 700})
    press_long(page, ann.message("Press me").bounding_box())
    menu = page.get_by_role("menu", name="Message")
    expect(menu).to_be_visible()
    box = menu.bounding_box()
    assert box is not None and box["y"] + box["height"] >= 690
    menu.get_by_role("menuitem", name="Edit").click()
    expect(page.get_by_role("textbox", name="Edit the message")).to_have_value("Press me")


def press_long(page: Page, box: dict[str, float] | None) -> None:
    assert box is not None
    session = page.context.new_cdp_session(page)
    point = {"x": box["x"] + 80, "y": box["y"] + box["height"] / 2}
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    expect(page.get_by_role("menu", name="Message")).to_be_visible()
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
