/**
 * The service worker of the chat page: it keeps the shell (the page and all its files, those that it loads later too),
 * so that the page opens without a network. It keeps nothing of a user: requests, files and pictures of people pass by.
 *
 * Each version of the program has a cache of its own, which is whole before it is used and goes when no page runs that
 * may need it.
 */

const SHELL = { version: "", files: [] }; // the server puts them in here (handlers/service_worker.py)
const PATIENCE_MS = 3000; // for the page from the network, where there is one in the cache

const worker = /** @type {any} */ (globalThis);
const PAGE = new URL("./", worker.registration.scope).href;
const PREFIX = `shell ${PAGE} `; // each path of one origin may be another server
const CACHE = PREFIX + SHELL.version;
const FILES = new Set(SHELL.files.map((name) => PAGE + name));
const HASHED = /(?:href|src)="(static\/[^"]+\.[0-9a-f]{8}\.[a-z0-9]+)"/g;

worker.addEventListener("install", (event) => event.waitUntil(install()));
worker.addEventListener("activate", (event) => event.waitUntil(activate()));
worker.addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request;
  const address = withoutQuery(url);
  if (method !== "GET") return;
  if (mode === "navigate" && address === PAGE) event.respondWith(page(event.request));
  else if (FILES.has(address)) event.respondWith(file(event.request, address));
});
worker.addEventListener("message", (event) => {
  if (event.data?.type === "takeOver") event.waitUntil(takeOver(event.data.entry));
});
worker.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(openAt(event.notification.data?.address ?? ""));
});

function withoutQuery(url) {
  return url.replace(/[?#].*$/s, "");
}

/** Fetch what belongs together. While processes of two versions run, that may fail: the browser tries again later. */
async function install() {
  const cache = await caches.open(CACHE);
  try {
    const reply = await fetch(PAGE, { cache: "no-cache" });
    const text = await reply.clone().text();
    const named = [...text.matchAll(HASHED)].map(([, name]) => PAGE + name);
    if (!reply.ok || reply.redirected || !named.every((url) => FILES.has(url))) throw new Error("not this page");
    await Promise.all([...FILES].map((url) => keep(cache, url)));
    await cache.put(PAGE, reply);
  } catch (error) {
    await caches.delete(CACHE);
    throw error;
  }
}

async function keep(cache, url) {
  const held = await caches.match(url); // of the version before: a hashed name never means other content
  const reply = held ?? (await fetch(url));
  if (!isForGood(reply)) throw new Error(`not of this version: ${url}`);
  await cache.put(url, reply);
}

/** Whether the content is what the hashed name says: a server of another version says that it is to be asked again. */
function isForGood(reply) {
  return reply.ok && /\bimmutable\b/.test(reply.headers.get("cache-control") ?? "");
}

async function activate() {
  const names = await caches.keys();
  await Promise.all(
    names.filter((name) => name.startsWith(PREFIX) && name !== CACHE).map((name) => caches.delete(name)),
  );
  await worker.clients.claim();
}

/** The page as the network has it; as it was kept, where the network does not answer, or not soon. */
async function page(request) {
  const giving = new AbortController(); // a request that hangs would hold up the next one for the same address
  const asked = fetch(request, { signal: giving.signal });
  const answered = asked.then((reply) => (reply.status < 500 ? reply : null)).catch(() => null);
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, PATIENCE_MS, null)));
  const reply = (await Promise.race([answered, late])) ?? (await kept(PAGE));
  clearTimeout(timer);
  if (!reply) return asked;
  if (!(await isSettled(answered))) giving.abort();
  return reply;
}

function isSettled(promise) {
  const not = Symbol("not");
  return Promise.race([promise, not]).then((value) => value !== not);
}

async function file(request, address) {
  return (await kept(address)) ?? fetch(request);
}

/** What is in the cache, or undefined, also where the storage fails. */
async function kept(url) {
  try {
    return await (await caches.open(CACHE)).match(url);
  } catch {
    return undefined;
  }
}

/** Begin without waiting, if the page that asks is the only one and of this version: nobody needs the files before. */
async function takeOver(entry) {
  const pages = await chatPages();
  if (pages.length === 1 && FILES.has(entry)) await worker.skipWaiting();
}

async function chatPages() {
  const clients = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  return clients.filter(({ url }) => withoutQuery(url) === PAGE);
}

/** Show a place of the page, `#room=…`, in a tab that is there, or in another one. */
async function openAt(address) {
  const [client] = await chatPages(); // the one that had the focus last
  if (!client) return void (await worker.clients.openWindow(PAGE + address));
  client.postMessage({ type: "open", address });
  await client.focus();
}
