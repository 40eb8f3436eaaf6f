-- Who works with Rollcall, besides accounts of the operating system.
CREATE TABLE administrators (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- What they have done stays theirs, so they stay; somebody else may have the name.
    removed_at INTEGER
) STRICT;
CREATE UNIQUE INDEX administrators_by_name ON administrators (name) WHERE removed_at IS NULL;

-- What they may do: roles, everywhere or within one organization. They add up.
CREATE TABLE grants (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    administrator_id INTEGER NOT NULL REFERENCES administrators,
    role             TEXT NOT NULL CHECK (role IN ('admin', 'operator', 'author', 'read-only')),
    -- Null: everywhere.
    organization_id  INTEGER REFERENCES organizations
) STRICT;
CREATE UNIQUE INDEX grants_once ON grants (administrator_id, role, coalesce(organization_id, 0));
CREATE INDEX grants_by_organization ON grants (organization_id) WHERE organization_id IS NOT NULL;

-- Who started a run, if not an account of the operating system: their rights are asked for again when others go on with it.
ALTER TABLE runs ADD COLUMN administrator_id INTEGER;
-- Whose users a run may touch: JSON list of organizations, in order; null when everybody's.
ALTER TABLE runs ADD COLUMN organizations TEXT;
ALTER TABLE runs DROP COLUMN organization_id;
