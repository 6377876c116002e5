import assert from "node:assert/strict";
import { test } from "node:test";

import { ChatError } from "../../web/client/api.js";
import { memoryStorage, Tokens } from "../../web/client/tokens.js";

const pair = (number) => ({ user: { id: "u" }, accessToken: `a${number}`, refreshToken: `r${number}`, expiresIn: 900 });

function made({ storage = memoryStorage(), refresh = async () => pair(2) } = {}) {
  const clock = { ms: 1_000_000 };
  const tokens = new Tokens({ storage, refresh, now: () => clock.ms });
  tokens.adopt(pair(1));
  return { tokens, clock, storage };
}

test("a good token is used as it is, and one that has ended is refreshed", async () => {
  const { tokens, clock } = made();
  assert.equal(await tokens.fresh(), "a1");
  clock.ms += 800_000;
  assert.equal(await tokens.fresh(), "a1");
  assert.equal(await tokens.fresh({ renew: true }), "a2");
  assert.equal(tokens.dueInMs(), 720_000);
});

test("several who need a new token at once cause one refresh", async () => {
  let asked = 0;
  const { tokens } = made({ refresh: async () => pair(1 + ++asked) });
  assert.deepEqual(await Promise.all([1, 2, 3].map(() => tokens.fresh({ refused: "a1" }))), ["a2", "a2", "a2"]);
  assert.equal(asked, 1);
});

test("a refused token is not refreshed when another tab has done so", async () => {
  const { tokens, storage, clock } = made({ refresh: async () => assert.fail("not needed") });
  new Tokens({ storage, refresh: null, now: () => clock.ms }).adopt(pair(7));
  assert.equal(await tokens.fresh({ refused: "a1" }), "a7");
});

test("a refused refresh looks at storage first: another tab may have been faster", async () => {
  const refused = new ChatError({ code: "unauthorized", status: 401 });
  const { tokens, storage, clock } = made({
    refresh: async () => {
      new Tokens({ storage, refresh: null, now: () => clock.ms }).adopt(pair(7));
      throw refused;
    },
  });
  assert.equal(await tokens.fresh({ refused: "a1" }), "a7");
});

test("a refused refresh that nobody was faster with ends the session", async () => {
  const { tokens } = made({ refresh: async () => { throw new ChatError({ code: "unauthorized", status: 401 }); } });
  let ended = 0;
  tokens.addEventListener("ended", () => { ended += 1; });
  await assert.rejects(tokens.fresh({ refused: "a1" }), { code: "unauthorized" });
  assert.equal(ended, 1);
  assert.equal(tokens.read(), null);
});

test("a server that cannot be reached ends nothing", async () => {
  const { tokens } = made({ refresh: async () => { throw new ChatError({ code: "network", retryable: true }); } });
  await assert.rejects(tokens.fresh({ refused: "a1" }), { code: "network" });
  assert.equal(tokens.read().refreshToken, "r1");
});

test("what another tab did is told apart: renewed, logged out, somebody else", () => {
  const { tokens, storage } = made();
  const heard = [];
  for (const name of ["renewed", "ended", "changed"]) tokens.addEventListener(name, () => heard.push(name));
  tokens.storageChanged("chat.session", "u");
  tokens.storageChanged("chat.session", "somebody else");
  storage.removeItem("chat.session");
  tokens.storageChanged("chat.session", "u");
  tokens.storageChanged("something else", "u");
  assert.deepEqual(heard, ["renewed", "changed", "ended"]);
});
