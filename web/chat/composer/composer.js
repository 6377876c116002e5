/** The message field of a room or a thread: what is typed, pasted, dropped and chosen there becomes its draft. */

import { CONTENT_MAX } from "../../client/chat-client.js";
import { lengthOf } from "../../ui/text.js";
import { momentLabel } from "../../ui/dates.js";
import { patch } from "../../ui/view.js";
import { ComposerField } from "./composer-field.js";
import { composerView } from "./composer-view.js";
import { DropZone } from "./drop-zone.js";
import { placeOf } from "./drafts.js";
import { Submission } from "./submission.js";
import { FILES_MAX } from "./uploads.js";
import { SlowMode, reasonOfSilence } from "./restrictions.js";
import { typeToCompose } from "./type-to-compose.js";

const TICK_MS = 250;
const COUNTED_FROM = CONTENT_MAX - 200;

export class Composer {
  #root;
  #page;
  #roomId;
  #threadId;
  #draft;
  #onSent;
  #editLast;
  #field = null; // a ComposerField while something can be written
  #listRoot = null; // where the completion is drawn
  #submission;
  #slow = new SlowMode();
  #notice = null; // {text, action?}: why a command was not run
  #isOver = false; // whether files are held over the room
  #timer = null;
  #closing = new AbortController();
  #ends = [];

  /**
   * `onSent()`: a message was sent; by default the room's timeline goes to its end. `editLast()`: edit the last message
   * of one's own. `dropZone`: the element on which files may be dropped, by default the parent of `root`.
   */
  constructor({ root, page, roomId, threadId = null, onSent = null, editLast = null, dropZone = null }) {
    this.#root = root;
    this.#page = page;
    this.#roomId = roomId;
    this.#threadId = threadId;
    this.#draft = page.drafts.of(roomId, threadId);
    const nothing = () => {};
    this.#onSent = onSent ?? (threadId ? nothing : () => page.timeline?.toLatest?.());
    this.#editLast = editLast ?? (threadId ? nothing : () => page.timeline?.editLast?.());
    const { signal } = this.#closing;
    this.#submission = new Submission({
      ...{ page, roomId, draft: this.#draft, signal },
      waitMs: () => this.#waitMs,
      tell: (notice) => this.#setNotice(notice),
      offerCommands: () => this.#offerCommands(),
    });
    const zone = new DropZone({
      element: () => dropZone ?? root.parentElement,
      isOpen: () => this.#canWrite,
      onOver: (isOver) => this.#setOver(isOver),
      onFiles: (files) => this.#addFiles(files),
    });
    this.#ends.push(() => zone.close());
    this.#listen(signal);
    if (!threadId) {
      this.#ends.push(page.attachComposer(this));
      typeToCompose({ signal, focus: () => this.#canWrite && this.focus() });
    }
    const place = placeOf(roomId, threadId);
    const select = (state, store) => [
      ...[`draft:${place}`, `typing:${roomId}`, `messages:${roomId}`].map((name) => store.version(name)),
      ...["list", "people", "connection", "blocks"].map((name) => store.version(name)),
    ];
    this.#ends.push(page.store.select(select, () => this.#draw()));
  }

  close() {
    this.#closing.abort();
    clearTimeout(this.#timer);
    this.#stopTyping();
    for (const end of this.#ends.reverse()) end();
    this.#field?.close();
    patch(this.#root, []);
  }

  focus() {
    this.#field?.focus();
  }

  /** Ask which files to attach; false where none can be. */
  attach() {
    const files = /** @type {HTMLInputElement | null} */ (this.#root.querySelector("input[type=file]"));
    files?.click();
    return files !== null;
  }

  /** Put a text before what is written, on lines of its own, and files: a message that failed, to be changed. */
  insert(text, files = []) {
    const { draft } = this;
    draft.uploads.addStored(files);
    draft.replace(draft.text.trim() ? `${text}\n${draft.text}` : text);
    this.focus();
  }

  /** The next message replies to this one. */
  reply(message) {
    const { id, seq, userId, username, content, attachments } = message;
    const [line] = (content ?? "").trim().split("\n", 1);
    const text = [...(line || attachments?.[0]?.name || "")].slice(0, 140).join("");
    this.draft.replyTo = { id, seq, userId, username, text };
    this.focus();
  }

  get draft() {
    return this.#draft;
  }

  get #room() {
    return this.#page.chat.rooms?.get(this.#roomId)?.room ?? null;
  }

  get #silence() {
    const { blocks } = this.#page.chat;
    return this.#room && reasonOfSilence(this.#room, { now: new Date(), time: momentLabel, blocks });
  }

  get #canWrite() {
    return this.#room !== null && !this.#silence;
  }

  get #waitMs() {
    const state = this.#page.chat.rooms?.get(this.#roomId);
    return state ? this.#slow.waitMs(state.room, state.timeline.messages, this.#page.chat.user?.id) : 0;
  }

  #listen(signal) {
    const { draft } = this;
    draft.addEventListener("replaced", () => this.#field?.takeText(), { signal });
    draft.addEventListener("sent", () => this.#onSent(), { signal });
    draft.addEventListener("failed", ({ detail }) => this.#page.failed(detail), { signal });
  }

  // ---- drawing ------------------------------------------------------------------------------------------------------

  #draw() {
    const { draft } = this;
    const room = this.#room;
    if (!room) return;
    const silence = this.#silence;
    const waitMs = silence ? 0 : this.#waitMs;
    const length = draft.text.length < COUNTED_FROM ? 0 : lengthOf(draft.text.trim());
    const view = {
      ...{ page: this.#page, room, threadId: this.#threadId, draft, silence, waitMs, isOver: this.#isOver },
      notice: this.#notice,
      left: length < COUNTED_FROM ? null : CONTENT_MAX - length,
      on: {
        submit: (event) => this.#submit(event),
        field: (node) => this.#adopt(node),
        files: (files) => this.#addFiles(files),
        emoji: (anchor) => this.#field.pickEmoji(anchor),
        list: (node) => (this.#listRoot = node),
        endReply: () => this.#endReply(),
        endNotice: () => this.#setNotice(null),
        unblock: (userId) => this.#unblock(userId),
      },
    };
    patch(this.#root, composerView(view));
    this.#tick(silence, waitMs);
  }

  /** While something counts down, it is drawn again. */
  #tick(silence, waitMs) {
    clearTimeout(this.#timer);
    const dueMs = waitMs > 0 ? TICK_MS : silence?.until ? Math.min(silence.until - Date.now(), 60_000) + 100 : 0;
    if (dueMs > 0) this.#timer = setTimeout(() => this.#draw(), dueMs);
  }

  /** The text area was made, also again after the room could be written in. */
  #adopt(node) {
    this.#field?.close();
    this.#field = new ComposerField({
      ...{ node, page: this.#page, roomId: this.#roomId, draft: this.draft, listRoot: () => this.#listRoot },
      on: {
        text: (value) => this.#onText(value),
        blur: () => this.#stopTyping(),
        submit: (event) => this.#submit(event),
        files: (files) => this.#addFiles(files),
        attach: () => this.attach(),
        escape: () => this.#endsByEscape(),
        editLast: () => this.#editLast(),
      },
    });
  }

  #setOver(isOver) {
    if (isOver === this.#isOver) return;
    this.#isOver = isOver;
    this.#draw();
  }

  #setNotice(notice) {
    this.#notice = notice;
    this.#draw();
  }

  // ---- typing -------------------------------------------------------------------------------------------------------

  #onText(value) {
    this.draft.text = value;
    if (this.#notice) this.#setNotice(null);
    if (!value.trim() || value.startsWith("/")) this.#stopTyping();
    else if (!this.#threadId) this.#page.chat.presence?.typing(this.#roomId);
  }

  /** Nobody is told of who types in a thread. */
  #stopTyping() {
    if (!this.#threadId) this.#page.chat.presence?.stopTyping(this.#roomId);
  }

  /** What Escape ends: a notice, the wait for uploads, then the reply. */
  #endsByEscape() {
    if (this.#notice) this.#setNotice(null);
    else if (this.draft.isQueued) this.draft.unqueue();
    else if (this.draft.replyTo) this.#endReply();
    else return false;
    return true;
  }

  #endReply() {
    this.draft.replyTo = null;
    this.focus();
  }

  #addFiles(files) {
    const tooMany = this.draft.uploads.add(files);
    if (tooMany > 0) this.#page.toast(`A message takes ${FILES_MAX} files: ${tooMany} left out.`, { isError: true });
    this.focus();
  }

  #submit(event) {
    event.preventDefault();
    this.draft.text = this.#field.value; // what other programs put there comes without an event
    if (this.#canWrite) this.#submission.submit(this.#field.value.trim());
    this.focus();
  }

  async #unblock(userId) {
    try {
      await this.#page.chat.unblock(userId);
    } catch (error) {
      return this.#page.failed(error);
    }
    this.#page.store.flush();
    this.focus();
  }

  #offerCommands() {
    this.draft.replace("/");
    this.#field.completeAt(1);
  }
}
