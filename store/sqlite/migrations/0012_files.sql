-- An avatar is read by everybody, and is no orphan though no message shows it.
ALTER TABLE files ADD COLUMN is_avatar INTEGER NOT NULL DEFAULT 0;

-- In how many messages a file is shown. Triggers count, so that older processes do so too.
ALTER TABLE files ADD COLUMN posts INTEGER NOT NULL DEFAULT 0;
UPDATE files SET posts = (SELECT count(*) FROM file_posts WHERE file_id = files.id);
CREATE TRIGGER file_shown AFTER INSERT ON file_posts
BEGIN
    UPDATE files SET posts = posts + 1 WHERE id = new.file_id;
END;
CREATE TRIGGER file_no_longer_shown AFTER DELETE ON file_posts
BEGIN
    UPDATE files SET posts = posts - 1 WHERE id = old.file_id;
END;
CREATE INDEX files_not_shown ON files (created_at) WHERE posts = 0 AND is_avatar = 0;

-- What a user has stored, without reading the rows.
CREATE INDEX files_by_owner_and_size ON files (owner_id, size);

-- Files whose bytes are on disk without a description: it is not stored yet, or not any more.
CREATE TABLE undescribed_files (
    file_id TEXT PRIMARY KEY,
    since   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX undescribed_files_by_age ON undescribed_files (since);
