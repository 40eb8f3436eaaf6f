-- What was done with Rollcall, and by whom. Rows are only ever added; each has the hash of the one before it in its own.
CREATE TABLE audit (
    -- Consecutive from 1, without gaps: a sequence would leave some.
    id               BIGINT PRIMARY KEY,
    at               TIMESTAMPTZ NOT NULL,
    -- Such as cli:maria, or the name of an administrator.
    who              TEXT NOT NULL,
    -- No references: what was done to somebody stays known when they are gone.
    administrator_id BIGINT,
    organization_id  BIGINT,
    action           TEXT NOT NULL,
    -- What it was done to, such as: run 7
    subject          TEXT NOT NULL,
    -- JSON object, its keys in order.
    detail           TEXT NOT NULL,
    address          TEXT,
    previous         TEXT NOT NULL,
    hash             TEXT NOT NULL
);

-- The last row's number and hash, in at most one row: whoever adds to the log locks this, and rows that were cut off
-- leave a trace here.
CREATE TABLE audit_head (
    id     BIGINT PRIMARY KEY CHECK (id = 1),
    number BIGINT NOT NULL,
    hash   TEXT NOT NULL
);

CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit log cannot be changed'; END $$;

CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_head_no_return BEFORE UPDATE ON audit_head
    FOR EACH ROW WHEN (NEW.number < OLD.number) EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_head_no_delete BEFORE DELETE ON audit_head
    FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_head_no_truncate BEFORE TRUNCATE ON audit_head
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
