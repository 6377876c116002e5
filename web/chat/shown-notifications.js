/**
 * What the browser shows by the service worker, for this server: one notification for each room, which outlives the
 * page. Its data say of whom, up to which message and of how many it is, and where a click leads.
 */

export class ShownNotifications {
  #prefix;

  /** `prefix`: of all names; each server of an origin has its own. */
  constructor({ prefix }) {
    this.#prefix = `${prefix}room `;
  }

  tagOf(roomId) {
    return this.#prefix + roomId;
  }

  /** The page's own service worker, or null: not yet, or never. */
  async registration() {
    const registration = await navigator.serviceWorker?.getRegistration().catch(() => null);
    const isOwn = registration?.scope === new URL(".", document.baseURI).href; // below a prefix it may be that of `/`
    return isOwn && registration.active ? registration : null;
  }

  async all() {
    const all = (await (await this.registration())?.getNotifications().catch(() => [])) ?? [];
    return all.filter(({ tag }) => tag.startsWith(this.#prefix));
  }

  /** Close those for whose data `isOver` holds; without it, all. */
  async close(isOver = (_data) => true) {
    for (const one of await this.all()) if (isOver(one.data)) one.close();
  }
}
