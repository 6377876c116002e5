/** A field of a form with a hint and what is wrong with it, both of which screen readers read with the field. */

import { classes, h } from "../../ui/view.js";

/**
 * @param {object} options
 * @param {string} options.id Of the input, which its label needs.
 * @param {string} options.name
 * @param {string} options.label
 * @param {string | null} [options.hint]
 * @param {string} [options.error] Empty: nothing is wrong.
 * @param {Record<string, unknown>} [attributes] Others of the input.
 */
export function field({ id, name, label, hint = null, error = "" }, attributes = {}) {
  const described = classes(hint && `${id}-hint`, error && `${id}-error`);
  const fixed = { id, name, required: true, "aria-describedby": described || null };
  return [
    h("label", { for: id }, label),
    h("input", { ...fixed, ...attributes, "aria-invalid": error ? "true" : null }),
    hint && h("p", { class: "hint", id: `${id}-hint` }, hint),
    h("p", { class: "field-error", id: `${id}-error`, "data-error-of": name }, error),
  ];
}

/** Put the focus on the first field that is wrong. `errors`: name → text. */
export function focusWrong(root, errors) {
  const wrong = Object.keys(errors).map((name) => root.querySelector(`[name="${name}"]`));
  wrong.find(Boolean)?.focus();
}
