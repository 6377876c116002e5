import assert from "node:assert/strict";
import { test } from "node:test";

import { formatRoute, NOWHERE, parseRoute } from "../../web/chat/route.js";

test("an address says the same after it was read and written again", () => {
  for (const route of [
    NOWHERE,
    { ...NOWHERE, roomId: "r1", at: 40 },
    { ...NOWHERE, roomId: "r1", panel: "thread", id: "m1" },
    { ...NOWHERE, roomId: "r1", panel: "search", id: "a&b=c #d é 😀 50%" },
    { ...NOWHERE, roomId: "r1", panel: "search", id: "tea", within: "r2" },
    { ...NOWHERE, panel: "unread" },
  ]) {
    assert.deepEqual(parseRoute(formatRoute(route)), { ...route });
  }
  assert.equal(formatRoute(NOWHERE), "");
});

test("what an address says that is not understood is left out", () => {
  assert.deepEqual(parseRoute("#room=r1&panel=nonsense&id=x&more=1"), { ...NOWHERE, roomId: "r1" });
  for (const at of ["0", "-1", "1.5", "x", "12345678901234567"]) {
    assert.equal(parseRoute(`#room=r1&at=${at}`).at, null);
  }
  for (const panel of ["thread", "search"]) {
    const alone = { ...NOWHERE, roomId: "r1", panel };
    assert.deepEqual(parseRoute(`#room=r1&panel=${panel}&within=r2`), alone); // of no query
  }
  assert.deepEqual(parseRoute("#at=4"), { ...NOWHERE });
  assert.deepEqual(parseRoute(""), { ...NOWHERE });
});
