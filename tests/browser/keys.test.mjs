import assert from "node:assert/strict";
import { test } from "node:test";

import { isComposing, letterOf } from "../../web/ui/keys.js";

test("a letter is small unless Shift is held, whatever Caps Lock says", () => {
  assert.equal(letterOf({ key: "j", code: "KeyJ", shiftKey: false }), "j");
  assert.equal(letterOf({ key: "J", code: "KeyJ", shiftKey: false }), "j");
  assert.equal(letterOf({ key: "J", code: "KeyJ", shiftKey: true }), "J");
  assert.equal(letterOf({ key: "j", code: "KeyJ", shiftKey: true }), "J");
});

test("of a keyboard of another script it is the letter of its place", () => {
  assert.equal(letterOf({ key: "л", code: "KeyK", shiftKey: false }), "k");
  assert.equal(letterOf({ key: "κ", code: "KeyK", shiftKey: true }), "K");
  assert.equal(letterOf({ key: "ж", code: "Semicolon", shiftKey: false }), "ж");
});

test("of a keyboard that writes Latin letters in other places it is what is written", () => {
  assert.equal(letterOf({ key: "a", code: "KeyQ", shiftKey: false }), "a");
  assert.equal(letterOf({ key: "é", code: "Digit2", shiftKey: false }), "é");
});

test("other keys are what they are", () => {
  assert.equal(letterOf({ key: "+", code: "BracketRight", shiftKey: true }), "+");
  assert.equal(letterOf({ key: "Delete", code: "Delete", shiftKey: true }), "Delete");
  assert.equal(letterOf({ key: "j", shiftKey: false }), "j");
});

test("the key that ends a composition belongs to the input method, as Safari tells it, too", () => {
  assert.equal(isComposing({ isComposing: false, keyCode: 13 }), false);
  assert.equal(isComposing({ isComposing: true, keyCode: 13 }), true);
  assert.equal(isComposing({ isComposing: false, keyCode: 229 }), true);
});
