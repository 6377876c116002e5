import assert from "node:assert/strict";
import { test } from "node:test";

import { ChatError } from "../../web/client/chat-error.js";
import { Threads } from "../../web/client/threads.js";
import { Timeline } from "../../web/client/timeline.js";

const settled = () => new Promise((resolve) => setTimeout(resolve));
const ROOT = { id: "r-1", roomId: "r", seq: 1, rev: 0, content: "root", threadId: null };
const reply = (seq, more = {}) => ({ ...ROOT, id: `r-${seq}`, seq, content: `${seq}`, threadId: "r-1", ...more });

/** Threads of one room `r`, on a server that has `replies`; `pages` are its answers that a test has not sent yet. */
function made({ replies = [], page = 2, isHeldBack = false } = {}) {
  const timeline = new Timeline();
  timeline.reset({ seq: 1, rev: 0 });
  timeline.merge([ROOT]);
  const rooms = Object.assign(new EventTarget(), {
    connection: { isOnline: true },
    get: () => ({ timeline, isSubscribed: true }),
    findMessage: (id) => timeline.held.find((one) => one.id === id) ?? null,
  });
  const tell = (name, detail) => rooms.dispatchEvent(new CustomEvent(name, { detail }));
  const server = { replies, isDown: false };
  const pages = [];
  const answered = () => (isHeldBack ? new Promise((resolve) => pages.push(resolve)) : Promise.resolve());
  const api = {
    get: async (id) => (id === ROOT.id ? ROOT : reply(2)),
    thread: async (_, { after = 0, limit }) => {
      if (server.isDown) throw new ChatError({ code: "network" });
      const all = structuredClone(server.replies);
      await answered();
      const found = all.filter(({ seq }) => seq > after);
      const size = Math.min(limit, page);
      return { messages: found.slice(0, size), count: all.length, hasMore: found.length > size };
    },
  };
  const threads = new Threads({ rooms, api });
  const told = [];
  threads.addEventListener("thread", ({ detail }) => told.push(detail.messageId));
  const post = (message) => {
    server.replies.push(message);
    timeline.receive(message);
    tell("messages", { roomId: "r" });
    tell("message", { message });
  };
  const contents = () => threads.get("r-1").messages.map(({ content }) => content);
  return { threads, server, tell, told, timeline, post, contents, pages };
}

test("the replies are loaded page by page, then come by themselves", async () => {
  const { threads, contents, post, told } = made({ replies: [reply(2), reply(3), reply(4)] });
  const thread = threads.open(ROOT);
  await thread.loadMore();
  assert.deepEqual([contents(), thread.count, thread.hasMore], [["2", "3"], 3, true]);
  post(reply(6));
  assert.deepEqual([contents(), thread.count], [["2", "3"], 4], "it is counted; it would leave a gap");
  await thread.loadMore();
  assert.deepEqual([contents(), thread.count, thread.hasMore], [["2", "3", "4", "6"], 4, false]);
  told.splice(0);
  post(reply(8));
  post(reply(9, { threadId: "r-7" }));
  assert.deepEqual([contents().at(-1), thread.count, told], ["8", 5, ["r-1"]]);
});

test("a reply that comes while a page is on its way is neither lost nor doubled", async () => {
  const { threads, contents, post, pages } = made({ replies: [reply(2)], isHeldBack: true });
  const thread = threads.open(ROOT);
  await settled();
  post(reply(3));
  pages.shift()();
  await settled();
  post(reply(4));
  pages.shift()();
  await settled();
  pages.shift()();
  await thread.loadMore();
  assert.deepEqual([contents(), thread.count, thread.hasMore], [["2", "3", "4"], 3, false]);
});

test("changes of the root and of replies are shown by rev, also of a reply that is loaded later", async () => {
  const { threads, contents, tell } = made({ replies: [reply(2), reply(3), reply(4)] });
  const thread = threads.open(reply(3));
  await thread.loadMore();
  for (const message of [
    { ...ROOT, rev: 5, content: "changed" },
    { ...ROOT, rev: 4, content: "older" },
    reply(2, { rev: 6, content: "2 changed" }),
    reply(2, { rev: 3, content: "2 older" }),
    reply(4, { rev: 7, content: "4 changed" }),
  ]) {
    tell("changed", { message });
  }
  await thread.loadMore();
  assert.equal(thread.root.content, "changed");
  assert.deepEqual(contents(), ["2 changed", "3", "4 changed"]);
});

test("what the user changes is laid over the root and the replies", async () => {
  const { threads, contents } = made({ replies: [reply(2)] });
  const thread = threads.open(ROOT);
  await thread.loadMore();
  const ends = [ROOT, reply(2)].map((message) => threads.overlay(message, { content: "mine" }));
  assert.deepEqual([thread.root.content, ...contents()], ["mine", "mine"]);
  for (const end of ends) end();
  assert.deepEqual([thread.root.content, ...contents()], ["root", "2"]);
});

test("after a new connection an open thread has what it missed", async () => {
  const { threads, contents, server, tell } = made({ replies: [reply(2), reply(3)] });
  const thread = threads.open(ROOT);
  await thread.loadMore();
  server.replies = [reply(2, { rev: 4, content: "2 changed" }), reply(3), reply(5), reply(6)];
  tell("joined", { roomId: "r", isReset: false });
  await thread.loadMore();
  assert.deepEqual([contents(), thread.count], [["2 changed", "3", "5", "6"], 4]);
  server.replies = [];
  tell("joined", { roomId: "r", isReset: true });
  await thread.loadMore();
  assert.deepEqual([contents(), thread.count], [[], 0]);
});

test("a load that fails says so, and can be tried again", async () => {
  const { threads, server, contents } = made({ replies: [reply(2)] });
  server.isDown = true;
  const thread = threads.open(ROOT);
  await settled();
  assert.deepEqual([thread.loadError.code, thread.isLoaded, thread.isLoading], ["network", false, false]);
  server.isDown = false;
  await thread.loadMore();
  assert.deepEqual([thread.loadError, contents()], [null, ["2"]]);
});

test("a few threads are open at once, the one that was opened first is closed", async () => {
  const { threads } = made();
  const first = threads.open(ROOT);
  for (let seq = 10; seq < 14; seq += 1) threads.open({ ...ROOT, id: `r-${seq}`, seq });
  assert.deepEqual([first.isClosed, threads.get("r-1")], [true, null]);
  assert.ok(threads.get("r-13"));
  threads.clear();
  assert.equal(threads.get("r-13"), null);
});

test("replies are counted without a request where the root is loaded, else as the server counts them", async () => {
  const { threads, post, timeline, server, tell } = made();
  assert.equal(threads.counts("r").size, 0);
  post(reply(2));
  post(reply(3, { threadId: null }));
  post(reply(4));
  assert.deepEqual(threads.counts("r").get("r-1"), { count: 2, lastSeq: 4, isExact: true });
  assert.equal(threads.counts("r"), threads.counts("r"));
  timeline.moveTo([{ ...ROOT, id: "r-0", seq: -9 }]);
  server.replies = [reply(-5), reply(-3), reply(-2)];
  tell("messages", { roomId: "r" });
  assert.equal(threads.counts("r").get("r-0"), undefined);
  assert.equal(await threads.loadCount({ id: "r-0", roomId: "r" }), 3);
  tell("message", { message: reply(5, { threadId: "r-0" }) });
  assert.deepEqual(threads.counts("r").get("r-0"), { count: 4, lastSeq: 0, isExact: true });
});
