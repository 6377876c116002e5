/** What is completed in the message field: people by `@`, emoji by `:`, commands by `/`. See completion.js. */

import { avatar } from "../../ui/avatar.js";
import { h } from "../../ui/view.js";
import { EVERYBODY } from "./mention-names.js";

const ASK_AFTER_MS = 150;
const SHOWN_MAX = 8;
const AT = /(?:^|[^\w@/.-])@([\p{L}\p{N}_.-]{0,32})$/u;
const COLON = /(?:^|[\s(])(:[a-z0-9_+-]{2,32})$/i;
const SLASH = /^\/([a-z]*)$/i;
const PERSON_OF_COMMAND = /^\/(?:invite|dm) /;

/** The sources for a room's field, in order. `loadCommands()`, `loadEmoji()`: promises of the modules, or of null. */
export function sourcesOf({ page, roomId, loadCommands, loadEmoji }) {
  const members = page.drafts.membersOf(roomId);
  const room = () => page.chat.rooms?.get(roomId)?.room;
  const canMentionAll = () => ["owner", "moderator"].includes(room()?.role);
  return [
    commandSource({ load: loadCommands, placeOf: () => ({ room: room() }) }),
    peopleSource({ page }),
    memberSource({ page, members, canMentionAll }),
    emojiSource({ load: loadEmoji }),
  ];
}

/** All members of the room; `members`: member-lookup.js. `canMentionAll()`: whether the user may mention `@room`. */
function memberSource({ page, members, canMentionAll }) {
  const match = (before) => {
    const found = PERSON_OF_COMMAND.test(before) ? null : AT.exec(before);
    return found && { from: before.length - found[1].length - 1, query: found[1] };
  };
  const find = (query, show) => {
    const items = () => {
      const all = canMentionAll() && EVERYBODY.startsWith(query.toLowerCase()) ? [everybodyItem(query)] : [];
      return [...members.known(query).map((person) => personItem(page, person, query)), ...all].slice(0, SHOWN_MAX + 1);
    };
    show(items());
    if (members.isAsked(query)) return null;
    const ask = () =>
      members.ask(query).then(
        () => show(items()),
        () => {},
      );
    const timer = setTimeout(ask, ASK_AFTER_MS);
    return () => clearTimeout(timer);
  };
  return { match, find };
}

/** All people of the server, where a command takes a name. */
function peopleSource({ page }) {
  const match = (before) => {
    const found = PERSON_OF_COMMAND.test(before) ? /^\/\w+ @([\p{L}\p{N}_.-]{1,32})$/u.exec(before) : null;
    return found && { from: before.length - found[1].length - 1, query: found[1] };
  };
  const find = (query, show) => {
    const own = page.chat.user?.id;
    const take = (users) => {
      const found = users.filter(({ id }) => id !== own).map((user) => ({ ...user, userId: user.id }));
      show(found.slice(0, SHOWN_MAX).map((person) => personItem(page, person, query)));
    };
    const timer = setTimeout(() => page.chat.findUsers(query).then(take, () => {}), ASK_AFTER_MS);
    return () => clearTimeout(timer);
  };
  return { match, find };
}

/** Emoji by their short names. `load()`: the promise of their table (ui/emoji.js), or of null. */
function emojiSource({ load }) {
  const match = (before) => {
    const found = COLON.exec(before);
    return found && { from: before.length - found[1].length, query: found[1].slice(1) };
  };
  const find = (query, show) => {
    const take = (table) => {
      const found = table?.search(query, SHOWN_MAX) ?? [];
      show(found.map(({ emoji, shortcodes: [name] }) => emojiItem(emoji, name)));
    };
    void load().then(take);
  };
  return { match, find };
}

/** Commands. `load()`: the promise of commands.js, or of null. `placeOf()`: what a command's `isFor` takes. */
function commandSource({ load, placeOf }) {
  const match = (before) => {
    const found = SLASH.exec(before);
    return found && { from: 0, query: found[1].toLowerCase() };
  };
  const find = (query, show) => {
    void load().then((commands) => {
      const found = commands?.matchingCommands(query, placeOf()) ?? [];
      show(found.map((command) => commandItem(command, query)));
    });
  };
  return { match, find };
}

function personItem(page, { userId, username, displayName }, query) {
  const known = page.people.known(userId) ?? { avatarUrl: null };
  const url = page.chat.avatarUrl(known);
  return {
    key: userId,
    text: `@${username} `,
    isExact: username.toLowerCase() === query.toLowerCase(),
    content: [
      avatar({ ...known, id: userId, name: displayName, url, size: "small" }),
      h("b", { dir: "auto" }, displayName),
      h("span", { class: "completion-more" }, `@${username}`),
    ],
  };
}

function everybodyItem(query) {
  const content = [h("b", {}, `@${EVERYBODY}`), h("span", { class: "completion-more" }, "Everybody in this room")];
  return { key: "everybody", text: `@${EVERYBODY} `, isExact: query.toLowerCase() === EVERYBODY, content };
}

function emojiItem(emoji, name) {
  const content = [h("span", { class: "completion-emoji" }, emoji), `:${name}:`];
  return { key: name, text: `${emoji} `, isExact: false, content };
}

function commandItem({ name, takes, does }, query) {
  const content = [
    h("b", {}, `/${name}`),
    takes && h("span", { class: "completion-takes" }, takes),
    h("span", { class: "completion-more" }, does),
  ];
  return { key: name, text: takes ? `/${name} ` : `/${name}`, isExact: name === query && !takes, content };
}
