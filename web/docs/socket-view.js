/** The WebSocket of asyncapi.json: commands with their acks, events, the error frame and the close codes. */

import { el } from "../ui/dom.js";
import { typeOf } from "./schema-view.js";

function dataOf(message) {
  return typeOf(message.payload.properties.data);
}

function command(name, operation, messages) {
  const id = `command-${name}`;
  const ack = messages[`${name}.ack`];
  const [example] = messages[name].examples ?? [];
  const node = el(
    "details",
    { id, class: "docs-entry" },
    el(
      "summary",
      {},
      el("h3", {}, el("span", { class: "docs-method docs-command" }, "command"), " ", el("code", {}, name)),
      el("span", { class: "docs-summary" }, operation.summary),
    ),
    el("ul", { class: "docs-list" }, el("li", {}, "data: ", dataOf(messages[name])), el("li", {}, "ack: ", dataOf(ack))),
    el("h4", {}, "Example"),
    el("pre", { tabindex: "0" }, el("code", {}, JSON.stringify(example.payload))),
  );
  return { id, name, node, words: `command ${name} ${node.textContent}`.toLowerCase() };
}

function event(name, message) {
  const id = `event-${name}`;
  const node = el(
    "details",
    { id, class: "docs-entry" },
    el(
      "summary",
      {},
      el("h3", {}, el("span", { class: "docs-method docs-event" }, "event"), " ", el("code", {}, name)),
      el("span", { class: "docs-summary" }, message.summary ?? ""),
    ),
    el("ul", { class: "docs-list" }, el("li", {}, "data: ", dataOf(message))),
  );
  return { id, name, node, words: `event ${name} ${node.textContent}`.toLowerCase() };
}

function closeCode({ code, means, clientShould }) {
  const id = `close-${code}`;
  const node = el(
    "details",
    { id, class: "docs-entry" },
    el("summary", {}, el("h3", {}, el("code", {}, String(code))), el("span", { class: "docs-summary" }, means)),
    el("p", {}, `The client should: ${clientShould}`),
  );
  return { id, name: String(code), node, words: `close code ${node.textContent}`.toLowerCase() };
}

export function socketSections(document) {
  const { messages } = document.components;
  const operations = Object.entries(document.operations);
  const commands = operations.filter(([, one]) => one.action === "receive");
  const events = operations.filter(([, one]) => one.action === "send");
  const { socket } = document.channels;
  return [
    {
      id: "commands",
      title: `${socket.address}: commands`,
      about: document.info.description,
      items: commands.map(([name, operation]) => command(name, operation, messages)),
    },
    {
      id: "events",
      title: `${socket.address}: events`,
      items: [...events.map(([name]) => event(name, messages[name])), event("error", messages.error)],
    },
    { id: "close-codes", title: `${socket.address}: close codes`, items: socket["x-close-codes"].map(closeCode) },
  ];
}
