/** Other programs in a room: webhooks, by which they post, and bots, which read too. Each secret is shown once. */

import { copyField } from "./copy-field.js";
import { endpoint } from "../../client/api-request.js";
import { fullLabel } from "../../ui/dates.js";
import { h, patch } from "../../ui/view.js";
import { openDialog } from "../../ui/dialog.js";
import { PagedSection } from "../paged-section.js";
import { PersonNames } from "../person-names.js";
import { singleFlight } from "../../ui/single-flight.js";

/**
 * `field`: what the contract calls the name; `rule`: said where the server takes no such name. `secret`: what is shown
 * once. `does`: what it is for; `loss`: what ends with it.
 */
const KINDS = {
  webhooks: {
    ...{ title: "Webhook", field: "name", maxlength: 80, secret: "address" },
    rule: "Use 1 to 80 characters, one of them visible.",
    does: 'Its address takes messages: a POST of {"text": "Hello"} by any program writes one here.',
    loss: "Programs that have its address cannot post any more.",
  },
  bots: {
    ...{ title: "Bot", field: "username", maxlength: 32, secret: "token" },
    rule: "Use 3 to 32 letters, digits, “_”, “-” or “.”.",
    does: "Its token reads and writes here, and in no other room, by the same interface as this page.",
    loss: "Programs that have its token are logged out, and cannot come back.",
  },
};

export class RoomIntegrations {
  #page;
  #roomId;
  #names;
  #formRoot = null;
  #list = null;
  #kind = "webhooks";
  #made = []; // `{kind, id, name, secret}`: what was made here, the newest first
  #error = "";
  #told = "";

  constructor({ root, page, roomId }) {
    this.#page = page;
    this.#roomId = roomId;
    this.#names = new PersonNames({ page });
    patch(root, [
      h("form", {
        class: "form",
        foreign: true,
        on: {
          submit: (event) => {
            event.preventDefault();
            void this.#make(event.target.elements.name);
          },
        },
        ref: (node) => (this.#formRoot = node),
      }),
      h("div", { class: "tab-section", foreign: true, ref: (node) => (this.#list = this.#listIn(node)) }),
    ]);
    this.#drawForm();
  }

  close() {
    this.#list.close();
    this.#made = [];
  }

  #listIn(root) {
    const { rooms } = this.#page.chat.api;
    const load = async () => {
      const [{ webhooks }, { bots }] = await Promise.all(
        Object.keys(KINDS).map((kind) => rooms.integrations(this.#roomId, kind)),
      );
      const items = [
        ...webhooks.map((webhook) => ({ kind: "webhooks", ...webhook })),
        ...bots.map(({ user, ...bot }) => ({ kind: "bots", id: user.id, name: user.username, ...bot })),
      ];
      return { items: items.sort((one, other) => other.createdAt.localeCompare(one.createdAt)) };
    };
    return new PagedSection({
      ...{ root, load, page: this.#page, row: (item) => this.#row(item) },
      empty: "No program posts here.",
    });
  }

  #row(item) {
    const { kind, id, name, createdBy, createdAt, isMember } = item;
    const isMine = createdBy === this.#page.chat.user.id;
    const by = isMine ? "you" : this.#names.shown(createdBy, "a moderator");
    return h(
      "li",
      { key: `${kind} ${id}` },
      h(
        "span",
        { class: "two-lines" },
        h("b", {}, h("bdi", {}, name)),
        h("small", {}, `${KINDS[kind].title}, made by `, by, `, ${fullLabel(new Date(createdAt))}`),
        !isMember && h("small", {}, "Was removed from the room, and cannot post until it is invited again."),
      ),
      h("button", { type: "button", class: "danger", on: { click: () => this.#revoke(item) } }, "Revoke"),
    );
  }

  #drawForm() {
    const { title, maxlength, does } = KINDS[this.#kind];
    const choose = ({ target }) => {
      this.#kind = target.value;
      this.#error = "";
      this.#drawForm();
    };
    const options = Object.entries(KINDS).map(([value, { title: label }]) =>
      h("option", { value, selected: value === this.#kind }, label),
    );
    const tell = (text) => {
      this.#told = text;
      this.#drawForm();
    };
    patch(this.#formRoot, [
      h("label", {}, "Kind", h("select", { name: "kind", on: { change: choose } }, options)),
      h("label", {}, "Name", h("input", { name: "name", maxlength, required: true, dir: "auto", autocomplete: "off" })),
      h("p", { class: "hint" }, does),
      h("p", { class: "form-error", role: "alert" }, this.#error),
      h("button", { type: "submit", class: "primary" }, `Make a ${title.toLowerCase()}`),
      this.#made.map((made, index) => secretBox(made, { tell, hasFocus: index === 0 })),
      h("p", { class: "hint", role: "status" }, this.#told),
    ]);
  }

  #make = singleFlight(async (input) => {
    const kind = this.#kind;
    const { field, rule } = KINDS[kind];
    const name = input.value.trim();
    const { api, user } = this.#page.chat;
    this.#error = this.#told = "";
    try {
      const made = await api.rooms.addIntegration(this.#roomId, kind, { [field]: name });
      const secret = made.token ?? endpoint(api.baseUrl, made.url).href;
      const shown = { kind, id: made.id ?? made.user.id, name, secret };
      // Nothing of one user is shown to the next.
      if (!this.#formRoot.isConnected) return this.#page.chat.user?.id === user.id && showSecret(shown);
      this.#made.unshift(shown);
      input.value = "";
    } catch (error) {
      if (!this.#formRoot.isConnected) return this.#page.failed(error);
      this.#error = error.details?.[field] ? rule : error.message;
    }
    this.#drawForm();
    if (!this.#error) await this.#list.reload();
  });

  async #revoke({ kind, id, name }) {
    const question = {
      title: `Revoke ${name}?`,
      text: `${KINDS[kind].loss} This cannot be undone.`,
      action: "Revoke",
      isDanger: true,
    };
    if (!(await this.#page.confirm(question))) return;
    await this.#list.change(() => this.#page.chat.api.rooms.removeIntegration(this.#roomId, kind, id));
    this.#made = this.#made.filter((made) => made.kind !== kind || made.id !== id);
    this.#drawForm();
  }
}

/** What was made, with its secret to copy. `tell`, `hasFocus`: see copyField. */
function secretBox({ kind, id, name, secret }, { tell, hasFocus }) {
  const { secret: what } = KINDS[kind];
  return h(
    "div",
    { key: `${kind} ${id}`, class: "made" },
    h("p", {}, `This ${what} is not shown again: copy it now, and keep it secret.`),
    copyField({ label: `${what} of ${name}`, value: secret, tell, hasFocus }),
  );
}

/** Show a secret whose form was left before the answer: in a dialog of its own, above whatever is shown by then. */
function showSecret(made) {
  const mount = ({ body }) => {
    const draw = (told = "") =>
      patch(body, [secretBox(made, { tell: draw, hasFocus: true }), h("p", { class: "hint", role: "status" }, told)]);
    draw();
  };
  void openDialog({ title: made.name, mount });
}
