/** REST requests about people: others, and the user's own profile, settings, sessions, blocks. All throw ChatError. */

const EXPORTED_WITHIN_MS = 600_000; // as long as the server takes at most

export class PeopleApi {
  constructor(api) {
    this.api = api;
  }

  /** People whose names begin with `q`. */
  async find(q, { limit = null } = {}) {
    return (await this.api.get("users", { q, limit })).users;
  }

  async get(userId) {
    return (await this.api.get(`users/${encodeURIComponent(userId)}`)).user;
  }

  /** Returns the user. */
  async changeProfile(fields) {
    return (await this.api.patch("users/me", fields)).user;
  }

  settings() {
    return this.api.get("users/me/settings");
  }

  /** `changes`: a merge patch (RFC 7396). Returns the settings. */
  changeSettings(changes) {
    return this.api.patch("users/me/settings", changes);
  }

  async sessions() {
    return (await this.api.get("auth/sessions")).sessions;
  }

  endSession(sessionId) {
    return this.api.delete(`auth/sessions/${encodeURIComponent(sessionId)}`);
  }

  /** The other sessions end. */
  changePassword(oldPassword, newPassword) {
    return this.api.post("auth/password", { oldPassword, newPassword });
  }

  /** Everything that the server has of the user, as a ZIP archive: a Blob. It may take minutes. */
  exportData({ signal = null } = {}) {
    return this.api.download("users/me/export", { signal, withinMs: EXPORTED_WITHIN_MS });
  }

  async blocked() {
    return (await this.api.get("users/me/blocks")).users;
  }

  block(userId) {
    return this.api.call("PUT", `users/me/blocks/${encodeURIComponent(userId)}`);
  }

  unblock(userId) {
    return this.api.delete(`users/me/blocks/${encodeURIComponent(userId)}`);
  }

  deleteAccount(password) {
    return this.api.call("DELETE", "users/me", { body: { password } });
  }
}
