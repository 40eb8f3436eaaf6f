-- The twin of sqlite/0014_pages.sql, which says why.
CREATE INDEX runs_by_script ON runs (script, id);
