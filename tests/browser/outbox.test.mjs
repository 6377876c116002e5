import assert from "node:assert/strict";
import { test } from "node:test";

import { Outbox } from "../../web/client/outbox.js";
import { memoryStorage } from "../../web/client/tokens.js";

/** Web Locks as the specification has them, as far as the outbox uses them: exclusive, queued, abortable. */
function locks() {
  const tails = new Map();
  return {
    request(name, ...rest) {
      const work = rest.at(-1);
      const { signal } = rest.length > 1 ? rest[0] : {};
      const turn = tails.get(name) ?? Promise.resolve();
      const done = turn.then(() => (signal?.aborted ? undefined : work()));
      tails.set(name, done.catch(() => {}));
      return done;
    },
  };
}

const texts = (outbox, roomId = "r") => outbox.entries(roomId).map(({ content }) => content);
const write = (outbox, content) => outbox.add({ roomId: "r", content });

async function opened(options) {
  const outbox = new Outbox({ userId: "u", ...options });
  await outbox.open();
  return outbox;
}

test("messages are sent one after the other, in the order they were written", async () => {
  const outbox = await opened({ storage: memoryStorage() });
  const first = write(outbox, "one");
  write(outbox, "two");
  assert.equal(outbox.next("r").content, "one");
  outbox.mark(first.clientId, "sending");
  assert.equal(outbox.next("r"), null);
  outbox.mark(first.clientId, "sent", { message: { seq: 1, clientId: first.clientId } });
  assert.equal(outbox.next("r").content, "two");
});

test("a failed message does not hold up the next, and is retried as the newest", async () => {
  const outbox = await opened({ storage: memoryStorage() });
  const first = write(outbox, "one");
  write(outbox, "two");
  outbox.mark(first.clientId, "failed", { error: { code: "muted", message: "You are muted." } });
  assert.equal(outbox.next("r").content, "two");
  outbox.retry(first.clientId);
  assert.deepEqual(texts(outbox), ["two", "one"]);
  assert.equal(outbox.entries("r")[1].clientId, first.clientId);
});

test("what was under way when the link broke is sent again under its clientId", async () => {
  const outbox = await opened({ storage: memoryStorage() });
  const { clientId } = write(outbox, "one");
  outbox.mark(clientId, "sending");
  outbox.rewind();
  assert.equal(outbox.next("r").clientId, clientId);
});

test("an entry leaves once its message is shown, by clientId or by seq", async () => {
  const outbox = await opened({ storage: memoryStorage() });
  const first = write(outbox, "one");
  const second = write(outbox, "two");
  const third = write(outbox, "three");
  outbox.mark(second.clientId, "sent", { message: { seq: 8, clientId: second.clientId } });
  outbox.mark(third.clientId, "sent", { message: { seq: 9, clientId: third.clientId } });
  outbox.settle("r", { messages: [{ clientId: first.clientId }], head: 8 });
  assert.deepEqual(texts(outbox), ["three"]);
});

test("it survives a reload, for its own user only", async () => {
  const storage = memoryStorage();
  const before = await opened({ storage });
  const { clientId } = write(before, "one");
  before.mark(clientId, "sending");
  const other = await opened({ storage, userId: "somebody else" });
  assert.deepEqual(other.roomIds, []);
  const after = await opened({ storage });
  assert.deepEqual(texts(after), ["one"]);
  assert.equal(after.entries("r")[0].clientId, clientId);
  assert.equal(after.entries("r")[0].state, "waiting");
});

test("a page that lives keeps its part; it is taken over once the page is gone", async () => {
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

test("it is bounded", async () => {
  const outbox = await opened({ storage: memoryStorage(), max: 2 });
  write(outbox, "one");
  write(outbox, "two");
  assert.throws(() => write(outbox, "three"), { code: "outbox_full" });
});

test("a storage that is full costs what is unsent its life beyond the page, and nothing else", async () => {
  const storage = { ...memoryStorage(), setItem: () => { throw new Error("quota"); } };
  const outbox = await opened({ storage });
  write(outbox, "one");
  assert.deepEqual(texts(outbox), ["one"]);
});

test("nothing is left in storage once all is sent", async () => {
  const storage = memoryStorage();
  const outbox = await opened({ storage });
  const { clientId } = write(outbox, "one");
  assert.equal(storage.keys().length, 1);
  outbox.mark(clientId, "sent", { message: { seq: 1, clientId } });
  assert.equal(storage.keys().length, 0);
});
