import assert from "node:assert/strict";
import { test } from "node:test";

import { spanText } from "../../web/ui/spans.js";

test("how long something lasts is said in days, hours, minutes and seconds, without those that are none", () => {
  const said = {
    ...{ 0: "0 seconds", 1: "1 second", 60: "1 minute", 90: "1 minute and 30 seconds", 1800: "30 minutes" },
    ...{ 3600: "1 hour", 5400: "1 hour and 30 minutes", 604_800: "7 days", 31_536_000: "365 days" },
    [2000 * 60]: "1 day, 9 hours and 20 minutes",
    [86_400 + 1]: "1 day and 1 second",
  };
  for (const [seconds, text] of Object.entries(said)) assert.equal(spanText(Number(seconds)), text);
  assert.equal(spanText(59.6), "1 minute");
});
