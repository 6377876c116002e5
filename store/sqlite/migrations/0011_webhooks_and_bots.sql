-- bot_room_id: of a bot's user, the only room that it may be in, '' once the bot is removed; NULL for a person.
ALTER TABLE users ADD COLUMN bot_room_id TEXT;

-- Also for programs of before this, which know no bots.
CREATE TRIGGER members_not_bots_of_others BEFORE INSERT ON members
WHEN NEW.room_id <> (SELECT bot_room_id FROM users WHERE id = NEW.user_id)
BEGIN SELECT RAISE(IGNORE); END;

-- Where a program of before this gives a bot the room of an owner who left, the longest-standing moderator, else person, gets it.
CREATE TRIGGER rooms_not_of_bots AFTER UPDATE OF owner_id ON rooms
WHEN NEW.owner_id IS NOT OLD.owner_id AND EXISTS (SELECT 1 FROM users WHERE id = NEW.owner_id AND bot_room_id IS NOT NULL)
BEGIN
    UPDATE rooms SET owner_id = (
        SELECT m.user_id FROM members m JOIN users u ON u.id = m.user_id
        WHERE m.room_id = NEW.id AND u.bot_room_id IS NULL
        ORDER BY CASE m.role WHEN 'owner' THEN 0 WHEN 'moderator' THEN 1 ELSE 2 END, m.joined_rev LIMIT 1
    ) WHERE id = NEW.id;
    UPDATE members SET role = 'owner'
    WHERE room_id = NEW.id AND user_id = (SELECT owner_id FROM rooms WHERE id = NEW.id);
END;
CREATE TRIGGER members_no_role_of_bots BEFORE UPDATE OF role ON members
WHEN NEW.role <> 'member' AND EXISTS (SELECT 1 FROM users WHERE id = NEW.user_id AND bot_room_id IS NOT NULL)
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
