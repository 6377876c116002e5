/** The commands that begin with a slash in the message field, as a table. Loaded with the first slash. */

import { spanText } from "../../ui/spans.js";

/**
 * What a command is given: `page`, `roomId`, `text` (all behind its name, trimmed), `send(content)`, which sends a
 * message to where the field writes, `offer()`, which lists the commands. It may return a text, which says why it does
 * nothing.
 * @typedef {object} Command
 * @property {string} name
 * @property {string} takes What is written behind it; "" for nothing.
 * @property {string} does
 * @property {boolean} [isMessage] Whether it sends what is in the field.
 * @property {(place: {room: any}) => boolean} [isFor] Whether it is offered there.
 * @property {(given: any) => any} run
 */

const SHRUG = "¯\\_(ツ)_/¯";
const isRoom = ({ room }) => room?.kind !== "direct";
const isModerator = ({ room }) => isRoom({ room }) && (room?.role === "owner" || room?.role === "moderator");

/** @type {Command[]} */
const COMMANDS = [
  { name: "me", takes: "what you do", does: "Say what you do, in italics", isMessage: true, run: sayMe },
  { name: "shrug", takes: "", does: "Shrug, behind your text", isMessage: true, run: shrug },
  { name: "topic", takes: "text", does: "Set the topic of this room", isFor: isModerator, run: setTopic },
  { name: "invite", takes: "@name", does: "Invite somebody to this room", isFor: isRoom, run: invite },
  { name: "leave", takes: "", does: "Leave this room", run: ({ page, roomId }) => page.dialog("leave", { roomId }) },
  { name: "mute", takes: "minutes", does: "No notifications of this room, for a while or for good", run: mute },
  { name: "unmute", takes: "", does: "Notifications of this room again", run: unmute },
  { name: "status", takes: "text", does: "Set your status; without a text, clear it", run: setStatus },
  { name: "dm", takes: "@name text", does: "Write to somebody alone", run: writeDirectly },
  { name: "search", takes: "words", does: "Search the messages", run: search },
  { name: "help", takes: "", does: "List the commands", run: ({ offer }) => offer() },
];

/** Commands that begin with `q` and are for the place. */
export function matchingCommands(q, place) {
  return COMMANDS.filter(({ name, isFor }) => name.startsWith(q) && (isFor?.(place) ?? true));
}

/**
 * What a text asks for: `{command, text}`; `{content}` of a message, where it is none, or begins with two slashes;
 * `{unknown}`, the name of a command that does not exist.
 */
export function parseCommand(content) {
  if (content.startsWith("//")) return { content: content.slice(1) };
  const found = /^\/([a-z]+)(?:\s+([\s\S]*))?$/i.exec(content);
  if (!found) return { content };
  const name = found[1].toLowerCase();
  const command = COMMANDS.find((one) => one.name === name);
  return command ? { command, text: (found[2] ?? "").trim() } : { unknown: found[1] };
}

function shrug({ text, send }) {
  return send(`${text} ${SHRUG}`.trim());
}

function search({ page, roomId, text }) {
  page.openPanel("search", text || null, { within: roomId });
}

function sayMe({ text, send }) {
  if (!text) return "Write what you do behind /me.";
  const mark = text.includes("*") ? "_" : "*";
  return send(`${mark}${text}${mark}`);
}

async function setTopic({ page, roomId, text }) {
  const { chat } = page;
  if (!isModerator(chat.rooms.get(roomId))) return "Only moderators set the topic of a room.";
  const before = chat.rooms.get(roomId).room.description ?? "";
  const set = async (description) => {
    const room = await chat.api.rooms.change(roomId, { description });
    chat.rooms?.onRoom({ room });
  };
  await set(text);
  page.done(text ? "The topic is set." : "The topic is removed.", () => set(before));
  return null;
}

async function invite({ page, roomId, text }) {
  const { person, problem } = await personIn(page, text);
  if (problem) return problem;
  await page.chat.invite(roomId, person.id);
  page.toast(`${person.displayName} is now in this room.`);
  return null;
}

async function mute({ page, roomId, text }) {
  const minutes = text === "" ? null : Number(text.replace(/\s*(m|min|minutes?)$/i, ""));
  if (minutes !== null && !(minutes > 0 && minutes <= 525_600)) return "Write minutes behind /mute, or nothing.";
  await page.settings.mute(roomId, minutes === null ? null : Date.now() + minutes * 60_000);
  const until = minutes === null ? "" : ` for ${spanText(minutes * 60)}`;
  page.done(`No notifications of this room${until}.`, () => unmute({ page, roomId }));
  return null;
}

async function unmute({ page, roomId }) {
  await page.settings.unmute(roomId);
  page.toast("Notifications of this room are on.");
}

async function setStatus({ page, text }) {
  if ([...text].length > 140) return "A status has 140 characters at most.";
  const { status, customStatus } = page.chat.user;
  const set = (words) => page.chat.setStatus(status === "offline" ? "online" : status, words);
  await set(text || null);
  page.done(text ? `Your status is “${text}”.` : "Your status is cleared.", () => set(customStatus));
  return null;
}

async function writeDirectly({ page, text }) {
  const { person, rest, problem } = await personIn(page, text);
  if (problem) return problem;
  const room = await page.chat.direct(person.id);
  if (rest) page.chat.send(room.id, rest);
  page.go({ roomId: room.id });
  return null;
}

/** The person whom the first word names: `{person, rest}`, or `{problem}`, a text. */
async function personIn(page, text) {
  const [, name, rest] = /^@?([^\s@]+)(?:\s+([\s\S]*))?$/.exec(text) ?? [];
  if (!name) return { problem: "Name somebody, such as @ann." };
  const users = await page.chat.findUsers(name);
  const person = users.find(({ username }) => username.toLowerCase() === name.toLowerCase());
  return person ? { person, rest: rest?.trim() ?? "" } : { problem: `Nobody here is called @${name}.` };
}
