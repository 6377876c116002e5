import assert from "node:assert/strict";
import { test } from "node:test";

import { auditText } from "../../web/chat/panels/audit-text.js";

/** The sentence as a reader sees it, with people by their ids. */
function said(action, userId = null, details = {}, { by = "ann" } = {}) {
  const { parts, note } = auditText({ action, by, userId, details }, { locale: "en-GB" });
  const text = parts.map((part) => part.person ?? part.quote ?? part).join("");
  return note ? `${text} (${note})` : text;
}

test("what was done to a person is a sentence with its facts", () => {
  assert.equal(said("role", "bob", { role: "moderator", before: "member" }), "made bob a moderator, a member before");
  assert.equal(said("role", "bob", { role: "owner" }), "made bob the owner");
  assert.match(said("mute", "bob", { mutedUntil: "2999-01-01T12:00:00.000Z" }), /^muted bob until .*January 2999/);
  assert.equal(said("unmute", "bob"), "let bob write again");
  assert.equal(said("remove", "bob"), "removed bob");
  assert.equal(said("ban", "bob", { reason: "Puns", expiresAt: null }), "banned bob for good (Puns)");
  assert.match(said("ban", "bob", { reason: null, expiresAt: "2999-01-01T12:00:00.000Z" }), /^banned bob until [^(]+$/);
  assert.equal(said("unban", "bob"), "ended the ban of bob");
  assert.equal(said("invite", "bob"), "invited bob, as an administrator");
  assert.equal(said("message_edited", "bob", { messageId: "r-1" }), "edited a message of bob");
  assert.equal(said("message_deleted", "bob", { messageId: "r-1" }), "deleted a message of bob");
});

test("links, webhooks and bots are told by their names and numbers", () => {
  assert.equal(said("invite_link_made", null, { maxUses: null }), "made an invite link");
  assert.equal(said("invite_link_made", null, { maxUses: 1 }), "made an invite link for 1 use");
  assert.equal(said("invite_link_revoked", "bob"), "revoked an invite link of bob");
  assert.equal(said("invite_link_revoked", "ann"), "revoked an invite link of their own");
  assert.equal(said("webhook_made", "hook", { name: "Builds" }), "made the webhook Builds");
  assert.equal(said("webhook_revoked", "hook", { name: "Builds" }), "revoked the webhook Builds");
  assert.equal(said("bot_made", "bot", { username: "clock" }), "made the bot @clock");
  assert.equal(said("bot_revoked", "bot", { username: "clock" }), "revoked the bot @clock");
});

test("each changed setting of a room is told, and several are joined", () => {
  assert.equal(said("settings", null, { name: "Garden" }), "renamed the room to Garden");
  assert.equal(
    said("settings", null, { description: "", isPrivate: true, maxUsers: 50 }),
    "removed the description, made the room private and limited the room to 50 members",
  );
  assert.equal(
    said("settings", null, { description: "Herbs", isPrivate: false }),
    "changed the description to Herbs and made the room public",
  );
  assert.equal(said("settings", null, { slowModeS: 30 }), "set slow mode to one message in 30 seconds");
  assert.equal(said("settings", null, { slowModeS: 0, archived: true }), "ended slow mode and archived the room");
  assert.equal(said("settings", null, { archived: false }), "opened the room again");
  assert.equal(said("settings", null, {}), "changed the settings");
});

test("an action, a setting or a role of a later version is told in its own words", () => {
  const details = { maxSize: 3, isLoud: true, list: [1], nothing: null };
  assert.equal(said("sound_changed", "bob", details), "sound changed bob (max size: 3, is loud: true)");
  assert.equal(said("sound_changed"), "sound changed");
  assert.equal(said("settings", null, { topicColor: "red" }), "set topic color to red");
  assert.equal(said("role", "bob", { role: "guest" }), "made bob guest");
  assert.equal(said("constructor"), "constructor");
  assert.equal(said("mute", "bob", null), "muted bob");
});
