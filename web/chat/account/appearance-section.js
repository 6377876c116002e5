/** Theme and density. */

import { h, patch } from "../../ui/view.js";

/** @type {Record<string, [string, Record<string, string>]>} */
const CHOICES = {
  theme: ["Theme", { system: "As the system", light: "Light", dark: "Dark" }],
  density: ["Density", { comfortable: "Comfortable", compact: "Compact" }],
};

export class AppearanceSection {
  #end;

  constructor({ root, page }) {
    this.#end = page.store.select(
      (state, store) => [store.version("settings")],
      () =>
        patch(
          root,
          Object.entries(CHOICES).map(([name, choice]) => group(name, choice, page)),
        ),
    );
  }

  close() {
    this.#end();
  }
}

function group(name, [title, values], page) {
  const chosen = page.settings.all[name] ?? Object.keys(values)[0];
  const choose = (value) => () => page.settings.change({ [name]: value }).catch((error) => page.failed(error));
  const option = ([value, label]) =>
    h(
      "label",
      { key: value, class: "check" },
      h("input", { type: "radio", name, value, props: { checked: chosen === value }, on: { change: choose(value) } }),
      h("span", {}, label),
    );
  return h("fieldset", { key: name }, h("legend", {}, title), Object.entries(values).map(option));
}
