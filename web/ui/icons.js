/** Icons: symbols of the sprite that is in the page's document. */

import { h } from "./view.js";

export function icon(name, { size = null } = {}) {
  const className = size ? `icon icon-${size}` : "icon";
  return h("svg", { class: className, "aria-hidden": "true" }, h("use", { href: `#i-${name}` }));
}

/** A button with an icon and a name for readers, which is also its tooltip. */
export function iconButton(name, label, attributes = {}) {
  const { class: more = "", ...rest } = attributes;
  const fixed = { type: "button", "aria-label": label, title: label, class: `icon-button ${more}`.trim() };
  return h("button", { ...fixed, ...rest }, icon(name));
}
