import assert from "node:assert/strict";
import { test } from "node:test";

import { afterClose, backoffMs, makeId, renewalMarginMs } from "../../web/client/retry.js";

test("the delay is anywhere between nothing and a cap that doubles and ends", () => {
  const most = { random: () => 0.999999 };
  assert.equal(backoffMs(0, { random: () => 0 }), 0);
  assert.equal(backoffMs(9, { random: () => 0 }), 0);
  assert.equal(backoffMs(0, most), 499);
  assert.equal(backoffMs(3, most), 3999);
  assert.equal(backoffMs(50, most), 29_999);
  assert.equal(backoffMs(5000, most), 29_999);
});

test("each close code of the contract asks for its own next step", () => {
  assert.equal(afterClose(4401).next, "refresh");
  assert.equal(afterClose(4403).next, "relogin");
  assert.equal(afterClose(4409).next, "nothing");
  assert.equal(afterClose(1012).reason, "restarting");
  assert.ok(afterClose(4429).leastMs >= 5000);
  assert.ok(afterClose(1008).leastMs >= 60_000);
  for (const code of [1000, 1001, 1006, 1011, 4408, 4413, 4999]) assert.deepEqual(afterClose(code), { next: "retry", reason: "lost" });
});

test("a token is renewed well before its end, and a short-lived one not at once", () => {
  assert.equal(renewalMarginMs(900_000), 180_000);
  assert.equal(renewalMarginMs(400_000), 120_000);
  assert.equal(renewalMarginMs(4000), 2000);
});

test("ids fit into a clientId and do not repeat", () => {
  const ids = new Set(Array.from({ length: 1000 }, makeId));
  assert.equal(ids.size, 1000);
  for (const id of ids) assert.match(id, /^[\w-]{22}$/);
});
