/** Chooses an emoji: those used lately, by category, or by a word. */

import { h, patch } from "../../ui/view.js";
import { loadEmoji } from "../../ui/emoji.js";
import { NARROW } from "../../ui/narrow.js";
import { RecentEmoji } from "./recent-emoji.js";

const COLUMNS = 8;
const FOUND_MAX = 64;

/** Resolves to the chosen emoji, or null. `anchor`: the element that the picker belongs to. */
export async function openEmojiPicker({ anchor, page }) {
  const table = await loadEmoji();
  return new Promise(
    (resolve) => void new EmojiPicker({ anchor, table, recent: new RecentEmoji(page.chat.user.id), resolve }),
  );
}

class EmojiPicker {
  #dialog = document.createElement("dialog");
  #table;
  #recent;
  #query = "";
  #chosen = null;

  constructor({ anchor, table, recent, resolve }) {
    this.#table = table;
    this.#recent = recent;
    const dialog = this.#dialog;
    dialog.className = "menu-layer";
    dialog.setAttribute("aria-label", "Choose an emoji");
    document.body.append(dialog);
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (anchor?.isConnected) anchor.focus();
      resolve(this.#chosen);
    });
    this.#draw();
    dialog.showModal();
    this.#place(anchor);
    dialog.querySelector("input").focus();
  }

  #place(anchor) {
    if (NARROW.matches) return;
    const box = /** @type {HTMLElement} */ (this.#dialog.firstElementChild);
    const { width, height } = box.getBoundingClientRect();
    const from = anchor.getBoundingClientRect();
    box.style.setProperty("left", `${Math.max(8, Math.min(from.left, innerWidth - width - 8))}px`);
    box.style.setProperty("top", `${Math.max(8, Math.min(from.bottom + 4, innerHeight - height - 8))}px`);
  }

  #draw() {
    const search = {
      type: "text",
      role: "searchbox",
      "aria-label": "Search emoji",
      placeholder: "Search emoji",
      autocomplete: "off",
      on: {
        input: ({ target }) => {
          this.#query = target.value;
          this.#draw();
        },
        keydown: (event) => {
          if (event.key !== "Enter") return;
          event.preventDefault();
          this.#buttons[0]?.click();
        },
      },
    };
    patch(
      this.#dialog,
      h("div", { class: "menu emoji-picker", on: { keydown: (event) => this.#move(event) } }, [
        h("input", search),
        h(
          "div",
          { class: "emoji-scroll" },
          this.#groups().map(([name, entries]) => this.#group(name, entries)),
        ),
      ]),
    );
  }

  #groups() {
    if (this.#query.trim()) return [["Found", this.#table.search(this.#query, FOUND_MAX)]];
    const lately = this.#recent.all.map((emoji) => ({ emoji, shortcodes: [] }));
    const groups = this.#table.categories.map(({ name, entries }) => [name, entries]);
    return lately.length > 0 ? [["Used lately", lately], ...groups] : groups;
  }

  #group(name, entries) {
    const button = ({ emoji, shortcodes }) => {
      const label = shortcodes[0]?.replaceAll("_", " ") ?? emoji;
      const attributes = {
        key: emoji,
        type: "button",
        class: "emoji",
        "aria-label": label,
        title: label,
        tabindex: "-1",
      };
      return h("button", { ...attributes, on: { click: () => this.#choose(emoji) } }, emoji);
    };
    const nothing = entries.length === 0 && h("p", { class: "hint" }, "No emoji is called so.");
    return h("section", { key: name, "aria-label": name }, [
      h("h3", {}, name),
      h("div", { class: "emoji-grid" }, entries.map(button)),
      nothing,
    ]);
  }

  #choose(emoji) {
    this.#recent.add(emoji);
    this.#chosen = emoji;
    this.#dialog.close();
  }

  get #buttons() {
    return [.../** @type {NodeListOf<HTMLButtonElement>} */ (this.#dialog.querySelectorAll(".emoji-grid button"))];
  }

  #move(event) {
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: COLUMNS, ArrowUp: -COLUMNS };
    const isTyping = event.target instanceof HTMLInputElement;
    if (!(event.key in steps) || (isTyping && event.key !== "ArrowDown")) return;
    event.preventDefault();
    const all = this.#buttons;
    const at = isTyping ? -1 : all.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    const next = isTyping ? 0 : at + steps[event.key];
    if (next < 0) this.#dialog.querySelector("input").focus();
    else all[Math.min(next, all.length - 1)]?.focus();
  }
}
