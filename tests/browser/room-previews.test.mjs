import assert from "node:assert/strict";
import { test } from "node:test";

import { RoomPreviews } from "../../web/client/room-previews.js";
import { RoomState } from "../../web/client/room-state.js";

const settled = () => new Promise((resolve) => setTimeout(resolve));

/** Previews of these rooms, each with one message, whose requests a test answers. */
function made(count) {
  const states = Array.from({ length: count }, (_, number) => {
    const room = { id: `r${number}`, lastSeq: 1, readSeq: 0, rev: 0 };
    return new RoomState(room, { timelineMax: 10, listing: 0 });
  });
  const requests = [];
  const api = { get: (_, { roomId }) => new Promise((resolve, reject) => requests.push({ roomId, resolve, reject })) };
  const rooms = { get: (id) => states.find(({ room }) => room.id === id) ?? null, emit: () => {} };
  const reply = ({ roomId, resolve }) => resolve({ messages: [{ id: `${roomId}-1`, roomId, seq: 1, rev: 0 }] });
  return { previews: new RoomPreviews({ api, rooms }), states, requests, reply };
}

test("a few last messages are asked for at once, and the rest in turn, whatever becomes of the first", async () => {
  const { previews, requests, reply } = made(10);
  const loading = Array.from({ length: 10 }, (_, number) => previews.load(`r${number}`));
  await settled();
  assert.equal(requests.length, 4);
  requests[0].reject(new Error("refused"));
  await assert.rejects(loading[0], /refused/);
  for (let index = 1; index < 10; index += 1) {
    reply(requests[index]);
    await settled();
  }
  const found = await Promise.all(loading.slice(1));
  assert.deepEqual(
    found.map(({ id }) => id),
    Array.from({ length: 9 }, (_, number) => `r${number + 1}-1`),
  );
});

test("nothing is asked for where the last message is held, or where there is none", async () => {
  const { previews, states, requests } = made(2);
  states[0].notePreview({ id: "x", seq: 1, rev: 0 });
  states[1].room.lastSeq = 0;
  assert.equal((await previews.load("r0")).id, "x");
  assert.equal(await previews.load("r1"), null);
  assert.equal(await previews.load("unknown"), null);
  assert.equal(requests.length, 0);
});

test("an older copy does not take the place of a newer one", () => {
  const { states } = made(1);
  const [state] = states;
  state.notePreview({ seq: 2, rev: 3 });
  assert.equal(state.notePreview({ seq: 2, rev: 1 }), false);
  assert.equal(state.notePreview({ seq: 1, rev: 9 }), false);
  assert.equal(state.changePreview({ seq: 3, rev: 1 }), false, "it may not be the last");
  assert.equal(state.changePreview({ seq: 2, rev: 4 }), true);
  assert.equal(state.lastMessage.rev, 4);
});
