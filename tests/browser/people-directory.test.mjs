import assert from "node:assert/strict";
import { test } from "node:test";

import { ChatError } from "../../web/client/chat-error.js";
import { PeopleDirectory } from "../../web/chat/people-directory.js";
import { Store } from "../../web/ui/store.js";

const settled = () => new Promise((resolve) => setTimeout(resolve));

/** A directory whose requests a test answers: `asked` has what resolves and rejects each. */
function made() {
  const asked = [];
  const person = (id) => new Promise((resolve, reject) => asked.push({ id, resolve, reject }));
  const chat = Object.assign(new EventTarget(), { user: { id: "ann" }, person });
  const store = new Store();
  const people = new PeopleDirectory({ chat, store, signal: new AbortController().signal });
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
