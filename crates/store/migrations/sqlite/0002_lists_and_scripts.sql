-- How the targets of a run were chosen: JSON, see domain::Selection.
ALTER TABLE runs ADD COLUMN selection TEXT NOT NULL DEFAULT '"all"';
UPDATE runs SET selection = json_object('filter', json_object('name', NULL, 'text', filter)) WHERE filter IS NOT NULL;
ALTER TABLE runs DROP COLUMN filter;
-- The number of the saved script's version; null for a file.
ALTER TABLE runs ADD COLUMN script_version INTEGER;
-- JSON object: the parameters that the script was given.
ALTER TABLE runs ADD COLUMN params TEXT NOT NULL DEFAULT '{}';
-- JSON list: the columns of the rows that were chosen; null when the targets have no rows.
ALTER TABLE runs ADD COLUMN columns TEXT;
-- Whether a user is the target of several rows.
ALTER TABLE runs ADD COLUMN repeats INTEGER NOT NULL DEFAULT 0 CHECK (repeats IN (0, 1));

-- JSON list: the cells of the target's row, under the run's columns.
ALTER TABLE targets ADD COLUMN cells TEXT;
-- The last target before this one that has the same user.
ALTER TABLE targets ADD COLUMN prior INTEGER;

CREATE TABLE filters (
    name          TEXT PRIMARY KEY,
    text          TEXT NOT NULL,
    administrator TEXT NOT NULL,
    saved_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A removed script keeps its versions, and its name its numbering.
CREATE TABLE scripts (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL UNIQUE,
    removed_at INTEGER
) STRICT;

-- Written once, never changed.
CREATE TABLE script_versions (
    script_id     INTEGER NOT NULL REFERENCES scripts,
    number        INTEGER NOT NULL,
    source        TEXT NOT NULL,
    administrator TEXT NOT NULL,
    saved_at      INTEGER NOT NULL,
    note          TEXT NOT NULL,
    PRIMARY KEY (script_id, number)
) STRICT;

-- Who has this attribute, with this value: filters ask.
CREATE INDEX user_items_by_value ON user_items (attr, value);
