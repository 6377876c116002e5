-- bot_room_id: of a bot's user, the only room that it may be in, '' once the bot is removed; NULL for a person.
ALTER TABLE users ADD COLUMN bot_room_id TEXT;

-- Also for programs of before this, which know no bots.
CREATE TRIGGER members_not_bots_of_others BEFORE INSERT ON members
WHEN NEW.room_id <> (SELECT bot_room_id FROM users WHERE id = NEW.user_id)
BEGIN SELECT RAISE(IGNORE); END;

-- The bots that stand. session_id: the login that the bot's token is good for.
CREATE TABLE bots (
    user_id    TEXT PRIMARY KEY REFERENCES users (id),
    room_id    TEXT NOT NULL,
    session_id TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX bots_by_room ON bots (room_id, created_at);

-- token_hash: the SHA-256 of the token in the webhook's URL. user_id: the user as which it posts.
CREATE TABLE webhooks (
    id         TEXT PRIMARY KEY,
    room_id    TEXT NOT NULL,
    user_id    TEXT NOT NULL REFERENCES users (id),
    name       TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX webhooks_by_room ON webhooks (room_id, created_at);
