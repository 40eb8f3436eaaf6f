//! The files that FreeRADIUS is configured with, for the database that there is.

use std::path::Path;

use rollcall_domain::{Refusal, Right};
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

/// A text with what its marks stand for. What FreeRADIUS itself marks, `${…}` and `%{…}`, is none of them.
fn fill(template: &str, marks: &[(&str, &str)]) -> String {
    marks.iter().fold(template.to_owned(), |text, (mark, value)| text.replace(mark, value))
}

/// As it is written between double quotes.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

const SQL: &str = "mods-available/sql";
const QUERIES: &str = "mods-config/sql/main/rollcall/queries.conf";
const SITE: &str = "sites-available/rollcall";
const COMMON: &str = include_str!("templates/sql-common.conf");

/// What FreeRADIUS asks for, as statements that PostgreSQL prepares once.
const PREPARE: &str = "\
PREPARE rollcall_check (text) AS SELECT id, username, attribute, value, op FROM radcheck WHERE username = $1 ORDER BY id; \
PREPARE rollcall_reply (text) AS SELECT id, username, attribute, value, op FROM radreply WHERE username = $1 ORDER BY id; \
PREPARE rollcall_groups (text) AS SELECT groupname FROM radusergroup WHERE username = $1 ORDER BY priority; \
PREPARE rollcall_group_check (text) AS SELECT id, groupname, attribute, value, op FROM radgroupcheck \
WHERE groupname = $1 ORDER BY id; \
PREPARE rollcall_group_reply (text) AS SELECT id, groupname, attribute, value, op FROM radgroupreply \
WHERE groupname = $1 ORDER BY id";

/// How the site has what happened written: on a server at once...
const WRITE_ANSWER: &str = "\t\tgroup {\n\t\t\tsql {\n\t\t\t\tfail = 1\n\t\t\t}\n\t\t\tok\n\t\t}\n";
/// ...on a file by way of another one, with the moment, to the microsecond.
const NOTE_ANSWER: &str = "\t\tupdate request {\n\t\t\t&Tmp-String-0 := \"%{reply:Packet-Type}\"\n\
    \t\t\t&Tmp-String-1 := \"%c000000 + %C\"\n\t\t}\n\t\tgroup {\n\
    \t\t\trollcall_log.accounting {\n\t\t\t\tfail = 1\n\t\t\t}\n\t\t\tok\n\t\t}\n";
/// What a NAS tells of a session, likewise.
const NOTE_SESSION: &str = "\t\tupdate request {\n\t\t\t&Tmp-Integer-0 := \"%{%{integer:Event-Timestamp}:-%l}\"\n\
    \t\t}\n\t\trollcall_log\n";

/// The same, a block deeper.
fn deeper(text: &str) -> String {
    text.lines().map(|line| format!("\t{line}\n")).collect()
}

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
            Location::Postgres(url) => on_server(&url, role, &permit.radius().schema()?),
        }
    }
}

fn on_file(path: &Path) -> Result<Vec<ConfigFile>, Refusal> {
    let file = path.to_str().ok_or_else(|| Refusal::new("the database's path is not UTF-8"))?;
    let folder = path.parent().and_then(Path::to_str).unwrap_or("/");
    let accounting = fill(
        include_str!("templates/accounting.conf"),
        &[
            ("{before}", "${....event_timestamp} - ${...seconds} * 1000000"),
            ("{interval}", "(excluded.acctupdatetime - radacct.acctupdatetime) / 1000000"),
            ("{elapsed}", "(${....event_timestamp} - acctstarttime) / 1000000"),
            (
                "{answer}",
                "INSERT INTO radpostauth (username, reply, authdate) VALUES (${..rollcall_user}, '%{Tmp-String-0}', %{Tmp-String-1})",
            ),
        ],
    );
    // What FreeRADIUS writes for characters that it does not let through, and what it escapes.
    let plain = |text: &str| {
        format!(
            "replace(replace(replace(replace('{text}', '=27', ''''), '=3D', '='), char(92, 34), char(34)), \
             char(92, 92), char(92))"
        )
    };
    let counters = fill(
        include_str!("templates/sqlcounter.conf"),
        &[
            (
                "{query}",
                "SELECT coalesce(sum(acctsessiontime - max(%%b - acctstarttime / 1000000, 0)), 0) FROM radacct \
                 WHERE username = {name} AND acctstarttime / 1000000 + acctsessiontime > %%b",
            ),
            ("{total}", "SELECT coalesce(sum(acctsessiontime), 0) FROM radacct WHERE username = {name}"),
            (
                "{since_first}",
                "SELECT coalesce(max(CAST((julianday('now') - 2440587.5) * 86400 AS INTEGER) - acctstarttime / 1000000), 0) \
                 FROM radacct WHERE username = {name}",
            ),
            ("{name}", &plain("%{${key}}")),
        ],
    );
    let notes_of_file =
        fill(include_str!("templates/notes-sqlite.md"), &[("{file}", file), ("{folder}", folder)]);
    let notes = fill(
        include_str!("templates/notes.md"),
        &[("{database}", &format!("sqlite:{file}")), ("{database_notes}", &notes_of_file), ("{role}\n", "")],
    );
    Ok(vec![
        ConfigFile::new(
            SQL,
            fill(
                include_str!("templates/sql-sqlite.conf"),
                &[("{file}", &quoted(file)), ("{common}", COMMON)],
            ),
        ),
        ConfigFile::new(
            QUERIES,
            fill(
                include_str!("templates/queries-sqlite.conf"),
                &[
                    ("{accounting}", &accounting),
                    ("{user}", &plain("%{SQL-User-Name}")),
                    ("{group}", &plain("%{SQL-Group}")),
                ],
            ),
        ),
        ConfigFile::new("mods-available/sqlcounter", counters),
        ConfigFile::new(
            SITE,
            fill(
                include_str!("templates/site.conf"),
                &[
                    ("{session}", NOTE_SESSION),
                    ("{answer}", NOTE_ANSWER),
                    ("{reject}", &deeper(NOTE_ANSWER)),
                    ("{writer}", include_str!("templates/writer-sqlite.conf")),
                ],
            ),
        ),
        ConfigFile::new("README.md", notes),
    ])
}

fn on_server(url: &PgUrl, role: &str, schema: &str) -> Result<Vec<ConfigFile>, AppError> {
    if role.is_empty() || !role.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_') {
        let why = format!("{role:?} cannot be the name of the role: take small letters, digits and _");
        return Err(Refusal::new(why).into());
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
    let password = random::letters::<20>()?;
    let accounting = fill(
        include_str!("templates/accounting.conf"),
        &[
            ("{before}", "${....event_timestamp} - ${...seconds} * interval '1 second'"),
            ("{interval}", "extract(epoch FROM excluded.acctupdatetime - radacct.acctupdatetime)"),
            ("{elapsed}", "extract(epoch FROM ${....event_timestamp} - acctstarttime)"),
            (
                "{answer}",
                "INSERT INTO radpostauth (username, reply) VALUES (${..rollcall_user}, '%{reply:Packet-Type}')",
            ),
        ],
    );
    let counters = fill(
        include_str!("templates/sqlcounter.conf"),
        &[
            (
                "{query}",
                "SELECT CAST(coalesce(sum(acctsessiontime - greatest(%%b - extract(epoch FROM acctstarttime), 0)), 0) AS BIGINT) \
                 FROM radacct WHERE username = {name} AND extract(epoch FROM acctstarttime) + acctsessiontime > %%b",
            ),
            ("{total}", "SELECT coalesce(sum(acctsessiontime), 0) FROM radacct WHERE username = {name}"),
            (
                "{since_first}",
                "SELECT CAST(coalesce(max(extract(epoch FROM now() - acctstarttime)), 0) AS BIGINT) FROM radacct \
                 WHERE username = {name}",
            ),
            ("{name}", &coded("%{${key}}")),
        ],
    );
    let shown = url.to_string();
    let role_notes =
        fill(include_str!("templates/notes-role.md"), &[("{role}", role), ("{database}", &shown)]);
    let threads = "32 with FreeRADIUS's own settings (`max_servers` in `radiusd.conf`)";
    let notes_of_server = fill(include_str!("templates/notes-postgresql.md"), &[("{threads}", threads)]);
    let notes = fill(
        include_str!("templates/notes.md"),
        &[("{database}", &shown), ("{database_notes}", &notes_of_server), ("{role}\n", &role_notes)],
    );
    let text = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let name = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    Ok(vec![
        ConfigFile::secret(
            SQL,
            fill(
                include_str!("templates/sql-postgresql.conf"),
                &[
                    ("{conninfo}", &quoted(&url.conninfo())),
                    ("{role}", role),
                    ("{password}", &password),
                    ("{prepare}", PREPARE),
                    ("{common}", COMMON),
                ],
            ),
        ),
        ConfigFile::new(
            QUERIES,
            fill(
                include_str!("templates/queries-postgresql.conf"),
                &[
                    ("{accounting}", &accounting),
                    ("{user}", &plain("'%{SQL-User-Name}'")),
                    ("{group}", &plain("'%{SQL-Group}'")),
                    ("{coded_user}", &coded("%{SQL-User-Name}")),
                ],
            ),
        ),
        ConfigFile::new("mods-available/sqlcounter", counters),
        ConfigFile::new(
            SITE,
            fill(
                include_str!("templates/site.conf"),
                &[
                    ("{session}", "\t\tsql\n"),
                    ("{answer}", WRITE_ANSWER),
                    ("{reject}", &deeper(WRITE_ANSWER)),
                    ("{writer}", ""),
                ],
            ),
        ),
        ConfigFile::new("README.md", notes),
        ConfigFile::secret(
            "role.sql",
            fill(
                include_str!("templates/role.sql"),
                &[
                    ("{role_text}", &text(role)),
                    ("{role}", &name(role)),
                    ("{password_text}", &text(&password)),
                    ("{schema}", &name(schema)),
                ],
            ),
        ),
    ])
}
