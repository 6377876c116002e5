/** The icon of the tab: one file for each state, with a dot where something is unread. */

const FILES = {
  none: new URL("./favicon.svg", import.meta.url).href,
  unread: new URL("./favicon-unread.svg", import.meta.url).href,
  mention: new URL("./favicon-mention.svg", import.meta.url).href,
};

export class FaviconBadge {
  #link;
  #shown = "none";

  /** `link`: the element that names the page's icon. */
  constructor({ link }) {
    this.#link = link;
  }

  /** `kind`: none, unread or mention. */
  show(kind) {
    if (kind === this.#shown || !this.#link) return;
    this.#shown = kind;
    this.#link.setAttribute("href", FILES[kind]);
  }
}
