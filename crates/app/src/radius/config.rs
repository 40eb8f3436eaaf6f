//! The files that FreeRADIUS is configured with, for the database that there is.

use std::fmt;
use std::path::Path;

use askama::Template;
use rollcall_domain::{Rejection, Right};
use rollcall_store::{Location, PgUrl};

use crate::error::AppError;
use crate::operations::RadiusOperations;
use crate::sign_in::random;

/// The role of FreeRADIUS on PostgreSQL, unless another one is wanted.
pub const DEFAULT_ROLE: &str = "freeradius";

/// A file of FreeRADIUS's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    /// Where it is below FreeRADIUS's folder.
    pub path: &'static str,
    /// All that is in it.
    pub text: String,
    /// Whether a password is in it.
    pub secret: bool,
}

impl ConfigFile {
    fn new(path: &'static str, text: String) -> Self {
        Self { path, text, secret: false }
    }

    fn secret(path: &'static str, text: String) -> Self {
        Self { path, text, secret: true }
    }
}

/// A text between the double quotes of a FreeRADIUS file.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

/// A text of SQL, with its quotes.
struct SqlText<'a>(&'a str);

impl fmt::Display for SqlText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0.replace('\'', "''"))
    }
}

/// A name of SQL, with its quotes.
struct SqlName<'a>(&'a str);

impl fmt::Display for SqlName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('"', "\"\""))
    }
}

/// The module `sql` for a file.
#[derive(Template)]
#[template(path = "radius/sql-sqlite.conf", syntax = "freeradius", escape = "none")]
struct SqliteModule<'a> {
    file: Quoted<'a>,
}

/// The module `sql` for a server.
#[derive(Template)]
#[template(path = "radius/sql-postgresql.conf", syntax = "freeradius", escape = "none")]
struct PostgresModule<'a> {
    conninfo: Quoted<'a>,
    role: &'a str,
    password: &'a str,
    prepare: &'a str,
}

/// The parts of the statements for accounting that differ between databases.
struct Accounting {
    /// The moment at which a session began that has lasted for `${...seconds}`.
    before: &'static str,
    /// The seconds between two updates.
    interval: &'static str,
    /// The seconds since a session began.
    elapsed: &'static str,
    /// The statement that notes an answer.
    answer: &'static str,
}

/// The statements of FreeRADIUS on a file.
#[derive(Template)]
#[template(path = "radius/queries-sqlite.conf", syntax = "freeradius", escape = "none")]
struct SqliteQueries<'a> {
    user: &'a str,
    group: &'a str,
    accounting: Accounting,
}

/// The statements of FreeRADIUS on a server.
#[derive(Template)]
#[template(path = "radius/queries-postgresql.conf", syntax = "freeradius", escape = "none")]
struct PostgresQueries<'a> {
    user: &'a str,
    group: &'a str,
    coded_user: &'a str,
    accounting: Accounting,
}

/// The queries for time that is used up, in seconds.
struct Counters {
    in_period: String,
    total: String,
    since_first: String,
}

/// The limits on time.
#[derive(Template)]
#[template(path = "radius/sqlcounter.conf", syntax = "freeradius", escape = "none")]
struct CounterModule {
    counters: Counters,
}

/// The virtual server. On a file it notes what happened for a second one, which writes that into the database.
#[derive(Template)]
#[template(path = "radius/site.conf", syntax = "freeradius", escape = "none")]
struct Site {
    is_on_server: bool,
}

/// The instructions for administrators.
#[derive(Template)]
#[template(path = "radius/notes.md", syntax = "freeradius", escape = "none")]
struct Notes<'a> {
    database: &'a str,
    /// The role on a server.
    role: Option<&'a str>,
    /// The path of a file.
    file: Option<&'a str>,
    folder: &'a str,
}

/// The statements that create the role on a server.
#[derive(Template)]
#[template(path = "radius/role.sql", syntax = "freeradius", escape = "none")]
struct RoleStatements<'a> {
    role_text: SqlText<'a>,
    role: SqlName<'a>,
    password_text: SqlText<'a>,
    schema: SqlName<'a>,
}

/// Renders a template as the text of a file. The library leaves out the line end at the end of a template.
fn render(template: &impl Template) -> String {
    template.render().expect("writing to memory succeeds") + "\n"
}

const SQL: &str = "mods-available/sql";
const QUERIES: &str = "mods-config/sql/main/rollcall/queries.conf";
const SITE: &str = "sites-available/rollcall";
const COUNTERS: &str = "mods-available/sqlcounter";
const NOTES: &str = "README.md";

/// What FreeRADIUS asks for, as statements that PostgreSQL prepares once.
const PREPARE: &str = "\
PREPARE rollcall_check (text) AS SELECT id, username, attribute, value, op FROM radcheck WHERE username = $1 ORDER BY id; \
PREPARE rollcall_reply (text) AS SELECT id, username, attribute, value, op FROM radreply WHERE username = $1 ORDER BY id; \
PREPARE rollcall_groups (text) AS SELECT groupname FROM radusergroup WHERE username = $1 ORDER BY priority; \
PREPARE rollcall_group_check (text) AS SELECT id, groupname, attribute, value, op FROM radgroupcheck \
WHERE groupname = $1 ORDER BY id; \
PREPARE rollcall_group_reply (text) AS SELECT id, groupname, attribute, value, op FROM radgroupreply \
WHERE groupname = $1 ORDER BY id";

impl RadiusOperations<'_> {
    /// Creates the configuration files of FreeRADIUS for this database. On PostgreSQL they contain a new password for
    /// `role`, which is stored nowhere else.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] for the name of a role that is not valid.
    pub fn create_config(self, role: &str) -> Result<Vec<ConfigFile>, AppError> {
        let permit = self.app.require_permission_everywhere(Right::Administer)?;
        match permit.location() {
            Location::Sqlite(path) => Ok(on_file(&std::path::absolute(&path).unwrap_or(path))?),
            Location::Postgres(url) => {
                on_server(&url, role, &permit.radius().schema()?, &random::letters::<20>()?)
            }
        }
    }
}

fn on_file(path: &Path) -> Result<Vec<ConfigFile>, Rejection> {
    let file = path.to_str().ok_or_else(|| Rejection::new("the database's path is not UTF-8"))?;
    let folder = path.parent().and_then(Path::to_str).unwrap_or("/");
    // What FreeRADIUS writes for characters that it does not let through, and what it escapes.
    let plain = |text: &str| {
        format!(
            "replace(replace(replace(replace('{text}', '=27', ''''), '=3D', '='), char(92, 34), char(34)), \
             char(92, 92), char(92))"
        )
    };
    let name = plain("%{${key}}");
    let counters = Counters {
        in_period: format!(
            "SELECT coalesce(sum(acctsessiontime - max(%%b - acctstarttime / 1000000, 0)), 0) FROM radacct \
             WHERE username = {name} AND acctstarttime / 1000000 + acctsessiontime > %%b"
        ),
        total: format!("SELECT coalesce(sum(acctsessiontime), 0) FROM radacct WHERE username = {name}"),
        since_first: format!(
            "SELECT coalesce(max(CAST((julianday('now') - 2440587.5) * 86400 AS INTEGER) \
             - acctstarttime / 1000000), 0) FROM radacct WHERE username = {name}"
        ),
    };
    let queries = SqliteQueries {
        user: &plain("%{SQL-User-Name}"),
        group: &plain("%{SQL-Group}"),
        accounting: Accounting {
            before: "${....event_timestamp} - ${...seconds} * 1000000",
            interval: "(excluded.acctupdatetime - radacct.acctupdatetime) / 1000000",
            elapsed: "(${....event_timestamp} - acctstarttime) / 1000000",
            answer: "INSERT INTO radpostauth (username, reply, authdate) \
                     VALUES (${..rollcall_user}, '%{Tmp-String-0}', %{Tmp-String-1})",
        },
    };
    let notes = Notes { database: &format!("sqlite:{file}"), role: None, file: Some(file), folder };
    Ok(vec![
        ConfigFile::new(SQL, render(&SqliteModule { file: Quoted(file) })),
        ConfigFile::new(QUERIES, render(&queries)),
        ConfigFile::new(COUNTERS, render(&CounterModule { counters })),
        ConfigFile::new(SITE, render(&Site { is_on_server: false })),
        ConfigFile::new(NOTES, render(&notes)),
    ])
}

fn on_server(url: &PgUrl, role: &str, schema: &str, password: &str) -> Result<Vec<ConfigFile>, AppError> {
    if role.is_empty() || !role.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_') {
        let why = format!("{role:?} cannot be the name of the role: take small letters, digits and _");
        return Err(Rejection::new(why).into());
    }
    let plain = |text: &str| {
        format!("replace(replace({text}, chr(92) || chr(34), chr(34)), chr(92) || chr(92), chr(92))")
    };
    // Where FreeRADIUS does not take PostgreSQL's quoting.
    let coded = |text: &str| {
        let signs = [("=27", "chr(39)"), ("=5C", "chr(92)"), ("=22", "chr(34)"), ("=3D", "'='")];
        let decode = |text: String, (code, sign): (&str, &str)| format!("replace({text}, '{code}', {sign})");
        plain(&signs.into_iter().fold(format!("'{text}'"), decode))
    };
    let name = coded("%{${key}}");
    let counters = Counters {
        in_period: format!(
            "SELECT CAST(coalesce(sum(acctsessiontime - greatest(%%b - extract(epoch FROM acctstarttime), 0)), 0) \
             AS BIGINT) FROM radacct WHERE username = {name} \
             AND extract(epoch FROM acctstarttime) + acctsessiontime > %%b"
        ),
        total: format!("SELECT coalesce(sum(acctsessiontime), 0) FROM radacct WHERE username = {name}"),
        since_first: format!(
            "SELECT CAST(coalesce(max(extract(epoch FROM now() - acctstarttime)), 0) AS BIGINT) FROM radacct \
             WHERE username = {name}"
        ),
    };
    let queries = PostgresQueries {
        user: &plain("'%{SQL-User-Name}'"),
        group: &plain("'%{SQL-Group}'"),
        coded_user: &coded("%{SQL-User-Name}"),
        accounting: Accounting {
            before: "${....event_timestamp} - ${...seconds} * interval '1 second'",
            interval: "extract(epoch FROM excluded.acctupdatetime - radacct.acctupdatetime)",
            elapsed: "extract(epoch FROM ${....event_timestamp} - acctstarttime)",
            answer: "INSERT INTO radpostauth (username, reply) \
                     VALUES (${..rollcall_user}, '%{reply:Packet-Type}')",
        },
    };
    let module = PostgresModule { conninfo: Quoted(&url.conninfo()), role, password, prepare: PREPARE };
    let notes = Notes { database: &url.to_string(), role: Some(role), file: None, folder: "" };
    let statements = RoleStatements {
        role_text: SqlText(role),
        role: SqlName(role),
        password_text: SqlText(password),
        schema: SqlName(schema),
    };
    Ok(vec![
        ConfigFile::secret(SQL, render(&module)),
        ConfigFile::new(QUERIES, render(&queries)),
        ConfigFile::new(COUNTERS, render(&CounterModule { counters })),
        ConfigFile::new(SITE, render(&Site { is_on_server: true })),
        ConfigFile::new(NOTES, render(&notes)),
        ConfigFile::secret("role.sql", render(&statements)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(files: &[ConfigFile]) -> String {
        let shown = files.iter().map(|file| {
            let secret = if file.secret { " (secret)" } else { "" };
            format!("=== {}{secret}\n{}", file.path, file.text)
        });
        shown.collect::<String>() + "=== end"
    }

    #[test]
    fn files_for_sqlite_are_complete() {
        let path = Path::new("/srv/it's \"here\" & <there>\\rollcall.db");
        insta::assert_snapshot!(listed(&on_file(path).unwrap()));
    }

    #[test]
    fn files_for_postgresql_are_complete() {
        let url: PgUrl = "postgres://maria@db.example.org:5433/rollcall%20test".parse().unwrap();
        let files = on_server(&url, "free_radius2", "a \"schema\"", "pass'word").unwrap();
        insta::assert_snapshot!(listed(&files));
    }
}
