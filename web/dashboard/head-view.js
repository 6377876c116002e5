/** The head of the page: the verdict, who is logged in, and what is chosen. */

import { clock } from "../ui/format.js";
import { h } from "../ui/view.js";
import { hashOf, SPANS } from "./address.js";
import { verdictOf } from "./verdict.js";

const LIVE_WORDS = {
  connecting: "Connecting…",
  live: "Live",
  away: "No answer",
  paused: "Paused",
};
const SECTIONS = [
  ["now", "Now"],
  ["charts", "Charts"],
  ["processes", "Processes"],
  ["details", "Details"],
  ["alerts", "Alerts"],
];

/** The verdict of what the poller knows; null for those without access. */
export function verdictOfPoller({ snapshot, series, state, error, receivedAt }) {
  if (state === "forbidden") return null;
  if (snapshot === null && state !== "away") return { level: "wait", word: "Connecting…", text: "", key: "wait" };
  const away = state === "away" ? { receivedAt, words: awayWords(error) } : null;
  const verdict = verdictOf(snapshot, { series, now: snapshot ? Date.parse(snapshot.at) : 0, away });
  return state === "paused" ? pausedVerdict(verdict, receivedAt) : verdict;
}

/** What was well when the reader paused may not be so any more. */
function pausedVerdict({ level, word, text, key }, receivedAt) {
  return {
    level: level === "well" ? "wait" : level,
    word: "Paused",
    text: `: this is how it was at ${clock(receivedAt)}. ${word}${text}`,
    key: `paused ${key}`,
  };
}

function awayWords(error) {
  if (error?.code === "rate_limited") return "too many requests for this account";
  if (error?.code === "network") return "the server cannot be reached";
  return `the server has no numbers (${error?.message ?? "unknown"})`;
}

/** The title of the page: what is not well is seen in the tab, too. */
export function pageTitle(verdict) {
  const isPlain = verdict === null || verdict.level === "well" || verdict.key === "wait";
  return `${isPlain ? "" : `${verdict.word} · `}Monitoring · Chat Rooms`;
}

/** The verdict in its line. A new element is read out; numbers in it that change each time are not. */
export function verdictLine({ level, word, text, key }, poller) {
  const { state } = poller;
  return h(
    "section",
    { class: "verdict", "data-level": level, key: "verdict", "aria-label": "Verdict" },
    h(
      "p",
      { class: "verdict-line", role: "status", "aria-relevant": "additions" },
      h("span", { key }, h("span", { class: "verdict-sign", "aria-hidden": "true" }), h("strong", null, word), text),
    ),
    state === "away" &&
      h("button", { class: "link", type: "button", on: { click: () => poller.pollNow() } }, "Try now"),
    h("p", { class: "live" }, h("span", { class: "live-dot", "aria-hidden": "true" }), liveWords(poller)),
  );
}

function liveWords({ state, receivedAt, retryAt }) {
  if (state === "away")
    return `${LIVE_WORDS.away} · ${retryAt === null ? "trying again…" : `next try at ${clock(retryAt)}`}`;
  return receivedAt === null ? LIVE_WORDS[state] : `${LIVE_WORDS[state]} · ${clock(receivedAt)}`;
}

/** The icon by the name that the page knows it by, under which the browser has it already. */
function iconUrl() {
  return document.querySelector('link[rel="icon"]').getAttribute("href");
}

/** The brand, who is logged in, and what is chosen, if it is known what there is. */
export function top(user, logout, chosen) {
  return h(
    "header",
    { class: "top", key: "top" },
    h(
      "h1",
      { class: "brand" },
      h("img", { src: iconUrl(), alt: "", width: 24, height: 24 }),
      " Chat Rooms ",
      h("span", { class: "brand-part" }, "Monitoring"),
    ),
    user &&
      h(
        "p",
        { class: "session" },
        h("bdi", null, user.username),
        " ",
        h("button", { class: "link", type: "button", on: { click: logout } }, "Log out"),
      ),
    chosen,
  );
}

/** What is shown: of what, over which span; pause, and the way out of a zoom. */
export function controls(choice, poller, go) {
  const { snapshot, state } = poller;
  const isPaused = state === "paused";
  const shown = choice.scope === "cluster" ? "cluster" : (choice.process ?? snapshot.processId ?? "");
  const chooseScope = ({ currentTarget: { value } }) =>
    go(value === "cluster" ? { scope: "cluster", process: null } : { scope: "process", process: value });
  return h(
    "div",
    { class: "controls", role: "group", "aria-label": "What is shown" },
    h("label", { class: "sr-only", for: "scope" }, "Of what"),
    h(
      "select",
      { id: "scope", class: "scope", props: { value: shown }, on: { change: chooseScope } },
      h("option", { key: "cluster", value: "cluster" }, "Whole cluster"),
      snapshot.processes.map(({ processId }) =>
        h("option", { key: processId, value: processId }, `Process ${processId}`),
      ),
    ),
    h(
      "fieldset",
      { class: "segments" },
      h("legend", { class: "sr-only" }, "Span of the charts"),
      [...SPANS].map(([name, span]) => spanChoice(name, span, choice, go)),
    ),
    h(
      "button",
      { type: "button", class: "pause", on: { click: () => (isPaused ? poller.resume() : poller.pause()) } },
      isPaused ? "Resume" : "Pause",
    ),
    choice.zoom && h("button", { type: "button", on: { click: () => go({ zoom: null }) } }, "Zoom out"),
  );
}

function spanChoice(name, { label, words }, choice, go) {
  return h(
    "label",
    { key: name },
    h("input", {
      type: "radio",
      name: "span",
      value: name,
      "aria-label": words,
      props: { checked: name === choice.span },
      on: { change: () => go({ span: name, zoom: null }) },
    }),
    h("span", { "aria-hidden": "true" }, label),
  );
}

/** Links to the sections: on a phone the page is long. */
export function sectionLinks(choice, { processes }) {
  return h(
    "nav",
    { class: "sections", key: "sections", "aria-label": "Sections" },
    SECTIONS.filter(([id]) => id !== "processes" || processes.length > 1).map(([id, label]) =>
      h(
        "a",
        {
          key: id,
          href: hashOf({ ...choice, section: id }),
          "aria-current": choice.section === id ? "true" : null,
        },
        label,
      ),
    ),
  );
}
