"""The view module (web/ui/view.js) and the store (web/ui/store.js) in a real document, without the chat page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.library_page import DOCUMENT
from tests.support.server import ServerProcess

PREPARE = """async () => {
  Object.assign(window, await import(`${location.origin}/static/ui/view.js`));
  Object.assign(window, await import(`${location.origin}/static/ui/store.js`));
  document.body.replaceChildren(document.createElement("main"));
  window.root = document.querySelector("main");
  window.texts = () => [...root.children].map((node) => node.textContent);
}"""


@pytest.fixture(scope="module")
def page(browser: Browser, server: ServerProcess) -> Iterator[Page]:
    context = browser.new_context()
    one = context.new_page()
    one.goto(server.url + DOCUMENT)
    yield one
    context.close()


@pytest.fixture(autouse=True)
def _empty_root(page: Page) -> None:
    page.evaluate(PREPARE)


def test_any_sequence_of_keyed_trees_shows_what_a_naive_drawing_would(page: Page) -> None:
    """Each tree is drawn anew into a second root, too. An element of a key stays the same as long as the key is there,
    and the one with the focus keeps it.
    """
    outcome = page.evaluate(
        """() => {
          let seed = 20261130;
          const random = (below) => {
            seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
            return Math.floor((seed / 2 ** 32) * below);
          };
          const tree = (depth) => {
            const keys = [...Array(12).keys()].sort(() => random(3) - 1).slice(0, random(13));
            return keys.map((key) => {
              const content = [`${key}.${random(3)}`, depth && random(2) ? tree(depth - 1) : null, random(2) && h("i")];
              const attributes = { class: random(2) ? `c${random(3)}` : null, hidden: random(4) === 0, tabindex: "0" };
              if (random(6) === 0) return h("b", attributes, content); // without a key
              return random(8) === 0 ? `text ${random(4)}` : h("p", { ...attributes, key }, content);
            });
          };
          const naive = (tag, attributes, children) => {
            const node = document.createElement(tag);
            for (const name of ["class", "hidden", "tabindex"]) {
              if (attributes[name]) node.setAttribute(name, attributes[name] === true ? "" : attributes[name]);
            }
            for (const child of children.flat(Infinity).filter(Boolean)) {
              node.append(typeof child === "string" ? child : naive(child.tag, child.attributes, textsOf(child)));
            }
            return node;
          };
          const textsOf = ({ children }) => children.map((child) => (child.tag ? child : child.attributes.text));
          let moved = 0;
          for (let round = 0; round < 400; round += 1) {
            const before = new Map([...root.children].map((node) => [node.name, node]));
            const focused = root.children[random(root.children.length)];
            focused?.focus();
            const hadFocus = document.activeElement === focused && focused?.name !== undefined;
            const next = tree(2);
            patch(root, next);
            for (const node of next) if (node.key !== null && node.key !== undefined) node.node.name = node.key;
            const model = naive("main", {}, next);
            if (!model.isEqualNode(root)) return `round ${round}: ${root.innerHTML} is not ${model.innerHTML}`;
            for (const { key, node } of next.filter((one) => one.key !== null && one.key !== undefined)) {
              if (before.has(key) && before.get(key) !== node) return `round ${round}: ${key} was made again`;
            }
            const stays = hadFocus && next.some(({ key }) => key === focused.name) && !focused.hidden;
            if (stays && document.activeElement !== focused) return `round ${round}: the focus was lost`;
            moved += stays ? 1 : 0;
          }
          return moved;
        }"""
    )
    assert isinstance(outcome, int), outcome
    assert outcome > 50  # of the rounds had an element with the focus that stayed


def test_text_is_never_read_as_html(page: Page) -> None:
    page.evaluate("""() => patch(root, h("p", { title: "<b>" }, "<img src=x onerror=alert(1)>"))""")
    assert page.evaluate("root.innerHTML") == '<p title="&lt;b&gt;">&lt;img src=x onerror=alert(1)&gt;</p>'


def test_attributes_styles_properties_and_handlers_follow_the_tree(page: Page) -> None:
    seen = page.evaluate(
        """() => {
          const calls = [];
          const draw = (attributes) => patch(root, h("input", attributes));
          const style = { width: "10px", "--x": 1 };
          draw({ hidden: true, style, props: { value: "a" }, on: { click: () => calls.push(1) } });
          const [input] = root.children;
          input.click();
          const first = [input.hidden, input.style.width, input.style.getPropertyValue("--x"), input.value];
          draw({ hidden: false, style: { "--x": 2 }, props: { value: "b" }, on: { click: () => calls.push(2) } });
          input.click();
          draw({});
          input.click();
          const last = [input.hidden, input.style.width, input.style.getPropertyValue("--x"), input.value];
          return [first, last, calls, input === root.children[0]];
        }"""
    )
    assert seen == [[True, "10px", "1", "a"], [False, "", "", "b"], [1, 2], True]


def test_a_select_shows_the_value_that_it_is_given_although_its_options_come_later(page: Page) -> None:
    value = page.evaluate(
        """() => {
          const options = ["a", "b"].map((value) => h("option", { value }, value));
          patch(root, h("select", { props: { value: "b" } }, options));
          return root.firstChild.value;
        }"""
    )
    assert value == "b"


def test_a_symbol_is_made_as_svg_and_text_in_it_as_html(page: Page) -> None:
    spaces = page.evaluate(
        """() => {
          patch(root, h("svg", {}, h("use", { href: "#i-x" }), h("foreignObject", {}, h("p", {}))));
          return [...root.querySelectorAll("*")].map((node) => node.namespaceURI.split("/").at(-1));
        }"""
    )
    assert spaces == ["svg", "svg", "svg", "xhtml"]


def test_the_same_node_is_skipped_and_a_foreign_ones_children_are_left_alone(page: Page) -> None:
    seen = page.evaluate(
        """() => {
          const kept = h("p", { key: 1 }, "kept");
          const foreign = () => h("div", { foreign: true, key: 2, ref: (node) => patch(node, h("b", {}, "theirs")) });
          patch(root, [kept, foreign()]);
          root.firstChild.firstChild.data = "changed by hand";
          patch(root, [foreign(), kept]);
          return texts();
        }"""
    )
    assert seen == ["theirs", "changed by hand"]


def test_who_asks_for_an_element_gets_it_when_it_is_in_the_document(page: Page) -> None:
    seen = page.evaluate(
        """() => {
          const seen = [];
          const ref = (node) => seen.push([node.tagName, node.isConnected, node.parentElement?.tagName]);
          patch(root, h("p", {}, h("b", { ref }), h("i", { ref })));
          patch(root, h("p", {}, h("b", { ref }), h("i", { ref }), h("u", { ref })));
          return seen;
        }"""
    )
    assert sorted(seen) == [["B", True, "P"], ["I", True, "P"], ["U", True, "P"]]


def test_a_node_that_was_gone_is_made_again_from_the_same_tree(page: Page) -> None:
    seen = page.evaluate(
        """() => {
          const row = h("p", { key: 1, on: { click: () => row.count = (row.count ?? 0) + 1 } }, h("b", {}, "row"));
          patch(root, row);
          patch(root, []);
          patch(root, row);
          root.firstChild.click();
          return [root.innerHTML, row.count];
        }"""
    )
    assert seen == ["<p><b>row</b></p>", 1]


def test_a_store_draws_once_a_frame_and_only_what_depends_on_a_change(page: Page) -> None:
    seen = page.evaluate(
        """async () => {
          const store = new Store({ a: 1, b: 1 });
          const drawn = [];
          store.select(({ a }) => [a], (a) => drawn.push(`a${a}`));
          store.select(({ b }) => [b, store.version("list")], (b, n) => drawn.push(`b${b}.${n}`));
          store.set({ a: 2 });
          store.set({ a: 3 });
          store.bump("list");
          const early = [...drawn];
          await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
          store.set({ a: 3 });
          store.bump("another");
          store.flush();
          return [early, drawn];
        }"""
    )
    assert seen == [["a1", "b1.0"], ["a1", "b1.0", "a3", "b1.1"]]


def test_a_view_that_fails_or_ends_another_stops_nobody_else(page: Page) -> None:
    seen = page.evaluate(
        """() => {
          const store = new Store({ a: 1 });
          const drawn = [];
          const errors = [];
          addEventListener("error", (event) => { errors.push(event.message); event.preventDefault(); }, { once: true });
          store.select(({ a }) => [a], (a) => { if (a === 2) throw new Error("this view"); });
          let end = null;
          store.select(({ a }) => [a], () => end?.());
          end = store.select(({ a }) => [a], (a) => drawn.push(a));
          store.select(({ a }) => [a], (a) => drawn.push(-a));
          store.set({ a: 2 });
          store.flush();
          return [drawn, errors.length];
        }"""
    )
    assert seen == [[1, -1, -2], 1]
