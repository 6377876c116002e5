/** The messages that mention the user, in all rooms, the newest first. */

import { FoundPanel } from "./found-panel.js";

export class MentionsPanel extends FoundPanel {
  constructor({ root, page }) {
    const load = (cursor) => page.chat.api.messages.search("mentions:me", { cursor, limit: 30 });
    super({ root, page, load, versions: ["list"], empty: "Nobody has mentioned you yet." });
  }
}
