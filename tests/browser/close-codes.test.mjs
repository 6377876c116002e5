import assert from "node:assert/strict";
import { test } from "node:test";

import { afterClose } from "../../web/client/close-codes.js";

test("each close code of the contract has its next step", () => {
  assert.equal(afterClose(4401).next, "refresh");
  assert.equal(afterClose(4403).next, "relogin");
  assert.equal(afterClose(4409).next, "nothing");
  assert.equal(afterClose(1012).reason, "restarting");
  assert.ok(afterClose(4429).minDelayMs >= 5000);
  assert.ok(afterClose(1008).minDelayMs >= 60_000);
  for (const code of [1000, 1001, 1006, 1011, 4408, 4413, 4999])
    assert.deepEqual(afterClose(code), { next: "retry", reason: "lost" });
});
