/** What is said around the messages: above the first, below the last, and of what is unread. */

import { h } from "../../ui/view.js";
import { plural } from "../../ui/text.js";
import { relativeLabel, sameDay, timeLabel } from "../../ui/dates.js";

/**
 * Above the first message: that more is coming, that it failed, or where the room began. `open()`: load the room again;
 * `loads`: TimelineLoads.
 */
export function timelineHead({ room, timeline, isLoaded, loadError }, { name, open, loads }) {
  if (loadError && !isLoaded) return failed(loadError, open, { class: "primary" });
  if (!isLoaded) return loading();
  if (timeline.hasOlder) return loadNote(loads, "older");
  const empty =
    room.kind === "direct"
      ? `This is between you and ${name}. Say hello.`
      : "Nothing was written here yet. Write the first message, or invite somebody.";
  const text = timeline.messages.length === 0 ? empty : `This is where ${name} began.`;
  return h("p", { class: "timeline-note room-start", dir: "auto" }, text);
}

/** Below the last message that is loaded. */
export function timelineFoot({ timeline, isLoaded }, { loads }) {
  return isLoaded && timeline.isDetached ? loadNote(loads, "newer") : null;
}

function loadNote(loads, direction) {
  const error = loads.errorOf(direction);
  if (error) return failed(error, () => loads.load(direction), { class: "link" });
  return loads.isLoading(direction) ? loading() : h("p", { class: "timeline-note" });
}

function loading() {
  return h("p", { class: "timeline-note", role: "status" }, "Loading…");
}

function failed(error, retry, attributes) {
  const button = h("button", { type: "button", ...attributes, on: { click: retry } }, "Retry");
  return h("div", { class: "timeline-note", role: "alert" }, h("span", {}, error.message), " ", button);
}

/** "120 new since 09:12 · Jump · Mark as read". `since`: a Date, or null. `isThere`: the first is on the screen. */
export function unreadBar({ count, since, isThere, jump, markRead }) {
  const button = (label, run) => h("button", { type: "button", class: "link", on: { click: run } }, label);
  const now = new Date();
  const time = since && (sameDay(since, now) ? timeLabel(since) : relativeLabel(since, now));
  return h(
    "div",
    { class: "unread-note", role: "group", "aria-label": "New messages" },
    h("span", {}, `${count.toLocaleString()} new`, time && h("span", { class: "only-wide" }, ` since ${time}`)),
    button(isThere ? "Jump to latest" : "Jump", jump),
    button("Mark as read", markRead),
  );
}

/** What the button that leads to the end says. `unread`: how many messages are. */
export function jumpLabel(unread) {
  return unread > 0 ? plural(unread, "new message") : "Jump to latest";
}
