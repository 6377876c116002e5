/** Edits a message in its place: Enter saves, Escape leaves it as it was. */

import { CONTENT_MAX } from "../../client/chat-client.js";
import { h } from "../../ui/view.js";
import { isComposing } from "../../ui/keys.js";
import { lengthOf } from "../../ui/text.js";

/** `text`: to begin with. `save(text)` and `cancel(text)` end it. */
export function messageEditor(message, { text: first, save, cancel }) {
  const begin = (node) => {
    // After the row is in the document.
    queueMicrotask(() => {
      fit(node);
      node.focus({ preventScroll: true });
      node.setSelectionRange(node.value.length, node.value.length);
    });
  };
  const submit = (node) => {
    const text = node.value.trim();
    const isFine = text !== "" && lengthOf(text) <= CONTENT_MAX;
    if (!isFine) return node.setAttribute("aria-invalid", "true");
    if (text === message.content) cancel(text);
    else save(text);
  };
  const onKeyDown = (event) => {
    if (isComposing(event)) return;
    if (event.key === "Escape") cancel(event.currentTarget.value);
    else if (event.key === "Enter" && !event.shiftKey) submit(event.currentTarget);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const attributes = { class: "message-edit", "aria-label": "Edit the message", dir: "auto", rows: "1", ref: begin };
  const on = { keydown: onKeyDown, input: ({ currentTarget }) => fit(currentTarget) };
  const field = ({ currentTarget }) => currentTarget.closest(".message-editor").querySelector("textarea");
  return h(
    "div",
    { class: "message-editor", key: "editor" },
    h("textarea", { ...attributes, on }, first),
    h(
      "div",
      { class: "message-editor-actions" },
      h("button", { type: "button", class: "primary", on: { click: (event) => submit(field(event)) } }, "Save"),
      h("button", { type: "button", on: { click: (event) => cancel(field(event).value) } }, "Cancel"),
    ),
  );
}

function fit(node) {
  node.style.setProperty("height", "auto");
  node.style.setProperty("height", `${node.scrollHeight + 2}px`);
}
