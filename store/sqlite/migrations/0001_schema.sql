-- Version 1. Times are integer milliseconds since the epoch. A message's id is not stored: it is room_id || '-' || seq.

CREATE TABLE users (
    id               TEXT PRIMARY KEY,
    username         TEXT NOT NULL,
    username_folded  TEXT NOT NULL UNIQUE,
    email            TEXT NOT NULL,
    email_folded     TEXT NOT NULL UNIQUE,
    password_hash    TEXT NOT NULL,
    display_name     TEXT NOT NULL,
    display_folded   TEXT NOT NULL,
    avatar_url       TEXT,
    text_color       TEXT,
    background_color TEXT,
    status           TEXT NOT NULL,
    custom_status    TEXT,
    created_at       INTEGER NOT NULL,
    disabled_at      INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX users_by_display ON users (display_folded);

CREATE TABLE sessions (
    id         TEXT PRIMARY KEY,
    user_id    TEXT NOT NULL REFERENCES users (id),
    generation INTEGER NOT NULL,
    rotated_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
CREATE INDEX sessions_revoked ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

-- n: the order of creation, which lists and their cursors follow. member_count moves with the members rows, in one transaction.
CREATE TABLE rooms (
    n            INTEGER PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    name         TEXT NOT NULL,
    name_folded  TEXT NOT NULL,
    description  TEXT,
    is_private   INTEGER NOT NULL,
    kind         TEXT NOT NULL,
    direct_key   TEXT UNIQUE,
    owner_id     TEXT,
    max_users    INTEGER NOT NULL,
    member_count INTEGER NOT NULL,
    slow_mode_s  INTEGER NOT NULL DEFAULT 0,
    archived_at  INTEGER,
    created_at   INTEGER NOT NULL,
    CHECK (member_count BETWEEN 0 AND max_users)
) STRICT;

-- joined_rev: the rev of the entry that made the membership: who has been here longest. username_folded: usernames never change.
CREATE TABLE members (
    room_id         TEXT NOT NULL REFERENCES rooms (id),
    user_id         TEXT NOT NULL REFERENCES users (id),
    username_folded TEXT NOT NULL,
    role            TEXT NOT NULL,
    read_seq        INTEGER NOT NULL,
    muted_until     INTEGER,
    joined_at       INTEGER NOT NULL,
    joined_rev      INTEGER NOT NULL,
    PRIMARY KEY (room_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_user ON members (user_id);
CREATE INDEX members_by_name ON members (room_id, username_folded);

-- extra: JSON of what few messages have (mentions, attachments, reactions); NULL when there is none.
-- room_id and user_id are not declared as references: the append checks membership, and the check would cost two look-ups a row.
CREATE TABLE messages (
    row        INTEGER PRIMARY KEY,
    room_id    TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    rev        INTEGER NOT NULL DEFAULT 0,
    user_id    TEXT NOT NULL,
    username   TEXT NOT NULL,
    type       TEXT NOT NULL DEFAULT 'text',
    content    TEXT,
    client_id  TEXT NOT NULL,
    reply_to   INTEGER,
    thread     INTEGER,
    extra      TEXT,
    created_at INTEGER NOT NULL,
    edited_at  INTEGER,
    deleted_at INTEGER,
    UNIQUE (room_id, seq),
    UNIQUE (room_id, client_id, user_id) -- in this order, ids that grow with time (ours do) touch few pages a commit
) STRICT;
CREATE INDEX messages_by_thread ON messages (room_id, thread, seq) WHERE thread IS NOT NULL;

-- External content: the words are indexed, the text is not kept twice. Only messages that have content are in it.
CREATE VIRTUAL TABLE messages_fts USING fts5 (content, content = 'messages', content_rowid = 'row', columnsize = 0, tokenize = 'unicode61');

-- The log of what changed in a room after it was written; message: the resulting message as JSON, NULL for membership and settings.
CREATE TABLE changes (
    room_id     TEXT NOT NULL,
    rev         INTEGER NOT NULL,
    message_seq INTEGER,
    message     TEXT,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (room_id, rev)
) STRICT, WITHOUT ROWID;
CREATE INDEX changes_by_age ON changes (created_at);

CREATE TABLE mentions (
    user_id TEXT NOT NULL,
    room_id TEXT NOT NULL,
    seq     INTEGER NOT NULL,
    PRIMARY KEY (user_id, room_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE reactions (
    room_id    TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    emoji      TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (room_id, seq, emoji, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE files (
    id            TEXT PRIMARY KEY,
    owner_id      TEXT NOT NULL REFERENCES users (id),
    name          TEXT NOT NULL,
    size          INTEGER NOT NULL,
    mime_type     TEXT NOT NULL,
    sha256        TEXT NOT NULL,
    width         INTEGER,
    height        INTEGER,
    has_thumbnail INTEGER NOT NULL DEFAULT 0,
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX files_by_owner ON files (owner_id);

-- Where a file was posted: the readers of those rooms may read it.
CREATE TABLE file_posts (
    file_id TEXT NOT NULL REFERENCES files (id),
    room_id TEXT NOT NULL,
    seq     INTEGER NOT NULL,
    PRIMARY KEY (file_id, room_id, seq)
) STRICT, WITHOUT ROWID;

-- What `ping` writes, to prove that writing works now.
CREATE TABLE pulse (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    written_at INTEGER NOT NULL
) STRICT;
