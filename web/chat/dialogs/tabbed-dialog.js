/** A dialog of several sections, of which one is shown. */

import { h, patch } from "../../ui/view.js";
import { openDialog } from "../../ui/dialog.js";

/**
 * `sections`: title → component, `constructor({root, closeDialog, …options})` and `close()`; the first is shown at first,
 * and one alone has no tabs. `label`: of the tabs. `layout`: the class of what holds tabs and section.
 */
export function openTabbedDialog({ title, className = "", label, layout, sections, options }) {
  const titles = Object.keys(sections);
  const mount = ({ body, close }) => {
    let section = null;
    const choose = (chosen) => {
      section?.close();
      section = null;
      const ref = (root) => (section = new sections[chosen]({ root, closeDialog: close, ...options }));
      const tab = (name) =>
        h(
          "button",
          {
            ...{ key: name, type: "button", class: "tab", "aria-current": name === chosen ? "true" : null },
            on: { click: () => choose(name) },
          },
          name,
        );
      patch(
        body,
        h(
          "div",
          { class: layout },
          titles.length > 1 && h("nav", { class: "tabs", "aria-label": label }, titles.map(tab)),
          h("section", { key: chosen, class: "tab-section", "aria-label": chosen, foreign: true, ref }),
        ),
      );
    };
    choose(titles[0]);
    return () => section?.close();
  };
  return openDialog({ title, className, mount });
}
