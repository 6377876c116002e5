/** Shows an image as large as it is, or as the screen allows. */

import { h, patch } from "../../ui/view.js";
import { icon } from "../../ui/icons.js";
import { openDialog } from "../../ui/dialog.js";

export function openImageDialog({ page, file }) {
  const url = page.chat.fileUrl(file);
  const mount = ({ body }) =>
    patch(body, [
      h("img", { class: "whole-image", src: url, alt: file.name, width: file.width, height: file.height }),
      h("div", { class: "dialog-actions" }, h("a", { href: url, download: file.name }, icon("download"), "Download")),
    ]);
  return openDialog({ title: file.name, className: "image-dialog", mount });
}
