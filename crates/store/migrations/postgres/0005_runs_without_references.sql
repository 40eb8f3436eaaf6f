-- Many commit outcomes of one run at the same time. What refers to the run locks its row, together with all others who do,
-- and whoever waits for the row to count outcomes then waits for each of them anew instead of in a queue: of 200 who
-- share a run some got no turn for minutes. Runs are never removed, so nothing is lost; and a list of a million targets is
-- frozen without looking for its run a million times.
ALTER TABLE targets DROP CONSTRAINT targets_run_id_fkey;
ALTER TABLE outcomes DROP CONSTRAINT outcomes_run_id_fkey;
ALTER TABLE planned_names DROP CONSTRAINT planned_names_run_id_fkey;
ALTER TABLE chunks DROP CONSTRAINT chunks_run_id_fkey;
