/** JSON Schemas as types and tables of fields, with links from each record to its entry. */

import { el } from "../ui/dom.js";

const PREFIX = "#/components/schemas/";
const BOUNDS = {
  minLength: "at least $ characters",
  maxLength: "at most $ characters",
  minimum: "from $",
  maximum: "up to $",
  maxItems: "at most $",
  pattern: "like $",
  default: "$ if left out",
};

export function recordId(name) {
  return `record-${name}`;
}

/** A type as text and links: `string`, `array of Message`, `User or null`. */
export function typeOf(schema) {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.slice(PREFIX.length);
    return [el("a", { href: `#${recordId(name)}` }, name)];
  }
  const several = schema.anyOf ?? schema.oneOf;
  if (several !== undefined) return several.flatMap((one, number) => (number === 0 ? typeOf(one) : [" or ", ...typeOf(one)]));
  if (schema.allOf !== undefined) return typeOf(schema.allOf[0]);
  if (schema.enum !== undefined) return [schema.enum.map((one) => JSON.stringify(one)).join(" or ")];
  if (schema.const !== undefined) return [JSON.stringify(schema.const)];
  if (schema.prefixItems !== undefined)
    return ["[", ...schema.prefixItems.flatMap((one, number) => (number === 0 ? typeOf(one) : [", ", ...typeOf(one)])), "]"];
  if (schema.type === "array") return ["array of ", ...typeOf(schema.items ?? {})];
  if (schema.type === "object" && typeof schema.additionalProperties === "object")
    return ["object of ", ...typeOf(schema.additionalProperties)];
  return [schema.type ?? schema.title ?? "any value"];
}

/** What a value is limited to, in words. */
export function boundsOf(schema) {
  const own = { ...(schema.anyOf ?? []).find((one) => one.type !== "null"), ...schema };
  const said = Object.entries(BOUNDS)
    .filter(([name]) => own[name] !== undefined && own[name] !== null && own[name] !== "")
    .map(([name, words]) => words.replace("$", () => (name === "pattern" ? own[name] : JSON.stringify(own[name]))));
  if (own.format !== undefined) said.push(own.format);
  return said.join(", ");
}

function fieldRow(name, schema, isNeeded) {
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, el("code", {}, name), isNeeded ? null : el("span", { class: "docs-optional" }, " optional")),
    el("td", {}, typeOf(schema)),
    el("td", {}, boundsOf(schema)),
  );
}

/** A table of `[name, schema, isNeeded]`, which scrolls by itself where it is too wide. */
export function fieldTable(label, rows) {
  const head = ["Field", "Type", "Limits"].map((name) => el("th", { scope: "col" }, name));
  return el(
    "div",
    { class: "docs-scroll", tabindex: "0", role: "region", "aria-label": label },
    el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows.map((row) => fieldRow(...row)))),
  );
}

export function fieldsOf(schema) {
  return Object.entries(schema.properties ?? {}).map(([name, one]) => [name, one, (schema.required ?? []).includes(name)]);
}

/** The section of all records that the other entries refer to. */
export function recordSection(schemas) {
  const items = Object.entries(schemas)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, schema]) => {
      const fields = fieldsOf(schema);
      const node = el(
        "details",
        { id: recordId(name), class: "docs-entry" },
        el("summary", {}, el("h3", {}, el("code", {}, name))),
        schema.description ? el("p", {}, schema.description.replaceAll("`", "")) : null,
        fields.length > 0 ? fieldTable(`Fields of ${name}`, fields) : el("p", {}, typeOf(schema)),
      );
      const words = [name, schema.description ?? "", ...fields.map(([field]) => field)].join(" ").toLowerCase();
      return { id: recordId(name), name, node, words };
    });
  return { id: "records", title: "Records", about: "What bodies, replies and frames consist of.", items };
}
