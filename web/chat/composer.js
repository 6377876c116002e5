/** The message field: Enter sends, Shift+Enter inserts a new line; one draft per room; a counter near the limit. */

import { CONTENT_MAX } from "../client/chat-client.js";
import { byId, setText } from "../ui/dom.js";
import { lengthOf, mentionsIn } from "../ui/text.js";

const COUNT_FROM = CONTENT_MAX - 200;

export class Composer {
  #input = byId("composer");
  #roomId = null;
  #drafts = new Map();

  constructor({ chat, page, timeline }) {
    this.chat = chat;
    this.page = page;
    this.timeline = timeline;
    byId("composer-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#send();
    });
    this.#input.addEventListener("input", () => this.#typed());
    this.#input.addEventListener("blur", () => chat.presence?.stopTyping(this.#roomId));
  }

  focus() {
    this.#input.focus();
  }

  /** Called when the page shows another room. */
  show() {
    const { roomId } = this.page;
    if (roomId === this.#roomId) return;
    if (this.#roomId) {
      this.#drafts.set(this.#roomId, this.#input.value);
      this.chat.presence?.stopTyping(this.#roomId);
    }
    this.#roomId = roomId;
    this.#input.value = this.#drafts.get(roomId) ?? "";
    this.#fit();
  }

  #typed() {
    this.#fit();
    if (this.#input.value.trim()) this.chat.presence.typing(this.#roomId);
    else this.chat.presence.stopTyping(this.#roomId);
  }

  #send() {
    const content = this.#input.value.trim();
    if (!content || !this.#roomId || lengthOf(content) > CONTENT_MAX) return this.focus();
    const mentions = mentionsIn(content, this.timeline.idsByName());
    try {
      this.chat.send(this.#roomId, content, { mentions });
    } catch (error) {
      this.page.toast(error.message);
      return;
    }
    this.#input.value = "";
    this.#fit();
    this.timeline.toLatest();
  }

  /** Put the text of a failed message before the draft, to be edited. */
  insert(content) {
    this.#input.value = this.#input.value.trim() ? `${content}\n${this.#input.value}` : content;
    this.#fit();
    this.focus();
  }

  #fit() {
    this.#input.style.height = "auto";
    this.#input.style.height = `${this.#input.scrollHeight + 2}px`;
    const length = lengthOf(this.#input.value.trim());
    const over = length > CONTENT_MAX;
    const left = CONTENT_MAX - length;
    setText(
      byId("composer-count"),
      length < COUNT_FROM ? "" : over ? `${-left} characters too many` : `${left} characters left`,
    );
    byId("composer-count").classList.toggle("over", over);
    if (over) this.#input.setAttribute("aria-invalid", "true");
    else this.#input.removeAttribute("aria-invalid");
    byId("send").disabled = over;
  }
}
