/**
 * All drafts of the user who is logged in, by room and thread. At the logout nothing stays of them: the next user of
 * the tab may be another one.
 */

import { browserStorage } from "../../client/storage.js";
import { Draft } from "./draft.js";
import { DraftStorage, DRAFTS_MAX } from "./draft-storage.js";
import { MessageSending } from "./message-sending.js";

export class Drafts {
  #chat;
  #store;
  #stored;
  #sending;
  #userId = null; // whose the open ones are
  #open = new Map(); // place → Draft; the order is that of use

  /** Bumps `drafts` of the store when one begins or ends, and `draft:PLACE` at each change. */
  constructor({ chat, store, people, signal }) {
    this.#chat = chat;
    this.#store = store;
    this.#stored = new DraftStorage({ storage: browserStorage(), prefix: chat.storagePrefix });
    this.#sending = new MessageSending({ chat, people, signal });
    chat.addEventListener("ended", () => this.#end(), { signal });
    chat.addEventListener("state", () => this.#onState(), { signal });
    addEventListener("storage", ({ key }) => this.#onStorage(key), { signal });
  }

  /** The draft of a room, or of a thread in it. */
  of(roomId, threadId = null) {
    this.#begin();
    const place = placeOf(roomId, threadId);
    const draft = this.#open.get(place) ?? this.#opened(place, { roomId, threadId });
    this.#open.delete(place);
    this.#open.set(place, draft);
    this.#dropUnused();
    return draft;
  }

  /** Whether something is written in a room, or in a thread of it. */
  has(roomId, threadId = null) {
    const { user } = this.#chat;
    if (!user) return false;
    const place = placeOf(roomId, threadId);
    const draft = this.#open.get(place);
    return draft ? !draft.isEmpty : Boolean(this.#stored.read(user.id, place)?.text);
  }

  /** The members of a room by name: member-lookup.js. */
  membersOf(roomId) {
    return this.#sending.membersOf(roomId);
  }

  #opened(place, { roomId, threadId }) {
    const userId = this.#userId;
    let wasEmpty = true;
    const draft = new Draft({
      chat: this.#chat,
      roomId,
      threadId,
      stored: this.#stored.read(userId, place),
      write: (value) => this.#stored.write(userId, place, value),
      send: (message) => this.#sending.send(message),
    });
    wasEmpty = draft.isEmpty;
    draft.addEventListener("change", () => {
      this.#store.bump(`draft:${place}`);
      if (draft.isEmpty !== wasEmpty) this.#store.bump("drafts");
      wasEmpty = draft.isEmpty;
    });
    return draft;
  }

  #begin() {
    const userId = this.#chat.user?.id ?? null;
    if (userId === this.#userId) return;
    this.#closeAll();
    this.#userId = userId;
    if (userId) this.#stored.keepOnly(userId);
  }

  /** Those with files on their way stay, unless they are the oldest of too many. */
  #dropUnused() {
    for (const [place, draft] of this.#open) {
      if (this.#open.size <= DRAFTS_MAX) return;
      draft.close();
      this.#open.delete(place);
    }
  }

  #onState() {
    if (!this.#chat.connection?.isOnline) return;
    for (const draft of this.#open.values()) draft.uploads.retryUnreachable();
  }

  #onStorage(key) {
    if (!this.#userId) return;
    const place = this.#stored.placeOf(key, this.#userId);
    const draft = place === null ? null : this.#open.get(place);
    draft?.follow(this.#stored.read(this.#userId, place));
    if (place !== null) this.#store.bump("drafts");
  }

  #end() {
    this.#closeAll();
    this.#userId = null;
    this.#stored.clear();
  }

  #closeAll() {
    for (const draft of this.#open.values()) draft.close();
    this.#open.clear();
  }
}

/** The name of a place in the storage and of its version in the store. */
export function placeOf(roomId, threadId) {
  return threadId ? `${roomId}/${threadId}` : roomId;
}
