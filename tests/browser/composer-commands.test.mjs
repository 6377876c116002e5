import assert from "node:assert/strict";
import test from "node:test";

import { matchingCommands, parseCommand } from "../../web/chat/composer/commands.js";

const owner = { room: { kind: "room", role: "owner" } };

async function sent(text) {
  const found = [];
  const { command, text: rest } = parseCommand(text);
  const problem = await command.run({ text: rest, send: (content) => void found.push(content) });
  return problem ?? found;
}

test("two slashes send a text that begins with one", () => {
  assert.deepEqual(parseCommand("//etc is a folder"), { content: "/etc is a folder" });
});

test("paths and numbers are texts, and a command that does not exist is named", () => {
  assert.deepEqual(parseCommand("/usr/bin"), { content: "/usr/bin" });
  assert.deepEqual(parseCommand("/ 2"), { content: "/ 2" });
  assert.deepEqual(parseCommand("/nothing at all"), { unknown: "nothing" });
});

test("a command takes all that is behind it, without regard to case", () => {
  const { command, text } = parseCommand("/TOPIC  two\nlines ");
  assert.equal(command.name, "topic");
  assert.equal(text, "two\nlines");
});

test("/me is italic and /shrug shrugs", async () => {
  assert.deepEqual(await sent("/me waves"), ["*waves*"]);
  assert.deepEqual(await sent("/me waves *twice*"), ["_waves *twice*_"]);
  assert.equal(await sent("/me"), "Write what you do behind /me.");
  assert.deepEqual(await sent("/shrug no idea"), ["no idea ¯\\_(ツ)_/¯"]);
});

test("commands are offered where they can be used", () => {
  const names = (q, place) => matchingCommands(q, place).map(({ name }) => name);
  assert.deepEqual(names("m", owner), ["me", "mute"]);
  assert.ok(names("", owner).includes("topic"));
  assert.ok(!names("", { room: { kind: "room", role: "member" } }).includes("topic"));
  assert.ok(!names("", { room: { kind: "direct", role: "member" } }).includes("invite"));
});
