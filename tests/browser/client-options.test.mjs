import assert from "node:assert/strict";
import { test } from "node:test";

import { endpoint, serverBaseUrl } from "../../web/client/api-request.js";
import { storagePrefixes, withDefaults } from "../../web/client/client-options.js";
import { memoryStorage } from "../../web/client/storage.js";

test("the server is where the library was loaded from, as modules or as one file, also below a prefix", () => {
  for (const base of ["https://chat.test/", "http://chat.test:8000/team/chat/", "https://chat.test/static/"])
    for (const file of ["static/chat.js", "static/client/api.js", "static/chat.js?version=2"])
      assert.equal(serverBaseUrl(base + file), base);
  for (const elsewhere of ["https://shop.test/vendor/chat.js", "file:///srv/static/chat.js"])
    assert.equal(serverBaseUrl(elsewhere), null);
});

test("an endpoint is below the base URL, whatever slashes are given", () => {
  for (const base of ["https://chat.test/a", "https://chat.test/a/"])
    for (const path of ["files/1", "/files/1"]) assert.equal(endpoint(base, path).href, "https://chat.test/a/files/1");
});

test("each server has storage keys of its own, and takes what earlier versions stored on its origin", () => {
  const of = (baseUrl) => storagePrefixes(baseUrl, "https://chat.test");
  assert.deepEqual(of("https://chat.test"), ["chat."]);
  assert.deepEqual(of("https://chat.test/"), ["chat."]);
  assert.deepEqual(of("https://chat.test/team"), ["chat.https://chat.test/team/.", "chat."]);
  assert.deepEqual(of("https://other.test"), ["chat.https://other.test/."]);
});

test("an option without a default that this environment can give is asked for", () => {
  assert.throws(() => withDefaults({ WebSocket: class {} }), { name: "TypeError", message: /baseUrl/ });
  const isBuiltIn = globalThis.WebSocket !== undefined;
  if (!isBuiltIn) assert.throws(() => withDefaults({ baseUrl: "http://chat.test" }), { message: /WebSocket/ });
  const options = withDefaults({ baseUrl: "http://chat.test", WebSocket: class {} });
  assert.deepEqual([options.isPersistent, options.locks], [false, null]);
  assert.equal(withDefaults({ ...options, storage: memoryStorage() }).isPersistent, true);
});
