/** How long an invite link is good, and how often, to choose before it is made. */

import { h } from "../../ui/view.js";
import { plural } from "../../ui/text.js";
import { spanField } from "./span-field.js";

const USES = [1, 5, 10, 25, 100];

/** Two fields of a form: a week and any number of uses are chosen at first. */
export function inviteFields() {
  const counts = USES.map((count) => h("option", { value: count }, plural(count, "time")));
  return h(
    "div",
    { class: "two-fields" },
    h("label", {}, "Expires after", spanField(7 * 24 * 60, { endless: "Never" })),
    h("label", {}, "Can be used", h("select", { name: "uses" }, h("option", { value: "" }, "Any number"), counts)),
  );
}

/** What the fields say, as RoomApi.createInvite takes it. `elements`: of their form. */
export function chosenInvite({ span, uses }) {
  return { expiresIn: span.value ? Number(span.value) * 60 : null, maxUses: uses.value ? Number(uses.value) : null };
}
