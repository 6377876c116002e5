-- Settings of rooms, invite links.

-- is_settings: an entry without a message is of the room's settings; else it is of a membership.
ALTER TABLE changes ADD COLUMN is_settings INTEGER NOT NULL DEFAULT 0;

-- When the member last sent a message, for slow mode; NULL: before this was kept, or never.
ALTER TABLE members ADD COLUMN sent_at INTEGER;
