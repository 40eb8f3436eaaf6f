-- What FreeRADIUS reads, as views, so that a change is there at the next request; and what it writes, as tables.
--
-- A view's `id` orders the rows of one user or group. FreeRADIUS brings a SQLite of its own, which may be older than ours.

-- The attribute under which FreeRADIUS is given the password.
ALTER TABLE users ADD COLUMN password_scheme TEXT NOT NULL DEFAULT 'Cleartext-Password';

CREATE VIEW radcheck (id, username, attribute, op, value) AS
-- Nothing else may let somebody in who is inactive or expired, so this is all there is then.
SELECT 0, username, 'Auth-Type', ':=', 'Reject' FROM users
WHERE is_active = 0 OR expiration <= CAST(strftime('%s', 'now') AS INTEGER) * 1000000
UNION ALL
-- In epoch seconds, of which FreeRADIUS has 32 bits; any other form is a reject. It makes a Session-Timeout of it.
SELECT 1, username, 'Expiration', ':=', CAST(expiration / 1000000 AS TEXT) FROM users
WHERE is_active = 1 AND expiration > CAST(strftime('%s', 'now') AS INTEGER) * 1000000 AND expiration < 4294967296000000
UNION ALL
-- FreeRADIUS takes a pair of quotes around a value off; what has some gets more.
SELECT 2, username, password_scheme, ':=',
       CASE WHEN length(password) > 1 AND substr(password, 1, 1) IN ('"', '''') AND substr(password, -1) = substr(password, 1, 1)
            THEN '"' || replace(password, '"', '\"') || '"' ELSE password END
FROM users WHERE password IS NOT NULL AND is_active = 1
AND (expiration IS NULL OR expiration > CAST(strftime('%s', 'now') AS INTEGER) * 1000000)
UNION ALL
-- Without any row here, FreeRADIUS does not read radreply.
SELECT 3, username, 'Tmp-String-9', ':=', 'x' FROM users
WHERE is_active = 1 AND (expiration IS NULL OR expiration > CAST(strftime('%s', 'now') AS INTEGER) * 1000000)
UNION ALL
-- No request has a limit in it, so to compare with it, as scripts write it, would let nobody in: it is set.
SELECT 4 + i.position, u.username, i.attr,
       CASE WHEN i.operation IN ('=', '==') AND (i.attr LIKE 'Max-%' OR i.attr IN ('Simultaneous-Use', 'Expire-After', 'Login-Time'))
            THEN ':=' ELSE i.operation END,
       CASE WHEN length(i.value) > 1 AND substr(i.value, 1, 1) IN ('"', '''') AND substr(i.value, -1) = substr(i.value, 1, 1)
            THEN '"' || replace(i.value, '"', '\"') || '"' ELSE i.value END
FROM users u JOIN user_items i ON i.user_id = u.id AND i.kind = 1 WHERE u.is_active = 1
AND (u.expiration IS NULL OR u.expiration > CAST(strftime('%s', 'now') AS INTEGER) * 1000000);

CREATE VIEW radreply (id, username, attribute, op, value) AS
SELECT i.position, u.username, i.attr, i.operation,
       CASE WHEN length(i.value) > 1 AND substr(i.value, 1, 1) IN ('"', '''') AND substr(i.value, -1) = substr(i.value, 1, 1)
            THEN '"' || replace(i.value, '"', '\"') || '"' ELSE i.value END
FROM users u JOIN user_items i ON i.user_id = u.id AND i.kind = 0;

-- Of those who may come in only: a profile may say Accept.
CREATE VIEW radusergroup (username, groupname, priority) AS
SELECT u.username, p.short_name, a.priority
FROM users u JOIN user_profiles a ON a.user_id = u.id JOIN profiles p ON p.id = a.profile_id
WHERE u.is_active = 1 AND (u.expiration IS NULL OR u.expiration > CAST(strftime('%s', 'now') AS INTEGER) * 1000000);

CREATE VIEW radgroupcheck (id, groupname, attribute, op, value) AS
SELECT i.position, p.short_name, i.attr,
       CASE WHEN i.operation IN ('=', '==') AND (i.attr LIKE 'Max-%' OR i.attr IN ('Simultaneous-Use', 'Expire-After', 'Login-Time'))
            THEN ':=' ELSE i.operation END,
       CASE WHEN length(i.value) > 1 AND substr(i.value, 1, 1) IN ('"', '''') AND substr(i.value, -1) = substr(i.value, 1, 1)
            THEN '"' || replace(i.value, '"', '\"') || '"' ELSE i.value END
FROM profiles p JOIN profile_items i ON i.profile_id = p.id AND i.kind = 1;

CREATE VIEW radgroupreply (id, groupname, attribute, op, value) AS
SELECT i.position, p.short_name, i.attr, i.operation,
       CASE WHEN length(i.value) > 1 AND substr(i.value, 1, 1) IN ('"', '''') AND substr(i.value, -1) = substr(i.value, 1, 1)
            THEN '"' || replace(i.value, '"', '\"') || '"' ELSE i.value END
FROM profiles p JOIN profile_items i ON i.profile_id = p.id AND i.kind = 0
UNION ALL
-- Or the first profile that fits would be the only one.
SELECT 9007199254740991, short_name, 'Fall-Through', '=', 'Yes' FROM profiles;

-- Every answer to somebody who wanted to come in. There is no room for the password that they gave.
CREATE TABLE radpostauth (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    username TEXT NOT NULL,
    reply    TEXT NOT NULL,
    authdate INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000000.0 AS INTEGER))
) STRICT;

CREATE INDEX radpostauth_by_authdate ON radpostauth (authdate);

CREATE TRIGGER radpostauth_is_a_login AFTER INSERT ON radpostauth WHEN NEW.reply = 'Access-Accept' BEGIN
    INSERT INTO user_logins (user_id, first_login, last_login)
    SELECT id, NEW.authdate, NEW.authdate FROM users WHERE username = NEW.username
    ON CONFLICT (user_id) DO UPDATE SET first_login = coalesce(min(first_login, excluded.first_login), excluded.first_login),
                                        last_login = coalesce(max(last_login, excluded.last_login), excluded.last_login);
END;

-- Sessions, with the columns that FreeRADIUS's own schema has.
CREATE TABLE radacct (
    radacctid           INTEGER PRIMARY KEY AUTOINCREMENT,
    acctsessionid       TEXT NOT NULL,
    acctuniqueid        TEXT NOT NULL UNIQUE,
    username            TEXT NOT NULL,
    realm               TEXT,
    nasipaddress        TEXT NOT NULL,
    nasportid           TEXT,
    nasporttype         TEXT,
    acctstarttime       INTEGER,
    acctupdatetime      INTEGER,
    acctstoptime        INTEGER,
    acctinterval        INTEGER,
    acctsessiontime     INTEGER,
    acctauthentic       TEXT,
    connectinfo_start   TEXT,
    connectinfo_stop    TEXT,
    acctinputoctets     INTEGER,
    acctoutputoctets    INTEGER,
    calledstationid     TEXT,
    callingstationid    TEXT,
    acctterminatecause  TEXT,
    servicetype         TEXT,
    framedprotocol      TEXT,
    framedipaddress     TEXT,
    framedipv6address   TEXT,
    framedipv6prefix    TEXT,
    framedinterfaceid   TEXT,
    delegatedipv6prefix TEXT,
    class               TEXT
) STRICT;

-- For counters, for sessions that are open, and for a NAS that starts anew.
CREATE INDEX radacct_by_username ON radacct (username, acctstarttime);
CREATE INDEX radacct_open ON radacct (nasipaddress) WHERE acctstoptime IS NULL;

-- The attributes that FreeRADIUS knows, where its dictionaries were loaded, so that every machine has the same ones. The names
-- of values are separated by blanks.
CREATE TABLE radius_dictionary (
    name    TEXT PRIMARY KEY,
    type    TEXT NOT NULL,
    choices TEXT NOT NULL
) STRICT, WITHOUT ROWID;
