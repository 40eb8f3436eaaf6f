-- Filters, scripts and profiles belong to an organization, or to everybody: null. A name is there once for each owner;
-- a profile's is a group's for FreeRADIUS, and there once.
ALTER TABLE profiles ADD COLUMN organization_id INTEGER REFERENCES organizations;

CREATE TABLE owned_filters (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    organization_id INTEGER REFERENCES organizations,
    name            TEXT NOT NULL,
    text            TEXT NOT NULL,
    administrator   TEXT NOT NULL,
    saved_at        INTEGER NOT NULL
) STRICT;
INSERT INTO owned_filters (name, text, administrator, saved_at)
SELECT name, text, administrator, saved_at FROM filters ORDER BY name;
DROP TABLE filters;
ALTER TABLE owned_filters RENAME TO filters;
CREATE UNIQUE INDEX filters_by_name ON filters (name, coalesce(organization_id, 0));

CREATE TABLE owned_scripts (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    organization_id INTEGER REFERENCES organizations,
    name            TEXT NOT NULL,
    removed_at      INTEGER
) STRICT;
INSERT INTO owned_scripts (id, name, removed_at) SELECT id, name, removed_at FROM scripts;

CREATE TABLE owned_versions (
    script_id     INTEGER NOT NULL REFERENCES owned_scripts,
    number        INTEGER NOT NULL,
    source        TEXT NOT NULL,
    administrator TEXT NOT NULL,
    saved_at      INTEGER NOT NULL,
    note          TEXT NOT NULL,
    PRIMARY KEY (script_id, number)
) STRICT;
INSERT INTO owned_versions (script_id, number, source, administrator, saved_at, note)
SELECT script_id, number, source, administrator, saved_at, note FROM script_versions;
DROP TABLE script_versions;
DROP TABLE scripts;
ALTER TABLE owned_scripts RENAME TO scripts;
ALTER TABLE owned_versions RENAME TO script_versions;
CREATE UNIQUE INDEX scripts_by_name ON scripts (name, coalesce(organization_id, 0));
