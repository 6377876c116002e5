/** Finds a person: to talk to, or to invite into a room. */

import { avatar } from "../../ui/avatar.js";
import { h } from "../../ui/view.js";
import { openDialog } from "../../ui/dialog.js";
import { SearchList } from "./search-list.js";

const ASKED_BY_NAME_MAX = 5; // in one search: each is a request, of those that the server counts

/**
 * `roomId`: of the room that people are invited to; without it, a direct room with the chosen one is opened.
 * `below(list)`: a vnode below the list, or null.
 */
export function openFindPersonDialog({ page, roomId = null, below = (_list) => null }) {
  const room = roomId && page.chat.rooms.get(roomId).room;
  return openDialog({
    title: room ? `Invite to ${room.name}` : "New direct message",
    mount: ({ body, close }) => {
      const done = new Set(); // ids of those who were invited here
      const openDirect = async (user) => {
        const { id } = await page.chat.direct(user.id);
        if (!body.isConnected) return; // whoever closed the dialog before the answer goes on where they are
        page.go({ roomId: id });
        close();
      };
      const act = async (user, button) => {
        button.disabled = true;
        try {
          if (!room) return await openDirect(user);
          await page.chat.invite(room.id, user.id);
          done.add(user.id);
          const told = `${wholeName(user)} is now in ${room.name}.`;
          if (!body.isConnected) return page.toast(told);
          list.say(told);
        } catch (error) {
          if (!body.isConnected) return page.failed(error);
          button.disabled = false;
          list.say(error.message);
        }
      };
      const findMembers = room ? memberFinder(page.chat, room.id) : async () => new Set();
      let members = new Set(); // ids, of those found and all before
      const row = (user) => {
        const state = { isDone: done.has(user.id), isMember: members.has(user.id) };
        return personRow(user, { page, verb: room ? "Invite" : "Message", ...state, act });
      };
      const ask = async (query) => {
        const found = await page.chat.findUsers(query);
        const items = found.filter((user) => user.id !== page.chat.user.id);
        members = await findMembers(query, items).catch(() => members); // to invite a member does no harm
        return { items };
      };
      const label = "Search people by name";
      const empty = "Nobody has such a name.";
      const list = new SearchList({ root: body, label, maxlength: 64, ask, row, empty, below });
      return () => list.close();
    },
  });
}

/**
 * A function that resolves to the ids of the members of a room who are known, those among the people found included:
 * the whole of a small room; of a large one those whose user names begin with the query, by which members are listed,
 * and of those found by their display names the first few.
 */
function memberFinder(chat, roomId) {
  const ids = new Set();
  let isWhole = false;
  const load = async (options) => {
    const { members, nextCursor } = await chat.members(roomId, options);
    for (const { userId } of members) ids.add(userId);
    return nextCursor === null;
  };
  return async (query, people) => {
    if (isWhole) return ids;
    isWhole = (await load({ q: query })) && query === "";
    const isListed = ({ id, username }) => ids.has(id) || username.toLowerCase().startsWith(query.toLowerCase());
    const others = people.filter((user) => !isListed(user)).slice(0, ASKED_BY_NAME_MAX);
    await Promise.all(others.map(({ username }) => load({ q: username, limit: 1 })));
    return ids;
  };
}

/** Several may have the display name. */
function wholeName({ displayName, username }) {
  return displayName === username ? username : `${displayName} (@${username})`;
}

function personRow(user, { page, verb, isDone, isMember, act }) {
  const { id, username, displayName } = user;
  const label = `${verb} ${displayName} (@${username})`;
  return h(
    "li",
    { key: id, class: "result", "data-user-id": id },
    avatar({ ...user, name: displayName, url: page.chat.avatarUrl(user), size: "small" }),
    h("span", { class: "two-lines" }, h("b", { dir: "auto" }, displayName), h("small", {}, `@${username}`)),
    isMember && !isDone
      ? h("span", { class: "hint" }, "Member")
      : h(
          "button",
          {
            type: "button",
            "aria-label": label,
            disabled: isDone,
            on: { click: (event) => act(user, event.currentTarget) },
          },
          isDone ? "Invited" : verb,
        ),
  );
}
