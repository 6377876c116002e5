import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { ChatClient } from "../../web/chat.js";
import { MessageClient } from "../../web/client/message-client.js";
import { SESSION_EVENTS, SessionClient } from "../../web/client/session-client.js";

const text = async (path) => await readFile(new URL(`../../${path}`, import.meta.url), "utf8");
const page = await text("docs/chat-js.md");
const prose = page.replaceAll(/```.*?```/gs, "");
const codes = new Set([...prose.matchAll(/`([^`]+)`/g)].flatMap(([, code]) => code.match(/[\w.]+/g) ?? []));
const absent = (names) => names.filter((name) => !codes.has(name));

test("the page describes each public method and property of the client", () => {
  const names = [ChatClient, MessageClient, SessionClient].flatMap(({ prototype }) => Object.getOwnPropertyNames(prototype));
  const known = names.filter((name) => !name.startsWith("_") && name !== "constructor");
  const dotted = [...codes].map((code) => code.split(".")[0]);
  assert.deepEqual(
    known.filter((name) => !dotted.includes(name)),
    [],
  );
  assert.ok(known.length > 30);
});

test("the page describes each event", () => {
  assert.deepEqual(absent([...SESSION_EVENTS, "ended"]), []);
});

test("the page describes each option, with its default", async () => {
  const source = await text("web/client/client-options.js");
  const options = [...source.matchAll(/@property \{.*\} \[(\w+)\]/g)].map(([, name]) => name);
  assert.deepEqual(absent(options), []);
  for (const [, name, value] of source.matchAll(/options\.(\w+Max) \?\? (\d+)/g))
    assert.match(page, new RegExp(`\\| \`${name}\` \\| ${value} \\|`));
  assert.equal(options.length, 11);
});

test("the page describes each error code of the library's own", async () => {
  const source = await text("web/client/chat-error.js");
  const [list] = source.match(/one of the library's own:[^.]*\./);
  const own = [...list.matchAll(/`(\w+)`/g)].map(([, code]) => code);
  assert.deepEqual(absent(own), []);
  assert.equal(own.length, 5);
});
