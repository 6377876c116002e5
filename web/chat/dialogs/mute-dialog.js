/** Mutes a member of a room for some time. */

import { h, patch } from "../../ui/view.js";
import { openDialog } from "../../ui/dialog.js";

/** Minutes, and what they are called. */
export const SPANS = [
  [10, "10 minutes"],
  [60, "1 hour"],
  [24 * 60, "1 day"],
  [7 * 24 * 60, "1 week"],
  [30 * 24 * 60, "30 days"],
];

export function openMuteDialog({ page, roomId, userId, name, onChanged }) {
  const mount = ({ body, close }) => {
    const draw = (error = "") =>
      patch(
        body,
        h(
          "form",
          { class: "form", on: { submit } },
          h("p", {}, "They go on reading, and cannot write until the time is over."),
          h("label", {}, "For how long?", spanField(60)),
          h("p", { class: "form-error", role: "alert" }, error),
          h("div", { class: "dialog-actions" }, h("button", { type: "submit", class: "danger" }, "Mute")),
        ),
      );
    const submit = async (event) => {
      event.preventDefault();
      const until = new Date(Date.now() + Number(event.target.elements.span.value) * 60_000);
      try {
        await page.chat.api.rooms.mute(roomId, userId, until.toISOString());
        close();
        page.toast(`${name} is muted.`);
        onChanged();
      } catch (error) {
        draw(error.message);
      }
    };
    draw();
  };
  return openDialog({ title: `Mute ${name}`, mount });
}

/** A choice of spans; `isEndless`: with one that never ends. */
export function spanField(minutes, { isEndless = false } = {}) {
  const options = SPANS.map(([value, label]) => h("option", { value, selected: value === minutes }, label));
  return h("select", { name: "span" }, options, isEndless && h("option", { value: "" }, "For good"));
}
