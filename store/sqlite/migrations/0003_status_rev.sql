-- status_rev: how often the user has chosen a status. It orders what processes tell each other of that.
ALTER TABLE users ADD COLUMN status_rev INTEGER NOT NULL DEFAULT 0;
