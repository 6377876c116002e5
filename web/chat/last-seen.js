/**
 * Keeps what the user has last seen, the rooms and their newest messages, so that the page has something to show before
 * the server answers, and without it. Nothing of it outlives the session: it goes at the logout, in whichever tab that
 * is, and at the start of a page that finds no session, or another user's.
 */

import { LastSeenText, snapshotFrom } from "./last-seen-text.js";

const WRITE_AFTER_MS = 4000;
const IDLE_WITHIN_MS = 2000;
const READ_WITHIN_MS = 1000;
const CHANGES = ["list", "messages", "settings", "user", "blocks"];

export class LastSeen {
  #chat;
  #store;
  #text = new LastSeenText();
  #signal;
  #timer = null;
  #isChanged = false;
  #isKnown = false; // whether the client has a list of rooms: an empty page replaces nothing

  /** `store`: last-seen-store.js. */
  constructor({ chat, store, signal }) {
    this.#chat = chat;
    this.#store = store;
    this.#signal = signal;
    for (const name of CHANGES) chat.addEventListener(name, () => this.#onChange(), { signal });
    chat.addEventListener("ended", () => this.#end(), { signal });
    const onHidden = () => document.visibilityState === "hidden" && void this.#write();
    document.addEventListener("visibilitychange", onHidden, { signal });
    addEventListener("pagehide", () => void this.#write(), { signal });
    signal.addEventListener("abort", () => clearTimeout(this.#timer));
  }

  /** What is kept of the user who is logged in, for `chat.resume`; null if there is nothing, or it takes too long. */
  async read() {
    const userId = this.#userId;
    if (!userId) {
      void this.#store.clear();
      return null;
    }
    let timer;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, READ_WITHIN_MS, null)));
    const text = await Promise.race([this.#store.read(userId), late]);
    clearTimeout(timer);
    const snapshot = snapshotFrom(text);
    this.#isKnown = snapshot !== null;
    return snapshot;
  }

  /** Of the stored session: what another tab has done to it is not heard of at once. */
  get #userId() {
    return this.#chat.tokens.read()?.user.id ?? null;
  }

  #onChange() {
    if (this.#chat.rooms?.isListed) this.#isKnown = true;
    this.#isChanged = true;
    this.#timer ??= setTimeout(() => whenIdle(() => this.#write()), WRITE_AFTER_MS);
  }

  async #write() {
    clearTimeout(this.#timer);
    this.#timer = null;
    const userId = this.#chat.user?.id ?? null;
    if (!this.#isChanged || !this.#isKnown || this.#signal.aborted || !userId || userId !== this.#userId) return;
    this.#isChanged = false;
    const text = this.#text.of(this.#chat.snapshot());
    if (text === null) return;
    await this.#store.write(userId, text);
    if (userId !== this.#userId) await this.#store.remove(userId); // a logout in another tab came in between
  }

  #end() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#isChanged = false;
    this.#isKnown = false;
    this.#text.clear();
    void this.#store.clear();
  }
}

function whenIdle(work) {
  if (globalThis.requestIdleCallback) requestIdleCallback(work, { timeout: IDLE_WITHIN_MS });
  else setTimeout(work, 0);
}
