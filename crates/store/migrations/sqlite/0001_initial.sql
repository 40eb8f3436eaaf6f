-- Times are microseconds since 1970-01-01T00:00:00Z. Identifiers are never used again after a removal, so that an
-- old journal cannot come to mean somebody else (AUTOINCREMENT).

CREATE TABLE organizations (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE profiles (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    short_name TEXT NOT NULL UNIQUE
) STRICT;

-- kind: 0 reply item, 1 check item.
CREATE TABLE profile_items (
    profile_id INTEGER NOT NULL REFERENCES profiles ON DELETE CASCADE,
    kind       INTEGER NOT NULL CHECK (kind IN (0, 1)),
    position   INTEGER NOT NULL,
    attr       TEXT NOT NULL,
    operation  TEXT NOT NULL,
    value      TEXT NOT NULL,
    PRIMARY KEY (profile_id, kind, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    version         INTEGER NOT NULL DEFAULT 1,
    username        TEXT NOT NULL UNIQUE,
    username_length INTEGER NOT NULL,
    first_name      TEXT NOT NULL,
    last_name       TEXT NOT NULL,
    email           TEXT NOT NULL,
    external_id     TEXT NOT NULL,
    klass           TEXT NOT NULL,
    is_active       INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    date_joined     INTEGER NOT NULL,
    expiration      INTEGER,
    last_update     INTEGER NOT NULL,
    organization_id INTEGER NOT NULL REFERENCES organizations,
    avatar_url      TEXT NOT NULL,
    description     TEXT NOT NULL,
    -- Written by imports, read by the RADIUS views only: never shown and never sent to a script.
    password        TEXT
) STRICT;

CREATE INDEX users_by_email ON users (email);
CREATE INDEX users_by_external_id ON users (external_id);
CREATE INDEX users_by_klass ON users (klass);
CREATE INDEX users_by_expiration ON users (expiration);
CREATE INDEX users_by_organization ON users (organization_id);

-- Beside the users, so that logins do not wait for a run that writes users.
CREATE TABLE user_logins (
    user_id     INTEGER PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    first_login INTEGER,
    last_login  INTEGER
) STRICT;

CREATE TABLE user_profiles (
    user_id    INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    profile_id INTEGER NOT NULL REFERENCES profiles,
    priority   INTEGER NOT NULL,
    PRIMARY KEY (user_id, profile_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX user_profiles_by_profile ON user_profiles (profile_id);

-- The attributes (kind 0) and check attributes (kind 1) of users, in order of position, which may have gaps.
CREATE TABLE user_items (
    user_id   INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    kind      INTEGER NOT NULL CHECK (kind IN (0, 1)),
    position  INTEGER NOT NULL,
    attr      TEXT NOT NULL,
    operation TEXT NOT NULL,
    value     TEXT NOT NULL,
    PRIMARY KEY (user_id, kind, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    mode            TEXT NOT NULL CHECK (mode IN ('preview', 'apply')),
    state           TEXT NOT NULL CHECK (state IN ('selecting', 'running', 'stopped', 'cancelled', 'finished')),
    -- The process that executes it, to tell whether that still lives.
    holder          TEXT,
    script          TEXT NOT NULL,
    source          TEXT NOT NULL,
    -- The text of the filter; null when every user was chosen.
    filter          TEXT,
    administrator   TEXT NOT NULL,
    -- Null when the run may touch every organization.
    organization_id INTEGER REFERENCES organizations,
    applies         INTEGER REFERENCES runs,
    undoes          INTEGER REFERENCES runs,
    created_at      INTEGER NOT NULL,
    ended_at        INTEGER,
    millis          INTEGER NOT NULL DEFAULT 0,
    note            TEXT,
    targets         INTEGER NOT NULL DEFAULT 0,
    -- Every target up to this one has its outcome.
    cursor          INTEGER NOT NULL DEFAULT 0,
    changed         INTEGER NOT NULL DEFAULT 0,
    unchanged       INTEGER NOT NULL DEFAULT 0,
    skipped         INTEGER NOT NULL DEFAULT 0,
    failed          INTEGER NOT NULL DEFAULT 0,
    timed_out       INTEGER NOT NULL DEFAULT 0,
    conflict        INTEGER NOT NULL DEFAULT 0,
    -- Bytes of output kept so far.
    output_bytes    INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The frozen list. A removed user stays on it.
CREATE TABLE targets (
    run_id  INTEGER NOT NULL REFERENCES runs,
    seq     INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    PRIMARY KEY (run_id, seq)
) STRICT, WITHOUT ROWID;

-- One row a target that had its turn, written with its changes. A target without one was not run (yet).
CREATE TABLE outcomes (
    run_id          INTEGER NOT NULL REFERENCES runs,
    seq             INTEGER NOT NULL,
    user_id         INTEGER NOT NULL,
    -- Both as before the run; null when the user was gone.
    username        TEXT,
    organization_id INTEGER,
    outcome         TEXT NOT NULL,
    -- The version of the user that the outcome was computed on.
    version         INTEGER,
    -- JSON list of changes with before and after; null when there are none.
    journal         TEXT,
    -- JSON object; null when empty.
    result          TEXT,
    output          TEXT,
    -- JSON object: warnings, error, reason; null when there are none.
    notes           TEXT,
    micros          INTEGER NOT NULL,
    PRIMARY KEY (run_id, seq)
) STRICT, WITHOUT ROWID;

-- The names that a preview has given so far: in it, later targets find them taken and the old ones free.
CREATE TABLE planned_names (
    run_id   INTEGER NOT NULL REFERENCES runs,
    user_id  INTEGER NOT NULL,
    username TEXT NOT NULL,
    PRIMARY KEY (run_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX planned_names_by_name ON planned_names (run_id, username);

-- Changes that an administrator made by hand, with the same journal as a run's.
CREATE TABLE edits (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    at              INTEGER NOT NULL,
    administrator   TEXT NOT NULL,
    organization_id INTEGER NOT NULL,
    user_id         INTEGER NOT NULL,
    username        TEXT NOT NULL,
    journal         TEXT NOT NULL
) STRICT;

-- Facts about this installation, such as that its users are samples.
CREATE TABLE installation (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
