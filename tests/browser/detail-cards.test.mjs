import assert from "node:assert/strict";
import { test } from "node:test";

import { byClass } from "../../web/dashboard/detail-cards.js";

test("responses are summed by the class of their status", () => {
  assert.deepEqual(byClass({ "GET 200": 4, "POST 201": 1, "GET 404": 2, "GET 503": 3 }), { 2: 5, 4: 2, 5: 3 });
});
