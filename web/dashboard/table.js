/** A table in a box that scrolls horizontally if the table is too wide. */

import { el } from "../ui/dom.js";

/**
 * Render a table into `box`. The first `texts` columns are left-aligned text, the others numbers. Unchanged rows leave
 * the document as it is.
 */
export function renderTable(box, { label, columns, rows, texts = 1, empty = "Nothing yet." }) {
  const key = JSON.stringify([columns, rows]);
  if (box.dataset.key === key) return box;
  box.dataset.key = key;
  if (rows.length === 0) {
    box.replaceChildren(el("p", { class: "hint" }, empty));
    return box;
  }
  const kind = (index) => ({ class: index < texts ? "text" : "number" });
  const head = el(
    "tr",
    {},
    columns.map((name, index) => el("th", { scope: "col", ...kind(index) }, name)),
  );
  const body = rows.map((row) =>
    el(
      "tr",
      {},
      row.map((cell, index) => (index ? el("td", kind(index), cell) : el("th", { scope: "row", ...kind(0) }, cell))),
    ),
  );
  const made = el(
    "table",
    {},
    el("caption", { class: "sr-only" }, label),
    el("thead", {}, head),
    el("tbody", {}, body),
  );
  const old = box.querySelector(".table-box");
  if (old) {
    old.replaceChildren(made); // keeps the scroll position and the focus
    reachable(old);
  } else {
    const scroller = el("div", { class: "table-box", role: "region", "aria-label": label }, made);
    new ResizeObserver(() => reachable(scroller)).observe(scroller);
    box.replaceChildren(scroller);
  }
  return box;
}

/** Only a table that scrolls is in the tab order, for users of a keyboard. */
function reachable(scroller) {
  if (scroller.scrollWidth > scroller.clientWidth) scroller.tabIndex = 0;
  else if (document.activeElement !== scroller) scroller.removeAttribute("tabindex");
}
