use rollcall_domain::{Act, Action, Deed};

use crate::areas::Installation;
use crate::db::{Tx, args, only};
use crate::sql::sql;
use crate::{StoreError, audit};

sql! {
    GET = "SELECT value FROM installation WHERE name = ?1";
    PUT = "INSERT INTO installation (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
}

/// What a setting is set to, if it is.
pub(crate) fn setting(tx: &Tx<'_>, name: &str) -> Result<Option<String>, StoreError> {
    let value: Option<String> = tx.first(GET, args![format!("setting.{name}")], only)?;
    Ok(value.filter(|value| !value.is_empty()))
}

impl Installation<'_> {
    /// What is known about this installation under `name`.
    pub fn fact(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.0.read(|tx| tx.first(GET, args![name], only))
    }

    /// Notes a fact about this installation.
    pub fn set_fact(&self, name: &str, value: &str) -> Result<(), StoreError> {
        self.0.write(|tx| {
            tx.execute(PUT, args![name, value])?;
            Ok(())
        })
    }

    /// What a setting is set to, if it is.
    pub fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.0.read(|tx| setting(tx, name))
    }

    /// Sets a setting, or unsets it. Its value goes into the audit log, so no setting may be a secret.
    pub fn set_setting(&self, name: &str, value: Option<&str>, act: &Act<'_>) -> Result<(), StoreError> {
        self.0.write(|tx| {
            tx.execute(PUT, args![format!("setting.{name}"), value.unwrap_or_default()])?;
            let deed = Deed::new(Action::SettingSet, format!("setting {name}")).with("value", value);
            audit::record(tx, act, &deed)
        })
    }
}
