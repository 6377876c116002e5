import assert from "node:assert/strict";
import { test } from "node:test";

import { timelineItems } from "../../web/chat/timeline-items.js";

const me = { id: "u1", username: "ann" };
const at = (seq, userId, minute, day = 1) => ({
  seq,
  userId,
  type: "text",
  createdAt: new Date(2026, 2, day, 10, minute).toISOString(),
});

test("messages of one person within five minutes form a group, and each day begins with a line", () => {
  const items = timelineItems([at(1, "u1", 0), at(2, "u1", 4), at(3, "u1", 6), at(4, "u2", 6), at(5, "u2", 7, 2)], [], {
    me,
  });
  assert.deepEqual(
    items.map(({ kind, follows }) => (kind === "day" ? "day" : follows)),
    ["day", false, true, false, false, "day", false],
  );
});

test("the line above new messages appears once, and keys are unique", () => {
  const unsent = [
    { clientId: "c", roomId: "r", content: "x", createdAt: new Date(2026, 2, 1, 10, 9).getTime(), state: "waiting" },
  ];
  const items = timelineItems([at(1, "u2", 0), at(2, "u2", 1), at(3, "u2", 2)], unsent, { me, newFrom: 2 });
  assert.deepEqual(
    items.map(({ kind }) => kind),
    ["day", "message", "new", "message", "message", "message"],
  );
  assert.equal(new Set(items.map(({ key }) => key)).size, items.length);
});
