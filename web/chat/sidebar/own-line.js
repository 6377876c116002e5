/** The user's own line at the foot of the sidebar, and the menu behind it: status, preferences, log out. */

import { avatar } from "../../ui/avatar.js";
import { h } from "../../ui/view.js";
import { NARROW } from "../../ui/narrow.js";
import { openMenu } from "../../ui/menu.js";
import { STATUS_NAMES } from "../status-names.js";

export function ownLine(page) {
  const { user, connection } = page.chat;
  if (!user) return null;
  const status = connection?.isOnline ? user.status : "offline";
  const text = [STATUS_NAMES[status], user.customStatus].filter(Boolean).join(" · ");
  const open = (event) => openMenu({ anchor: event.currentTarget, items: items(page), label: "You" });
  return h(
    "div",
    { class: "own" },
    h(
      "button",
      { type: "button", class: "own-button", "aria-haspopup": "menu", "data-own": true, on: { click: open } },
      h(
        "span",
        { class: "picture" },
        avatar({ ...user, name: user.displayName ?? user.username, url: page.chat.avatarUrl(user) }),
        h("span", { class: "dot", "data-status": status }),
      ),
      h(
        "span",
        { class: "label" },
        h("b", { dir: "auto" }, user.displayName),
        h("small", { dir: "auto" }, h("span", { class: "sr-only" }, "Status: "), text),
      ),
    ),
  );
}

function items(page) {
  const { chat } = page;
  const set = (status) => () => chat.setStatus(status).catch((error) => page.failed(error));
  const statuses = Object.entries(STATUS_NAMES).map(([status, label]) => ({
    label: status === "offline" ? "Appear offline" : label,
    isChecked: chat.user.status === status,
    run: set(status),
  }));
  const shortcuts = { label: "Keyboard shortcuts", icon: "keyboard", keys: "?", run: () => page.dialog("shortcuts") };
  return [
    ...statuses,
    { label: "Set a status…", icon: "edit", run: () => page.dialog("status") },
    null,
    { label: "Profile", icon: "user", run: () => page.openPanel("profile", chat.user.id) },
    { label: "Preferences", icon: "settings", run: () => page.dialog("preferences") },
    ...(NARROW.matches ? [] : [shortcuts]),
    null,
    { label: "Log out", icon: "leave", isDanger: true, run: () => page.dialog("log-out") },
  ];
}
