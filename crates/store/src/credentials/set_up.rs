//! The link with which the first administrator is made. The last one that was made is the one that counts, so whoever
//! uses one locks the only row there is: of many at once one succeeds.

use rollcall_domain::{Act, Action, AdministratorId, Grant, Secret, Timestamp};
use serde_json::json;

use super::SET_PASSWORD;
use crate::administrators::{deed, insert, is_there_anybody};
use crate::areas::SetUpLink;
use crate::db::args;
use crate::sql::sql;
use crate::{StoreError, audit};

sql! {
    MAKE = "INSERT INTO set_up_links (id, hash, expires_at) VALUES (1, ?1, ?2) ON CONFLICT (id) DO UPDATE \
            SET hash = excluded.hash, expires_at = excluded.expires_at, used_at = NULL";
    COUNTS = "SELECT 1 FROM set_up_links WHERE hash = ?1 AND used_at IS NULL AND expires_at > ?2";
    USE = "UPDATE set_up_links SET used_at = ?2 WHERE hash = ?1 AND used_at IS NULL AND expires_at > ?2";
}

/// The first administrator, and the link that makes them.
#[derive(Debug)]
pub struct SetUp<'a> {
    /// The hash of the link's secret.
    pub link: &'a Secret,
    /// What they are called.
    pub name: &'a str,
    /// The hash of their password.
    pub password: &'a Secret,
}

impl SetUpLink<'_> {
    /// Makes a link in place of any other, if there is no administrator; says whether it did.
    pub fn make(&self, hash: &Secret, expires_at: Timestamp) -> Result<bool, StoreError> {
        self.0.write(|tx| {
            if is_there_anybody(tx)? {
                return Ok(false);
            }
            tx.execute(MAKE, args![hash.reveal(), expires_at])?;
            Ok(true)
        })
    }

    /// Whether a link of this hash could be used.
    pub fn is_valid(&self, hash: &Secret, now: Timestamp) -> Result<bool, StoreError> {
        self.0.read(|tx| Ok(!is_there_anybody(tx)? && tx.exists(COUNTS, args![hash.reveal(), now])?))
    }

    /// Uses a link; the number of the first administrator, who may do everything. None if it does not count, or no
    /// more.
    pub fn complete(
        &self,
        set_up: &SetUp<'_>,
        now: Timestamp,
    ) -> Result<Option<AdministratorId>, StoreError> {
        self.0.write(|tx| {
            if tx.execute(USE, args![set_up.link.reveal(), now])? == 0 || is_there_anybody(tx)? {
                return Ok(None);
            }
            let id = insert(tx, set_up.name, &[Grant::EVERYTHING], now)?;
            tx.execute(SET_PASSWORD, args![id, set_up.password.reveal(), now])?;
            let act = Act { at: now, who: set_up.name, administrator_id: Some(id), address: None };
            let deed = deed(Action::AdministratorAdd, set_up.name).with("id", id);
            audit::record(tx, &act, &deed.with("grants", json!([Grant::EVERYTHING])))?;
            Ok(Some(id))
        })
    }
}
