import assert from "node:assert/strict";
import { test } from "node:test";

import { choiceOf, hashOf } from "../../web/dashboard/address.js";

const DEFAULT = { scope: "process", process: null, span: "1h", zoom: null, section: null };

test("an address without a choice shows the process that answers, over an hour", () => {
  assert.deepEqual(choiceOf(""), DEFAULT);
  assert.equal(hashOf(DEFAULT), "#");
});

test("each choice survives the address", () => {
  const zoom = { from: Date.UTC(2027, 0, 15, 8), to: Date.UTC(2027, 0, 15, 9) };
  for (const choice of [
    { ...DEFAULT, scope: "cluster", span: "24h" },
    { ...DEFAULT, process: "p1&x=#ä", section: "alerts" },
    { ...DEFAULT, zoom, span: "5m" },
  ])
    assert.deepEqual(choiceOf(hashOf(choice)), choice);
});

test("what an address cannot mean is left out", () => {
  assert.deepEqual(choiceOf("#scope=all&span=2w&from=x&to=y"), DEFAULT);
  assert.deepEqual(choiceOf("#from=2027-01-15T09:00:00Z&to=2027-01-15T08:00:00Z"), DEFAULT);
  assert.equal(choiceOf("#scope=cluster&process=p1").process, null);
});
