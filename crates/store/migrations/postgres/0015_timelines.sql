-- The twin of sqlite/0015_timelines.sql, which says what it is; 0005 says why it refers to runs without a reference.
CREATE TABLE timelines (
    run_id    BIGINT NOT NULL,
    tenth     BIGINT NOT NULL,
    changed   BIGINT NOT NULL,
    unchanged BIGINT NOT NULL,
    skipped   BIGINT NOT NULL,
    failed    BIGINT NOT NULL,
    timed_out BIGINT NOT NULL,
    conflict  BIGINT NOT NULL,
    PRIMARY KEY (run_id, tenth)
);
