/**
 * What is shown, as the address has it after `#`: `scope=cluster` or `process=ID`, `span`, `from` and `to` of a zoom,
 * `section`. Pure.
 */

/** Minutes of each span, in the order in which they are offered. */
export const SPANS = new Map([
  ["5m", { minutes: 5, label: "5 min", words: "the last 5 minutes" }],
  ["15m", { minutes: 15, label: "15 min", words: "the last 15 minutes" }],
  ["1h", { minutes: 60, label: "1 h", words: "the last hour" }],
  ["6h", { minutes: 360, label: "6 h", words: "the last 6 hours" }],
  ["24h", { minutes: 1440, label: "24 h", words: "the last 24 hours" }],
]);
const DEFAULT_SPAN = "1h";

/**
 * @typedef {object} Choice
 * @property {"process" | "cluster"} scope
 * @property {string | null} process Null: whichever answers.
 * @property {string} span
 * @property {{from: number, to: number} | null} zoom In epoch ms.
 * @property {string | null} section
 */

/** @returns {Choice} */
export function choiceOf(hash) {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const span = fields.get("span");
  const [from, to] = ["from", "to"].map((name) => Date.parse(fields.get(name) ?? ""));
  return {
    scope: fields.get("scope") === "cluster" ? "cluster" : "process",
    process: fields.get("scope") === "cluster" ? null : fields.get("process") || null,
    span: span !== null && SPANS.has(span) ? span : DEFAULT_SPAN,
    zoom: from < to ? { from, to } : null,
    section: fields.get("section") || null,
  };
}

/** @param {Choice} choice */
export function hashOf({ scope, process, span, zoom, section }) {
  const fields = new URLSearchParams();
  if (scope === "cluster") fields.set("scope", "cluster");
  else if (process) fields.set("process", process);
  if (span !== DEFAULT_SPAN) fields.set("span", span);
  if (zoom) {
    fields.set("from", new Date(zoom.from).toISOString());
    fields.set("to", new Date(zoom.to).toISOString());
  }
  if (section) fields.set("section", section);
  return `#${fields}`;
}
