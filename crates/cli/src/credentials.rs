use std::io::{self, BufRead, Read, Write};
use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use rollcall_api::{Session, Token};
use rollcall_app::{Age, App};
use rollcall_domain::{Rejection, Right, Scopes, Secret, SessionId, TokenId, check_administrator_name};

use super::{Context, can_ask, confirm};
use crate::backend::Backend;
use crate::lines;
use crate::output::{Format, Listing, raw_stdout};
use crate::show::times;
use crate::style::tell;
use rollcall_domain::Times;
use rollcall_domain::counted;

/// The longest line that is read for a secret, in bytes.
const MAX_LINE: u64 = 4_096;

/// What an administrator proves themselves with.
#[derive(Debug, Subcommand)]
pub(super) enum Credentials {
    /// Set the password of an administrator, and end their sessions
    #[command(
        after_help = "The command asks for the password twice, without an echo. Without a terminal it reads the first line \
                      of standard input."
    )]
    Password {
        /// The name of the administrator
        name: String,
    },
    /// List or end the sessions of an administrator
    Sessions {
        /// The name of the administrator
        name: String,
        /// End the sessions with these IDs
        #[arg(long, value_name = "ID", num_args = 1..)]
        revoke: Vec<SessionId>,
        /// End all sessions
        #[arg(long, conflicts_with = "revoke")]
        revoke_all: bool,
        /// Do not ask for confirmation; required without a terminal
        #[arg(long)]
        yes: bool,
        /// The output format
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Set up or remove the authenticator (TOTP) of an administrator
    Totp {
        /// The name of the administrator
        name: String,
        /// The action
        action: TotpAction,
        /// Do not ask for confirmation; required without a terminal
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum TotpAction {
    /// Show the secret of a new authenticator, read a code of it, and show the recovery codes
    Enrol,
    /// Remove the authenticator and the recovery codes
    Remove,
}

#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  \
                        rollcall tokens add maria billing --scope look,execute --expires 90d")]
pub(super) enum Tokens {
    /// Create a token; it is printed once and not stored
    Add {
        /// The administrator for whom the program acts
        administrator: String,
        /// The name of the token
        name: String,
        /// The scopes, limited by the permissions of the administrator: look, report, execute, edit-users,
        /// edit-scripts, administer
        #[arg(long, value_name = "SCOPE", value_delimiter = ',', required = true)]
        scope: Vec<Right>,
        /// The time until it expires, such as 12h or 90d; at most 366d
        #[arg(long, value_name = "TIME", default_value = "90d")]
        expires: Age,
    },
    /// List the tokens of an administrator
    List {
        /// The name of the administrator
        administrator: String,
        /// The output format
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Revoke a token
    Revoke {
        /// The owner of the token
        administrator: String,
        /// The ID of the token
        id: TokenId,
        /// Do not ask for confirmation; required without a terminal
        #[arg(long)]
        yes: bool,
    },
}

impl Credentials {
    pub(super) fn run(self, backend: &Backend) -> anyhow::Result<ExitCode> {
        match self {
            Self::Password { name } => {
                backend.account(&name)?.set_password(&new_password()?)?;
                tell(format_args!(
                    "{name:?} has another password; where they were signed in, they are no more"
                ));
            }
            Self::Sessions { name, revoke, revoke_all, yes, format } => {
                let keys = backend.account(&name)?;
                let sessions = match revoke.as_slice() {
                    [one] => format!("session {one}"),
                    some => format!("{} sessions", some.len()),
                };
                let sessions = if revoke_all { "all sessions" } else { &sessions };
                if (revoke_all || !revoke.is_empty())
                    && !confirm(yes, "ending sessions", &format!("End {sessions} of {name:?}?"))?
                {
                    return Ok(ExitCode::FAILURE);
                }
                if revoke_all {
                    let ended = counted(keys.revoke_sessions()?, "session");
                    tell(format_args!("{ended} of {name:?} ended"));
                } else if revoke.is_empty() {
                    list_sessions(&keys.sessions()?, format, &times(format, backend.zone()?))?;
                }
                for id in revoke {
                    keys.revoke_session(id)?;
                    tell(format_args!("session {id} of {name:?} has ended"));
                }
            }
            Self::Totp { name, action: TotpAction::Enrol, .. } => {
                let keys = backend.account(&name)?;
                let (secret, uri) = keys.enrol_totp()?;
                print(&[&secret, &uri])?;
                let code = line("The code that the authenticator shows now")?;
                let recovery = keys.confirm_totp(&code)?;
                tell(format_args!(
                    "from now on {name:?} needs a code; each of these works once if it is lost:"
                ));
                print(&recovery.iter().collect::<Vec<_>>())?;
            }
            Self::Totp { name, action: TotpAction::Remove, yes } => {
                let keys = backend.account(&name)?;
                if !confirm(
                    yes,
                    "removing an authenticator",
                    &format!("Remove the authenticator of {name:?}?"),
                )? {
                    return Ok(ExitCode::FAILURE);
                }
                match keys.remove_totp()? {
                    true => tell(format_args!("{name:?} needs no code any more")),
                    false => tell(format_args!("{name:?} had no authenticator")),
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Tokens {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let backend = context.backend()?;
        match self {
            Self::Add { administrator, name, scope, expires } => {
                let keys = backend.account(&administrator)?;
                let (id, text) = keys.add_token(&name, &Scopes::new(scope)?, expires)?;
                print(&[&text])?;
                tell(format_args!(
                    "token {id} acts for {administrator:?} for {expires}; it is not shown again"
                ));
            }
            Self::List { administrator, format } => {
                list_tokens(
                    &backend.account(&administrator)?.tokens()?,
                    format,
                    &times(format, backend.zone()?),
                )?;
            }
            Self::Revoke { administrator, id, yes } => {
                let keys = backend.account(&administrator)?;
                let question = format!("Revoke token {id} of {administrator:?}? This cannot be undone.");
                if !confirm(yes, "revoking a token", &question)? {
                    return Ok(ExitCode::FAILURE);
                }
                keys.revoke_token(id)?;
                tell(format_args!("token {id} counts no more"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Makes the first administrator with whoever sits at a terminal, if there is none and they want one.
pub(super) fn first_administrator(app: &App) -> anyhow::Result<()> {
    if !can_ask() || app.administrators().has_any()? {
        return Ok(());
    }
    let name = line("Name of the first administrator, who may do everything (empty: not now)")?;
    let name = name.reveal().trim();
    if name.is_empty() {
        return Ok(());
    }
    check_administrator_name(name)?;
    let password = new_password()?;
    let credentials = app.credentials();
    // Somebody else may have been faster.
    if let Some(link) = credentials.set_up_link()? {
        credentials.set_up(&link, name, &password)?;
        tell(format_args!("{name:?} may sign in, and do everything"));
    }
    Ok(())
}

fn list_sessions(sessions: &[Session], format: Format, times: &Times) -> io::Result<()> {
    let columns = ["session_id", "created_at", "seen_at", "expires_at", "address", "agent"];
    let mut listing = Listing::new(format, &columns)?;
    for session in sessions {
        let Session { session_id, created_at, last_seen_at: seen_at, expires_at, address, user_agent: agent } =
            session;
        let times = [created_at, seen_at, expires_at].map(|time| times.short(*time));
        let cells = || [&[session_id.to_string()], &times[..], &[address.clone(), agent.clone()]].concat();
        listing.push(cells, session)?;
    }
    listing.finish()
}

fn list_tokens(tokens: &[Token], format: Format, times: &Times) -> io::Result<()> {
    let columns = ["token_id", "name", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at"];
    let mut listing = Listing::new(format, &columns)?;
    for token in tokens {
        let Token { token_id, name, scopes, created_at, expires_at, last_used_at, revoked_at, .. } = token;
        let each = [Some(*created_at), Some(*expires_at), *last_used_at, *revoked_at];
        let times = each.map(|time| time.map_or_else(String::new, |time| times.short(time)));
        let cells = || [&[token_id.to_string(), name.clone(), scopes.join(",")], &times[..]].concat();
        listing.push(cells, token)?;
    }
    listing.finish()
}

/// Prints secrets, one a line: the one place that does.
fn print(secrets: &[&Secret]) -> io::Result<()> {
    let mut out = raw_stdout();
    secrets.iter().try_for_each(|secret| writeln!(out, "{}", secret.reveal()))?;
    out.flush()
}

/// A password that is typed twice, or comes in a line of its own where nobody is asked.
pub(super) fn new_password() -> anyhow::Result<Secret> {
    let _quiet = Quiet::unless_alone()?;
    let password = line("New password")?;
    if can_ask() && line("The same again")? != password {
        return Err(Rejection::new("the two are not the same: nothing was changed").into());
    }
    Ok(password)
}

/// A line of standard input, which is asked for where there is a terminal.
fn line(question: &str) -> io::Result<Secret> {
    if can_ask() {
        lines::ask(&format!("{question}:"))?;
    }
    let mut line = String::new();
    io::stdin().lock().take(MAX_LINE).read_line(&mut line)?;
    Ok(Secret::new(line.trim_end_matches(['\r', '\n'])))
}

/// A terminal that shows nothing of what is typed but that a line has ended.
struct Quiet(Termios);

impl Quiet {
    /// None where nobody is asked.
    fn unless_alone() -> io::Result<Option<Self>> {
        if !can_ask() {
            return Ok(None);
        }
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_flags.remove(LocalFlags::ECHO);
        quiet.local_flags.insert(LocalFlags::ECHONL);
        tcsetattr(io::stdin(), SetArg::TCSANOW, &quiet)?;
        Ok(Some(Self(before)))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // Whoever types next has to see it; if that cannot be, nothing here helps.
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &self.0);
    }
}
