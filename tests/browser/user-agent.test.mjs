import assert from "node:assert/strict";
import { test } from "node:test";

import { deviceOf } from "../../web/chat/account/user-agent.js";

const WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)";
const IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";
const DEVICES = {
  "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0": "Firefox on Linux",
  [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${WEBKIT} Chrome/126.0.0.0 Safari/537.36`]: "Chrome on Windows",
  [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${WEBKIT} Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0`]:
    "Edge on Windows",
  [`Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${WEBKIT} Chrome/125.0.0.0 Safari/537.36 OPR/111.0.0.0`]:
    "Opera on macOS",
  [`Mozilla/5.0 (Linux; Android 10; K) ${WEBKIT} Chrome/126.0.0.0 Mobile Safari/537.36`]: "Chrome on Android",
  [`${IPHONE} Version/17.4 Mobile/15E148 Safari/604.1`]: "Safari on iPhone",
  [`${IPHONE} CriOS/126.0.6478.35 Mobile/15E148 Safari/604.1`]: "Chrome on iPhone",
  "python-client/1.0": "python-client",
  "": "Another program",
};

test("a user agent tells browser and system, also where it names others before", () => {
  for (const [userAgent, device] of Object.entries(DEVICES)) assert.equal(deviceOf(userAgent), device);
});
