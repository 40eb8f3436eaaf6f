-- Files that administrators have sent, to be used within a day or so: as the rows of a run, or as users to be imported.
CREATE TABLE uploads (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    name             TEXT NOT NULL,
    -- Bytes so far.
    size             INTEGER NOT NULL DEFAULT 0,
    -- SHA-256 in hexadecimal digits; null: it is not there as a whole, and for nobody yet.
    hash             TEXT,
    administrator    TEXT NOT NULL,
    administrator_id INTEGER,
    -- JSON list of the organizations for whose administrators it is there; null: everywhere.
    organizations    TEXT,
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL
) STRICT;

-- No reference: a long file is removed in steps, after its row.
CREATE TABLE upload_parts (
    upload_id INTEGER NOT NULL,
    -- From 1.
    number    INTEGER NOT NULL,
    bytes     BLOB NOT NULL,
    PRIMARY KEY (upload_id, number)
) STRICT;
