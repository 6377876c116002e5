/** What is said of a message that the server has not stored, and what can be done about it. */

import { h } from "../../ui/view.js";

/**
 * Of an outbox entry. `waitS`: in how many seconds it is sent, or null. `actions`: `retry`, `editUnsent`, `discard`,
 * each (clientId).
 */
export function unsentState({ clientId, state, error }, { actions, waitS }) {
  if (state === "failed") {
    const button = (name, label, run) =>
      h("button", { type: "button", class: "link", "data-action": name, on: { click: () => run(clientId) } }, label);
    return h(
      "div",
      { class: "unsent-state" },
      `Not sent: ${error?.text ?? "it was refused."} `,
      button("retry", "Retry", actions.retry),
      button("edit", "Edit", actions.editUnsent),
      button("discard", "Discard", actions.discard),
    );
  }
  if (state !== "waiting") return null;
  return h("div", { class: "unsent-state" }, waiting(error, waitS));
}

function waiting(error, waitS) {
  if (error?.code === "rate_limited") {
    return `You are writing fast. This is sent by itself in about ${waitS} s.`;
  }
  return error?.code === "unavailable" ? "The server is busy. This is sent by itself." : "Waiting to be sent";
}

/** In how many seconds an entry that the server refused for now is sent again, or null. `now`: ms since the epoch. */
export function secondsLeft({ state, error }, now) {
  if (state !== "waiting" || error?.code !== "rate_limited") return null;
  return Math.max(1, Math.ceil((error.until - now) / 1000));
}
