import assert from "node:assert/strict";
import { test } from "node:test";

import { Settings } from "../../web/client/settings.js";

const settled = () => new Promise((resolve) => setTimeout(resolve));

/** Settings whose requests a test answers one by one, in any order. */
function made() {
  const connection = new EventTarget();
  const requests = []; // {reply, fail}
  const ask = () => new Promise((reply, fail) => requests.push({ reply, fail }));
  const settings = new Settings({ connection, people: { settings: ask, changeSettings: ask } });
  const updated = (data) =>
    connection.dispatchEvent(new CustomEvent("event", { detail: { event: "settingsUpdated", data } }));
  const welcome = () => connection.dispatchEvent(new Event("welcome"));
  const load = async (value) => {
    const loading = settings.load();
    requests.pop().reply(value);
    return loading;
  };
  return { settings, connection, requests, updated, welcome, load };
}

test("settings are those of the server, with what other connections change", async () => {
  const { settings, connection, updated, load } = made();
  let changes = 0;
  settings.addEventListener("change", () => (changes += 1));
  await load({ theme: "dark", client: { stars: ["r"] } });
  updated({ theme: "light", client: { seen: 4 } });
  assert.deepEqual(settings.value, { theme: "light", client: { stars: ["r"], seen: 4 } });
  connection.dispatchEvent(new CustomEvent("event", { detail: { event: "other", data: {} } }));
  assert.equal(changes, 2);
});

test("settings are null until they are loaded, whatever is changed meanwhile", async () => {
  const { settings, updated, welcome, requests } = made();
  settings.addEventListener("change", () => assert.fail("nothing is known that could change"));
  updated({ theme: "light" });
  welcome();
  assert.deepEqual([settings.value, requests.length], [null, 0]);
});

test("a reply that is older than a change which came before it does not undo the change", async () => {
  const { settings, updated, requests } = made();
  const loading = settings.load();
  updated({ theme: "light" });
  requests.pop().reply({ theme: "dark", density: "compact" });
  assert.deepEqual(await loading, { theme: "light", density: "compact" });
  const changing = settings.change({ density: null });
  updated({ theme: "system" });
  requests.pop().reply({ theme: "light" });
  assert.deepEqual(await changing, { theme: "system" });
});

test("the reply to an earlier request does not undo that to a later one", async () => {
  const { settings, requests } = made();
  const loading = [settings.load(), settings.load()];
  const changing = settings.change({ theme: "light" });
  const [first, second, change] = requests;
  change.reply({ theme: "light", density: "cosy" });
  await changing;
  second.reply({ theme: "dark", density: "compact" });
  first.reply({ theme: "dark", density: "cosy" });
  await Promise.all(loading);
  assert.deepEqual(settings.value, { theme: "light", density: "cosy" });
});

test("settings that were asked for are read again after a reconnect, and stay if that fails", async () => {
  const { settings, welcome, load, requests } = made();
  await load({ theme: "dark" });
  welcome();
  requests.pop().reply({ theme: "light" });
  await settled();
  assert.deepEqual(settings.value, { theme: "light" });
  welcome();
  requests.pop().fail(new Error("unavailable"));
  await settled();
  assert.deepEqual(settings.value, { theme: "light" });
});

test("settings that were being loaded while the connection opened again are read once more", async () => {
  const { settings, welcome, requests } = made();
  const loading = settings.load();
  welcome();
  const [first, second] = requests;
  second.reply({ theme: "light" });
  await settled();
  first.reply({ theme: "dark" });
  await loading;
  assert.deepEqual(settings.value, { theme: "light" });
});
