/** Making and finding elements. Text goes in as text nodes only: nothing here reads HTML. */

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

export function byId(id) {
  return document.getElementById(id);
}

/** Setting what is already so would make screen readers say it again. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Show these lines in this order. One that is shown already, and the same, stays as it is: it may have the focus, or
 * be about to be clicked.
 */
export function showLines(list, lines) {
  const shown = [...list.children];
  const wanted = lines.map((line) => shown.find((node) => node.isEqualNode(line)) ?? line);
  for (const node of shown) {
    if (!wanted.includes(node)) node.remove();
  }
  let next = list.firstElementChild;
  for (const line of wanted) {
    if (line === next) next = next.nextElementSibling;
    else list.insertBefore(line, next);
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

/** A round with initials, in a colour that belongs to the id. */
export function avatar({ id, name }) {
  return el("span", { class: `avatar hue-${hueOf(id)}`, "aria-hidden": "true" }, initialsOf(name));
}

/** Show a dialog; what had the focus gets it back when it closes. */
export function openDialog(dialog) {
  dialog.showModal();
}

/** Close buttons, and a click beside the dialog, close it. */
export function closable(dialog) {
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
}
