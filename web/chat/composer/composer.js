/** The message field of a room or a thread: what is typed, pasted, dropped and chosen there becomes its draft. */

import { CONTENT_MAX } from "../../client/chat-client.js";
import { isComposing, letterOf } from "../../ui/keys.js";
import { lengthOf } from "../../ui/text.js";
import { momentLabel } from "../../ui/dates.js";
import { patch } from "../../ui/view.js";
import { composerView } from "./composer-view.js";
import { DropZone } from "./drop-zone.js";
import { placeOf } from "./drafts.js";
import { Assistance } from "./assistance.js";
import { Submission } from "./submission.js";
import { FILES_MAX } from "./uploads.js";
import { SlowMode, reasonOfSilence } from "./restrictions.js";
import { fitHeight, toggleMark } from "./text-field.js";
import { typeToCompose } from "./type-to-compose.js";

const MARKS = { b: "**", i: "*", e: "`" };
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
  #field = null;
  #listRoot = null; // where the completion is drawn
  #assistance = null; // of the field
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
    if (!this.#threadId) this.#page.chat.presence?.stopTyping(this.#roomId);
    for (const end of this.#ends.reverse()) end();
    this.#assistance?.close();
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

  /** Put a text before what is written, on lines of its own: that of a message that failed, to be changed. */
  insert(text) {
    const { draft } = this;
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
    draft.addEventListener("replaced", () => this.#takeText(), { signal });
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
        emoji: (anchor) => this.#assistance.pickEmoji(anchor),
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
  #adopt(field) {
    this.#field = field;
    this.#assistance?.close();
    const of = { page: this.#page, roomId: this.#roomId };
    this.#assistance = new Assistance({ ...of, field, listRoot: () => this.#listRoot });
    field.value = this.draft.text;
    const { signal } = this.#closing;
    field.addEventListener("input", (event) => this.#onInput(event), { signal });
    field.addEventListener("keydown", (event) => this.#onKeyDown(event), { signal });
    field.addEventListener("paste", (event) => this.#onPaste(event), { signal });
    if (!this.#threadId) {
      field.addEventListener("blur", () => this.#page.chat.presence?.stopTyping(this.#roomId), { signal });
    }
    queueMicrotask(() => fitHeight(field));
  }

  /** The draft's text was changed by others than the field. */
  #takeText() {
    if (!this.#field || this.#field.value === this.draft.text) return;
    this.#field.value = this.draft.text;
    fitHeight(this.#field);
    this.#assistance?.update();
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

  #onInput(event) {
    const { value } = this.#field;
    this.draft.text = value;
    if (this.#notice) this.#setNotice(null);
    fitHeight(this.#field);
    if (!this.#threadId) this.#tellTyping(value);
    this.#assistance.onInput(event);
  }

  #tellTyping(value) {
    const { presence } = this.#page.chat;
    if (value.trim() && !value.startsWith("/")) presence?.typing(this.#roomId);
    else presence?.stopTyping(this.#roomId);
  }

  #onKeyDown(event) {
    if (isComposing(event)) return;
    if (this.#assistance.onKeyDown(event)) return event.preventDefault();
    const { key } = event;
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey;
    const letter = (event.ctrlKey || event.metaKey) && !event.altKey && letterOf(event);
    if (MARKS[letter]) {
      event.preventDefault();
      toggleMark(this.#field, MARKS[letter]);
    } else if (letter === "u" && this.attach()) event.preventDefault();
    else if (key === "Enter" && !event.shiftKey && !event.altKey) this.#submit(event);
    else if (key === "Escape" && this.#endsByEscape()) event.preventDefault();
    else if (key === "ArrowUp" && isPlain && this.draft.isEmpty && this.#field.value === "") {
      event.preventDefault();
      this.#editLast();
    }
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

  #onPaste(event) {
    const { files, types } = event.clipboardData;
    // A table or a text comes from other programs with a picture of itself.
    if (files.length === 0 || types.includes("text/plain")) return;
    event.preventDefault();
    this.#addFiles([...files]);
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
    this.focus();
    this.#field.setSelectionRange(1, 1);
    void this.#assistance.complete();
  }
}
