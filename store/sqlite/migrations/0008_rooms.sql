-- Settings of rooms, invite links.

-- is_settings: an entry without a message is of the room's settings; else it is of a membership.
ALTER TABLE changes ADD COLUMN is_settings INTEGER NOT NULL DEFAULT 0;

-- When the member last sent a message, for slow mode; NULL: before this was kept, or never.
ALTER TABLE members ADD COLUMN sent_at INTEGER;

-- Rooms that were deleted, while what belonged to them is removed in slices.
CREATE TABLE deleted_rooms (
    room_id    TEXT PRIMARY KEY,
    deleted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX deleted_rooms_by_time ON deleted_rooms (deleted_at);

-- What is deleted with a message, or a room, is found by it.
CREATE INDEX file_posts_by_message ON file_posts (room_id, seq);

-- Invite links. max_uses: NULL for any number; expires_at: NULL for one without end; used_up_at: when the last use was taken.
CREATE TABLE invites (
    code       TEXT PRIMARY KEY,
    room_id    TEXT NOT NULL,
    maker_id   TEXT NOT NULL,
    max_uses   INTEGER,
    uses       INTEGER NOT NULL DEFAULT 0,
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    used_up_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX invites_by_room ON invites (room_id, created_at);
CREATE INDEX invites_by_expiry ON invites (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX invites_used_up ON invites (used_up_at) WHERE used_up_at IS NOT NULL;
