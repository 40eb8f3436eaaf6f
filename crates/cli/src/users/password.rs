use std::process::ExitCode;

use clap::Args;
use rollcall_domain::{PasswordScheme, UserPassword};

use crate::backend::Backend;
use crate::confirm;
use crate::credentials::new_password;
use crate::style::tell;

#[derive(Debug, Args)]
#[command(
    after_help = "The command asks for the password twice, without an echo. Without a terminal it reads the first line of \
                  standard input. A hashed password has its scheme as a prefix, as in LDAP: {CRYPT}$6$…, {SSHA512}…, \
                  {NT}…. Put {CLEAR} before a password that starts with such a prefix itself. Passwords are never \
                  displayed.\n\n\
                  Example:\n  rollcall users password ana.berg7"
)]
pub(crate) struct Password {
    /// The username
    username: String,
    /// The scheme of the given password, by its FreeRADIUS name, instead of its prefix
    #[arg(long, value_name = "NAME-Password", conflicts_with = "remove")]
    scheme: Option<PasswordScheme>,
    /// Remove the password
    #[arg(long)]
    remove: bool,
    /// Do not ask for confirmation; required without a terminal
    #[arg(long, requires = "remove")]
    yes: bool,
}

impl Password {
    pub(super) fn run(self, backend: &Backend) -> anyhow::Result<ExitCode> {
        let name = &backend.user(&self.username)?.username;
        if self.remove {
            if !confirm(self.yes, "removing a password", &format!("Remove the password of user {name}?"))? {
                return Ok(ExitCode::FAILURE);
            }
            backend.set_user_password(name, None)?;
            tell(format_args!("user {name:?} has no password"));
            return Ok(ExitCode::SUCCESS);
        }
        let typed = new_password()?;
        let password = match self.scheme {
            Some(scheme) => UserPassword::new(scheme, typed.reveal())?,
            None => UserPassword::parse(typed.reveal())?,
        };
        backend.set_user_password(name, Some(&password))?;
        tell(format_args!("user {name:?} has another password, kept as {}", password.scheme()));
        Ok(ExitCode::SUCCESS)
    }
}
