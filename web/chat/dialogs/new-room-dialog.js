/** Makes a room. */

import { enterRoom } from "./enter-room.js";
import { h, patch } from "../../ui/view.js";
import { openDialog } from "../../ui/dialog.js";
import { refusalText } from "../refusal.js";

const LABELS = { name: "The name", description: "The description" };

export function openNewRoomDialog({ page }) {
  return openDialog({
    title: "New room",
    mount: ({ body, close }) => void new NewRoomForm({ root: body, page, close }),
  });
}

class NewRoomForm {
  #root;
  #page;
  #close;
  #error = "";
  #isBusy = false;

  constructor({ root, page, close }) {
    this.#root = root;
    this.#page = page;
    this.#close = close;
    this.#draw();
  }

  #draw() {
    const name = { name: "name", autocomplete: "off", maxlength: 80, required: true, autofocus: true, dir: "auto" };
    const about = { name: "description", autocomplete: "off", maxlength: 500, dir: "auto" };
    patch(
      this.#root,
      h(
        "form",
        { novalidate: true, class: "form", on: { submit: (event) => this.#submit(event) } },
        h("label", {}, "Name", h("input", name)),
        h("label", {}, "What is it about? ", h("span", { class: "optional" }, "(optional)"), h("input", about)),
        h(
          "label",
          { class: "check" },
          h("input", { type: "checkbox", name: "private" }),
          h("span", {}, "Private: only people who are invited can see it"),
        ),
        h("p", { class: "form-error", role: "alert" }, this.#error),
        h(
          "div",
          { class: "dialog-actions" },
          h("button", { type: "button", on: { click: () => this.#close() } }, "Cancel"),
          h("button", { type: "submit", class: "primary", disabled: this.#isBusy }, "Make room"),
        ),
      ),
    );
  }

  async #submit(event) {
    event.preventDefault();
    if (this.#isBusy) return;
    const { name, description, private: isPrivate } = event.target.elements;
    if (!name.value.trim()) {
      this.#show("Give the room a name.");
      return name.focus();
    }
    this.#isBusy = true;
    this.#show("");
    const fields = { name: name.value.trim(), description: description.value.trim(), isPrivate: isPrivate.checked };
    try {
      const room = await this.#page.chat.createRoom(fields);
      const close = () => this.#close(room);
      enterRoom({ page: this.#page, root: this.#root, roomId: room.id, told: `${room.name} is made.`, close });
    } catch (error) {
      if (!this.#root.isConnected) return this.#page.failed(error);
      this.#isBusy = false;
      const [name, label] = Object.entries(LABELS).find(([field]) => error.details?.[field]) ?? [];
      this.#show(name ? refusalText(label, error.details[name]) : error.message);
    }
  }

  #show(error) {
    this.#error = error;
    this.#draw();
  }
}
