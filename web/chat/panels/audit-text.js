/** What an entry of a room's audit trail says, as a sentence. Pure. */

import { fullLabel } from "../../ui/dates.js";
import { plural } from "../../ui/text.js";
import { spanText } from "../../ui/spans.js";

/**
 * @typedef {{person: string} | {quote: string}} Part The id of somebody, or a text that people wrote.
 * @typedef {object} Sentence
 * @property {(string | Part)[]} parts What follows the name of who did it.
 * @property {string} note A reason, or what else is to be said.
 */

const ROLES = { owner: "the owner", moderator: "a moderator", member: "a member" };

/** Action of the contract → what follows the name of who did it. */
const ACTIONS = {
  role: ({ who, details: { role, before } }) => [
    "made ",
    who,
    ` ${roleName(role)}`,
    before && `, ${roleName(before)} before`,
  ],
  mute: ({ who, details: { mutedUntil }, moment }) => ["muted ", who, mutedUntil && ` until ${moment(mutedUntil)}`],
  unmute: ({ who }) => ["let ", who, " write again"],
  remove: ({ who }) => ["removed ", who],
  ban: ({ who, details: { expiresAt }, moment }) => [
    "banned ",
    who,
    expiresAt ? ` until ${moment(expiresAt)}` : " for good",
  ],
  unban: ({ who }) => ["ended the ban of ", who],
  settings: ({ details }) => joined(Object.entries(details).map(([name, value]) => settingText(name, value))),
  invite: ({ who }) => ["invited ", who, ", as an administrator"],
  invite_link_made: ({ details: { maxUses } }) => ["made an invite link", maxUses && ` for ${plural(maxUses, "use")}`],
  invite_link_revoked: ({ who, isOwn }) => ["revoked an invite link of ", isOwn ? "their own" : who],
  message_edited: ({ who }) => ["edited a message of ", who],
  message_deleted: ({ who }) => ["deleted a message of ", who],
  webhook_made: ({ details }) => ["made the webhook ", { quote: details.name }],
  webhook_revoked: ({ details }) => ["revoked the webhook ", { quote: details.name }],
  bot_made: ({ details }) => ["made the bot ", { quote: `@${details.username}` }],
  bot_revoked: ({ details }) => ["revoked the bot ", { quote: `@${details.username}` }],
};

/** Setting of a room → what its new value says. */
const SETTINGS = {
  name: (value) => ["renamed the room to ", { quote: value }],
  description: (value) => (value ? ["changed the description to ", { quote: value }] : ["removed the description"]),
  isPrivate: (value) => [value ? "made the room private" : "made the room public"],
  maxUsers: (value) => [`limited the room to ${plural(value, "member")}`],
  slowModeS: (value) => [value ? `set slow mode to one message in ${spanText(value)}` : "ended slow mode"],
  archived: (value) => [value ? "archived the room" : "opened the room again"],
};

/**
 * An action of a later version of the server is told by its own words.
 * @returns {Sentence}
 */
export function auditText({ action, by, userId, details }, { locale = [] } = {}) {
  const facts = details ?? {};
  const who = userId ? { person: userId } : "somebody";
  const moment = (time) => fullLabel(new Date(time), locale);
  const known = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : null;
  if (!known) return { parts: userId ? [`${words(action)} `, who] : [words(action)], note: terms(facts) };
  const parts = known({ who, details: facts, moment, isOwn: by === userId }).filter(Boolean);
  return { parts: parts.length > 0 ? parts : ["changed the settings"], note: facts.reason ?? "" };
}

function roleName(role) {
  return ROLES[role] ?? String(role);
}

function settingText(name, value) {
  return Object.hasOwn(SETTINGS, name) ? SETTINGS[name](value) : [`set ${words(name)} to `, { quote: String(value) }];
}

/** "a, b and c" */
function joined(texts) {
  return texts.flatMap((text, index) => {
    if (index === 0) return text;
    return [index === texts.length - 1 ? " and " : ", ", ...text];
  });
}

/** "slow_mode" and "slowMode" as "slow mode". */
function words(name) {
  return name
    .replaceAll("_", " ")
    .replace(/\p{Lu}/gu, (letter) => ` ${letter.toLowerCase()}`)
    .trim();
}

function terms(facts) {
  return Object.entries(facts)
    .filter(([, value]) => ["string", "number", "boolean"].includes(typeof value))
    .map(([name, value]) => `${words(name)}: ${value}`)
    .join(", ");
}
