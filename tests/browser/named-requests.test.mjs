import assert from "node:assert/strict";
import { test } from "node:test";

import { Api } from "../../web/client/api.js";
import { merged } from "../../web/client/settings.js";

/** An Api, and the requests that it sent: method, path with query, decoded body. Each reply has all that is asked for. */
function recorded(reply = { message: { id: "r-1", rev: 2 }, room: { id: "r" }, user: {}, invites: [], users: [] }) {
  const sent = [];
  const fetch = async (url, { method, body }) => {
    sent.push([method, `${url.pathname}${url.search}`, body === undefined ? null : JSON.parse(body)]);
    return { status: 200, ok: true, json: async () => reply, blob: async () => reply };
  };
  const tokens = { getAccessToken: async () => "token" };
  return { api: new Api({ baseUrl: "http://host/", fetch, tokens }), sent };
}

const REQUESTS = [
  [({ messages }) => messages.get("r-1"), "GET", "/messages/r-1", null],
  [({ messages }) => messages.edit("r-1", "new"), "PATCH", "/messages/r-1", { content: "new" }],
  [({ messages }) => messages.delete("r-1"), "DELETE", "/messages/r-1", null],
  [({ messages }) => messages.react("r-1", "👍"), "PUT", "/messages/r-1/reactions/%F0%9F%91%8D", null],
  [({ messages }) => messages.unreact("r-1", "/"), "DELETE", "/messages/r-1/reactions/%2F", null],
  [({ messages }) => messages.history("r-1"), "GET", "/messages/r-1/history", null],
  [({ messages }) => messages.thread("r-1", { after: 0 }), "GET", "/messages/r-1/thread?after=0", null],
  [({ messages }) => messages.search("a & b", { roomId: "r" }), "GET", "/messages/search?q=a+%26+b&roomId=r", null],
  [({ messages }) => messages.suggest("te"), "GET", "/messages/search/suggest?q=te", null],
  [({ messages }) => messages.report("r-1", "spam"), "POST", "/messages/r-1/report", { reason: "spam" }],
  [({ rooms }) => rooms.find({ q: "tea", cursor: "c" }), "GET", "/rooms?q=tea&cursor=c", null],
  [({ rooms }) => rooms.create({ name: "Tea" }), "POST", "/rooms", { name: "Tea" }],
  [({ rooms }) => rooms.direct("u"), "POST", "/rooms/direct", { userId: "u" }],
  [({ rooms }) => rooms.get("r/"), "GET", "/rooms/r%2F", null],
  [({ rooms }) => rooms.join("r"), "POST", "/rooms/r/join", {}],
  [({ rooms }) => rooms.leave("r"), "POST", "/rooms/r/leave", {}],
  [({ rooms }) => rooms.invite("r", "u"), "POST", "/rooms/r/members", { userId: "u" }],
  [({ rooms }) => rooms.members("r", { limit: 9 }), "GET", "/rooms/r/members?limit=9", null],
  [({ rooms }) => rooms.members("r", { q: "an", cursor: "c" }), "GET", "/rooms/r/members?q=an&cursor=c", null],
  [({ rooms }) => rooms.change("r", { archived: true }), "PATCH", "/rooms/r", { archived: true }],
  [({ rooms }) => rooms.change("r", { slowModeS: 5 }), "PATCH", "/rooms/r", { slowModeS: 5 }],
  [({ rooms }) => rooms.delete("r"), "DELETE", "/rooms/r", null],
  [({ rooms }) => rooms.stats("r"), "GET", "/rooms/r/stats", null],
  [({ rooms }) => rooms.changes("r", { since: 4 }), "GET", "/rooms/r/changes?since=4", null],
  [({ rooms }) => rooms.setRole("r", "u", "moderator"), "PATCH", "/rooms/r/members/u", { role: "moderator" }],
  [({ rooms }) => rooms.mute("r", "u", null), "PATCH", "/rooms/r/members/u", { mutedUntil: null }],
  [({ rooms }) => rooms.remove("r", "u"), "DELETE", "/rooms/r/members/u", null],
  [({ rooms }) => rooms.ban("r", "u"), "POST", "/rooms/r/bans/u", { reason: null, expiresIn: null }],
  [({ rooms }) => rooms.unban("r", "../u"), "DELETE", "/rooms/r/bans/..%2Fu", null],
  [({ rooms }) => rooms.bans("r", { cursor: "c" }), "GET", "/rooms/r/bans?cursor=c", null],
  [({ rooms }) => rooms.audit("r"), "GET", "/rooms/r/audit", null],
  [({ rooms }) => rooms.reports("r"), "GET", "/rooms/r/reports", null],
  [({ rooms }) => rooms.createInvite("r"), "POST", "/rooms/r/invites", { expiresIn: null, maxUses: null }],
  [({ rooms }) => rooms.invites("r"), "GET", "/rooms/r/invites", null],
  [({ rooms }) => rooms.deleteInvite("r", "x"), "DELETE", "/rooms/r/invites/x", null],
  [({ rooms }) => rooms.acceptInvite("x"), "POST", "/invites/x", {}],
  [({ rooms }) => rooms.addIntegration("r", "bots", { username: "b" }), "POST", "/rooms/r/bots", { username: "b" }],
  [({ rooms }) => rooms.integrations("r", "webhooks"), "GET", "/rooms/r/webhooks", null],
  [({ rooms }) => rooms.removeIntegration("r", "webhooks", "w"), "DELETE", "/rooms/r/webhooks/w", null],
  [({ people }) => people.find("a b"), "GET", "/users?q=a+b", null],
  [({ people }) => people.get("u"), "GET", "/users/u", null],
  [({ people }) => people.changeProfile({ displayName: "A" }), "PATCH", "/users/me", { displayName: "A" }],
  [({ people }) => people.settings(), "GET", "/users/me/settings", null],
  [({ people }) => people.changeSettings({ theme: null }), "PATCH", "/users/me/settings", { theme: null }],
  [({ people }) => people.sessions(), "GET", "/auth/sessions", null],
  [({ people }) => people.endSession("s"), "DELETE", "/auth/sessions/s", null],
  [({ people }) => people.changePassword("a", "b"), "POST", "/auth/password", { oldPassword: "a", newPassword: "b" }],
  [({ people }) => people.blocked(), "GET", "/users/me/blocks", null],
  [({ people }) => people.block("u"), "PUT", "/users/me/blocks/u", null],
  [({ people }) => people.unblock("u"), "DELETE", "/users/me/blocks/u", null],
  [({ people }) => people.deleteAccount("p"), "DELETE", "/users/me", { password: "p" }],
];

for (const [call, ...expected] of REQUESTS) {
  test(`the request ${expected[0]} ${expected[1]} is sent`, async () => {
    const { api, sent } = recorded();
    await call(api);
    assert.deepEqual(sent, [expected]);
  });
}

test("the user's own data is downloaded as a blob", async () => {
  const { api, sent } = recorded("PK");
  assert.equal(await api.people.exportData(), "PK");
  assert.deepEqual(sent, [["GET", "/users/me/export", null]]);
});

test("who shows messages is told of those that a reply shows as changed", async () => {
  const { api } = recorded();
  const shown = [];
  api.messages.onChanged = (message) => shown.push(message);
  const edited = await api.messages.edit("r-1", "new");
  assert.deepEqual(shown, [edited]);
});

test("a merge patch removes, replaces and merges, and leaves its input as it was", () => {
  const before = { theme: "dark", notifications: { a: "all", b: "none" }, client: { stars: [1] } };
  const patch = { theme: null, notifications: { b: null, c: "mentions" }, client: { stars: [2, 3] }, density: "compact" };
  assert.deepEqual(merged(before, patch), {
    notifications: { a: "all", c: "mentions" },
    client: { stars: [2, 3] },
    density: "compact",
  });
  assert.equal(before.theme, "dark");
  assert.deepEqual(merged({}, JSON.parse('{"__proto__": {"x": 1}}')).x, undefined);
});
