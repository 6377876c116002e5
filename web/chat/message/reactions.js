/** The reactions below a message: each a button, which adds one's own or takes it back. */

import { h } from "../../ui/view.js";
import { icon } from "../../ui/icons.js";

const NAMED_MAX = 10;

/**
 * The names of those who reacted, emoji by emoji, as `reactions` takes them; null where a name is not known.
 * `nameOf(userId)`: a name or null.
 */
export function reactorsOf({ reactions: all }, { me, nameOf }) {
  return Object.values(all ?? {}).flatMap(({ userIds }) =>
    userIds.slice(0, NAMED_MAX).map((userId) => (userId === me.id ? "you" : nameOf(userId))),
  );
}

/** `reactors`: see reactorsOf. `actions`: `toggleReaction(message, emoji)`, `pickReaction(message, anchor)`. */
export function reactions(message, { me, actions, reactors }) {
  const names = [...reactors];
  const all = Object.entries(message.reactions ?? {});
  if (all.length === 0) return null;
  const row = ([emoji, { count, userIds }]) => {
    const isMine = userIds.includes(me.id);
    const label = `${emoji} ${who(names.splice(0, Math.min(userIds.length, NAMED_MAX)), count)}`;
    const pressed = { "data-emoji": emoji, "aria-pressed": String(isMine) };
    const attributes = { type: "button", class: "reaction", tabindex: "-1", ...pressed };
    const toggle = { click: () => actions.toggleReaction(message, emoji) };
    return h(
      "li",
      { key: emoji },
      h("button", { ...attributes, "aria-label": label, title: label, on: toggle }, h("span", {}, emoji), ` ${count}`),
    );
  };
  const add = { click: ({ currentTarget }) => actions.pickReaction(message, currentTarget) };
  return h(
    "ul",
    { class: "reactions", "aria-label": "Reactions" },
    all.map(row),
    h(
      "li",
      { key: "add" },
      h(
        "button",
        { type: "button", class: "reaction", tabindex: "-1", "aria-label": "Add a reaction", on: add },
        icon("emoji", { size: "small" }),
      ),
    ),
  );
}

/** "Ann, you and 3 more" */
function who(names, count) {
  const known = names.filter(Boolean);
  const more = count - known.length;
  if (known.length === 0) return String(count);
  return more > 0 ? `${known.join(", ")} and ${more} more` : known.join(", ");
}
