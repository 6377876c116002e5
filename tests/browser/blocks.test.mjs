import assert from "node:assert/strict";
import { test } from "node:test";

import { Blocks } from "../../web/client/blocks.js";
import { ChatError } from "../../web/client/chat-error.js";

const settled = () => new Promise((resolve) => setTimeout(resolve));

/** Blocks whose lists a test answers: `lists` has what resolves and rejects each request. */
function made() {
  const connection = new EventTarget();
  const lists = [];
  const people = {
    blocked: () => new Promise((resolve, reject) => lists.push({ resolve, reject })),
    block: async () => {},
    unblock: async () => {},
  };
  const blocks = new Blocks({ connection, people });
  const welcome = () => connection.dispatchEvent(new Event("welcome"));
  return { blocks, welcome, lists, ids: () => [...blocks.userIds] };
}

test("who is blocked is loaded once, and by the next connection where that failed", async () => {
  const { blocks, welcome, lists, ids } = made();
  const [first] = [blocks.userIds];
  welcome();
  lists[0].reject(new ChatError({ code: "network" }));
  await settled();
  welcome();
  lists[1].resolve([{ id: "a" }]);
  await settled();
  welcome();
  assert.deepEqual([ids(), lists.length, blocks.isLoaded], [["a"], 2, true]);
  assert.notEqual(blocks.userIds, first);
  await blocks.block("b");
  await blocks.unblock("a");
  assert.deepEqual(ids(), ["b"]);
});

test("a list that was on its way while somebody was blocked is read again", async () => {
  const { blocks, welcome, lists, ids } = made();
  welcome();
  await blocks.block("b");
  lists[0].resolve([]);
  await settled();
  assert.deepEqual(ids(), ["b"]);
  lists[1].resolve([{ id: "b" }]);
  await settled();
  assert.deepEqual([ids(), blocks.isLoaded], [["b"], true]);
});

test("what a page had stored holds until the list is loaded", async () => {
  const { blocks, welcome, lists, ids } = made();
  blocks.restore(["a", 4]);
  assert.deepEqual(ids(), ["a"]);
  welcome();
  lists[0].resolve([]);
  await settled();
  blocks.restore(["a"]);
  assert.deepEqual(ids(), []);
});
