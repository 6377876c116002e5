import assert from "node:assert/strict";
import { test } from "node:test";

import { drawPlot, HEIGHT } from "../../web/ui/chart.js";

const TIMES = [0, 5000, 10_000];

function labels(values, threshold) {
  const frame = { width: 300, domain: [0, 10_000], now: 10_000, times: TIMES, window: [0, 3], stepMs: 5000 };
  const column = { mean: values, min: values, max: values };
  const thresholds = [{ value: threshold, words: `threshold ${threshold}` }];
  const { node } = drawPlot(frame, { column, format: String, thresholds, marks: [], forecast: null, label: "" });
  return node.children.filter(({ attributes }) => attributes.class === "chart-threshold-label");
}

test("the words at a threshold are in the picture, also where its line is at the top", () => {
  for (const [values, threshold] of [
    [[60, 70, 60], 100],
    [[60, 70, 60], 80],
    [[60, 70, 60], 1],
  ]) {
    const [label] = labels(values, threshold);
    assert.ok(label.attributes.y >= 10 && label.attributes.y < HEIGHT, `${label.attributes.y}`);
  }
});
