import assert from "node:assert/strict";
import { test } from "node:test";

import { Store } from "../../web/ui/store.js";

test("each change of a name gives another version, however many other names have changed", () => {
  const store = new Store();
  const seen = new Set();
  for (let round = 0; round < 5; round += 1) {
    store.bump("thread");
    seen.add(store.version("thread"));
    for (let n = 0; n < 3000; n += 1) store.bump(`thread ${round} ${n}`);
  }
  assert.equal(seen.size, 5);
});

test("a page that is open for days holds the versions of what changed last, and those of long ago are 0", () => {
  const store = new Store();
  for (let n = 0; n < 10_000; n += 1) store.bump(`thread ${n}`);
  const known = Array.from({ length: 10_000 }, (_, n) => store.version(`thread ${n}`)).filter((version) => version > 0);
  assert.equal(known.length, 2000);
  assert.equal(store.version("thread 0"), 0);
  assert.ok(store.version("thread 9999") > 0);
});
