import assert from "node:assert/strict";
import { test } from "node:test";

import { ChatError } from "../../web/client/chat-error.js";
import { PeopleDirectory } from "../../web/chat/people-directory.js";
import { Store } from "../../web/ui/store.js";

const settled = () => new Promise((resolve) => setTimeout(resolve));

/** A directory whose requests a test answers: `asked` has what resolves and rejects each. */
function made({ timed = () => 0 } = {}) {
  const asked = [];
  const person = (id) => new Promise((resolve, reject) => asked.push({ id, resolve, reject }));
  const chat = Object.assign(new EventTarget(), { user: { id: "ann" }, person });
  const store = new Store();
  const people = new PeopleDirectory({ chat, store, signal: new AbortController().signal, timed });
  const logIn = (user) => {
    chat.user = null;
    chat.dispatchEvent(new Event("ended"));
    chat.user = user;
  };
  return { people, store, asked, logIn };
}

test("what one user asked for is not known to the next, also where the answer comes later", async () => {
  const { people, asked, logIn } = made();
  people.of("carol");
  logIn({ id: "bob" });
  asked[0].resolve({ id: "carol", username: "carol", displayName: "Carol" });
  await settled();
  assert.deepEqual(people.all, []);
  people.of("dave");
  assert.deepEqual(
    asked.map(({ id }) => id),
    ["carol", "dave"],
  );
});

test("whoever draws a person hears that the person is gone", async () => {
  const { people, store, asked } = made();
  assert.equal(people.of("carol"), null);
  const before = store.version("people");
  asked[0].reject(new ChatError({ code: "not_found", message: "There is no such user.", status: 404 }));
  await settled();
  assert.equal(people.of("carol").displayName, "Deleted user");
  assert.ok(store.version("people") > before);
});

test("a page that is open for hours asks for four hundred people an hour, and not for as many in all", async () => {
  let now = 0;
  const { people, asked } = made({ timed: () => now });
  const meet = async (from, count) => {
    for (let n = from; n < from + count; n += 1) {
      people.of(`p${n}`);
      asked.at(-1).resolve({ id: asked.at(-1).id, username: asked.at(-1).id, displayName: "Somebody" });
      await settled();
    }
  };
  await meet(0, 450);
  assert.equal(asked.length, 400);
  now += 3_600_000;
  await meet(450, 50);
  assert.equal(asked.length, 450);
});

test("what fails is not tried again with each draw, and is half a minute later", async () => {
  let now = 0;
  const { people, asked } = made({ timed: () => now });
  const fail = async () => {
    asked.at(-1).reject(new ChatError({ code: "network", message: "The server cannot be reached." }));
    await settled();
  };
  people.of("carol");
  await fail();
  for (let draw = 0; draw < 500; draw += 1) {
    people.of("carol");
    people.of("dave");
  }
  assert.equal(asked.length, 1);
  now += 30_000;
  people.of("carol");
  asked.at(-1).resolve({ id: "carol", username: "carol", displayName: "Carol" });
  await settled();
  assert.equal(people.of("carol").displayName, "Carol");
});
