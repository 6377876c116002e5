import assert from "node:assert/strict";
import { test } from "node:test";

import { forecastWords } from "../../web/dashboard/forecast.js";

const IN_SIGHT = {
  metric: "memoryPercent",
  limit: 85,
  state: "limit_in_sight",
  value: 61.2,
  hours: 9.04,
  hoursEarliest: 7.02,
  hoursLatest: 13.9,
  slopePerHour: 2.6,
  spanS: 21600,
};

test("a limit in sight is told with its interval, and stands out if it is within a day", () => {
  assert.deepEqual(forecastWords("memory", IN_SIGHT), {
    title: "Memory",
    words: "Reaches 85 % of its limit in about 9 h (7–14 h). Now 61 %.",
    isUrgent: true,
  });
  const disk = { ...IN_SIGHT, limit: 0, value: 5 * 2 ** 30, hours: 60, hoursEarliest: 48, hoursLatest: null };
  assert.deepEqual(forecastWords("disk", disk), {
    title: "Disk",
    words: "Reaches its end in about 2.5 d (2 d or later). Now 5 GiB free.",
    isUrgent: false,
  });
  const soon = { ...IN_SIGHT, limit: 10000, value: 9500, hours: 0.5, hoursEarliest: 0.4, hoursLatest: 0.6 };
  assert.equal(
    forecastWords("connections", soon).words,
    "Reaches the limit of 10,000 in about 30 min (24–36 min). Now 9,500.",
  );
  assert.equal(forecastWords("storeQueue", { ...IN_SIGHT, hours: 0 }).words, "At its limit, and still growing.");
});

test("where no limit is in sight, or nothing is known, that is said", () => {
  const nothing = { ...IN_SIGHT, state: "no_limit_in_sight", hours: null, hoursEarliest: null, hoursLatest: null };
  assert.equal(forecastWords("memory", nothing).words, "No limit in sight. Now 61 %.");
  assert.match(forecastWords("memory", { ...nothing, state: "too_few_points", value: null }).words, /^Not known yet/);
});
