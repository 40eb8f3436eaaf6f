use std::process::ExitCode;

use clap::Args;
use rollcall_domain::{PasswordScheme, UserPassword};

use crate::backend::Backend;
use crate::confirm;
use crate::credentials::new_password;
use crate::style::tell;

#[derive(Debug, Args)]
#[command(
    after_help = "It is asked for twice, and not shown. Where nobody is at a terminal, it is the first line of standard input. \
                  One that was made elsewhere has its scheme before it, as in LDAP: {CRYPT}$6$…, {SSHA512}…, {NT}…; a password \
                  that begins like that itself has {CLEAR}. Nobody can read it back.\n\n\
                  Example:\n  rollcall users password ana.berg7"
)]
pub(crate) struct Password {
    /// The username
    username: String,
    /// The scheme of what is given, by FreeRADIUS's name, instead of what stands before it
    #[arg(long, value_name = "NAME-Password", conflicts_with = "remove")]
    scheme: Option<PasswordScheme>,
    /// Leave the user without one
    #[arg(long)]
    remove: bool,
    /// Remove without asking; required without a terminal
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
