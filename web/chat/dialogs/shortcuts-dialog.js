/** The keyboard shortcuts. */

import { h, patch } from "../../ui/view.js";
import { openDialog } from "../../ui/dialog.js";
import { shortcutRows } from "../shortcuts.js";

export function openShortcutsDialog() {
  const mount = ({ body }) => patch(body, h("dl", { class: "shortcuts" }, shortcutRows()));
  return openDialog({ title: "Keyboard shortcuts", mount });
}
