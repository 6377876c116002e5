-- What the metrics were, minute by minute. source: which process, under a name that outlives a restart; minute: since the epoch.
-- By its key a metric's minutes lie side by side, which is how they are read.
CREATE TABLE monitoring (
    source  TEXT NOT NULL,
    metric  TEXT NOT NULL,
    minute  INTEGER NOT NULL,
    least   REAL NOT NULL,
    total   REAL NOT NULL,
    most    REAL NOT NULL,
    samples INTEGER NOT NULL,
    PRIMARY KEY (source, metric, minute)
) STRICT, WITHOUT ROWID;
CREATE INDEX monitoring_by_age ON monitoring (minute);
