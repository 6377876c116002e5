import assert from "node:assert/strict";
import { test } from "node:test";

import { RowHeights } from "../../web/ui/row-heights.js";

const rows = (count) => Array.from({ length: count }, (_, n) => `row ${n}`);

test("rows that are not measured are taken to be as high as the others on average", () => {
  const heights = new RowHeights();
  heights.setKeys(["a", "b", "c", "d"]);
  assert.equal(heights.total, 4 * heights.estimate);
  assert.equal(
    heights.measure([
      ["a", 10],
      ["c", 30],
    ]),
    true,
  );
  assert.equal(heights.estimate, 20);
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((index) => heights.topOf(index)),
    [0, 10, 30, 60, 80],
  );
  assert.equal(heights.measure([["a", 10]]), false);
});

test("a place is covered by the row that begins at or before it, and the ends by the first and the last", () => {
  const heights = new RowHeights();
  assert.equal(heights.indexAt(0), -1);
  heights.setKeys(["a", "b", "c"]);
  heights.measure(["a", "b", "c"].map((key) => [key, 10]));
  assert.deepEqual(
    [-5, 0, 9.5, 10, 25, 99].map((px) => heights.indexAt(px)),
    [0, 0, 0, 1, 2, 2],
  );
});

test("a measured height goes with its key when rows come above and when they come back", () => {
  const heights = new RowHeights();
  heights.setKeys(["b"]);
  heights.measure([["b", 70]]);
  heights.setKeys(["a", "b"]);
  assert.equal(heights.total - heights.topOf(1), 70);
  heights.setKeys(["a"]);
  heights.setKeys(["b"]);
  assert.equal(heights.total, 70);
});

test("heights of keys that are gone are forgotten once they are many", () => {
  const heights = new RowHeights();
  const many = rows(1500);
  heights.setKeys(many);
  heights.measure(many.map((key) => [key, 10]));
  heights.setKeys(["new", "row 0"]);
  heights.measure([["new", 30]]);
  assert.equal(heights.estimate, 20);
});
