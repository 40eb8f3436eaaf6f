-- How many outcomes of each kind a run got when: `tenth` counts tenths of seconds since 1970. A row for each moment in
-- which somebody committed, so never more than outcomes.
CREATE TABLE timelines (
    run_id    INTEGER NOT NULL REFERENCES runs,
    tenth     INTEGER NOT NULL,
    changed   INTEGER NOT NULL,
    unchanged INTEGER NOT NULL,
    skipped   INTEGER NOT NULL,
    failed    INTEGER NOT NULL,
    timed_out INTEGER NOT NULL,
    conflict  INTEGER NOT NULL,
    PRIMARY KEY (run_id, tenth)
) STRICT, WITHOUT ROWID;
