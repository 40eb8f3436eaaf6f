-- The last run of a script: its list shows it for each.
CREATE INDEX runs_by_script ON runs (script, id);
