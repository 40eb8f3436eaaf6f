-- How many outcomes of each kind a run got when: `tenth` counts tenths of seconds, of the time that it was executed. A row
-- for each in which somebody committed, after ten minutes for each ten seconds.
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
