/** The keyboard shortcuts that hold everywhere on the page: one table, which the help dialog shows, too. */

import { h } from "../ui/view.js";
import { isComposing, letterOf } from "../ui/keys.js";
import { shownOf, sidebarSections } from "./sidebar/sidebar-sections.js";

const IS_MAC = /Mac|iPhone|iPad/.test(globalThis.navigator?.platform ?? "");
const CTRL = IS_MAC ? "⌘" : "Ctrl";

/** The parts that F6 leads to, in the document's order, each with what takes the focus there: the first that is there. */
const PARTS = [
  { part: ".sidebar", first: ["[data-room-id][aria-current]", '[data-rove][tabindex="0"]'] },
  { part: "main [data-timeline]", first: [] },
  { part: "main .welcome", first: ["h1"] },
  { part: "main .composer", first: ["textarea"] },
  { part: ".panel", first: ["h2"] },
  { part: ".toasts", first: [".toast button"] },
];

/**
 * `keys`: as they are shown. `match(event)`: whether it is this one. `run(page, event)`: returns false where it means
 * nothing now, and the key goes on to whoever has it. Without `match`, others act on it: it is here for the help.
 */
const SHORTCUTS = [
  {
    keys: `${CTRL}+K`,
    label: "Jump to a room or a person",
    match: ctrl("k"),
    run: (page) => void page.dialog("switcher"),
  },
  { keys: `${CTRL}+F`, label: "Search, where a room is shown", match: ctrl("f"), run: search },
  { keys: "Alt+↑ Alt+↓", label: "Previous, next room", match: alt(false), run: (page, event) => step(page, event, {}) },
  {
    keys: "Alt+Shift+↑ Alt+Shift+↓",
    label: "Previous, next unread room",
    match: alt(true),
    run: (page, event) => step(page, event, { ofUnread: true }),
  },
  {
    keys: "F6 Shift+F6",
    label: "Next, previous part of the page",
    match: ({ key, ctrlKey, altKey, metaKey }) => key === "F6" && !ctrlKey && !altKey && !metaKey,
    run: goOn,
  },
  {
    keys: `${CTRL}+U`,
    label: "Attach files",
    match: ctrl("u"),
    run: (page) => page.composer?.attach() ?? false,
  },
  {
    keys: "Esc",
    label: "Close the panel, or mark the room as read",
    match: (event) => event.key === "Escape",
    run: escape,
  },
  { keys: "?", label: "These shortcuts", match: isQuestionMark, run: (page) => void page.dialog("shortcuts") },
  {
    keys: "J K",
    label: "Next, previous message",
    match: isLetter("j", "k"),
    run: (page) => page.timeline?.focus() ?? false,
  },
  { keys: "↑", label: "In an empty message field: edit your last message" },
  { keys: "Enter", label: "On a message: all that can be done with it" },
  { keys: "E R T C U Del +", label: "On a message: edit, reply, thread, copy, mark unread, delete, react" },
  { keys: "Shift+Enter", label: "In the message field: a new line" },
  { keys: `${CTRL}+B ${CTRL}+I ${CTRL}+E`, label: "In the message field: bold, slanted, code" },
];

export class Shortcuts {
  #page;
  #closing = new AbortController();

  constructor({ page }) {
    this.#page = page;
    document.addEventListener("keydown", (event) => this.#onKeyDown(event), { signal: this.#closing.signal });
  }

  close() {
    this.#closing.abort();
  }

  #onKeyDown(event) {
    if (event.defaultPrevented || isComposing(event) || document.querySelector("dialog[open]")) return;
    const found = SHORTCUTS.find(({ match }) => match?.(event));
    /** @type {any} */
    const outcome = found?.run(this.#page, event);
    if (found && outcome !== false) event.preventDefault();
  }
}

/** The rows of the help. */
export function shortcutRows() {
  return SHORTCUTS.map(({ keys, label }) =>
    h(
      "div",
      { key: keys, class: "shortcut" },
      h("dt", {}, label),
      h(
        "dd",
        {},
        keys.split(" ").map((key) => h("kbd", {}, key)),
      ),
    ),
  );
}

function ctrl(letter) {
  return (event) => (IS_MAC ? event.metaKey : event.ctrlKey) && !event.altKey && letterOf(event) === letter;
}

function alt(isShift) {
  return ({ key, altKey, shiftKey, ctrlKey, metaKey }) =>
    altKey && !ctrlKey && !metaKey && shiftKey === isShift && (key === "ArrowUp" || key === "ArrowDown");
}

function isInField({ target }) {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;
}

function isQuestionMark(event) {
  return event.key === "?" && !event.ctrlKey && !event.metaKey && !event.altKey && !isInField(event);
}

/** By what the key writes: of a keyboard of another script it begins a text. */
function isLetter(...letters) {
  return (event) => {
    const { key, ctrlKey, metaKey, altKey, shiftKey } = event;
    return letters.includes(key.toLowerCase()) && !ctrlKey && !metaKey && !altKey && !shiftKey && !isInField(event);
  };
}

/** Where the search is open already, or no room is shown, the key is the browser's own. */
function search(page) {
  if (page.route.panel === "search" || !page.roomState) return false;
  page.openPanel("search");
}

function escape(page, event) {
  if (page.route.panel) page.openPanel(null);
  else if (!isInField(event) || event.target.value === "") page.timeline?.markRead();
}

/** Give the focus to the next part of the page, after the last to the first. */
function goOn(page, { shiftKey }) {
  const { activeElement } = document;
  const isBeyond = (part) => {
    const position = activeElement.compareDocumentPosition(part);
    if (shiftKey) return position === Node.DOCUMENT_POSITION_PRECEDING; // and does not hold it
    return (position & Node.DOCUMENT_POSITION_FOLLOWING) !== 0;
  };
  const places = PARTS.map(({ part, first }) => {
    const root = document.querySelector(part);
    const target = first.map((selector) => root?.querySelector(selector)).find(Boolean) ?? (first.length ? null : root);
    return { root, target };
  }).filter(({ target }) => target?.checkVisibility());
  const ordered = shiftKey ? places.toReversed() : places;
  const { target } = ordered.find(({ root }) => isBeyond(root)) ?? ordered[0] ?? {};
  if (target?.matches("[data-timeline]") && page.timeline?.focus()) return;
  /** @type {HTMLElement | undefined} */ (target)?.focus();
}

/** Go on among the rooms that the sidebar shows, in its order. */
function step(page, { key }, { ofUnread = false }) {
  const { chat, settings, roomId } = page;
  if (!chat.rooms) return;
  const isUnread = (state) => settings.isUnread(state);
  const sections = sidebarSections(chat.rooms.all, { stars: settings.stars, nameOf: (room) => chat.nameOf(room) });
  const shown = Object.entries(sections).flatMap(([name, states]) =>
    shownOf(states, { isCollapsed: settings.isCollapsed(name), roomId, isUnread }),
  );
  const wanted = shown.filter((state) => !ofUnread || isUnread(state) || state.room.id === roomId);
  if (wanted.length === 0) return;
  const at = wanted.findIndex((state) => state.room.id === roomId);
  const next = key === "ArrowDown" ? at + 1 : at === -1 ? -1 : at - 1;
  page.go({ roomId: wanted.at(next % wanted.length).room.id });
}
