-- From which row of messages on none is in the index of words: new ones are indexed behind their commit. No row here: all are indexed.
-- Programs of before this index in the commit and do not know it; so it is used only while no other process may write messages.
CREATE TABLE search_pending (
    id  INTEGER PRIMARY KEY CHECK (id = 1),
    row INTEGER NOT NULL
) STRICT;
