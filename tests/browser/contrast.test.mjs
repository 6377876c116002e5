import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
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

test("white can be read on a button of the accent, hovered or not, in light and dark", () => {
  const tokens = readFileSync(new URL("../../web/ui/tokens.css", import.meta.url), "utf8");
  const accents = [...tokens.matchAll(/--accent(?:-hover)?: light-dark\((#\w+), (#\w+)\)/g)];
  assert.equal(accents.length, 2);
  for (const color of accents.flatMap(([, light, dark]) => [light, dark])) {
    assert.ok(contrastOf(color, "#ffffff") >= 4.5, `${color}: ${contrastOf(color, "#ffffff")}`);
  }
});
