/** What can be done with a message: by its toolbar, its menu and the keyboard. */

import { formatRoute } from "../route.js";
import { isCopied } from "../../ui/clipboard.js";
import { NARROW } from "../../ui/narrow.js";
import { openMenu } from "../../ui/menu.js";
import { RecentEmoji } from "./recent-emoji.js";

const UNDO_MS = 5000;
const QUICK = 3; // recent emoji at the top of the menu

export class MessageActions {
  #page;
  #owner;

  /**
   * `owner`: the timeline or thread that shows the messages: `edit(message)`, `jumpTo(message)`, and `composer` where
   * it has one of its own. All methods are bound, since rows take them as handlers.
   */
  constructor({ page, owner }) {
    this.#page = page;
    this.#owner = owner;
  }

  person = (userId) => this.#page.openPanel("profile", userId);
  thread = (message) => this.#page.openPanel("thread", message.threadId ?? message.id);
  reply = (message) => this.#composer?.reply(message);
  jumpTo = (message) => this.#owner.jumpTo(message);
  edit = (message) => this.#owner.edit(message);
  retry = (clientId) => this.#page.chat.retry(clientId);
  discard = (clientId) => this.#page.done("Discarded.", this.#page.chat.discard(clientId));
  showImage = (file) => this.#page.dialog("image", { file });
  showHistory = (message) => this.#page.dialog("history", { message });

  /** Where a reply to the messages is written. */
  get #composer() {
    return "composer" in this.#owner ? this.#owner.composer : this.#page.composer;
  }

  editUnsent = (clientId) => {
    const { chat } = this.#page;
    const entry = chat.unsent(this.#page.roomId).find((one) => one.clientId === clientId);
    if (!entry) return;
    chat.discard(clientId);
    this.#composer?.insert(entry.content, entry.attachments);
  };

  copy = async (text) => {
    if (await isCopied(text)) this.#page.toast("Copied.");
    else this.#page.toast("This browser lets no page copy. Select the text instead.", { isError: true });
  };

  copyLink = (message) => {
    const { roomId, threadId, seq } = message;
    const hash = formatRoute({ roomId, panel: threadId && "thread", id: threadId, at: seq });
    return this.copy(new URL(hash, location.href).href);
  };

  recentEmoji = (count) => new RecentEmoji(this.#page.chat.user.id).latest(count);

  /** Whether the user may do with the messages of others what only moderators may. */
  isModerator = (roomId) => ["owner", "moderator"].includes(this.#page.chat.rooms?.get(roomId)?.room.role ?? "");

  toggleReaction = (shown, emoji) => {
    const { chat } = this.#page;
    const message = this.#current(shown);
    const isMine = message.reactions?.[emoji]?.userIds.includes(chat.user.id);
    this.#tried(isMine ? chat.unreact(message, emoji) : chat.react(message, emoji));
  };

  pickReaction = async (message, anchor) => {
    try {
      const { openEmojiPicker } = await import("./emoji-picker.js");
      const emoji = await openEmojiPicker({ anchor, page: this.#page });
      if (emoji) this.#tried(this.#page.chat.react(message, emoji));
    } catch (error) {
      this.#page.failed(error);
    }
  };

  /**
   * It is shown as deleted at once; the server is told when there was time to undo it, or the page is left. `onBack()`:
   * it is not deleted.
   */
  delete = (message, onBack = () => {}) => {
    const { chat } = this.#page;
    const end = chat.overlay(message, { deletedAt: new Date().toISOString(), content: null, attachments: [] });
    const undo = () => {
      end();
      onBack();
    };
    const send = async () => {
      try {
        if (chat.user) await chat.remove(message);
        end();
      } catch (error) {
        undo();
        this.#page.failed(error);
      }
    };
    this.#page.done("Deleted.", undo, { ms: UNDO_MS, onEnd: send });
  };

  markUnread = (message) => {
    this.#owner.markUnread?.(message);
  };

  openMenu = (shown, anchor, at = null) => {
    const message = this.#current(shown);
    openMenu({ anchor, at, label: "Message", items: this.#items(message, anchor) });
  };

  #items(message, anchor) {
    const isMine = message.userId === this.#page.chat.user.id;
    const isModerator = this.isModerator(message.roomId);
    const quick = this.recentEmoji(QUICK).map((emoji) => ({
      label: `React with ${emoji}`,
      emoji,
      run: () => this.toggleReaction(message, emoji),
    }));
    const items = [
      NARROW.matches && quick, // elsewhere the toolbar has them
      { label: "Add a reaction", icon: "emoji", keys: "+", run: () => this.pickReaction(message, anchor) },
      { label: "Reply", icon: "reply", keys: "R", run: () => this.reply(message) },
      { label: "Reply in a thread", icon: "thread", keys: "T", run: () => this.thread(message) },
      null,
      isMine && { label: "Edit", icon: "edit", keys: "E", run: () => this.edit(message) },
      { label: "Copy the text", icon: "copy", keys: "C", run: () => this.copy(message.content ?? "") },
      { label: "Copy the link", icon: "link", run: () => this.copyLink(message) },
      this.#owner.markUnread && {
        label: "Mark as unread from here",
        icon: "inbox",
        keys: "U",
        run: () => this.markUnread(message),
      },
      (isMine || isModerator) &&
        Boolean(message.editedAt) && {
          label: "Show earlier texts",
          icon: "clock",
          run: () => this.showHistory(message),
        },
      null,
      !isMine && { label: "Report…", icon: "flag", run: () => this.#page.dialog("report", { message }) },
      (isMine || isModerator) && {
        label: "Delete",
        icon: "delete",
        keys: "Del",
        isDanger: true,
        run: () => {
          anchor.closest("article")?.focus(); // the toolbar, with the button that has the focus now, goes
          this.delete(message);
        },
      },
    ];
    return items.filter((item) => item === null || Boolean(item));
  }

  /** The key of an action on the message that has the focus; true if it was one. */
  onKey(key, message, row) {
    const isMine = message.userId === this.#page.chat.user.id;
    const run = {
      e: isMine && (() => this.edit(message)),
      r: () => this.reply(message),
      t: () => this.thread(message),
      c: () => this.copy(message.content ?? ""),
      u: this.#owner.markUnread && (() => this.markUnread(message)),
      "+": () => this.pickReaction(message, row),
      Delete: (isMine || this.isModerator(message.roomId)) && (() => this.delete(message)),
      Enter: () => this.openMenu(message, row),
    }[key];
    if (!run || message.deletedAt) return false;
    run();
    return true;
  }

  /** The message as it is now: a toolbar stays while the message changes. */
  #current(message) {
    return this.#page.chat.rooms?.get(message.roomId)?.timeline.get(message.seq) ?? message;
  }

  #tried(promise) {
    promise.catch((error) => this.#page.failed(error));
  }
}
