import assert from "node:assert/strict";
import { test } from "node:test";

import { makeId, MessageOutbox } from "../../web/client/message-outbox.js";
import { memoryStorage } from "../../web/client/storage.js";

/** The part of the Web Locks API that the outbox uses: exclusive, queued, abortable. */
function locks() {
  const tails = new Map();
  return {
    request(name, ...rest) {
      const work = rest.at(-1);
      const { signal } = rest.length > 1 ? rest[0] : {};
      const turn = tails.get(name) ?? Promise.resolve();
      const done = turn.then(() => (signal?.aborted ? undefined : work()));
      tails.set(
        name,
        done.catch(() => {}),
      );
      return done;
    },
  };
}

async function poll(condition) {
  for (let turn = 0; turn < 1000; turn += 1) {
    const found = condition();
    if (found === true || found?.length > 0) return found;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`This did not come: ${condition}`);
}

const texts = (outbox, roomId = "r") => outbox.entries(roomId).map(({ content }) => content);
const write = (outbox, content) => outbox.add({ roomId: "r", content });

async function opened(options) {
  const outbox = new MessageOutbox({ userId: "u", ...options });
  await outbox.open();
  return outbox;
}

test("messages are sent one after the other, in the order they were added", async () => {
  const outbox = await opened({ storage: memoryStorage() });
  const first = write(outbox, "one");
  write(outbox, "two");
  assert.equal(outbox.nextToSend("r").content, "one");
  outbox.setState(first.clientId, "sending");
  assert.equal(outbox.nextToSend("r"), null);
  outbox.setState(first.clientId, "sent", { message: { seq: 1, clientId: first.clientId } });
  assert.equal(outbox.nextToSend("r").content, "two");
});

test("a failed message does not block the next, and is retried after all others", async () => {
  const outbox = await opened({ storage: memoryStorage() });
  const first = write(outbox, "one");
  write(outbox, "two");
  outbox.setState(first.clientId, "failed", { error: { code: "muted", message: "You are muted." } });
  assert.equal(outbox.nextToSend("r").content, "two");
  outbox.retry(first.clientId);
  assert.deepEqual(texts(outbox), ["two", "one"]);
  assert.equal(outbox.entries("r")[1].clientId, first.clientId);
});

test("a message that was being sent when the connection closed is sent again with its clientId", async () => {
  const outbox = await opened({ storage: memoryStorage() });
  const { clientId } = write(outbox, "one");
  outbox.setState(clientId, "sending");
  outbox.requeueSending();
  assert.equal(outbox.nextToSend("r").clientId, clientId);
});

test("an entry is removed when its message is in the timeline, by clientId or by seq", async () => {
  const outbox = await opened({ storage: memoryStorage() });
  const first = write(outbox, "one");
  const second = write(outbox, "two");
  const third = write(outbox, "three");
  outbox.setState(second.clientId, "sent", { message: { seq: 8, clientId: second.clientId } });
  outbox.setState(third.clientId, "sent", { message: { seq: 9, clientId: third.clientId } });
  const stored = [
    { clientId: first.clientId, userId: "u" },
    { clientId: third.clientId, userId: "somebody else" },
  ];
  outbox.removeStored("r", { messages: stored, head: 8 });
  assert.deepEqual(texts(outbox), ["three"]);
});

test("entries survive a reload, for their user only", async () => {
  const storage = memoryStorage();
  const before = await opened({ storage });
  const { clientId } = write(before, "one");
  before.setState(clientId, "sending");
  const other = await opened({ storage, userId: "somebody else" });
  assert.deepEqual(other.roomIds, []);
  const after = await opened({ storage });
  assert.deepEqual(texts(after), ["one"]);
  assert.equal(after.entries("r")[0].clientId, clientId);
  assert.equal(after.entries("r")[0].state, "waiting");
});

test("the entries of an open page stay with it and are taken over when it is closed", async () => {
  const storage = memoryStorage();
  const shared = locks();
  const first = await opened({ storage, locks: shared });
  write(first, "one");
  const second = await opened({ storage, locks: shared });
  assert.deepEqual(texts(second), []);
  const taken = new Promise((resolve) => second.addEventListener("change", resolve, { once: true }));
  first.close();
  await taken;
  assert.deepEqual(texts(second), ["one"]);
});

test("what is discarded goes from the storage of all pages of the user, of an open one once it is closed", async () => {
  const storage = storageOf({ closed: [["left", 1]] });
  storage.setItem("chat.outbox.other.page", "[]");
  const shared = locks();
  const first = await opened({ storage, locks: shared });
  const [text] = await poll(() => texts(first));
  assert.equal(text, "left");
  const second = await opened({ storage, locks: shared });
  write(first, "one");
  write(second, "two");
  const told = [];
  first.addEventListener("change", ({ detail }) => told.push(detail.roomId));
  first.discard();
  assert.deepEqual([texts(first), told], [[], ["r"]]);
  write(second, "three"); // it has not heard yet
  second.close();
  await poll(() => storage.keys().length === 1);
  assert.deepEqual(storage.keys(), ["chat.outbox.other.page"]);
});

test("what is discarded goes at once where there are no locks, or where they are refused", async () => {
  const refused = { request: () => Promise.reject(new DOMException("opaque origin", "SecurityError")) };
  for (const given of [null, refused]) {
    const storage = memoryStorage();
    const first = await opened({ storage, locks: given });
    const second = await opened({ storage, locks: given });
    write(first, "one");
    write(second, "two");
    first.discard();
    await poll(() => storage.keys().length === 0);
  }
});

test("the number of entries is bounded", async () => {
  const outbox = await opened({ storage: memoryStorage(), max: 2 });
  write(outbox, "one");
  write(outbox, "two");
  assert.throws(() => write(outbox, "three"), { code: "outbox_full" });
});

test("with a full storage entries are kept in memory", async () => {
  const storage = {
    ...memoryStorage(),
    setItem: () => {
      throw new Error("quota");
    },
  };
  const outbox = await opened({ storage });
  write(outbox, "one");
  assert.deepEqual(texts(outbox), ["one"]);
});

test("the storage is empty when everything is sent", async () => {
  const storage = memoryStorage();
  const outbox = await opened({ storage });
  const { clientId } = write(outbox, "one");
  assert.equal(storage.keys().length, 1);
  outbox.setState(clientId, "sent", { message: { seq: 1, clientId } });
  assert.equal(storage.keys().length, 0);
});

test("ids are valid clientIds and unique", () => {
  const ids = new Set(Array.from({ length: 1000 }, makeId));
  assert.equal(ids.size, 1000);
  for (const id of ids) assert.match(id, /^[\w-]{22}$/);
});

/** A storage with one key per closed page of the user `u`, each with entries of these contents and times. */
function storageOf(pages) {
  const storage = memoryStorage();
  for (const [page, entries] of Object.entries(pages)) {
    const stored = entries.map(([content, createdAt]) => ({
      ...{ clientId: `${page} ${content}`, roomId: "r", content, mentions: [], createdAt, state: "waiting", error: null },
    }));
    storage.setItem(`chat.outbox.u.${page}`, JSON.stringify(stored));
  }
  return storage;
}

test("what closed pages left is taken over whole, beyond the number that a page may add", async () => {
  const left = (name) => Array.from({ length: 60 }, (_, number) => [`${name} ${number}`, number]);
  const storage = storageOf({ one: left("one"), two: left("two") });
  const outbox = await opened({ storage });
  assert.equal(outbox.unsentCount, 120);
  assert.throws(() => write(outbox, "more"), { code: "outbox_full" });
  assert.equal(storage.keys().length, 1);
});

test("the entries of closed pages are put in order of time, those of each page in their own", async () => {
  const one = [
    ["one a", 10],
    ["one b", 3], // the clock was set back
    ["one c", 4],
  ];
  const outbox = await opened({ storage: storageOf({ one, two: [["two a", 9]] }) });
  assert.deepEqual(texts(outbox), ["two a", "one a", "one b", "one c"]);
});

test("while the storage is full, what a closed page left stays under its key", async () => {
  const storage = storageOf({ one: [["one", 1]] });
  const full = { isFull: true };
  const limited = {
    ...storage,
    setItem: (key, value) => {
      if (full.isFull) throw new DOMException("full", "QuotaExceededError");
      storage.setItem(key, value);
    },
  };
  const outbox = await opened({ storage: limited });
  assert.deepEqual([texts(outbox), outbox.isSaved, storage.keys()], [["one"], false, ["chat.outbox.u.one"]]);
  const saved = [];
  outbox.addEventListener("saved", ({ detail }) => saved.push(detail.isSaved));
  full.isFull = false;
  write(outbox, "two");
  assert.deepEqual([saved, storage.keys().length], [[true], 1]);
  assert.notDeepEqual(storage.keys(), ["chat.outbox.u.one"]);
});

test("what is stored under the key of a page but is no entry is dropped", async () => {
  const storage = memoryStorage();
  storage.setItem("chat.outbox.u.one", "{");
  storage.setItem("chat.outbox.u.two", JSON.stringify([null, 1, { content: "no room" }]));
  const outbox = await opened({ storage });
  assert.deepEqual([outbox.unsentCount, storage.keys()], [0, []]);
});

test("where locks are refused, the outbox opens without them", async () => {
  const refused = { request: () => Promise.reject(new DOMException("opaque origin", "SecurityError")) };
  const outbox = await opened({ storage: storageOf({ one: [["one", 1]] }), locks: refused });
  assert.deepEqual(texts(outbox), ["one"]);
});

test("after a restored backup what was stored since is queued again", async () => {
  const outbox = await opened({ storage: memoryStorage() });
  const { clientId } = write(outbox, "one");
  outbox.setState(clientId, "sent", { message: { seq: 9, clientId } });
  outbox.requeueSent("r");
  assert.equal(outbox.nextToSend("r").clientId, clientId);
});
