/** What helps to write in a field: suggestions and the picker of emoji. Each is loaded when it is first wanted. */

import { loadEmoji } from "../../ui/emoji.js";
import { loadPart } from "./load-part.js";
import { insertText } from "./text-field.js";

const TRIGGERS = /[@:/]/;
const SHORTCODE = /(?:^|[\s(]):([a-z0-9_+-]{2,32}):$/i;

export class Assistance {
  #page;
  #roomId;
  #field;
  #listRoot;
  #completion = null;
  #isLoading = false;
  #closing = new AbortController();

  /** `listRoot()`: the element in which suggestions are drawn. */
  constructor({ page, roomId, field, listRoot }) {
    this.#page = page;
    this.#roomId = roomId;
    this.#field = field;
    this.#listRoot = listRoot;
  }

  close() {
    this.#closing.abort();
    this.#completion?.close();
  }

  /** Take a key for the suggestions; true: it is done with. */
  onKeyDown(event) {
    return this.#completion?.onKeyDown(event) ?? false;
  }

  /** Something was typed. */
  onInput(event) {
    if (!this.#completion && TRIGGERS.test(this.#field.value)) void this.complete();
    if (event.data === ":") void this.#replaceShortcode();
  }

  /** Look at the text again, which was changed by others than the field. */
  update() {
    this.#completion?.update();
  }

  /** Show suggestions for the word at the caret, if there are any. */
  async complete() {
    if (!this.#completion && !this.#isLoading) {
      this.#isLoading = true;
      const load = () => Promise.all([import("./completion.js"), import("./completion-sources.js")]);
      const modules = await this.#load(load, () => this.complete());
      this.#isLoading = false;
      if (!modules) return;
      const [{ Completion }, { sourcesOf }] = modules;
      const sources = sourcesOf({
        page: this.#page,
        roomId: this.#roomId,
        loadCommands: () => this.#load(() => import("./commands.js")),
        loadEmoji: () => this.#load(loadEmoji),
      });
      this.#completion = new Completion({ field: this.#field, root: this.#listRoot(), sources });
    }
    this.#completion?.update();
  }

  /** Let the reader pick an emoji, which goes to where the caret is. */
  async pickEmoji(anchor) {
    const again = () => this.pickEmoji(anchor);
    const picker = await this.#load(() => import("../message/emoji-picker.js"), again);
    const pick = () => picker.openEmojiPicker({ anchor, page: this.#page });
    const emoji = picker && (await this.#load(pick, again));
    if (emoji && !this.#closing.signal.aborted) insertText(this.#field, emoji);
  }

  /** The second colon of `:tada:` makes it an emoji. */
  async #replaceShortcode() {
    const { selectionStart: caret, value } = this.#field;
    const found = SHORTCODE.exec(value.slice(0, caret));
    const table = found && (await this.#load(loadEmoji));
    const text = table?.byShortcode(found[1]);
    if (!text || this.#field.value !== value || this.#field.selectionStart !== caret) return;
    insertText(this.#field, text, { from: caret - found[1].length - 2, to: caret });
  }

  #load(load, again = () => {}) {
    return loadPart(this.#page, load, { again, signal: this.#closing.signal });
  }
}
