/**
 * The page's composition: makes the client and the views, and decides which room is shown. Everything else is theirs.
 */

import { AuthView } from "./auth-view.js";
import { ChatClient } from "../client/chat.js";
import { Composer } from "./composer.js";
import { byId, setText } from "../ui/dom.js";
import { Panels } from "./panels.js";
import { PeopleView } from "./people-view.js";
import { PersonDialogs } from "./person-dialogs.js";
import { RoomDialogs } from "./room-dialogs.js";
import { RoomView } from "./room-view.js";
import { RoomsView } from "./rooms-view.js";
import { StatusView } from "./status-view.js";
import { TimelineView } from "./timeline-view.js";

const LIST_AGAIN_MS = 60_000; // rooms past the bound on subscriptions have no live counts

const chat = new ChatClient();
const panels = new Panels();
let toastTimer = null;

/** What views ask of the page. */
const page = {
  roomId: null,

  /** Show a room, or with null none, and put it into the address. */
  openRoom(roomId) {
    const address = roomId ? `#room=${encodeURIComponent(roomId)}` : location.pathname;
    if (roomIdInAddress() !== roomId) history.pushState(null, "", address);
    panels.closeOverlays();
    show();
  },

  showPerson: (userId) => personDialogs.show(userId),
  focusComposer: () => composer.focus(),

  /** Say something for a few seconds. */
  toast(text) {
    clearTimeout(toastTimer);
    setText(byId("toast"), text);
    toastTimer = setTimeout(() => setText(byId("toast"), ""), 6000);
  },
};

const auth = new AuthView({ chat, onEntered: enter });
const personDialogs = new PersonDialogs({ chat, page });
const roomDialogs = new RoomDialogs({ chat, page });
const roomsView = new RoomsView({ chat, page });
const timeline = new TimelineView({ chat, page });
const composer = new Composer({ chat, page, timeline });
const people = new PeopleView({ chat, page });
timeline.moreNames = () => people.idsByName();
const roomView = new RoomView({ chat, page, roomDialogs, personDialogs });
const status = new StatusView({ chat, page });

function roomIdInAddress() {
  return new URLSearchParams(location.hash.slice(1)).get("room");
}

function enter({ byHand = false } = {}) {
  auth.hide();
  byId("chat").hidden = false;
  status.render();
  roomsView.render();
  show();
  if (byHand) byId("room-name").focus();
}

/** Show the room that the address names. */
function show() {
  if (!chat.user) return;
  page.roomId = roomIdInAddress();
  roomView.show();
  timeline.show();
  composer.show();
  people.show();
  roomsView.render();
  title();
  if (!page.roomId) panels.openSidebarOnPhone();
  else chat.open(page.roomId).catch((error) => chat.link?.isOnline && page.toast(error.message));
}

function title() {
  const total = chat.rooms?.totals.unread ?? 0;
  const state = chat.rooms?.get(page.roomId);
  const name = state ? `${chat.nameOf(state.room)} · ` : "";
  const text = `${total ? `(${total > 999 ? "999+" : total}) ` : ""}${name}Chat Rooms`;
  if (document.title !== text) document.title = text;
}

chat.addEventListener("list", title);
chat.addEventListener("undeliverable", ({ detail: { content } }) => {
  page.toast(`You are no longer in the room that this was written to: “${content.slice(0, 200)}”`);
});
chat.addEventListener("ended", ({ detail: { reason } }) => {
  if (reason === "changed") return location.reload(); // somebody else logged in, in another tab
  const wasLink = byId("logout").dataset.leaving;
  byId("chat").hidden = true;
  panels.closeOverlays();
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  document.title = "Chat Rooms";
  auth.show(wasLink ? "You are logged out." : "Your session has ended. Please log in again.");
});
chat.addEventListener("closed", ({ detail: { roomId, reason } }) => {
  if (roomId !== page.roomId) return;
  page.openRoom(null);
  if (reason !== "left") page.toast("You are no longer in this room.");
});

byId("logout").addEventListener("click", async ({ currentTarget }) => {
  currentTarget.dataset.leaving = "yes";
  await chat.logout();
  delete currentTarget.dataset.leaving;
  history.replaceState(null, "", location.pathname);
});
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  composer.focus();
});
window.addEventListener("hashchange", show);
window.addEventListener("online", () => chat.link?.wake());
window.addEventListener("offline", () => status.render());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "visible") return;
  chat.link?.wake();
  timeline.seen();
});
setInterval(() => {
  if (document.visibilityState === "visible" && chat.link?.isOnline) chat.rooms.refresh().catch(() => {});
}, LIST_AGAIN_MS);

if (await chat.resume()) enter();
else auth.show();
