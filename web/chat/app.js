/** The chat page: creates the client and the views, and decides which room is shown. */

import { AuthView } from "./auth-view.js";
import { ChatClient } from "../client/chat-client.js";
import { Composer } from "./composer.js";
import { byId, setText } from "../ui/dom.js";
import { SidePanels } from "./side-panels.js";
import { PeopleView } from "./people-view.js";
import { PersonDialogs } from "./person-dialogs.js";
import { RoomDialogs } from "./room-dialogs.js";
import { RoomView } from "./room-view.js";
import { RoomsView } from "./rooms-view.js";
import { StatusView } from "./status-view.js";
import { TimelineView } from "./timeline-view.js";

const LIST_REFRESH_MS = 60_000; // the counts of rooms without a subscription are not updated live

const chat = new ChatClient();
const panels = new SidePanels();
let toastTimer = null;

/** The interface of the page to its views. */
const page = {
  roomId: null,

  /** Show a room (null: no room) and put its id into the URL. */
  openRoom(roomId) {
    const address = roomId ? `#room=${encodeURIComponent(roomId)}` : location.pathname;
    if (roomIdInAddress() !== roomId) history.pushState(null, "", address);
    panels.closeOverlays();
    show();
  },

  showPerson: (userId) => personDialogs.show(userId),
  focusComposer: () => composer.focus(),
  editUnsent: (content) => composer.insert(content),

  /** Show a notice for six seconds. */
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
const people = new PeopleView({ chat, page });
const timeline = new TimelineView({ chat, page, people });
const composer = new Composer({ chat, page, timeline });
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
  if (byHand) byId(byId("welcome").hidden ? "room-name" : "welcome-title").focus();
}

/** Show the room that the URL names. */
function show() {
  if (!chat.user) return;
  page.roomId = roomIdInAddress();
  roomView.show();
  timeline.show();
  composer.show();
  people.show();
  roomsView.render();
  renderTitle();
  if (!page.roomId) panels.openSidebarOnPhone();
  else chat.open(page.roomId).catch((error) => chat.connection?.isOnline && page.toast(error.message));
}

function renderTitle() {
  const total = chat.rooms?.totals.unread ?? 0;
  const state = chat.rooms?.get(page.roomId);
  const name = state ? `${chat.nameOf(state.room)} · ` : "";
  const text = `${total ? `(${total > 999 ? "999+" : total}) ` : ""}${name}Chat Rooms`;
  if (document.title !== text) document.title = text;
}

chat.addEventListener("list", renderTitle);
chat.addEventListener("undeliverable", ({ detail: { content } }) => {
  page.toast(`You are no longer in the room that this was written to: “${content.slice(0, 200)}”`);
});
chat.addEventListener("ended", ({ detail: { reason } }) => {
  if (reason === "changed") return location.reload(); // another user logged in, in another tab
  const isLogout = byId("logout").dataset.leaving;
  byId("chat").hidden = true;
  panels.closeOverlays();
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  document.title = "Chat Rooms";
  auth.show(isLogout ? "You are logged out." : "Your session has ended. Please log in again.");
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
window.addEventListener("offline", () => status.render());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") timeline.markSeen();
});
setInterval(() => {
  if (document.visibilityState === "visible" && chat.connection?.isOnline) chat.rooms.refresh().catch(() => {});
}, LIST_REFRESH_MS);

if (await chat.resume()) enter();
else auth.show();
