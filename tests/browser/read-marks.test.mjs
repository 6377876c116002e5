import assert from "node:assert/strict";
import { test } from "node:test";

import { Presence } from "../../web/client/presence.js";

test("read marks only grow, until the server comes back from a backup with fewer messages", async () => {
  const sent = [];
  const command = async (event, { seq }) => sent.push(seq);
  const connection = Object.assign(new EventTarget(), { isOnline: true, command });
  const presence = new Presence({ connection, timed: () => 0 });
  const settled = () => new Promise((resolve) => setTimeout(resolve));
  presence.read("r", 9);
  await settled();
  presence.read("r", 8);
  presence.forgetRead("r");
  presence.read("r", 3);
  await settled();
  assert.deepEqual(sent, [9, 3]);
});
