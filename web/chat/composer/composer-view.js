/** Draws the message field: a function of what there is to show, which keeps nothing. */

import { classes, h } from "../../ui/view.js";
import { icon, iconButton } from "../../ui/icons.js";
import { plural, typingLabel } from "../../ui/text.js";
import { durationLabel } from "./restrictions.js";

/**
 * The tree of the composer. `silence`: why nothing can be written, or null. `left`: how many characters are left, or
 * null while there are many. `on`: what is done, by name: see composer.js.
 */
export function composerView({ page, room, threadId, draft, silence, waitMs, notice, left, isOver, on }) {
  const label = threadId ? "Reply in the thread" : `Message ${page.chat.nameOf(room)}`;
  const canSend = !draft.isEmpty && (left === null || left >= 0) && waitMs === 0;
  return [
    isOver &&
      h("div", { key: "drop", class: "drop-overlay" }, icon("attach"), h("p", {}, "Drop files here to attach them")),
    silence
      ? silenceRow(silence, on)
      : h(
          "form",
          { key: "form", class: "composer-form", on: { submit: on.submit } },
          h("div", { key: "list", class: "completion", foreign: true, ref: on.list }),
          noticeRow(notice, on),
          h(
            "div",
            { key: "box", class: classes("composer-box", left !== null && left < 0 && "over") },
            replyRow(page, draft, on),
            uploadList(draft.uploads, page),
            draft.isQueued && queuedRow(draft),
            h("div", { key: "row", class: "composer-row" }, controls({ label, draft, left, canSend, on })),
          ),
        ),
    h(
      "div",
      { key: "foot", class: "composer-foot" },
      h("p", { class: "typing", dir: "auto", "data-typing": "" }, threadId ? "" : typingText(page, room.id)),
      !silence && hint(),
      h("p", { key: "state", class: classes("composer-state", left !== null && left < 0 && "over"), role: "status" }, [
        silence ? "" : stateText({ room, draft, waitMs, left }),
      ]),
    ),
  ];
}

function silenceRow({ text, blockedId }, { unblock }) {
  const end = { type: "button", class: "link", on: { click: () => unblock(blockedId) } };
  return h(
    "div",
    { key: "silence", class: "composer-silence" },
    icon("lock"),
    h("p", { role: "status" }, text),
    blockedId && h("button", end, "Unblock"),
  );
}

function controls({ label, draft, left, canSend, on }) {
  const chosen = ({ target }) => {
    on.files([...target.files]);
    target.value = ""; // the same file may be chosen again
  };
  const pick = ({ currentTarget }) => currentTarget.previousElementSibling.click();
  return [
    h("input", {
      ...{ key: "files", type: "file", multiple: true, hidden: true, "aria-label": "Files", tabindex: "-1" },
      on: { change: chosen },
    }),
    iconButton("attach", "Attach files", { key: "attach", on: { click: pick } }),
    h("textarea", {
      ...{ key: "field", class: "composer-field", rows: "1", dir: "auto", enterkeyhint: "send", autocomplete: "off" },
      ...{ "aria-label": label, placeholder: label, spellcheck: "true" },
      "aria-invalid": left !== null && left < 0 ? "true" : null,
      readonly: draft.isQueued,
      ref: on.field,
    }),
    iconButton("emoji", "Emoji", { key: "emoji", on: { click: ({ currentTarget }) => on.emoji(currentTarget) } }),
    iconButton("send", "Send", { key: "send", type: "submit", class: classes("send", canSend && "ready") }),
  ];
}

/** Keys, while nobody types (by CSS): decoration for those who see it, so readers skip it. */
function hint() {
  const key = (name) => h("kbd", {}, name);
  const keys = [key("Enter"), " sends, ", key("Shift"), " ", key("Enter"), " new line, ", key("/"), " commands"];
  return h("p", { key: "hint", class: "composer-hint", "aria-hidden": "true" }, keys);
}

function noticeRow(notice, { endNotice }) {
  if (!notice) return null;
  return h(
    "div",
    { key: "notice", class: "composer-notice", role: "alert" },
    h("p", { dir: "auto" }, notice.text),
    notice.action &&
      h("button", { type: "button", class: "link", on: { click: notice.action.run } }, notice.action.label),
    iconButton("close", "Dismiss", { class: "small", on: { click: endNotice } }),
  );
}

function replyRow(page, { replyTo }, { endReply }) {
  if (!replyTo) return null;
  const name = page.people.of(replyTo.userId, replyTo.username)?.displayName ?? replyTo.username;
  return h(
    "div",
    { key: "reply", class: "composer-reply" },
    icon("reply"),
    h("p", {}, "Replying to ", h("b", { dir: "auto" }, name), ": ", h("bdi", {}, replyTo.text)),
    iconButton("close", "Do not reply", { class: "small", on: { click: endReply } }),
  );
}

function queuedRow(draft) {
  return h(
    "div",
    { key: "queued", class: "composer-queued", role: "status" },
    icon("clock"),
    h("p", {}, "Sends when uploaded"),
    h("button", { type: "button", class: "link", on: { click: () => draft.unqueue() } }, "Do not send yet"),
  );
}

function uploadList(uploads, page) {
  if (uploads.list.length === 0) return null;
  const rows = uploads.list.map((upload) => uploadRow(uploads, upload, page));
  return h("ul", { key: "uploads", class: "uploads", "aria-label": "Attachments" }, rows);
}

function uploadRow(uploads, upload, page) {
  const { number, name, state, progress, preview } = upload;
  const isOnItsWay = state === "waiting" || state === "uploading";
  const percent = Math.round(progress * 100);
  const failed = state === "failed";
  // The button goes, and the focus would go with it.
  const then = (act) => ({
    click({ currentTarget }) {
      act();
      currentTarget.closest(".composer").querySelector("textarea")?.focus();
    },
  });
  const text = failed ? upload.error : sizeLabel(upload.size);
  const said = h("small", { key: state, role: failed ? "alert" : null }, text);
  const bar = h("progress", { max: "100", props: { value: percent }, "aria-label": `Uploading ${name}` });
  return h(
    "li",
    { key: number, class: "upload", "data-state": state },
    preview && h("img", { class: "upload-picture", src: preview, alt: "" }),
    !preview && h("span", { class: "upload-picture" }, icon("file")),
    h("div", { class: "upload-text" }, h("bdi", { class: "upload-name", title: name }, name), isOnItsWay ? bar : said),
    failed &&
      !upload.isRefused &&
      iconButton("retry", `Upload ${name} again`, {
        key: "retry",
        class: "small",
        on: then(() => uploads.retry(upload)),
      }),
    iconButton("close", `${isOnItsWay ? "Cancel" : "Remove"} ${name}`, {
      key: "remove",
      class: "small",
      on: then(() => page.done(`${name} is removed.`, uploads.remove(upload))),
    }),
  );
}

function stateText({ room, draft, waitMs, left }) {
  if (left !== null && left < 0) return `${plural(-left, "character")} too many`;
  if (waitMs > 0) return `Slow mode: again in ${durationLabel(waitMs)}`;
  if (left !== null) return `${plural(left, "character")} left`;
  if (draft.isSending) return "Sending…";
  const isSlow = room.slowModeS > 0 && room.role === "member";
  return isSlow ? `Slow mode: a message each ${durationLabel(room.slowModeS * 1000)}` : "";
}

function typingText(page, roomId) {
  const names = page.chat.presence?.typists(roomId) ?? [];
  return typingLabel(names.slice(0, 3).map((username) => page.people.named(username)?.displayName ?? username));
}

function sizeLabel(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
