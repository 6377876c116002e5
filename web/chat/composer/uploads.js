/**
 * The files of one draft: uploaded as soon as they are chosen, a few at a time, so that a file that the server does not
 * take is known before the message is sent. Knows no view.
 */

/** How many the server takes in a message. */
export const FILES_MAX = 10;
const AT_ONCE = 2; // the server works on the images of a user one after the other

/**
 * @typedef {object} Upload
 * @property {number} number
 * @property {File | null} file Null for one of before a reload.
 * @property {string} name
 * @property {number} size
 * @property {"waiting" | "uploading" | "done" | "failed"} state
 * @property {number} progress From 0 to 1.
 * @property {string} error Why it failed.
 * @property {boolean} isRefused Whether the server would refuse it again.
 * @property {string | null} preview The URL of the picture.
 * @property {any} stored The server's record of the file.
 */

/** Events: `change`. */
export class Uploads extends EventTarget {
  #chat;
  #list = [];
  #aborts = new Map(); // upload → AbortController
  #number = 0;

  /** `stored`: records of files that were uploaded before a reload. */
  constructor({ chat, stored = [] }) {
    super();
    this.#chat = chat;
    for (const file of stored) this.#list.push(this.#restored(file));
  }

  /** Put back files that are uploaded: their message could not be sent. */
  addStored(files) {
    this.#list = [...files.map((file) => this.#restored(file)), ...this.#list].slice(0, FILES_MAX);
    this.#changed();
  }

  /** @returns {readonly Upload[]} */
  get list() {
    return this.#list;
  }

  /** Whether some are still on their way. */
  get isBusy() {
    return this.#list.some(({ state }) => state === "waiting" || state === "uploading");
  }

  get hasFailed() {
    return this.#list.some(({ state }) => state === "failed");
  }

  /** The server's records of those that are uploaded. */
  get stored() {
    return this.#list.filter(({ state }) => state === "done").map(({ stored }) => stored);
  }

  /** Add files; returns how many were too many. */
  add(files) {
    const added = [...files].slice(0, FILES_MAX - this.#list.length);
    for (const file of added) {
      const preview = file.type.startsWith("image/") ? URL.createObjectURL(file) : null;
      const name = file.name || "file";
      const upload = { number: ++this.#number, file, name, size: file.size, preview, stored: null };
      this.#list.push({ ...upload, state: "waiting", progress: 0, error: "", isRefused: false });
    }
    this.#startNext();
    return files.length - added.length;
  }

  /**
   * Returns a function that puts it back in its place, unless there are too many now.
   * @param {Upload} upload
   */
  remove(upload) {
    const index = this.#list.indexOf(upload);
    this.#aborts.get(upload)?.abort();
    if (upload.preview && upload.file) URL.revokeObjectURL(upload.preview);
    this.#list = this.#list.filter((one) => one !== upload);
    this.#startNext();
    return () => {
      if (upload.preview && upload.file) upload.preview = URL.createObjectURL(upload.file);
      this.#list = this.#list.toSpliced(index, 0, upload).slice(0, FILES_MAX);
      this.retry(upload); // its upload may have been cancelled
    };
  }

  /** @param {Upload} upload */
  retry(upload) {
    if (upload.state === "failed") Object.assign(upload, { state: "waiting", progress: 0, error: "" });
    this.#startNext();
  }

  /** Try those again that failed for want of a connection. */
  retryUnreachable() {
    for (const upload of this.#list) if (upload.isUnreachable) this.retry(upload);
  }

  /** Cancel what is on its way, and forget all. */
  clear() {
    for (const upload of [...this.#list]) this.remove(upload);
  }

  #restored(stored) {
    const preview = this.#chat.fileUrl(stored, { thumbnail: true });
    const { name, size } = stored;
    const done = { state: "done", progress: 1, error: "", isRefused: false };
    return { number: ++this.#number, file: null, name, size, preview, stored, ...done };
  }

  #startNext() {
    const running = this.#list.filter(({ state }) => state === "uploading").length;
    const next = this.#list.filter(({ state }) => state === "waiting").slice(0, Math.max(0, AT_ONCE - running));
    for (const upload of next) void this.#run(upload);
    this.#changed();
  }

  async #run(upload) {
    const abort = new AbortController();
    this.#aborts.set(upload, abort);
    upload.state = "uploading";
    const onProgress = ({ sent, total }) => {
      upload.progress = total > 0 ? sent / total : 0;
      this.#changed();
    };
    try {
      upload.stored = await this.#chat.upload(upload.file, { signal: abort.signal, onProgress });
      Object.assign(upload, { state: "done", progress: 1 });
    } catch (error) {
      const isRefused = error.status >= 400 && error.status < 500 && error.status !== 429;
      const isUnreachable = error.code === "network";
      Object.assign(upload, { state: "failed", error: reasonOf(error), isRefused, isUnreachable });
    }
    this.#aborts.delete(upload);
    this.#startNext();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** Why the server did not take a file, for people. */
function reasonOf({ code, message, details, retryAfterS }) {
  if (code === "payload_too_large") return "Too large";
  if (code === "unsupported_type") return details?.takes ? `Only ${kindsOf(details.takes)}` : "This type is not taken";
  if (code === "rate_limited") {
    return `Too many uploads, again in ${Math.max(1, Math.ceil((retryAfterS ?? 60) / 60))} min`;
  }
  if (code === "network") return "No connection";
  return message;
}

/** "JPEG, PNG, PDF, TXT" for MIME types. */
function kindsOf(types) {
  return types.map((type) => (type === "text/plain" ? "text" : type.split("/")[1].toUpperCase())).join(", ");
}
