/** A table in a box that scrolls sideways if the table is too wide. */

import { h } from "../ui/view.js";

/**
 * The first `texts` columns are text, the others numbers. A row is an array of cells, or `{key, cells, attributes}`.
 * @param {{label: string, columns: string[], rows: any[], texts?: number, empty?: string, live?: string}} options
 */
export function table({ label, columns, rows, texts = 1, empty = "Nothing yet.", live }) {
  if (rows.length === 0) return h("p", { class: "hint" }, empty);
  const kind = (index) => (index < texts ? "text" : "number");
  return h(
    "div",
    { class: "table-box", role: "region", "aria-label": label, ref: watchOverflow },
    h(
      "table",
      null,
      h("caption", { class: "sr-only" }, label),
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          columns.map((name, index) => h("th", { scope: "col", class: kind(index) }, name)),
        ),
      ),
      h(
        "tbody",
        { "aria-live": live },
        rows.map((row) => {
          const { key = null, cells = row, attributes = {} } = Array.isArray(row) ? {} : row;
          return h(
            "tr",
            { key, ...attributes },
            cells.map((cell, index) =>
              index ? h("td", { class: kind(index) }, cell) : h("th", { scope: "row", class: kind(0) }, cell),
            ),
          );
        }),
      ),
    ),
  );
}

/** Only a box that scrolls is in the tab order, for those who use a keyboard. */
function watchOverflow(box) {
  const observer = new ResizeObserver(() => {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else if (document.activeElement !== box) box.removeAttribute("tabindex");
  });
  observer.observe(box);
  observer.observe(box.firstElementChild);
}
