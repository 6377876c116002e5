/** A menu of commands at a button or a point; on a narrow screen it is a sheet at the bottom (by CSS). */

import { classes, h, patch } from "./view.js";
import { icon } from "./icons.js";
import { NARROW } from "./narrow.js";

const EDGE_PX = 8;

/**
 * Open a menu. `items`: `{label, run, icon?, isDanger?, isChecked?, isDisabled?}`, or null for a line between groups,
 * or a list of `{label, emoji, run}`, which are shown as emoji beside each other.
 * `anchor`: the element that it belongs to, which gets the focus back; `at`: a point `{x, y}` to open it at, else below
 * the anchor. Arrow keys, Home, End and letters move; Escape and a click beside it close it.
 */
export function openMenu({ anchor, items, label, at = null }) {
  const dialog = document.createElement("dialog");
  dialog.className = "menu-layer";
  dialog.setAttribute("aria-label", label);
  document.body.append(dialog);
  const home = anchor?.parentElement?.closest("[tabindex]");
  const giveBack = () => {
    if (document.activeElement === document.body) anchor?.focus();
    if (document.activeElement === document.body) home?.focus(); // of a toolbar that only the pointer shows
  };
  const choose = (run) => {
    dialog.close();
    giveBack();
    run();
  };
  const single = (item, index) =>
    item === null
      ? h("div", { key: `line ${index}`, role: "separator", class: "menu-line" })
      : h(
          "button",
          {
            key: index,
            type: "button",
            role: item.isChecked === undefined ? "menuitem" : "menuitemcheckbox",
            "aria-checked": item.isChecked === undefined ? null : String(item.isChecked),
            class: classes("menu-item", item.isDanger && "menu-danger"),
            disabled: item.isDisabled,
            tabindex: "-1",
            on: { click: () => choose(item.run) },
          },
          item.icon && icon(item.icon),
          h("span", { dir: "auto" }, item.label),
          item.keys && h("kbd", {}, item.keys),
        );
  const emojiButton = ({ label: name, emoji, run }) => {
    const named = { key: emoji, type: "button", role: "menuitem", "aria-label": name, tabindex: "-1" };
    return h("button", { ...named, class: "menu-emoji", on: { click: () => choose(run) } }, emoji);
  };
  const row = (item, index) =>
    Array.isArray(item)
      ? h("div", { key: index, role: "group", class: "menu-row" }, item.map(emojiButton))
      : single(item, index);
  patch(dialog, h("div", { class: "menu", role: "menu", "aria-label": label, on: { keydown: move } }, items.map(row)));
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => {
    dialog.remove();
    giveBack();
  });
  dialog.showModal();
  if (!NARROW.matches) place(dialog.firstElementChild, at ?? belowOf(anchor));
  enabledItems(dialog)[0]?.focus();
  return () => dialog.close();
}

function belowOf(anchor) {
  const { left, bottom } = anchor.getBoundingClientRect();
  return { x: left, y: bottom + 4 };
}

function place(menu, { x, y }) {
  const { width, height } = menu.getBoundingClientRect();
  menu.style.setProperty("left", `${Math.max(EDGE_PX, Math.min(x, innerWidth - width - EDGE_PX))}px`);
  menu.style.setProperty("top", `${Math.max(EDGE_PX, Math.min(y, innerHeight - height - EDGE_PX))}px`);
}

function enabledItems(root) {
  return [...root.querySelectorAll("button:not(:disabled)")];
}

function move(event) {
  const items = enabledItems(event.currentTarget);
  const at = items.indexOf(document.activeElement);
  const steps = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 };
  let next = steps[event.key];
  if (next === undefined && event.key.length === 1 && !event.ctrlKey && !event.metaKey) {
    const letter = event.key.toLowerCase();
    const order = [...items.slice(at + 1), ...items.slice(0, at + 1)];
    const found = order.find((item) => item.textContent.trim().toLowerCase().startsWith(letter));
    if (found) next = items.indexOf(found);
  }
  if (next === undefined) return;
  event.preventDefault();
  items.at(next % items.length)?.focus();
}
