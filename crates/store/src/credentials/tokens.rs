use rollcall_domain::{
    Act, Action, Administrator, AdministratorId, ApiToken, Scopes, Secret, Timestamp, TokenId,
};

use super::deed;
use crate::administrators::{by_id, check_there};
use crate::areas::Tokens;
use crate::columns::{Columns, at, read};
use crate::db::{Row, Tx, args};
use crate::sql::{sql, text};
use crate::{StoreError, audit};

/// The start of a statement that gives tokens, as [`token`] reads them.
const SELECT: Columns = Columns(
    "SELECT id, administrator_id, name, scopes, created_at, expires_at, last_used_at, revoked_at, hash FROM api_tokens ",
);

sql! {
    INSERT = "INSERT INTO api_tokens (administrator_id, name, hash, scopes, created_at, expires_at) \
              VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id";
    BY_ID = text!(SELECT.0, "WHERE id = ?1");
    LIST = text!(SELECT.0, "WHERE administrator_id = ?1 ORDER BY id");
    PAGE = text!(SELECT.0, "WHERE administrator_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3");
    USE = "UPDATE api_tokens SET last_used_at = ?2 WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at < ?2)";
    REVOKE = "UPDATE api_tokens SET revoked_at = ?3 WHERE administrator_id = ?1 AND id = ?2 AND revoked_at IS NULL";
    REMOVE_ALL = "DELETE FROM api_tokens WHERE administrator_id = ?1";
}

/// A token that is to be made.
#[derive(Debug)]
pub struct NewToken<'a> {
    /// What it is called.
    pub name: &'a str,
    /// The hash of its secret.
    pub hash: &'a Secret,
    /// What it may do.
    pub scopes: &'a Scopes,
    /// Until when it counts.
    pub expires_at: Timestamp,
}

fn token(row: &Row<'_>) -> Result<ApiToken, StoreError> {
    Ok(read!(row, SELECT => ApiToken {
        id, administrator_id, name, scopes, created_at, expires_at, last_used_at, revoked_at,
    }))
}

pub(super) fn forget(tx: &Tx<'_>, who: AdministratorId) -> Result<(), StoreError> {
    tx.execute(REMOVE_ALL, args![who]).map(drop)
}

impl Tokens<'_> {
    /// Makes a token of an administrator; its number.
    pub fn add(&self, who: &Administrator, new: &NewToken<'_>, act: &Act<'_>) -> Result<TokenId, StoreError> {
        self.0.write(|tx| {
            check_there(tx, who)?;
            let NewToken { name, hash, scopes, expires_at } = *new;
            let scopes = scopes.to_string();
            let id: TokenId =
                tx.value(INSERT, args![who.id, name, hash.reveal(), &scopes, act.at, expires_at])?;
            let deed = deed(Action::TokenAdd, who).with("token", id).with("scopes", scopes);
            audit::record(tx, act, &deed.with("expires_at", expires_at.to_string()))?;
            Ok(id)
        })
    }

    /// The token of this number, the hash of its secret, and whose it is.
    pub fn by_id(&self, id: TokenId) -> Result<Option<(ApiToken, Secret, Administrator)>, StoreError> {
        self.0.read(|tx| {
            let found = tx.first(BY_ID, args![id], |row| {
                Ok((token(row)?, Secret::new(row.get::<String>(at!(SELECT, "hash"))?)))
            })?;
            let Some((token, hash)) = found else { return Ok(None) };
            Ok(by_id(tx, token.administrator_id)?.map(|administrator| (token, hash, administrator)))
        })
    }

    /// The tokens of an administrator, by number, also those that count no more.
    pub fn of(&self, who: &Administrator) -> Result<Vec<ApiToken>, StoreError> {
        self.0.read(|tx| tx.all(LIST, args![who.id], token))
    }

    /// The next tokens of an administrator after number `after`, also those that count no more.
    pub fn page(&self, who: &Administrator, after: TokenId, limit: u32) -> Result<Vec<ApiToken>, StoreError> {
        self.0.read(|tx| tx.all(PAGE, args![who.id, after, limit], token))
    }

    /// Notes that a token was used.
    pub fn note_use(&self, id: TokenId, now: Timestamp) -> Result<(), StoreError> {
        self.0.note(|tx| tx.execute(USE, args![id, now]))
    }

    /// Takes a token of an administrator back; says whether they have one of this number that was not taken back yet.
    pub fn revoke(&self, who: &Administrator, id: TokenId, act: &Act<'_>) -> Result<bool, StoreError> {
        self.0.write(|tx| {
            let revoked = tx.execute(REVOKE, args![who.id, id, act.at])? > 0;
            if revoked {
                audit::record(tx, act, &deed(Action::TokenRevoke, who).with("token", id))?;
            }
            Ok(revoked)
        })
    }
}
