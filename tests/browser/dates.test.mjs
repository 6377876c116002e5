import assert from "node:assert/strict";
import { test } from "node:test";

import { dayLabel, momentLabel, msUntilMidnight, relativeLabel, timeLabel } from "../../web/ui/dates.js";

const HOUR_MS = 3_600_000;

function inZone(zone, run) {
  const before = process.env.TZ;
  process.env.TZ = zone;
  try {
    run();
  } finally {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  }
}

test("days are Today, Yesterday, or a date", () => {
  const now = new Date(2026, 2, 1, 0, 5);
  assert.equal(dayLabel(new Date(2026, 2, 1, 0, 1), now), "Today");
  assert.equal(dayLabel(new Date(2026, 1, 28, 23, 59), now), "Yesterday");
  assert.match(dayLabel(new Date(2025, 1, 28), now), /2025/);
});

test("Today becomes Yesterday when midnight has passed", () => {
  const now = new Date(2026, 2, 1, 23, 59, 59);
  assert.equal(dayLabel(now, now), "Today");
  assert.equal(dayLabel(now, new Date(now.getTime() + msUntilMidnight(now))), "Yesterday");
});

test("a day is as long as the clocks make it, and midnight is always ahead", () => {
  inZone("Europe/Berlin", () => {
    assert.equal(msUntilMidnight(new Date(2026, 2, 29)), 23 * HOUR_MS);
    assert.equal(msUntilMidnight(new Date(2026, 9, 25)), 25 * HOUR_MS);
    assert.equal(msUntilMidnight(new Date(2026, 11, 31, 23, 59, 59, 999)), 1);
  });
  inZone("America/Sao_Paulo", () => {
    // In 2018 the day after this began at one o'clock.
    const now = new Date(2018, 10, 3, 23, 30);
    assert.equal(msUntilMidnight(now), HOUR_MS / 2);
    assert.equal(new Date(now.getTime() + msUntilMidnight(now)).getDate(), 4);
  });
});

test("lists say how long ago something was, or when", () => {
  const now = new Date(2026, 2, 12, 15, 0);
  const label = (...parts) => relativeLabel(new Date(...parts), now, "en-GB");
  assert.equal(label(2026, 2, 12, 15, 0, 20), "now");
  assert.equal(label(2026, 2, 12, 14, 55), "5 min");
  assert.equal(label(2026, 2, 12, 9, 5), "09:05");
  assert.equal(label(2026, 2, 11, 9, 5), "yesterday");
  assert.equal(label(2026, 1, 3), "3 Feb");
  assert.equal(label(2025, 1, 3), "3 Feb 2025");
});

test("a moment to come has its day, unless that is today", () => {
  const now = new Date(2026, 2, 12, 15, 4);
  assert.equal(momentLabel(new Date(2026, 2, 12, 16, 0), now, "en-GB"), "16:00");
  assert.match(momentLabel(new Date(2026, 2, 13, 9, 30), now, "en-GB"), /^09:30 on Friday,? 13 March$/);
});

test("the time is the locale's", () => {
  const date = new Date(2026, 2, 12, 15, 4);
  assert.equal(timeLabel(date, "de"), "15:04");
  assert.match(timeLabel(date, "en-US"), /03:04\sPM/);
});
