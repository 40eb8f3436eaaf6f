-- How administrators prove who they are. A database quotes the row that it refuses, so no rule here depends on what is
-- in one: whoever writes it has checked it.
CREATE TABLE passwords (
    administrator_id INTEGER PRIMARY KEY REFERENCES administrators,
    -- Argon2id with its costs and its salt, as a PHC string.
    hash             TEXT NOT NULL,
    changed_at       INTEGER NOT NULL
) STRICT;

-- The authenticator of an administrator who has one.
CREATE TABLE authenticators (
    administrator_id INTEGER PRIMARY KEY REFERENCES administrators,
    -- In base32, as it is: only who can make a code can check one. Whoever reads this table can make codes, but needs
    -- the password besides, of which there is only a hash.
    secret           TEXT NOT NULL,
    -- Null: no code has shown yet that it works, so none is asked for.
    confirmed_at     INTEGER,
    -- Since 1970, in steps of 30 seconds: codes of this step and of those before count no more.
    last_step        INTEGER NOT NULL
) STRICT;

-- What helps who has lost it: SHA-256 of codes, each for one time.
CREATE TABLE recovery_codes (
    administrator_id INTEGER NOT NULL REFERENCES administrators,
    hash             TEXT NOT NULL,
    used_at          INTEGER,
    PRIMARY KEY (administrator_id, hash)
) STRICT;

-- Who is signed in. The token, of 256 random bits, is only with the browser; this is its SHA-256.
CREATE TABLE sessions (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Without a reference: a copy empties what it fills, and this is no part of it.
    administrator_id INTEGER NOT NULL,
    hash             TEXT NOT NULL UNIQUE,
    created_at       INTEGER NOT NULL,
    seen_at          INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    address          TEXT NOT NULL,
    agent            TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_by_administrator ON sessions (administrator_id);

-- Keys with which programs act for an administrator. Again only the SHA-256 of 256 random bits is here.
CREATE TABLE api_tokens (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    administrator_id INTEGER NOT NULL REFERENCES administrators,
    name             TEXT NOT NULL,
    hash             TEXT NOT NULL,
    -- Names of rights, with commas between them.
    scopes           TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    last_used_at     INTEGER,
    revoked_at       INTEGER
) STRICT;
CREATE INDEX api_tokens_by_administrator ON api_tokens (administrator_id);

-- Attempts to sign in that have failed, or are not through yet: under a name (two bytes of its hash), from an address.
CREATE TABLE failures (
    key           TEXT PRIMARY KEY,
    count         INTEGER NOT NULL,
    last_at       INTEGER NOT NULL,
    blocked_until INTEGER
) STRICT;
CREATE INDEX failures_by_age ON failures (last_at);

-- The link with which the first administrator is made: at most one row, of the last that was printed. SHA-256 again.
CREATE TABLE set_up_links (
    id         INTEGER PRIMARY KEY,
    hash       TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT;
