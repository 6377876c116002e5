/** Starts the chat page: makes its parts, and shows the form to log in or the rooms. */

import { Appearance } from "./appearance.js";
import { AuthView } from "./account/auth-view.js";
import { ChatClient } from "../client/chat-client.js";
import { dialogs } from "./dialogs/dialogs.js";
import { Drafts } from "./composer/drafts.js";
import { LastSeen } from "./last-seen.js";
import { LastSeenStore } from "./last-seen-store.js";
import { OfflineShell } from "./offline-shell.js";
import { Page } from "./page.js";
import { PeopleDirectory } from "./people-directory.js";
import { PageSettings } from "./page-settings.js";
import { pageStore } from "./page-store.js";
import { parseRoute } from "./route.js";
import { NotLoaded } from "./not-loaded.js";
import { Toasts } from "../ui/toasts.js";

const LIST_REFRESH_MS = 60_000; // the numbers of members of rooms are not told live

const root = document.querySelector("[data-app]");
const chat = new ChatClient();
const closing = new AbortController();
const { signal } = closing;
const store = pageStore({ chat, route: parseRoute(location.hash), signal });
const toasts = new Toasts({ root: document.querySelector("[data-toasts]") });
const people = new PeopleDirectory({ chat, store, signal });
const settings = new PageSettings({ chat, store, signal });
const drafts = new Drafts({ chat, store, people, signal });
const lastSeen = new LastSeen({ chat, store: new LastSeenStore({ name: `${chat.storagePrefix}last-seen` }), signal });
const page = new Page({ chat, store, people, settings, drafts, toasts, dialogs });
new Appearance({ page, signal });
let notifying = null; // the promise of the notifications, once somebody was logged in
let view = null; // the view that fills the page: AuthView or Shell

function show(View, options = {}) {
  view?.close();
  root.replaceChildren();
  view = new View({ root, page, ...options });
}

/** What needs a session is a part of its own: the form to log in shows earlier without it. */
function loadShell() {
  return import("./shell.js");
}

async function enter() {
  store.set({ hasSession: true });
  try {
    const { Shell } = await loadShell();
    if (!chat.user) return; // the session has ended meanwhile
    show(Shell);
  } catch (error) {
    return show(NotLoaded, { error, retry: enter });
  }
  if (page.invite) void page.dialog("follow-invite");
  notifying ??= notify().catch(() => (notifying = null)); // the next login tries again
}

function leave({ reason }) {
  if (reason === "changed") return location.reload(); // another user logged in, in another tab
  closeNotifications().catch(() => {});
  page.endToasts();
  for (const dialog of document.querySelectorAll("dialog[open]")) /** @type {HTMLDialogElement} */ (dialog).close();
  const { isLeaving } = store.state;
  store.set({ hasSession: false, isLeaving: false });
  if (isLeaving) page.go({ roomId: null }, { replace: true });
  const notice = isLeaving ? "You are logged out." : "Your session has ended. Please log in again.";
  show(AuthView, { notice, onEntered: enter });
}

const on = (name, work) =>
  chat.addEventListener(name, (/** @type {CustomEvent} */ { detail }) => work(detail), { signal });
on("ended", leave);
on("undeliverable", ({ content }) => {
  page.toast(`You are no longer in the room that this was written to: “${content.slice(0, 200)}”`);
});
on("closed", ({ roomId, reason }) => {
  if (roomId !== page.roomId) return;
  page.go({ roomId: null }, { replace: true });
  if (reason !== "left") page.toast("You are no longer in this room.");
});
navigator.serviceWorker?.addEventListener("message", ({ data }) => {
  if (data?.type === "open") page.go(parseRoute(data.address)); // a notification was clicked
});
addEventListener("popstate", () => page.followAddress(), { signal });
addEventListener("pagehide", () => page.endToasts(), { signal });
setInterval(() => {
  if (document.visibilityState === "visible" && chat.connection?.isOnline) chat.rooms.refresh().catch(() => {});
}, LIST_REFRESH_MS);

async function start() {
  if (chat.tokens.read()) loadShell().catch(() => {}); // `enter` says it
  const snapshot = await lastSeen.read();
  if (await chat.resume({ snapshot })) return enter();
  show(AuthView, { onEntered: enter });
  closeNotifications().catch(() => {});
}

/** Without them the page works as well. */
async function notify() {
  if (!globalThis.Notification || !globalThis.BroadcastChannel) return;
  const { Notifications } = await (await loadShell()).loadNotifications();
  new Notifications({ page, prefix: chat.storagePrefix, signal });
}

/** They end with the session, also where no page was open. */
async function closeNotifications() {
  if (globalThis.Notification?.permission !== "granted") return;
  const { ShownNotifications } = await import("./shown-notifications.js");
  await new ShownNotifications({ prefix: chat.storagePrefix }).close();
}

void start();
void new OfflineShell().start();
