import assert from "node:assert/strict";
import { test } from "node:test";

import { contrastOf } from "../../web/ui/contrast.js";

test("black on white is 21, a colour on itself 1, whichever comes first", () => {
  assert.equal(contrastOf("#000000", "#ffffff"), 21);
  assert.equal(contrastOf("#FFFFFF", "#000000"), 21);
  assert.equal(contrastOf("#3558b8", "#3558b8"), 1);
});

test("the grey that just passes 4.5 on white, by the examples of WCAG", () => {
  assert.ok(contrastOf("#767676", "#ffffff") >= 4.5);
  assert.ok(contrastOf("#777777", "#ffffff") < 4.5);
});
