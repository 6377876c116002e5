-- What a client said of itself when it logged in. NULL: a login of a program of before this, or none was said.
ALTER TABLE sessions ADD COLUMN user_agent TEXT;

-- A user's settings, as JSON: what differs from the defaults.
CREATE TABLE settings (
    user_id  TEXT PRIMARY KEY REFERENCES users (id),
    document TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Whom a user blocked.
CREATE TABLE blocks (
    user_id    TEXT NOT NULL REFERENCES users (id),
    blocked_id TEXT NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, blocked_id)
) STRICT, WITHOUT ROWID;

-- Accounts that their owners deleted. Their row in users stays: it holds the name, which nobody gets again.
-- finished_at: when all that follows from the deletion was done; NULL before that.
CREATE TABLE ended_accounts (
    account_id  TEXT PRIMARY KEY REFERENCES users (id),
    ended_at    INTEGER NOT NULL,
    finished_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX ended_accounts_unfinished ON ended_accounts (ended_at) WHERE finished_at IS NULL;

-- Nobody makes a member of an ended account: no request that was under way, and no program of before this.
CREATE TRIGGER members_not_ended BEFORE INSERT ON members
WHEN NEW.user_id IN (SELECT account_id FROM ended_accounts)
BEGIN SELECT RAISE(IGNORE); END;
