import assert from "node:assert/strict";
import test from "node:test";

import { SlowMode, durationLabel, reasonOfSilence } from "../../web/chat/composer/restrictions.js";

const START = Date.parse("2026-05-01T10:00:00.000Z");
const time = (date) => date.toISOString().slice(11, 16);
const blocks = new Set(["eve"]);
const slowRoom = { slowModeS: 30, role: "member" };
const sentAt = (ms, id = "m1") => [{ id, userId: "ann", createdAt: new Date(ms).toISOString() }];

test("an archived room and a mute say why nothing can be written", () => {
  assert.match(reasonOfSilence({ archivedAt: "2026-05-01T09:00:00.000Z" }, { now: new Date(START), time, blocks }).text, /archived/);
  const muted = { archivedAt: null, mutedUntil: "2026-05-01T10:05:00.000Z" };
  assert.equal(reasonOfSilence(muted, { now: new Date(START), time, blocks }).text, "You are muted in this room until 10:05.");
  assert.equal(reasonOfSilence(muted, { now: new Date(START + 300_000), time, blocks }), null);
  assert.equal(reasonOfSilence({ archivedAt: null, mutedUntil: null }, { now: new Date(START), time, blocks }), null);
});

test("who is blocked is written to after they are unblocked", () => {
  const reason = (room) => reasonOfSilence({ archivedAt: null, ...room }, { now: new Date(START), time, blocks });
  const blocked = { text: "You blocked this person.", blockedId: "eve" };
  assert.deepEqual(reason({ kind: "direct", peer: { id: "eve" } }), blocked);
  assert.equal(reason({ kind: "direct", peer: { id: "ann" } }), null);
  assert.equal(reason({ kind: "direct", peer: null }), null);
  assert.equal(reason({ kind: "room", peer: { id: "eve" } }), null);
});

test("slow mode lets members wait after a message of their own", () => {
  let now = START;
  const slow = new SlowMode({ now: () => now });
  assert.equal(slow.waitMs(slowRoom, [], "ann"), 0);
  assert.equal(slow.waitMs(slowRoom, sentAt(START), "bob"), 0);
  assert.equal(slow.waitMs({ ...slowRoom, role: "moderator" }, sentAt(START), "ann"), 0);
  assert.equal(slow.waitMs(slowRoom, sentAt(START - 10_000), "ann"), 20_000);
  now += 19_000;
  assert.equal(slow.waitMs(slowRoom, sentAt(START - 10_000), "ann"), 1000);
  now += 1000;
  assert.equal(slow.waitMs(slowRoom, sentAt(START - 10_000), "ann"), 0);
});

test("a clock that goes wrong does not let anybody wait for longer than slow mode does", () => {
  let now = START - 3_600_000;
  const slow = new SlowMode({ now: () => now });
  assert.equal(slow.waitMs(slowRoom, sentAt(START), "ann"), 30_000);
  now += 30_000;
  assert.equal(slow.waitMs(slowRoom, sentAt(START), "ann"), 0);
});

test("a wait is said in one unit", () => {
  assert.deepEqual([900, 119_000, 120_000, 7_200_000].map(durationLabel), ["1 s", "119 s", "2 min", "2 h"]);
});
