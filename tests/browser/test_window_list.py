"""The windowed list (web/ui/window-list.js) in a real document, without the chat page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.library_page import DOCUMENT
from tests.support.server import ServerProcess

PREPARE = """async () => {
  const { WindowList } = await import(`${location.origin}/static/ui/window-list.js`);
  const { h } = await import(`${location.origin}/static/ui/view.js`);
  document.body.replaceChildren(document.createElement("main"));
  window.root = document.querySelector("main");
  Object.assign(root.style, { height: "500px", width: "400px", overflowY: "auto", position: "relative" });
  window.asked = [];
  window.ranges = [];
  // Rows of 20 to 80 px that wrap, so that their heights depend on the width, too.
  window.item = (key, text = "word ".repeat(5 + ((key * 7919) % 40))) => ({ key, text });
  window.some = (from, to) => Array.from({ length: to - from }, (_, n) => item(from + n));
  window.list = new WindowList({
    root,
    render: ({ key, text }) => h("article", { "data-row": key, tabindex: "-1", class: "row" }, `${key} ${text}`),
    onRange: (range) => ranges.push(range),
    onEnds: (end) => asked.push(end),
  });
  window.row = (key) => root.querySelector(`[data-row="${key}"]`);
  window.topOf = (key) => row(key).getBoundingClientRect().top - root.getBoundingClientRect().top;
  window.firstVisible = () => [...root.querySelectorAll(".row")]
    .find((one) => one.getBoundingClientRect().bottom > root.getBoundingClientRect().top).dataset.row;
  window.frames = async (count = 2) => {
    for (let n = 0; n < count; n += 1) await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  };
  window.scrollTo = async (top) => { root.scrollTop = top; await frames(3); };
  /** How far the row moved on the screen while `work` was done, in px. */
  window.moved = async (key, work) => {
    const before = topOf(key);
    await work();
    await frames(3);
    return Math.abs(topOf(key) - before);
  };
}"""


@pytest.fixture(params=[1, 1.5, 3], scope="module")
def density(request: pytest.FixtureRequest) -> float:
    return float(request.param)


@pytest.fixture(scope="module")
def page(browser: Browser, server: ServerProcess, density: float) -> Iterator[Page]:
    context = browser.new_context(device_scale_factor=density)
    one = context.new_page()
    one.goto(server.url + DOCUMENT)
    yield one
    context.close()


@pytest.fixture(autouse=True)
def run(page: Page) -> Callable[[str], Any]:
    """Run the body of an asynchronous function in the page, which has a new list."""
    page.evaluate(PREPARE)
    return lambda body: page.evaluate(f"async () => {{ {body} }}")


def test_of_10000_items_at_most_250_rows_are_drawn_wherever_one_scrolls(run: Callable[[str], Any]) -> None:
    counts, covered = run(
        """
        list.set(some(0, 10000));
        const counts = [], covered = [];
        for (let n = 0; n <= 40; n += 1) {
          await scrollTo((root.scrollHeight * ((n * 17) % 41)) / 41);
          counts.push(root.querySelectorAll(".row").length);
          for (const y of [1, 250, 498]) covered.push(document.elementFromPoint(10, root.offsetTop + y)?.className);
        }
        return [counts, [...new Set(covered)]];
        """
    )
    assert max(counts) <= 250
    assert covered == ["row"]  # no gap is ever seen


def test_what_is_read_stays_when_history_comes_above_it(run: Callable[[str], Any]) -> None:
    moves = run(
        """
        list.set(some(500, 1000));
        const moves = [];
        for (let from = 450; from >= 0; from -= 50) {
          await scrollTo(700);
          moves.push(await moved(firstVisible(), () => list.set(some(from, 1000))));
        }
        return moves;
        """
    )
    assert len(moves) == 10
    assert max(moves) <= 1


def test_what_is_read_does_not_drift_while_history_comes_above_it_a_hundred_times(run: Callable[[str], Any]) -> None:
    distance, writes = run(
        """
        list.set(some(1000, 1300));
        await scrollTo(1003);
        const key = firstVisible();
        const before = topOf(key);
        for (let n = 1; n <= 100; n += 1) {
          list.set(some(1000 - 7 * n, 1300));
          row(key).style.paddingTop = ""; // nothing: only what is laid out again
          await new Promise((resolve) => requestAnimationFrame(resolve));
        }
        await frames();
        const distance = Math.abs(topOf(key) - before);
        // Nothing moves: nothing is written, which would end the fling of a finger.
        const { get, set } = Object.getOwnPropertyDescriptor(Element.prototype, "scrollTop");
        let writes = 0;
        const count = (top) => { writes += 1; set.call(root, top); };
        Object.defineProperty(root, "scrollTop", { configurable: true, get: () => get.call(root), set: count });
        list.set([...some(300, 1300), item(1300)]);
        await frames();
        delete root.scrollTop;
        return [distance, writes];
        """
    )
    assert distance <= 1
    assert writes == 0


def test_what_is_read_stays_when_rows_above_are_edited_go_or_grow(run: Callable[[str], Any]) -> None:
    moves = run(
        """
        let items = some(0, 300);
        list.set(items);
        await scrollTo(6000);
        await scrollTo(6100);
        const key = Number(firstVisible());
        const replace = (change) => { items = items.map((one) => change(one) || one); list.set(items); };
        const without = (from, to) => items.filter((one) => one.key < from || one.key > to);
        return [
          await moved(key, () => replace((one) => one.key === key - 2 && item(one.key, "edited ".repeat(80)))),
          await moved(key, () => replace((one) => one.key === key - 1 && item(one.key, "short"))),
          await moved(key, () => { items = without(key - 9, key - 5); list.set(items); }),
          await moved(key, () => { row(key - 1).style.height = "333px"; }), // as when an image has loaded
          await moved(key, () => { items = items.slice(40); list.set(items); }),
          await moved(key, () => { items = items.slice(0, -40); list.set(items); }),
        ];
        """
    )
    assert max(moves) <= 1, moves


def test_what_is_read_stays_when_the_list_gets_narrower(run: Callable[[str], Any]) -> None:
    moves = run(
        """
        list.set(some(0, 300));
        await scrollTo(5000);
        const first = [firstVisible(), await moved(firstVisible(), () => { root.style.width = "250px"; })];
        return [first[1], await moved(firstVisible(), () => { root.style.width = "600px"; })];
        """
    )
    assert max(moves) <= 1, moves


def test_the_row_that_goes_is_replaced_by_the_next_one(run: Callable[[str], Any]) -> None:
    distance = run(
        """
        const items = some(0, 300);
        list.set(items);
        await scrollTo(5000);
        const key = Number(firstVisible());
        const before = topOf(key);
        list.set(items.filter((one) => one.key !== key));
        await frames();
        return Math.abs(topOf(key + 1) - before);
        """
    )
    assert distance <= 1


def test_the_end_is_followed_until_the_reader_scrolls_up_and_again_from_the_end(run: Callable[[str], Any]) -> None:
    seen = run(
        """
        let count = 100;
        const add = async () => {
          count += 1;
          list.set(some(0, count), { follow: true });
          await frames(3);
          return list.isAtEnd;
        };
        const seen = [await add(), await add()];
        row(count - 1).style.height = "400px"; // an image of the last message loads
        await frames(3);
        seen.push(list.isAtEnd);
        root.style.height = "300px"; // a keyboard comes up
        await frames(3);
        seen.push(list.isAtEnd);
        await scrollTo(root.scrollTop - 300);
        const kept = await moved(firstVisible(), add);
        seen.push(list.isAtEnd, kept <= 1);
        list.toEnd();
        await frames();
        seen.push(list.isAtEnd, await add());
        return seen;
        """
    )
    assert seen == [True, True, True, True, False, True, True, True]


def test_a_slow_scroll_up_leaves_the_end_while_messages_come(run: Callable[[str], Any]) -> None:
    distances = run(
        """
        let count = 100;
        const add = () => list.set(some(0, (count += 1)), { follow: true });
        const distance = () => root.scrollHeight - root.scrollTop - root.clientHeight;
        const distances = [];
        add();
        await frames();
        for (let n = 0; n < 5; n += 1) {
          root.scrollTop -= 10;
          await frames();
          add();
          await frames();
          distances.push(distance());
        }
        root.scrollTop = root.scrollHeight;
        await frames();
        add();
        await frames();
        root.scrollTop -= 10;
        add(); // before the scroll's event
        return [...distances, distance()];
        """
    )
    assert min(distances) > 9
    assert distances[4] > 50 + 4 * 20  # all five, and the messages that came since


def test_a_list_is_followed_from_the_end_that_one_has_jumped_to(run: Callable[[str], Any]) -> None:
    seen = run(
        """
        const seen = [];
        const go = { toEnd: () => list.toEnd(), last: () => list.jumpTo(199, { align: "end" }) };
        for (const there of [go.toEnd, go.last]) {
          list.set(some(0, 200));
          await scrollTo(0);
          list.set(some(0, 200));
          there();
          await frames();
          list.set(some(0, 220), { follow: true });
          await frames();
          seen.push(root.scrollHeight - root.scrollTop - root.clientHeight < 2);
        }
        return seen;
        """
    )
    assert seen == [True, True]


def test_one_can_jump_to_any_row_and_it_is_marked(run: Callable[[str], Any]) -> None:
    seen = run(
        """
        list.set(some(0, 5000), { follow: true });
        const places = [];
        for (const [key, align] of [[4000, "start"], [17, "center"], [2500, "end"], [0, "start"], [4999, "end"]]) {
          if (!list.jumpTo(key, { align, flash: true })) return key;
          await frames(3);
          const { top, bottom } = row(key).getBoundingClientRect();
          const view = root.getBoundingClientRect();
          const [above, below] = [top - view.top, bottom - view.bottom];
          const distance = { start: above, center: (above + below) / 2, end: below };
          places.push(Math.abs(distance[align]), row(key).closest(".window-flash") ? 0 : 1000);
        }
        return [places, list.jumpTo("nowhere")];
        """
    )
    places, found = seen
    assert max(places) <= 2, places
    assert found is False


def test_the_rows_with_the_focus_and_the_selection_stay_when_they_are_scrolled_away(run: Callable[[str], Any]) -> None:
    seen = run(
        """
        list.set(some(0, 2000));
        list.focusRow(5);
        const focused = document.activeElement;
        const selection = document.getSelection();
        selection.selectAllChildren(row(3));
        const text = selection.toString();
        await scrollTo(30000);
        const seen = [document.activeElement === focused, selection.toString() === text, firstVisible() !== "3"];
        list.set([...some(0, 2001)]);
        await frames();
        await scrollTo(0);
        return [...seen, document.activeElement === row(5), row(3).textContent.startsWith("3 ")];
        """
    )
    assert seen == [True, True, True, True, True]


def test_a_selection_over_rows_stays_whole_when_it_is_scrolled_away(run: Callable[[str], Any]) -> None:
    seen = run(
        """
        list.set(some(0, 2000));
        const selection = document.getSelection();
        selection.setBaseAndExtent(row(3), 0, row(12), 1);
        const text = selection.toString();
        await scrollTo(30000);
        const isWhole = selection.toString() === text;
        const rows = root.querySelectorAll(".row").length;
        selection.setBaseAndExtent(row(3), 0, row(Number(firstVisible())), 1); // over many that are not drawn
        await scrollTo(60000);
        return [text.includes("8 word"), isWhole, rows, root.querySelectorAll(".row").length];
        """
    )
    assert seen[:2] == [True, True]
    assert max(seen[2:]) <= 250


def test_heights_of_another_width_count_as_unknown(run: Callable[[str], Any]) -> None:
    ratio = run(
        """
        list.set(some(0, 120));
        for (let top = 0; top < root.scrollHeight; top += 400) await scrollTo(top);
        await scrollTo(0);
        root.style.width = "150px";
        await frames(3);
        const estimated = root.scrollHeight;
        for (let top = 0; top < root.scrollHeight; top += 400) await scrollTo(top);
        return estimated / root.scrollHeight;
        """
    )
    assert 0.6 < ratio < 1.6


def test_a_mark_of_a_row_ends_with_the_list(run: Callable[[str], Any]) -> None:
    seen = run(
        """
        list.set(some(0, 100));
        list.jumpTo(50, { flash: true });
        const marked = row(50).parentElement;
        const before = marked.className;
        list.close();
        return [before, marked.className];
        """
    )
    assert seen == ["window-row window-flash", "window-row"]


def test_a_row_that_is_higher_than_the_screen_is_visible_where_it_fills_it_or_ends(run: Callable[[str], Any]) -> None:
    seen = run(
        """
        list.set([...some(0, 20), item(20, "word ".repeat(800)), ...some(21, 40)]);
        list.jumpTo(20);
        const { height } = row(20).getBoundingClientRect();
        const isSeen = async (px) => {
          list.jumpTo(20);
          await frames();
          await scrollTo(root.scrollTop + px);
          return list.visibleKeys().includes(20);
        };
        return [await isSeen(-200), await isSeen(100), await isSeen(height - 300), await isSeen(height + 100)];
        """
    )
    assert seen == [False, True, True, False]


def test_the_owner_is_told_what_is_visible_and_once_when_an_end_is_near(run: Callable[[str], Any]) -> None:
    seen = run(
        """
        list.set(some(0, 1000));
        await frames();
        const atStart = [...asked];
        await scrollTo(20000);
        await scrollTo(20100);
        const inside = asked.length;
        const { first, last } = ranges.at(-1);
        const isRight = String(first) === firstVisible() && topOf(last) < 500;
        const keys = list.visibleKeys();
        await scrollTo(root.scrollHeight);
        await scrollTo(root.scrollHeight - 600);
        return [atStart, inside, isRight, keys.every((key) => key >= first && key <= last), asked];
        """
    )
    assert seen == [["start"], 1, True, True, ["start", "end"]]


def test_a_list_that_was_told_no_items_yet_or_is_not_shown_asks_for_none(run: Callable[[str], Any]) -> None:
    counts = run(
        """
        await frames(4);
        const counts = [asked.length];
        root.style.display = "none";
        list.set(some(0, 3));
        await frames(4);
        counts.push(asked.length);
        root.style.display = "";
        await frames(4);
        return [...counts, asked.length];
        """
    )
    assert counts == [0, 0, 2]


def test_an_item_that_is_the_same_is_not_drawn_again(run: Callable[[str], Any]) -> None:
    drawn = run(
        """
        const items = some(0, 500);
        list.set(items);
        row(3).textContent = "changed by hand";
        list.set([...items, item(500)]);
        return row(3).textContent;
        """
    )
    assert drawn == "changed by hand"


def test_a_closed_list_leaves_nothing_behind(run: Callable[[str], Any]) -> None:
    assert run("list.set(some(0, 50)); list.close(); root.scrollTop = 5; await frames(); return root.innerHTML;") == ""
