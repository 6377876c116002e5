-- The texts that edits replaced, by the rev of the edit that replaced each; edited_at: the time of that edit.
CREATE TABLE message_edits (
    room_id   TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    rev       INTEGER NOT NULL,
    content   TEXT NOT NULL,
    edited_at INTEGER NOT NULL,
    PRIMARY KEY (room_id, seq, rev)
) STRICT, WITHOUT ROWID;
