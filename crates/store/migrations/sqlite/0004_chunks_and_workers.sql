-- What of a run waits for its turn or has it: stretches of its targets, which lie one after the other without
-- overlapping. What is done of a run has none.
CREATE TABLE chunks (
    -- Another one whenever the chunk changes hands: what an earlier holder still writes is refused.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id INTEGER NOT NULL REFERENCES runs (id),
    -- The targets after this one...
    done INTEGER NOT NULL,
    -- ...up to this one have no outcome yet.
    last INTEGER NOT NULL CHECK (done < last),
    -- The process that executes it; none while it waits for one.
    holder TEXT,
    -- Until then nobody takes it from its holder.
    leased_until INTEGER,
    -- How long its holder takes for a target, in microseconds, once that is known.
    pace INTEGER
) STRICT;
CREATE INDEX chunks_by_run ON chunks (run_id, done);
CREATE INDEX chunks_by_holder ON chunks (holder) WHERE holder IS NOT NULL;
CREATE INDEX runs_to_do ON runs (id) WHERE state = 'running';

INSERT INTO chunks (run_id, done, last)
SELECT id, cursor, CASE WHEN cursor < json_extract(settings, '$.canary')
                        THEN min(json_extract(settings, '$.canary'), targets) ELSE targets END
FROM runs WHERE state IN ('selecting', 'running', 'stopped') AND cursor < targets ORDER BY id;

-- Up to which target the hash of a preview's plan reaches: of chunks that are done out of order only the first count.
ALTER TABLE runs ADD COLUMN planned INTEGER NOT NULL DEFAULT 0;
UPDATE runs SET planned = cursor;
-- A cancel ends a run at once, whoever executes it.
ALTER TABLE runs DROP COLUMN cancelled_by;

-- The processes that execute whatever run is there.
CREATE TABLE workers (
    -- The machine's boot, the process and when it started: unique, and it tells whether the process still lives.
    id TEXT PRIMARY KEY,
    started_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    -- How many scripts it executes at the same time.
    crew INTEGER NOT NULL,
    -- The run that it is at.
    run_id INTEGER,
    -- Outcomes that it has committed, and how many a second lately.
    committed INTEGER NOT NULL DEFAULT 0,
    speed INTEGER NOT NULL DEFAULT 0,
    -- It ends when its present work is put down.
    draining INTEGER NOT NULL DEFAULT 0
) STRICT;
