-- When a login began, whatever was refreshed since: it ends JWT_SESSION_MAX later. Those that stand begin now. NULL is of a program of
-- before this, which may run on the file again: such a session begins with its newest rotation.
ALTER TABLE sessions ADD COLUMN began_at INTEGER;
UPDATE sessions SET began_at = CAST(unixepoch('subsec') * 1000 AS INTEGER);

-- Where an account was good: a keyed hash, of which nobody without the server's secret can make an address.
CREATE TABLE known_addresses (
    user_id TEXT NOT NULL REFERENCES users (id),
    mark    TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, mark)
) STRICT, WITHOUT ROWID;
CREATE INDEX known_addresses_by_age ON known_addresses (seen_at);
