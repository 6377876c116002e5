/**
 * Keys and the menu on the messages of a timeline, which is one stop of the Tab key: J, K and the arrows up and down
 * move between messages, left and right between what is in one, and others act on the one with the focus.
 */

import { isComposing, letterOf } from "../../ui/keys.js";
import { onLongPress } from "./long-press.js";

const CONTROLS = "button, a[href], pre";

export class TimelineKeys {
  #scroller;
  #itemsOf;
  #list;
  #actions;
  #leave;

  /** `itemsOf()`: the items that are shown. `list`: WindowList. `actions`: MessageActions. `leave()`: by Escape. */
  constructor({ scroller, itemsOf, list, actions, leave, signal }) {
    this.#scroller = scroller;
    this.#itemsOf = itemsOf;
    this.#list = list;
    this.#actions = actions;
    this.#leave = leave;
    scroller.addEventListener("keydown", (event) => this.#onKeyDown(event), { signal });
    scroller.addEventListener("contextmenu", (event) => this.#onContextMenu(event), { signal });
    onLongPress(scroller, (target, at) => this.#openMenu(target, at), { signal });
  }

  /** Give the focus to the last message on the screen; false if there is none. */
  focus() {
    return this.#focusRow(this.#lastVisible(this.#messages));
  }

  get #messages() {
    return this.#itemsOf().filter(({ kind }) => kind === "message");
  }

  #focusRow(item) {
    return item !== undefined && this.#list.focusRow(item.key);
  }

  #onKeyDown(event) {
    const { target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isComposing(event)) return;
    if (target.matches("textarea, input")) return;
    const isOnRow = target.matches("article") || target === this.#scroller;
    const key = letterOf(event);
    const isDone = this.#moveInside(target, key) || (isOnRow && this.#onRowKey(target, key));
    if (isDone) event.preventDefault();
  }

  #onRowKey(target, key) {
    const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[key];
    if (step) return this.#moveFocus(target, step);
    if (key === "Escape" && target !== this.#scroller) {
      this.#leave();
      return true;
    }
    const found = this.#found(target);
    return found !== null && !found.item.entry && this.#actions.onKey(key, found.item.message, found.row);
  }

  #moveFocus(from, step) {
    const messages = this.#messages;
    const at = from.dataset.clientId
      ? messages.findIndex(({ message }) => message.clientId === from.dataset.clientId)
      : messages.findIndex(({ message }) => message.id === from.dataset.id);
    const to = Math.max(0, Math.min(at + step, messages.length - 1));
    this.#focusRow(at === -1 ? this.#lastVisible(messages) : messages[to]);
    return true;
  }

  #lastVisible(messages) {
    const visible = new Set(this.#list.visibleKeys());
    return messages.findLast(({ key }) => visible.has(key)) ?? messages.at(-1);
  }

  /** Left and right, between a message and what is in it; Escape leads back to the message. */
  #moveInside(target, key) {
    const row = target.closest("article");
    const step = { ArrowRight: 1, ArrowLeft: -1, Escape: 0 }[key];
    if (!row || step === undefined || (target === row && step !== 1)) return false;
    const controls = [row, ...row.querySelectorAll(CONTROLS)].filter((one) => one.checkVisibility?.() ?? true);
    const next = step === 0 ? row : controls[Math.max(0, controls.indexOf(target) + step)];
    next?.focus();
    return true;
  }

  #onContextMenu(event) {
    const isByTouch = event.pointerType === "touch"; // the long press has opened it
    if (isByTouch ? this.#found(event.target) : this.#openMenu(event.target, { x: event.clientX, y: event.clientY }))
      event.preventDefault();
  }

  #openMenu(target, at) {
    const found = this.#found(target);
    const isText = target.closest("a, img, textarea, input") || !(document.getSelection()?.isCollapsed ?? true);
    if (!found || found.item.entry || found.item.message.deletedAt || isText) return false;
    this.#actions.openMenu(found.item.message, found.row, at);
    return true;
  }

  /** The row that a node lies in, and its item. */
  #found(node) {
    const row = this.#scroller.contains(node) ? node.closest("article[data-id]") : null;
    const item = row && this.#itemsOf().find(({ message }) => message?.id === row.dataset.id);
    return item ? { row, item } : null;
  }
}
