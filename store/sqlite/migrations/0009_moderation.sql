-- Bans, reports, the audit trail. n: the order within a room, which lists and their cursors follow.

-- Who may not become a member. expires_at: NULL for a ban without end.
CREATE TABLE bans (
    room_id    TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    by_id      TEXT NOT NULL,
    reason     TEXT,
    banned_at  INTEGER NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (room_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX bans_by_time ON bans (room_id, banned_at, user_id);
CREATE INDEX bans_by_expiry ON bans (expires_at) WHERE expires_at IS NOT NULL;

-- Also for programs of before this, which know no bans and run on the file during a rolling restart.
CREATE TRIGGER members_not_banned BEFORE INSERT ON members
WHEN EXISTS (
    SELECT 1 FROM bans
    WHERE room_id = NEW.room_id AND user_id = NEW.user_id AND (expires_at IS NULL OR expires_at > NEW.joined_at)
)
BEGIN SELECT RAISE(IGNORE); END;

-- Mutes of people who left before they ended: they go on when the person joins again.
CREATE TABLE kept_mutes (
    room_id     TEXT NOT NULL,
    user_id     TEXT NOT NULL,
    muted_until INTEGER NOT NULL,
    PRIMARY KEY (room_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX kept_mutes_by_end ON kept_mutes (muted_until);

-- Triggers, so that programs of before this keep mutes, too. One that is over is kept until the sweep.
CREATE TRIGGER members_keep_mute AFTER DELETE ON members WHEN OLD.muted_until IS NOT NULL
BEGIN INSERT OR REPLACE INTO kept_mutes VALUES (OLD.room_id, OLD.user_id, OLD.muted_until); END;
CREATE TRIGGER members_kept_mute AFTER INSERT ON members
WHEN EXISTS (SELECT 1 FROM kept_mutes WHERE room_id = NEW.room_id AND user_id = NEW.user_id)
BEGIN
    UPDATE members SET muted_until = k.muted_until FROM kept_mutes k
    WHERE members.room_id = NEW.room_id AND members.user_id = NEW.user_id
        AND k.room_id = NEW.room_id AND k.user_id = NEW.user_id AND k.muted_until > NEW.joined_at;
    DELETE FROM kept_mutes WHERE room_id = NEW.room_id AND user_id = NEW.user_id;
END;

-- message: JSON of the message as it was when it was reported. A person reports a message once.
CREATE TABLE reports (
    room_id     TEXT NOT NULL,
    n           INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    by_id       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    message     TEXT NOT NULL,
    reported_at INTEGER NOT NULL,
    PRIMARY KEY (room_id, n),
    UNIQUE (room_id, by_id, seq)
) STRICT;
CREATE INDEX reports_by_age ON reports (reported_at);

-- details: JSON, an object.
CREATE TABLE audit (
    room_id TEXT NOT NULL,
    n       INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    by_id   TEXT NOT NULL,
    action  TEXT NOT NULL,
    user_id TEXT,
    details TEXT NOT NULL,
    PRIMARY KEY (room_id, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_by_age ON audit (at);
