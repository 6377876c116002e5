-- A mention of all members is one row, with 'room' as its user_id (no id of a user is that). A deletion removes the mentions of a
-- message, and so far read all of them for it.
CREATE INDEX mentions_by_message ON mentions (room_id, seq);
