import assert from "node:assert/strict";
import { test } from "node:test";

import { ChatError } from "../../web/client/api.js";
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
