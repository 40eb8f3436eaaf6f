-- That somebody has said yes to the plan of a preview, of exactly this hash. Rows are only ever added.
CREATE TABLE approvals (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    -- No references, as everywhere to runs; and who it was stays known when they are gone.
    run_id           INTEGER NOT NULL,
    plan             TEXT NOT NULL,
    administrator_id INTEGER,
    -- Such as cli:maria, or the name of an administrator.
    who              TEXT NOT NULL,
    at               INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX approvals_once ON approvals (run_id, plan, who, coalesce(administrator_id, 0));

CREATE TRIGGER approvals_no_update BEFORE UPDATE ON approvals
BEGIN SELECT RAISE(ABORT, 'approvals cannot be changed'); END;
CREATE TRIGGER approvals_no_delete BEFORE DELETE ON approvals
BEGIN SELECT RAISE(ABORT, 'approvals cannot be changed'); END;
-- INSERT OR REPLACE deletes without a word to the trigger above.
CREATE TRIGGER approvals_no_replace BEFORE INSERT ON approvals
WHEN EXISTS (SELECT 1 FROM approvals WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'approvals cannot be changed'); END;
