/** The page /docs: shows openapi.json and asyncapi.json by noun, with a search and a link to each part. */

import { byId, el, setText } from "../ui/dom.js";
import { operationSections } from "./operations-view.js";
import { recordSection } from "./schema-view.js";
import { socketSections } from "./socket-view.js";

const SEARCH_WAIT_MS = 120; // of typing, before the search looks

async function load(path) {
  const reply = await fetch(path, { headers: { Accept: "application/json" } });
  if (!reply.ok) throw new Error(`${path}: ${reply.status}`);
  return reply.json();
}

/** A description as a line of text. */
function plain(text) {
  return text.replace(/\s+/g, " ").replaceAll("`", "");
}

/** `{title, id, items: [{id, name, node, words}]}` of one noun, as a section and as a part of the contents. */
function show(section) {
  const heading = el("h2", { id: section.id }, section.title);
  const node = el(
    "section",
    { "aria-labelledby": section.id },
    heading,
    section.about ? el("p", { class: "docs-about" }, plain(section.about)) : null,
    section.items.map((item) => item.node),
  );
  const links = section.items.map((item) => el("li", {}, el("a", { href: `#${item.id}` }, item.name)));
  const contents = el(
    "details",
    { open: matchMedia("(min-width: 900px)").matches },
    el("summary", {}, section.title),
    el("ul", {}, links),
  );
  return { ...section, node, contents, links };
}

/** Show only the items that have every word of the query. */
function search(sections, query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const section of sections) {
    let left = 0;
    section.items.forEach((item, number) => {
      const isFound = words.every((word) => item.words.includes(word));
      item.node.hidden = !isFound;
      section.links[number].hidden = !isFound;
      left += isFound ? 1 : 0;
    });
    section.node.hidden = left === 0;
    section.contents.hidden = left === 0;
    found += left;
  }
  setText(byId("found"), words.length === 0 ? "" : found === 1 ? "1 entry" : `${found} entries`);
}

/** Open the entry that the address names, and go there. */
function follow() {
  const target = document.getElementById(location.hash.slice(1));
  if (target === null) return;
  if (target.hidden || target.closest("section")?.hidden) {
    byId("search").value = "";
    byId("search").dispatchEvent(new Event("input"));
  }
  if (target instanceof HTMLDetailsElement) target.open = true;
  target.scrollIntoView({ block: "start" });
}

function listen(sections) {
  let timer = 0;
  byId("search").addEventListener("input", (event) => {
    clearTimeout(timer);
    const query = event.target.value;
    if (query === "") search(sections, "");
    else timer = setTimeout(() => search(sections, query), SEARCH_WAIT_MS);
  });
  addEventListener("hashchange", follow);
}

async function start() {
  try {
    const [rest, socket] = await Promise.all([load("openapi.json"), load("asyncapi.json")]);
    const schemas = { ...socket.components.schemas, ...rest.components.schemas };
    const sections = [...operationSections(rest), ...socketSections(socket), recordSection(schemas)].map(show);
    setText(byId("about"), `Version ${rest.info.version}. ${plain(rest.info.description)}`);
    byId("about").append(
      " The same for programs: ",
      el("a", { href: "openapi.json" }, "openapi.json"),
      ", ",
      el("a", { href: "asyncapi.json" }, "asyncapi.json"),
      ".",
    );
    byId("sections").append(...sections.map((section) => section.node));
    byId("contents").append(...sections.map((section) => section.contents));
    listen(sections);
    follow();
  } catch (error) {
    setText(byId("about"), `The description of the interface could not be loaded (${error.message}).`);
  }
}

start();
