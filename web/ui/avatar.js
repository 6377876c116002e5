/** The picture of a person: the uploaded one, or initials in a colour that depends on the id. */

import { h } from "./view.js";
import { hueOf, initialsOf } from "./text.js";

/** `url`: of an uploaded picture, or null. `size`: "small", "" or "large" (CSS). */
export function avatar({ id, name, url = null, size = "" }) {
  const shape = `avatar ${size && `avatar-${size}`}`.trim();
  if (url) return h("img", { class: shape, src: url, alt: "", loading: "lazy", decoding: "async" });
  return h("span", { class: `${shape} hue-${hueOf(id)}`, "aria-hidden": "true" }, initialsOf(name));
}
