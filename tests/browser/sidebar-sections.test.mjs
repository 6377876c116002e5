import assert from "node:assert/strict";
import { test } from "node:test";

import { shownOf, sidebarSections } from "../../web/chat/sidebar/sidebar-sections.js";

const state = (id, name, kind = "room") => ({ room: { id, name, kind } });
const sectionsOf = (states, stars = []) => {
  const sections = sidebarSections(states, { stars, nameOf: ({ name }) => name });
  return Object.fromEntries(
    Object.entries(sections).map(([name, found]) => [name, found.map(({ room }) => room.id).join(" ")]),
  );
};

test("rooms and direct chats stand in sections of their own, by the names that they are shown with", () => {
  const states = [state("1", "Zoo"), state("2", "bob", "direct"), state("3", "attic"), state("4", "Ann", "direct")];
  assert.deepEqual(sectionsOf(states), { starred: "", rooms: "3 1", direct: "4 2" });
});

test("what is starred stands in its section alone, and a star of a room that is gone is nothing", () => {
  const states = [state("1", "Zoo"), state("2", "bob", "direct"), state("3", "attic")];
  assert.deepEqual(sectionsOf(states, ["1", "2", "gone"]), { starred: "2 1", rooms: "3", direct: "" });
});

test("rooms of one name keep their order however they come", () => {
  const states = [state("b", "Same"), state("a", "Same"), state("c", "Same")];
  assert.equal(sectionsOf(states).rooms, "a b c");
  assert.equal(sectionsOf(states.toReversed()).rooms, "a b c");
});

test("of a collapsed section what is unread is shown, and the room that is open", () => {
  const states = ["1", "2", "3", "4"].map((id) => state(id, id));
  const shown = (isCollapsed) =>
    shownOf(states, { isCollapsed, roomId: "3", isUnread: ({ room }) => room.id === "2" }).map(({ room }) => room.id);
  assert.deepEqual(shown(true), ["2", "3"]);
  assert.deepEqual(shown(false), ["1", "2", "3", "4"]);
});
