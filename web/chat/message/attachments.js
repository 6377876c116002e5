/** What is attached to a message: images with their space reserved, and other files as cards. */

import { bytes } from "../../ui/format.js";
import { h } from "../../ui/view.js";
import { icon } from "../../ui/icons.js";

const IMAGE_MAX_PX = { width: 360, height: 280 };

/**
 * `showImage(file)` opens one; `chat.fileUrl(file)` gives the addresses. `tabindex`: -1 in a timeline, which has keys of
 * its own to go to them.
 */
export function attachments(files, { chat, showImage, tabindex = "-1" }) {
  if (!files?.length) return null;
  return h(
    "ul",
    { class: "attachments", "aria-label": "Attachments" },
    files.map((file) =>
      h(
        "li",
        { key: file.id },
        isImage(file) ? image(file, { chat, showImage, tabindex }) : card(file, chat, tabindex),
      ),
    ),
  );
}

function isImage(file) {
  return file.mimeType.startsWith("image/") && file.width > 0 && file.height > 0;
}

function image(file, { chat, showImage, tabindex }) {
  const scale = Math.min(1, IMAGE_MAX_PX.width / file.width, IMAGE_MAX_PX.height / file.height);
  const size = { width: Math.round(file.width * scale), height: Math.round(file.height * scale) };
  const thumbnail = chat.fileUrl(file, { thumbnail: true }) ?? chat.fileUrl(file);
  const failed = ({ currentTarget }) => currentTarget.closest("button").classList.add("is-broken");
  const attributes = { ...size, src: thumbnail, alt: file.name, loading: "lazy", decoding: "async" };
  return h(
    "button",
    {
      type: "button",
      class: "attached-image",
      tabindex,
      "aria-label": `Show ${file.name}`,
      on: { click: () => showImage(file) },
    },
    h("img", { ...attributes, on: { error: failed } }),
    h("span", { class: "broken-note" }, icon("warning"), "This image could not be loaded."),
  );
}

function card(file, chat, tabindex) {
  return h(
    "a",
    {
      ...{ class: "attached-file", href: chat.fileUrl(file), target: "_blank", rel: "noopener" },
      ...{ download: file.name, tabindex },
    },
    icon("file"),
    h("span", { class: "two-lines" }, h("b", { dir: "auto" }, file.name), h("small", {}, bytes(file.size))),
    icon("download"),
  );
}
