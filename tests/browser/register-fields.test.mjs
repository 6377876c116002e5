import assert from "node:assert/strict";
import { test } from "node:test";

import { RegisterFields } from "../../web/chat/account/register-fields.js";

const good = { username: "ann.b", email: "ann@example.test", password: "long enough" };
const wrongIn = (fields) => Object.keys(RegisterFields.wrong({ ...good, ...fields }));

test("each field that is wrong is named, and spaces around a name or an address are not", () => {
  assert.deepEqual(wrongIn({}), []);
  assert.deepEqual(wrongIn({ username: " ann ", email: " a@b " }), []);
  assert.deepEqual(wrongIn({ username: "x y", email: "nobody", password: "short" }), ["username", "email", "password"]);
  assert.deepEqual(wrongIn({ username: "ab" }), ["username"]);
  assert.deepEqual(wrongIn({ username: "a".repeat(33) }), ["username"]);
});

test("what the server refuses stands beside its field", () => {
  const { refused } = RegisterFields;
  assert.deepEqual(refused({ code: "username_taken", message: "This name is taken." }), {
    username: "This name is taken.",
  });
  const details = { password: "is one of the commonest", email: "Expected `str` matching regex", other: "is required" };
  assert.deepEqual(refused({ code: "validation_failed", message: "", details }), {
    email: "Email is not valid.",
    password: "Password is one of the commonest.",
  });
  assert.equal(refused({ code: "rate_limited", message: "Slow down." }), null);
  assert.match(refused({ code: "validation_failed", message: "", details: { invite: "gone" } }).form, /not valid/);
});
