use rollcall_domain::{Act, Action, Deed};

use crate::db::{Tx, args};
use crate::{Store, StoreError, audit, sql};

sql! {
    GET = "SELECT value FROM installation WHERE name = ?1";
    PUT = "INSERT INTO installation (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
}

/// What a setting is set to, if it is.
pub(crate) fn setting(tx: &Tx<'_>, name: &str) -> Result<Option<String>, StoreError> {
    let value: Option<String> = tx.first(GET, args![format!("setting.{name}")], |row| row.get(0))?;
    Ok(value.filter(|value| !value.is_empty()))
}

impl Store {
    /// What is known about this installation under `name`.
    pub fn installation_fact(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.read(|tx| tx.first(GET, args![name], |row| row.get(0)))
    }

    /// Notes a fact about this installation.
    pub fn set_installation_fact(&self, name: &str, value: &str) -> Result<(), StoreError> {
        self.write(|tx| {
            tx.execute(PUT, args![name, value])?;
            Ok(())
        })
    }

    /// What a setting is set to, if it is.
    pub fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.read(|tx| setting(tx, name))
    }

    /// Sets a setting, or unsets it. Its value goes into the audit log, so no setting may be a secret.
    pub fn set_setting(&self, name: &str, value: Option<&str>, act: &Act<'_>) -> Result<(), StoreError> {
        self.write(|tx| {
            tx.execute(PUT, args![format!("setting.{name}"), value.unwrap_or_default()])?;
            let deed = Deed::new(Action::SettingSet, format!("setting {name}")).with("value", value);
            audit::record(tx, act, &deed)
        })
    }
}
