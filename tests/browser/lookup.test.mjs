import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { Lookup } from "../../web/chat/lookup.js";

/** A lookup whose questions are answered by the test: `asked[n].answer(found)` or `.fail(text)`. */
function lookup() {
  const asked = [];
  const told = [];
  const one = new Lookup({
    ask: (query, cursor) =>
      new Promise((resolve, reject) => {
        asked.push({ query, cursor, answer: resolve, fail: (text) => reject(new Error(text)) });
      }),
    onFound: (found, { query, isMore }) => told.push([found, query, isMore]),
    onFailed: ({ message }) => told.push(message),
  });
  return { one, asked, told };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("a late answer to an earlier question is dropped", async () => {
  const { one, asked, told } = lookup();
  void one.now("a");
  void one.now("b");
  asked[1].answer("b's");
  asked[0].answer("a's");
  await turn();
  assert.deepEqual(told, [["b's", "b", false]]);
});

test("an answer that comes after the query was changed is dropped, before the next is asked for", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { one, asked, told } = lookup();
  void one.now("a");
  one.change("ab");
  asked[0].answer("a's");
  await turn();
  assert.deepEqual([told, one.isAsking, asked.length], [[], true, 1]);
  mock.timers.tick(200);
  asked[1].answer("ab's");
  await turn();
  assert.deepEqual([told, one.isAsking], [[["ab's", "ab", false]], false]);
  mock.timers.reset();
});

test("more is asked for of the query that was answered, and dropped when it comes after another question", async () => {
  const { one, asked, told } = lookup();
  void one.now("a");
  asked[0].answer("a's");
  await turn();
  void one.more("2");
  void one.now("b");
  asked[1].answer("more of a");
  asked[2].answer("b's");
  await turn();
  assert.deepEqual([asked[1].query, asked[1].cursor, asked[2].cursor], ["a", "2", null]);
  assert.deepEqual(told, [
    ["a's", "a", false],
    ["b's", "b", false],
  ]);
});

test("more is asked for once at a time, and not while another question is", async () => {
  const { one, asked, told } = lookup();
  void one.now("a");
  void one.more("2");
  assert.equal(asked.length, 1);
  asked[0].answer("a's");
  await turn();
  void one.more("2");
  void one.more("2");
  assert.equal(asked.length, 2);
  asked[1].answer("more");
  await turn();
  assert.deepEqual(told.at(-1), ["more", "a", true]);
});

test("what failed is asked again as it was", async () => {
  const { one, asked, told } = lookup();
  void one.now("a");
  asked[0].answer("a's");
  await turn();
  void one.more("2");
  asked[1].fail("no network");
  await turn();
  void one.retry();
  asked[2].answer("more");
  await turn();
  assert.deepEqual([asked[2].query, asked[2].cursor], ["a", "2"]);
  assert.deepEqual(told.slice(1), ["no network", ["more", "a", true]]);
});

test("what was cancelled is not told, not even after other questions", async () => {
  const { one, asked, told } = lookup();
  void one.now("a");
  one.cancel();
  assert.equal(one.isAsking, false);
  void one.now("b");
  void one.now("c");
  for (const { query, answer } of asked) answer(query);
  await turn();
  assert.deepEqual(told, [["c", "c", false]]);
});

test("one that is closed asks nothing and tells nothing", async () => {
  const { one, asked, told } = lookup();
  void one.now("a");
  one.close();
  asked[0].answer("a's");
  void one.now("b");
  one.change("c");
  await turn();
  assert.deepEqual([asked.length, told], [1, []]);
});
