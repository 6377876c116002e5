/** The messages of the shown room that have files, the newest first. */

import { FoundPanel } from "./found-panel.js";

export class FilesPanel extends FoundPanel {
  constructor({ root, page }) {
    const { roomId } = page;
    const load = (cursor) => page.chat.api.messages.search("has:file", { roomId, cursor, limit: 30 });
    super({ root, page, load, versions: [], empty: "No files were posted here yet." });
  }
}
