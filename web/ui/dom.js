/** Creates, finds and updates elements. Text becomes text nodes only: nothing here parses HTML. */

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
