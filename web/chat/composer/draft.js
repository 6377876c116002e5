/**
 * What is being written at one place, a room or a thread: the text, the message it replies to, and the files. It lives
 * on while another room is shown, and sends itself when its files are uploaded.
 */

import { namesOfFiles } from "../message/file-names.js";
import { Uploads } from "./uploads.js";

const SOON_MS = 500; // what takes longer is shown as being sent
const FILES_KEPT_MS = 20 * 3600 * 1000; // the server removes what no message has after a day

/**
 * @typedef {{id: string, seq: number, userId: string, username: string, text: string}} ReplyTarget
 * The message that is replied to, with its first line.
 */

/** Events: `change`; `replaced`: the text was changed by others than the field; `sent`; `failed`, with the error. */
export class Draft extends EventTarget {
  roomId;
  threadId;
  uploads;

  #text = "";
  /** @type {ReplyTarget | null} */
  #replyTo = null;
  #queued = null; // what is sent as soon as the files are uploaded
  #pending = []; // {text, isSlow} of those on their way to the outbox: see MessageSending
  #write;
  #send;

  /** `write(value)`: keeps it in the storage. `send(message)`: a promise, over when the outbox has the message. */
  constructor({ chat, roomId, threadId, stored, write, send }) {
    super();
    this.roomId = roomId;
    this.threadId = threadId;
    this.#write = write;
    this.#send = send;
    this.#take(stored);
    const isFresh = Date.now() - (stored?.at ?? 0) < FILES_KEPT_MS;
    this.uploads = new Uploads({ chat, stored: isFresh ? (stored?.files ?? []) : [] });
    this.uploads.addEventListener("change", () => this.#onUploads());
  }

  get text() {
    return this.#text;
  }

  set text(text) {
    if (text === this.#text) return;
    this.#text = text;
    this.#changed();
  }

  get replyTo() {
    return this.#replyTo;
  }

  set replyTo(target) {
    this.#replyTo = target;
    this.#changed();
  }

  /** Whether it is sent as soon as its files are uploaded. */
  get isQueued() {
    return this.#queued !== null;
  }

  /** Whether a message takes long on its way to the outbox, and is shown nowhere else meanwhile. */
  get isSending() {
    return this.#pending.some(({ isSlow }) => isSlow);
  }

  get isEmpty() {
    return this.#text.trim() === "" && this.uploads.list.length === 0;
  }

  /** Put a text where the field's is, such as that of a message that failed. */
  replace(text) {
    this.#text = text;
    this.#changed();
    this.dispatchEvent(new Event("replaced"));
  }

  /** Another tab has stored this. */
  follow(stored) {
    if (this.uploads.list.length > 0 || this.#pending.length > 0) return;
    this.#take(stored);
    this.dispatchEvent(new Event("replaced"));
    this.dispatchEvent(new Event("change"));
  }

  /** Send `content`, the text as it is to be sent, with the files: now, or when they are uploaded. */
  async send(content) {
    if (this.uploads.isBusy || this.uploads.hasFailed) {
      this.#queued = this.uploads.hasFailed ? null : content;
      this.#changed();
      return;
    }
    this.#queued = null;
    const { roomId, threadId, uploads } = this;
    const attachments = [...uploads.stored];
    const text = content || namesOfFiles(attachments);
    const message = { roomId, threadId, content: text, replyToId: this.#replyTo?.id ?? null, attachments };
    const pending = { text, isSlow: false };
    this.#pending.push(pending);
    this.#text = "";
    this.#replyTo = null;
    uploads.clear();
    this.#changed();
    this.dispatchEvent(new Event("replaced"));
    this.dispatchEvent(new Event("sent"));
    const timer = setTimeout(() => {
      pending.isSlow = true;
      this.#changed();
    }, SOON_MS);
    try {
      await this.#send(message);
    } catch (error) {
      // What could not be sent is in the field again, before what was written meanwhile.
      this.#text = [text, this.#text].filter(Boolean).join("\n");
      uploads.addStored(attachments);
      this.dispatchEvent(new Event("replaced"));
      this.dispatchEvent(new CustomEvent("failed", { detail: error }));
    }
    clearTimeout(timer);
    this.#pending = this.#pending.filter((one) => one !== pending);
    this.#changed();
  }

  /** Do not wait for the files any more. */
  unqueue() {
    this.#queued = null;
    this.#changed();
  }

  /** Cancel and forget all, without a trace in the storage. */
  close() {
    this.#write = () => {};
    this.#send = () => Promise.reject(new Error("The draft is closed."));
    this.uploads.clear();
    this.#pending = [];
  }

  #take(stored) {
    this.#text = stored?.text ?? "";
    this.#replyTo = stored?.replyTo ?? null;
  }

  #onUploads() {
    if (this.uploads.hasFailed) this.#queued = null;
    this.#changed();
    if (this.#queued !== null && !this.uploads.isBusy) void this.send(this.#queued);
  }

  #changed() {
    const text = [...this.#pending.map((one) => one.text), this.#text].filter(Boolean).join("\n");
    const files = this.uploads.stored;
    const isNothing = text === "" && files.length === 0 && this.#replyTo === null;
    this.#write(isNothing ? null : { text, replyTo: this.#replyTo, files });
    this.dispatchEvent(new Event("change"));
  }
}
