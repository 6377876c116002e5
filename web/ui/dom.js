/** Creates, finds and updates elements. Text becomes text nodes only: nothing here parses HTML. */

import { hueOf, initialsOf } from "./text.js";

/**
 * `el("li", {class: "x", onclick: f, hidden: true}, child, "text")`; null and false attributes and children are left
 * out.
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false)
      node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** @returns {any} of whatever class that element is */
export function byId(id) {
  return document.getElementById(id);
}

/** Set a text if it differs: setting the same text makes screen readers announce it again. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Replace the items of a list. Equal items that are in the list already stay: one may have the focus or be about to be
 * clicked.
 */
export function updateList(list, items) {
  const shown = [...list.children];
  const wanted = items.map((item) => shown.find((node) => node.isEqualNode(item)) ?? item);
  for (const node of shown) {
    if (!wanted.includes(node)) node.remove();
  }
  let next = list.firstElementChild;
  for (const item of wanted) {
    if (item === next) next = next.nextElementSibling;
    else list.insertBefore(item, next);
  }
}

const SVG = "http://www.w3.org/2000/svg";

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

/** A square with initials, in a colour derived from the id. */
export function avatar({ id, name }) {
  return el("span", { class: `avatar hue-${hueOf(id)}`, "aria-hidden": "true" }, initialsOf(name));
}

/** Make a dialog close at its close buttons and at a click beside it. */
export function closable(dialog) {
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
}
