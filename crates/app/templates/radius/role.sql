-- The role with which FreeRADIUS comes to Rollcall's database, and exactly the rights that it needs. To be executed there by
-- somebody who may make roles: psql 'postgres://…/DATABASE' -f role.sql. It has a password; written by 'rollcall radius
-- config'.
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = [[ role_text ]]) THEN
        CREATE ROLE [[ role ]] LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT;
    END IF;
END
$$;
ALTER ROLE [[ role ]] PASSWORD [[ password_text ]];
-- A query that hangs must not hold up logins forever, and nothing here takes long.
ALTER ROLE [[ role ]] SET statement_timeout = '30s';
GRANT USAGE ON SCHEMA [[ schema ]] TO [[ role ]];
GRANT SELECT ON [[ schema ]].radcheck, [[ schema ]].radreply, [[ schema ]].radusergroup, [[ schema ]].radgroupcheck, [[ schema ]].radgroupreply TO [[ role ]];
GRANT INSERT (username, reply) ON [[ schema ]].radpostauth TO [[ role ]];
GRANT SELECT, INSERT, UPDATE ON [[ schema ]].radacct TO [[ role ]];
