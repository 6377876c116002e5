/** The operations of openapi.json, in a section for each noun. */

import { el } from "../ui/dom.js";
import { curlOf } from "./curl.js";
import { fieldTable, fieldsOf, typeOf } from "./schema-view.js";

/** A reply or a parameter, whether it stands here or is referred to. */
function resolved(document, one) {
  if (one.$ref === undefined) return one;
  return one.$ref
    .slice(2)
    .split("/")
    .reduce((place, part) => place[part], document);
}

function permission(operation) {
  const ways = operation.security ?? [];
  if (operation.description !== undefined) return operation.description;
  if (ways.length === 0) return "Needs no token.";
  return ways.some((way) => way.fileCookie) ? "Needs a token, or the cookie of a login." : "Needs a token.";
}

function parameters(operation, label) {
  const rows = (operation.parameters ?? []).map((one) => [one.name, { ...one.schema, in: one.in }, one.required]);
  return rows.length === 0 ? null : [el("h4", {}, "Parameters"), fieldTable(`Parameters of ${label}`, rows)];
}

function body(document, operation, label) {
  const content = Object.entries(operation.requestBody?.content ?? {});
  if (content.length === 0) return null;
  const kinds = content.map(([kind, media]) => el("li", {}, el("code", {}, kind), ": ", typeOf(named(media.schema))));
  return [
    el("h4", {}, operation.requestBody.required ? "Body" : "Body (may be left out)"),
    el("ul", { class: "docs-list" }, kinds),
    bodyFields(document, content[0][1].schema, label),
  ];
}

/** The fields of a body's record; of a form those of the form. */
function bodyFields(document, schema, label) {
  const record = resolved(document, schema.allOf?.[0] ?? schema);
  const fields = fieldsOf(record);
  return fields.length === 0 ? null : fieldTable(`Body of ${label}`, fields);
}

/** A schema that has no name, as a form has none, is told by its fields. */
function named(schema) {
  if (schema.properties === undefined) return schema;
  return { title: `a form with ${Object.keys(schema.properties).join(", ")}` };
}

function replyLine(document, [status, one]) {
  const reply = resolved(document, one);
  const [kind, media] = Object.entries(reply.content ?? {})[0] ?? [];
  if (Number(status) >= 400) return errorLine(status, reply, media);
  const what = media?.schema !== undefined ? typeOf(media.schema) : [kind ?? "no body"];
  return el("li", {}, el("b", {}, status), " ", what);
}

/** The codes of a refusal are in the lines of its description: "- `code`: what it says". */
function errorLine(status, reply, media) {
  const codes = [...reply.description.matchAll(/^- `(\w+)`: (.*)$/gm)];
  if (codes.length === 0) return el("li", {}, el("b", {}, status), " ", media === undefined ? "" : typeOf(media.schema));
  const lines = codes.map(([, code, message]) => el("li", {}, el("code", {}, code), " ", message));
  return el("li", {}, el("b", {}, status), el("ul", {}, lines));
}

function entry(document, path, method, operation) {
  const label = `${method.toUpperCase()} ${path}`;
  const replies = Object.entries(operation.responses);
  const good = replies.filter(([status]) => Number(status) < 400);
  const bad = replies.filter(([status]) => Number(status) >= 400);
  const node = el(
    "details",
    { id: operation.operationId, class: "docs-entry" },
    el(
      "summary",
      {},
      el("h3", {}, el("span", { class: `docs-method docs-${method}` }, method.toUpperCase()), " ", el("code", {}, path)),
      el("span", { class: "docs-summary" }, operation.summary),
    ),
    el("p", {}, permission(operation)),
    parameters(operation, label),
    body(document, operation, label),
    el("h4", {}, "Example"),
    el("pre", { tabindex: "0" }, el("code", {}, curlOf(path, method, operation))),
    el("h4", {}, "Replies"),
    el("ul", { class: "docs-list" }, good.map((one) => replyLine(document, one))),
    el("h4", {}, "Refusals"),
    el("ul", { class: "docs-list" }, bad.map((one) => replyLine(document, one))),
  );
  const words = `${label} ${operation.summary} ${JSON.stringify(operation)} ${node.textContent}`.toLowerCase();
  return { id: operation.operationId, name: label, node, words };
}

export function operationSections(document) {
  const sections = new Map();
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const [tag] = operation.tags;
      if (!sections.has(tag)) sections.set(tag, []);
      sections.get(tag).push(entry(document, path, method, operation));
    }
  }
  return document.tags.map(({ name }) => ({
    id: `noun-${name}`,
    title: name[0].toUpperCase() + name.slice(1),
    items: sections.get(name) ?? [],
  }));
}
