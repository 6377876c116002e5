/** The fields of a room, and what ends it: archiving, which can be undone, and deleting, which cannot. */

import { h, patch } from "../../ui/view.js";
import { refusalText } from "../refusal.js";
import { spanText } from "../../ui/spans.js";

const SLOW_MODES = [0, 10, 30, 60, 300, 3600]; // seconds between two messages of a member
const LABELS = { description: "The description", slowModeS: "Slow mode" };
/** What is said where the server takes no such value: its own answer is for programs. */
const RULES = {
  name: "Use 1 to 80 characters, one of them visible.",
  maxUsers: "Give a number from 2 to 100,000.",
};

export class RoomForm {
  #root;
  #page;
  #roomId;
  #closeDialog;

  constructor({ root, page, roomId, closeDialog }) {
    this.#root = root;
    this.#page = page;
    this.#roomId = roomId;
    this.#closeDialog = closeDialog;
    this.#draw();
  }

  close() {}

  /** Null once the room is gone, which may be told before the answer to what ended it. */
  get #room() {
    return this.#page.chat.rooms?.get(this.#roomId)?.room ?? null;
  }

  #draw(errors = {}) {
    const room = this.#room;
    if (!room) return this.#closeDialog();
    const isReadOnly = room.role === "member";
    const text = (name, maxlength) => ({ name, value: room[name] ?? "", maxlength, dir: "auto", readonly: isReadOnly });
    const slow = [...new Set([...SLOW_MODES, room.slowModeS ?? 0])].sort((one, other) => one - other);
    const options = slow.map((value) =>
      h("option", { value, selected: value === room.slowModeS }, value ? spanText(value) : "Off"),
    );
    const error = (name) =>
      errors[name] && h("p", { class: "field-error" }, RULES[name] ?? refusalText(LABELS[name], errors[name]));
    patch(this.#root, [
      h(
        "form",
        { class: "form", novalidate: true, on: { submit: (event) => this.#submit(event) } },
        h("label", {}, "Name", h("input", text("name", 80))),
        error("name"),
        h("label", {}, "What is it about?", h("input", text("description", 500))),
        error("description"),
        h("label", {}, "Most members", h("input", { ...text("maxUsers", 6), type: "number", min: 2, max: 100_000 })),
        error("maxUsers"),
        h("label", {}, "Slow mode", h("select", { name: "slowModeS", disabled: isReadOnly }, options)),
        error("slowModeS"),
        h(
          "label",
          { class: "check" },
          h("input", { type: "checkbox", name: "isPrivate", checked: room.isPrivate, disabled: isReadOnly }),
          h("span", {}, "Private: only people who are invited can see it"),
        ),
        h("p", { class: "form-error", role: "alert" }, errors.form ?? ""),
        !isReadOnly && h("div", { class: "dialog-actions" }, h("button", { type: "submit", class: "primary" }, "Save")),
      ),
      !isReadOnly && this.#endings(room),
    ]);
  }

  #endings(room) {
    const archive = () => this.#tried(() => this.#change({ archived: !room.archivedAt }));
    return h(
      "div",
      { class: "dialog-actions" },
      h("button", { type: "button", on: { click: archive } }, room.archivedAt ? "Open it again" : "Archive"),
      room.role === "owner" &&
        h("button", { type: "button", class: "danger", on: { click: () => this.#delete(room) } }, "Delete the room…"),
    );
  }

  async #change(fields) {
    const { chat } = this.#page;
    const room = await chat.api.rooms.change(this.#roomId, fields);
    chat.rooms?.onRoom({ room });
  }

  async #tried(work) {
    try {
      await work();
      this.#draw();
      return true;
    } catch (error) {
      if (!this.#root.isConnected) {
        this.#page.failed(error);
        return false;
      }
      const details = error.code === "validation_failed" ? error.details : {};
      this.#draw(Object.keys(details).length > 0 ? details : { form: error.message });
      return false;
    }
  }

  async #submit(event) {
    event.preventDefault();
    const { name, description, maxUsers, slowModeS, isPrivate } = event.target.elements;
    const fields = {
      name: name.value.trim(),
      description: description.value.trim(),
      maxUsers: Number(maxUsers.value),
      slowModeS: Number(slowModeS.value),
      isPrivate: isPrivate.checked,
    };
    const { room } = this.#page.chat.rooms.get(this.#roomId);
    const before = Object.fromEntries(Object.keys(fields).map((key) => [key, room[key]]));
    if (!(await this.#tried(() => this.#change(fields)))) return;
    if (this.#root.isConnected) this.#closeDialog();
    this.#page.done("Saved.", () => this.#change(before));
  }

  async #delete(room) {
    const { rooms } = this.#page.chat.api;
    const { memberCount } = await rooms.get(room.id).catch(() => room); // the count that is held may be old
    const who = memberCount === 1 ? "you, its one member" : `all ${memberCount.toLocaleString()} members`;
    const text = `Its messages and files, invite links and integrations are lost to ${who}, for good.`;
    const question = { title: `Delete ${room.name}?`, text, action: "Delete", isDanger: true, typed: room.name };
    if (!(await this.#page.confirm(question))) return;
    if (await this.#tried(() => rooms.delete(room.id))) this.#closeDialog();
  }
}
