/** Finds a person: to talk to, or to invite into a room. */

import { avatar } from "../../ui/avatar.js";
import { h } from "../../ui/view.js";
import { openDialog } from "../../ui/dialog.js";
import { SearchList } from "./search-list.js";

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
      const act = async (user, button) => {
        button.disabled = true;
        try {
          if (room) await page.chat.invite(room.id, user.id);
          else page.go({ roomId: (await page.chat.direct(user.id)).id });
          done.add(user.id);
          if (!room) return close();
          list.say(`${wholeName(user)} is now in ${room.name}.`);
        } catch (error) {
          button.disabled = false;
          list.say(error.message);
        }
      };
      const row = (user) =>
        personRow(user, { page, verb: room ? "Invite" : "Message", isDone: done.has(user.id), act });
      const ask = async (query) => {
        const found = await page.chat.findUsers(query);
        return { items: found.filter((user) => user.id !== page.chat.user.id) };
      };
      const label = "Search people by name";
      const empty = "Nobody has such a name.";
      const list = new SearchList({ root: body, label, maxlength: 64, ask, row, empty, below });
      return () => list.close();
    },
  });
}

/** Several may have the display name. */
function wholeName({ displayName, username }) {
  return displayName === username ? username : `${displayName} (@${username})`;
}

function personRow(user, { page, verb, isDone, act }) {
  const { id, username, displayName } = user;
  const label = `${verb} ${displayName} (@${username})`;
  return h(
    "li",
    { key: id, class: "result", "data-user-id": id },
    avatar({ ...user, name: displayName, url: page.chat.avatarUrl(user), size: "small" }),
    h("span", { class: "two-lines" }, h("b", { dir: "auto" }, displayName), h("small", {}, `@${username}`)),
    h(
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
