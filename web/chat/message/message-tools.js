/** The toolbar of a message. It is drawn when the pointer or the focus comes: most of the messages never need one. */

import { h, patch } from "../../ui/view.js";
import { iconButton } from "../../ui/icons.js";

const QUICK = 3;

/** `{node, on}`: the toolbar's vnode, and the handlers of the message's element that fill it. */
export function messageTools(message, { actions }) {
  const fill = ({ currentTarget, type }) => {
    const root = currentTarget.querySelector(":scope > .message-tools");
    if (root && (type !== "pointerover" || root.childElementCount === 0)) patch(root, tools(message, actions));
  };
  return {
    node: h("div", { class: "message-tools", role: "toolbar", "aria-label": "Actions", foreign: true }),
    on: { pointerenter: fill, pointerover: fill, focusin: fill },
  };
}

function tools(message, actions) {
  const act = (run) => ({
    class: "small",
    tabindex: "-1",
    on: { click: ({ currentTarget }) => run(message, currentTarget) },
  });
  const quick = (emoji) => {
    const name = { key: emoji, type: "button", "aria-label": `React with ${emoji}`, title: `React with ${emoji}` };
    const react = { click: () => actions.toggleReaction(message, emoji) };
    return h("button", { ...name, class: "icon-button small", tabindex: "-1", on: react }, emoji);
  };
  return [
    actions.recentEmoji(QUICK).map(quick),
    iconButton("emoji", "Add a reaction", act(actions.pickReaction)),
    iconButton("reply", "Reply", act(actions.reply)),
    iconButton("thread", "Reply in a thread", act(actions.thread)),
    iconButton("more", "More", { ...act(actions.openMenu), "aria-haspopup": "menu" }),
  ];
}
