/** The colours of one's own initials, to choose in a form: what others see where there is no picture. */

import { avatar } from "../../ui/avatar.js";
import { contrastOf } from "../../ui/contrast.js";
import { h } from "../../ui/view.js";

const FIRST = { textColor: "#ffffff", backgroundColor: "#3558b8" };
const NONE = { textColor: null, backgroundColor: null };
const LEAST_CONTRAST = 3; // of large text: WCAG 2.2, 1.4.3

/** `colors`: `{textColor, backgroundColor}`, null for the usual ones. `choose(colors)`: they are changed. */
export function colorFields({ user, colors, choose }) {
  const shown = { ...FIRST, ...Object.fromEntries(Object.entries(colors).filter(([, color]) => color)) };
  const isOwn = Boolean(colors.textColor || colors.backgroundColor);
  const field = (label, name) => {
    const input = ({ target }) => choose({ ...shown, [name]: target.value });
    return h("label", {}, label, h("input", { type: "color", name, props: { value: shown[name] }, on: { input } }));
  };
  const toggle = ({ target }) => choose(target.checked ? shown : NONE);
  return h(
    "fieldset",
    { class: "form" },
    h(
      "label",
      { class: "check" },
      h("input", { type: "checkbox", name: "hasColors", props: { checked: isOwn }, on: { change: toggle } }),
      h("span", {}, "Colours of my own, where I have no picture"),
    ),
    isOwn &&
      h(
        "div",
        { class: "color-fields" },
        user.avatarUrl && avatar({ id: user.id, name: user.displayName, ...colors }), // it is not seen above
        field("Background", "backgroundColor"),
        field("Letters", "textColor"),
      ),
    h(
      "p",
      { class: "hint", role: "status" },
      isOwn && contrastOf(shown.textColor, shown.backgroundColor) < LEAST_CONTRAST
        ? "The letters are hard to read on this background."
        : "",
    ),
  );
}
