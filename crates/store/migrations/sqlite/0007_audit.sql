-- What was done with Rollcall, and by whom. Rows are only ever added; each has the hash of the one before it in its own.
CREATE TABLE audit (
    -- Consecutive from 1, without gaps.
    id               INTEGER PRIMARY KEY,
    at               INTEGER NOT NULL,
    -- Such as cli:maria, or the name of an administrator.
    who              TEXT NOT NULL,
    -- No references: what was done to somebody stays known when they are gone.
    administrator_id INTEGER,
    organization_id  INTEGER,
    action           TEXT NOT NULL,
    -- What it was done to, such as: run 7
    subject          TEXT NOT NULL,
    -- JSON object, its keys in order.
    detail           TEXT NOT NULL,
    address          TEXT,
    previous         TEXT NOT NULL,
    hash             TEXT NOT NULL
) STRICT;

-- The last row's number and hash, in at most one row: whoever adds to the log locks this, and rows that were cut off
-- leave a trace here.
CREATE TABLE audit_head (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL,
    hash   TEXT NOT NULL
) STRICT;

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END;
-- INSERT OR REPLACE deletes without a word to the trigger above.
CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END;
CREATE TRIGGER audit_head_no_return BEFORE UPDATE ON audit_head WHEN NEW.number < OLD.number
BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END;
CREATE TRIGGER audit_head_no_delete BEFORE DELETE ON audit_head
BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END;
