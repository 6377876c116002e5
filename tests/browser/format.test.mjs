import assert from "node:assert/strict";
import { test } from "node:test";

import { alertWords, bytes, duration, hourRange, hours, ms, number, percent, share, spaced, UNKNOWN } from "../../web/ui/format.js";

test("numbers are rounded to significant digits, and an unknown value is a dash", () => {
  assert.deepEqual([0, 0.123, 3.456, 56.78, 123.4, 1234, 1_234_567].map(number), [
    "0",
    "0.12",
    "3.46",
    "56.8",
    "123",
    "1,234",
    "1.2M",
  ]);
  for (const format of [number, ms, bytes, percent, share, duration, hours]) {
    for (const nothing of [null, undefined, NaN, Infinity, "5"]) assert.equal(format(nothing), UNKNOWN);
  }
  assert.deepEqual([0, 0.05, 4.71, 1500].map(ms), ["0 ms", "50 µs", "4.71 ms", "1.5 s"]);
  assert.deepEqual([0, 1023, 1024, 73_924_608].map(bytes), ["0 B", "1,023 B", "1 KiB", "70.5 MiB"]);
  assert.deepEqual([0, 59.9, 60, 200, 3600, 7500, 86_400, 356_400].map(duration), [
    "0 s",
    "59 s",
    "1 min",
    "3 min 20 s",
    "1 h",
    "2 h 5 min",
    "1 d",
    "4 d 3 h",
  ]);
  assert.equal(share(0.643), "64.3 %");
  assert.equal(spaced("loopLagMs"), "loop lag ms");
});

test("hours are rough, and an interval is in the unit of its middle", () => {
  assert.deepEqual([0.2, 1, 9.46, 23.7, 60].map(hours), ["12 min", "1 h", "9.5 h", "24 h", "2.5 d"]);
  assert.equal(hourRange(0.9, 1.2, 1.04), "0.9–1.2 h");
  assert.equal(hourRange(9.01, 9.04, 9.02), "9 h");
  assert.equal(hourRange(40, null, 60), "1.7 d or later");
});

test("an alert is shown in its unit, and an unknown alert without one", () => {
  assert.deepEqual(alertWords({ name: "slow_query", value: 1500, threshold: 1000 }), {
    title: "Slow query",
    value: "1.5 s",
    threshold: "1 s",
  });
  assert.deepEqual(alertWords({ name: "bus", value: 1, threshold: 1 }), {
    title: "Bus lost",
    value: "",
    threshold: "",
  });
  assert.deepEqual(alertWords({ name: "forecast", subject: "storeQueue", value: 7.52, threshold: 24 }), {
    title: "Forecast: store queue",
    value: "7.5 h",
    threshold: "24 h",
  });
  assert.deepEqual(alertWords({ name: "toString", value: 2, threshold: 1 }), {
    title: "toString",
    value: "2",
    threshold: "1",
  });
});
