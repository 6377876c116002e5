import assert from "node:assert/strict";
import { test } from "node:test";

import { distinctNames, nameKey, nameParts } from "../../web/ui/names.js";

const ann = { id: "u1", username: "ann", displayName: "Ann Lee" };
const distinctName = (person, all) => distinctNames(all).get(person.id);
const bob = { id: "u2", username: "bob", displayName: "Bob" };

test("a name that nobody else has needs no handle", () => {
  assert.deepEqual(distinctName(ann, [ann, bob]), { name: "Ann Lee", handle: null });
  assert.deepEqual(nameParts({ username: "cy", displayName: "" }), { name: "cy", handle: "@cy" });
});

test("two people with one display name, or one that looks like it, are told apart by their handles", () => {
  for (const displayName of ["Ann Lee", "ANN LEE", "Ann\u00a0\u2009Lee", "Ａｎｎ Lee", "An\u200dn Lee", "Аnn Lее"]) {
    const other = { userId: "u3", username: "ann2", displayName };
    assert.deepEqual(distinctName(ann, [ann, bob, other]), { name: "Ann Lee", handle: "@ann" }, displayName);
    assert.deepEqual(distinctNames([ann, other]).get("u3"), { name: displayName, handle: "@ann2" });
  }
  assert.notEqual(nameKey("Ann Lee"), nameKey("Ann Leo"));
});

test("who takes another's username as display name is shown with a handle", () => {
  const eve = { id: "u4", username: "eve", displayName: "bob" };
  assert.equal(distinctName(eve, [bob, eve]).handle, "@eve");
  assert.equal(distinctName(bob, [bob, eve]).handle, "@bob");
});

test("a person counts once, also under two names of the id", () => {
  assert.equal(distinctName(ann, [ann, { userId: "u1", username: "ann", displayName: "Ann Lee" }]).handle, null);
});
