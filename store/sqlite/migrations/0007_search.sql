-- The words of messages that are not plain ASCII, folded as common/text_folding.py does: words, with one space between them, which is
-- all that separates them here. messages_fts keeps the others, as they are written: of ASCII its tokenizer makes the same words. A message is
-- in one of the two. The text is not kept, and a row is deleted without it (contentless_delete).
CREATE VIRTUAL TABLE messages_folded USING fts5 (
    content, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 0 categories 'C* L* M* N* P* S*'"
);

-- Up to which row of messages those that a program of before this indexed as they are written have been moved to messages_folded.
CREATE TABLE search_progress (
    id  INTEGER PRIMARY KEY CHECK (id = 1),
    row INTEGER NOT NULL
) STRICT;
INSERT INTO search_progress VALUES (1, 0);

-- The messages with a file, which `has:file` reads room by room; few messages enter it.
CREATE INDEX messages_with_file ON messages (room_id)
WHERE extra IS NOT NULL AND json_extract(extra, '$.attachments[0]') IS NOT NULL AND deleted_at IS NULL;
