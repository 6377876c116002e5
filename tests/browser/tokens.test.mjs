import assert from "node:assert/strict";
import { test } from "node:test";

import { ChatError } from "../../web/client/chat-error.js";
import { memoryStorage } from "../../web/client/storage.js";
import { renewalMarginMs, Tokens } from "../../web/client/tokens.js";

const pair = (number) => ({ user: { id: "u" }, accessToken: `a${number}`, refreshToken: `r${number}`, expiresIn: 900 });

function made({ storage = memoryStorage(), refresh = async () => pair(2) } = {}) {
  const clock = { ms: 1_000_000 };
  const tokens = new Tokens({ storage, refresh, now: () => clock.ms });
  tokens.adopt(pair(1));
  return { tokens, clock, storage };
}

test("a valid token is used, and an expired token is refreshed", async () => {
  const { tokens, clock } = made();
  assert.equal(await tokens.getAccessToken(), "a1");
  clock.ms += 800_000;
  assert.equal(await tokens.getAccessToken(), "a1");
  assert.equal(await tokens.getAccessToken({ renew: true }), "a2");
  assert.equal(tokens.renewalDueInMs(), 720_000);
});

test("concurrent calls cause one refresh", async () => {
  let asked = 0;
  const { tokens } = made({ refresh: async () => pair(1 + ++asked) });
  assert.deepEqual(await Promise.all([1, 2, 3].map(() => tokens.getAccessToken({ refused: "a1" }))), [
    "a2",
    "a2",
    "a2",
  ]);
  assert.equal(asked, 1);
});

test("a refused token is not refreshed if another tab has refreshed it", async () => {
  const { tokens, storage, clock } = made({ refresh: async () => assert.fail("not needed") });
  new Tokens({ storage, refresh: null, now: () => clock.ms }).adopt(pair(7));
  assert.equal(await tokens.getAccessToken({ refused: "a1" }), "a7");
});

test("a refused refresh uses the new token of another tab", async () => {
  const refused = new ChatError({ code: "unauthorized", status: 401 });
  const { tokens, storage, clock } = made({
    refresh: async () => {
      new Tokens({ storage, refresh: null, now: () => clock.ms }).adopt(pair(7));
      throw refused;
    },
  });
  assert.equal(await tokens.getAccessToken({ refused: "a1" }), "a7");
});

test("a refused refresh ends the session if no other tab has refreshed", async () => {
  const { tokens } = made({
    refresh: async () => {
      throw new ChatError({ code: "unauthorized", status: 401 });
    },
  });
  let ended = 0;
  tokens.addEventListener("ended", () => {
    ended += 1;
  });
  await assert.rejects(tokens.getAccessToken({ refused: "a1" }), { code: "unauthorized" });
  assert.equal(ended, 1);
  assert.equal(tokens.read(), null);
});

test("an unreachable server does not end the session", async () => {
  const { tokens } = made({
    refresh: async () => {
      throw new ChatError({ code: "network", retryable: true });
    },
  });
  await assert.rejects(tokens.getAccessToken({ refused: "a1" }), { code: "network" });
  assert.equal(tokens.read().refreshToken, "r1");
});

test("a storage event reports what another tab did: renewed, logged out, another user", () => {
  const { tokens, storage } = made();
  const received = [];
  for (const name of ["renewed", "ended", "changed"]) tokens.addEventListener(name, () => received.push(name));
  tokens.storageChanged("chat.session", "u");
  tokens.storageChanged("chat.session", "somebody else");
  storage.removeItem("chat.session");
  tokens.storageChanged("chat.session", "u");
  tokens.storageChanged("something else", "u");
  assert.deepEqual(received, ["renewed", "changed", "ended"]);
});

test("a token is renewed well before it expires, but not in the first half of its lifetime", () => {
  assert.equal(renewalMarginMs(900_000), 180_000);
  assert.equal(renewalMarginMs(400_000), 120_000);
  assert.equal(renewalMarginMs(4000), 2000);
});

/** A storage that refuses texts longer than `limit.chars`. */
function limitedStorage(limit) {
  const storage = memoryStorage();
  const setItem = (key, value) => {
    if (value.length > limit.chars) throw new DOMException("full", "QuotaExceededError");
    storage.setItem(key, value);
  };
  return { ...storage, setItem };
}

const LONG = "x".repeat(200);
const longPair = (number) => ({ ...pair(number), user: { id: "u", username: "ann", customStatus: LONG } });

test("a full storage keeps the refresh token for other tabs, and this page keeps the whole session", async () => {
  const storage = limitedStorage({ chars: 150 });
  const { tokens, clock } = made({ storage, refresh: async () => longPair(2) });
  assert.equal(await tokens.getAccessToken({ refused: "a1" }), "a2");
  assert.equal(tokens.read().user.customStatus, LONG);
  assert.equal(await tokens.getAccessToken(), "a2");
  const used = [];
  const refresh = async (refreshToken) => {
    used.push(refreshToken);
    return pair(3);
  };
  const other = new Tokens({ storage, refresh, now: () => clock.ms });
  assert.equal(await other.getAccessToken(), "a3");
  assert.deepEqual(used, ["r2"]);
  assert.equal(await tokens.getAccessToken(), "a3", "the tab that held its session in memory takes the newer one");
});

test("a storage that refuses everything keeps the session as long as the page", async () => {
  const storage = limitedStorage({ chars: 0 });
  const { tokens } = made({ storage });
  assert.equal(await tokens.getAccessToken(), "a1");
  let ended = 0;
  tokens.addEventListener("ended", () => {
    ended += 1;
  });
  tokens.clear();
  assert.deepEqual([ended, tokens.read()], [1, null]);
});

test("a 401 that is not of the chat server does not end the session", async () => {
  const { tokens } = made({
    refresh: async () => {
      throw new ChatError({ code: "internal", status: 401 });
    },
  });
  await assert.rejects(tokens.getAccessToken({ refused: "a1" }), { code: "internal" });
  assert.equal(tokens.read().refreshToken, "r1");
});

test("a refresh that ends after the logout does not bring the session back", async () => {
  let answer;
  const { tokens } = made({ refresh: () => new Promise((resolve) => (answer = resolve)) });
  const refreshed = tokens.getAccessToken({ refused: "a1" });
  await Promise.resolve();
  tokens.clear();
  answer(pair(2));
  await assert.rejects(refreshed, { code: "unauthorized" });
  assert.equal(tokens.read(), null);
});

test("where locks are refused, the token is refreshed without one", async () => {
  const storage = memoryStorage();
  const locks = { request: () => Promise.reject(new DOMException("opaque origin", "SecurityError")) };
  const tokens = new Tokens({ storage, locks, refresh: async () => pair(2) });
  tokens.adopt(pair(1));
  assert.equal(await tokens.getAccessToken({ refused: "a1" }), "a2");
});
