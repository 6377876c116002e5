/** REST requests about rooms: settings, members, invite links, moderation, webhooks and bots. All throw ChatError. */

const of = (roomId, ...parts) => ["rooms", roomId, ...parts].map(encodeURIComponent).join("/");

export class RoomApi {
  constructor(api) {
    this.api = api;
  }

  /** One page of the rooms that the user may see: `{rooms, nextCursor}`. */
  find({ q = "", cursor = null, limit = null } = {}) {
    return this.api.get("rooms", { q, cursor, limit });
  }

  /** `fields`: `{name, description, isPrivate, maxUsers}`. Returns the room, as do `direct`, `get`, `join`, `invite`. */
  async create(fields) {
    return (await this.api.post("rooms", fields)).room;
  }

  /** Open the direct room with a person. */
  async direct(userId) {
    return (await this.api.post("rooms/direct", { userId })).room;
  }

  async get(roomId) {
    return (await this.api.get(of(roomId))).room;
  }

  /** `fields`: `{name, description, isPrivate, maxUsers, slowModeS, archived}`. Returns the room. */
  async change(roomId, fields) {
    return (await this.api.patch(of(roomId), fields)).room;
  }

  delete(roomId) {
    return this.api.delete(of(roomId));
  }

  stats(roomId) {
    return this.api.get(of(roomId, "stats"));
  }

  /** The entries of the changes log above `since`, a rev: `{changes, rev, hasMore}`. */
  changes(roomId, { since = 0, limit = null } = {}) {
    return this.api.get(of(roomId, "changes"), { since, limit });
  }

  // ---- members ------------------------------------------------------------------------------------------------------

  async join(roomId) {
    return (await this.api.post(of(roomId, "join"))).room;
  }

  leave(roomId) {
    return this.api.post(of(roomId, "leave"));
  }

  async invite(roomId, userId) {
    return (await this.api.post(of(roomId, "members"), { userId })).room;
  }

  /** One page of the members, with `q` of those whose user names begin with it: `{members, nextCursor}`. */
  members(roomId, { q = "", cursor = null, limit = null } = {}) {
    return this.api.get(of(roomId, "members"), { q, cursor, limit });
  }

  /** `role`: owner, moderator or member. */
  setRole(roomId, userId, role) {
    return this.api.patch(of(roomId, "members", userId), { role });
  }

  /** `mutedUntil`: a time in RFC 3339; null ends the mute. */
  mute(roomId, userId, mutedUntil) {
    return this.api.patch(of(roomId, "members", userId), { mutedUntil });
  }

  remove(roomId, userId) {
    return this.api.delete(of(roomId, "members", userId));
  }

  /** `expiresIn` in seconds. */
  ban(roomId, userId, { reason = null, expiresIn = null } = {}) {
    return this.api.post(of(roomId, "bans", userId), { reason, expiresIn });
  }

  unban(roomId, userId) {
    return this.api.delete(of(roomId, "bans", userId));
  }

  /** A page of the bans: `{bans, nextCursor}`. */
  bans(roomId, { cursor = null } = {}) {
    return this.api.get(of(roomId, "bans"), { cursor });
  }

  /** A page of the audit trail: `{entries, nextCursor}`. */
  audit(roomId, { cursor = null } = {}) {
    return this.api.get(of(roomId, "audit"), { cursor });
  }

  reports(roomId, { cursor = null } = {}) {
    return this.api.get(of(roomId, "reports"), { cursor });
  }

  // ---- invite links -------------------------------------------------------------------------------------------------

  /** Make an invite link: `{code, url}`. `expiresIn` in seconds. */
  createInvite(roomId, { expiresIn = null, maxUses = null } = {}) {
    return this.api.post(of(roomId, "invites"), { expiresIn, maxUses });
  }

  async invites(roomId) {
    return (await this.api.get(of(roomId, "invites"))).invites;
  }

  deleteInvite(roomId, code) {
    return this.api.delete(of(roomId, "invites", code));
  }

  /** Join by an invite link; the event roomAdded puts the room on the list. */
  acceptInvite(code) {
    return this.api.post(`invites/${encodeURIComponent(code)}`);
  }

  // ---- webhooks and bots --------------------------------------------------------------------------------------------

  /** `kind`: webhooks or bots. `fields`: `{name}` of a webhook, `{username}` of a bot. The reply has its URL or token. */
  addIntegration(roomId, kind, fields) {
    return this.api.post(of(roomId, kind), fields);
  }

  integrations(roomId, kind) {
    return this.api.get(of(roomId, kind));
  }

  /** `id`: the webhook's, or the bot's user id. */
  removeIntegration(roomId, kind, id) {
    return this.api.delete(of(roomId, kind, id));
  }
}
