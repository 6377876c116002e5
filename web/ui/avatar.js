/** The picture of a person: the uploaded one, or initials in the person's colours or one that depends on the id. */

import { h } from "./view.js";
import { hueOf, initialsOf } from "./text.js";

/**
 * `url`: of an uploaded picture, or null. `size`: "small", "" or "large" (CSS). `textColor`, `backgroundColor`: of the
 * initials (`#rrggbb`), or null; a user has them by these names.
 */
export function avatar({ id, name, url = null, size = "", textColor = null, backgroundColor = null }) {
  const shape = `avatar ${size && `avatar-${size}`}`.trim();
  if (url) return h("img", { class: shape, src: url, alt: "", loading: "lazy", decoding: "async" });
  const style = { color: textColor, "background-color": backgroundColor };
  return h("span", { class: `${shape} hue-${hueOf(id)}`, style, "aria-hidden": "true" }, initialsOf(name));
}
