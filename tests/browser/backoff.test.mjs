import assert from "node:assert/strict";
import { test } from "node:test";

import { backoffMs } from "../../web/client/backoff.js";

test("the delay is random between zero and a cap that doubles up to a maximum", () => {
  const most = { random: () => 0.999999 };
  assert.equal(backoffMs(0, { random: () => 0 }), 0);
  assert.equal(backoffMs(9, { random: () => 0 }), 0);
  assert.equal(backoffMs(0, most), 499);
  assert.equal(backoffMs(3, most), 3999);
  assert.equal(backoffMs(50, most), 29_999);
  assert.equal(backoffMs(5000, most), 29_999);
});
