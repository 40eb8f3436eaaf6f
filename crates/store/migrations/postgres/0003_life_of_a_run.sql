-- JSON object: what the administrator wants of the execution, see domain::Settings.
ALTER TABLE runs ADD COLUMN settings TEXT NOT NULL DEFAULT '{"time_limit":5000}';
-- How many of the committed changes made a user inactive.
ALTER TABLE runs ADD COLUMN deactivated BIGINT NOT NULL DEFAULT 0;
-- JSON object: where the brakes start to count, see domain::Counts.
ALTER TABLE runs ADD COLUMN braked_from TEXT NOT NULL DEFAULT '{"finished":0,"failed":0,"changed":0,"deactivated":0}';
-- Of a preview: the hash of its plan so far.
ALTER TABLE runs ADD COLUMN plan TEXT;
-- Grows with every process that takes the run over: what an earlier one still writes is refused.
ALTER TABLE runs ADD COLUMN token BIGINT NOT NULL DEFAULT 1;
-- Until then nobody takes the run from its holder, unless that is dead.
ALTER TABLE runs ADD COLUMN leased_until TIMESTAMPTZ;
-- Who wants it to end.
ALTER TABLE runs ADD COLUMN cancelled_by TEXT;
-- When its targets and outcomes were removed to make room, or began to be.
ALTER TABLE runs ADD COLUMN pruned_at TIMESTAMPTZ;
CREATE INDEX runs_by_applies ON runs (applies) WHERE applies IS NOT NULL;
CREATE INDEX runs_by_undoes ON runs (undoes) WHERE undoes IS NOT NULL;

-- The target of the run whose plan or journal is replayed.
ALTER TABLE targets ADD COLUMN origin BIGINT;

-- When its changes were written; null when there are none, as in a preview.
ALTER TABLE outcomes ADD COLUMN written_at TIMESTAMPTZ;
-- The history of a user.
CREATE INDEX outcomes_by_user ON outcomes (user_id, run_id, seq) WHERE written_at IS NOT NULL;
CREATE INDEX edits_by_user ON edits (user_id, id);
