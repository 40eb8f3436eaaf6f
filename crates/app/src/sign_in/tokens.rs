use std::time::Duration;

use rollcall_domain::{Administrator, ApiToken, NOTED_EVERY, Rejection, Scopes, Secret, TokenId, TokenText};
use rollcall_store::{NewToken, StoreError};

use super::credentials::Credentials;
use super::denied::Denied;
use super::random;
use crate::error::AppError;

impl Credentials {
    /// Makes a token with which programs act for an administrator, for `life`. Its text comes back, which is nowhere
    /// else.
    pub fn add_token(
        &self,
        who: &Administrator,
        name: &str,
        scopes: &Scopes,
        life: Duration,
    ) -> Result<(TokenId, Secret), AppError> {
        ApiToken::check_name(name)?;
        if life.is_zero() || life > ApiToken::LONGEST {
            return Err(
                Rejection::new("a token counts for at most 366 days: make another when it is over").into()
            );
        }
        let secret = Secret::new(random::letters::<32>()?);
        let new =
            NewToken { name, hash: &random::hash(&secret), scopes, expires_at: self.shared.now().plus(life) };
        let id = self.shared.store_unchecked().tokens().add(who, &new, &self.act())?;
        Ok((id, TokenText { id, secret }.show()))
    }

    /// The token with this text, if it counts, and for whom it acts: with the rights that its scopes leave.
    pub fn use_token(&self, text: &Secret) -> Result<(ApiToken, Administrator), AppError> {
        let now = self.shared.now();
        let TokenText { id, secret } = TokenText::parse(text).ok_or(Denied::Token)?;
        let found = self.shared.store_unchecked().tokens().by_id(id)?;
        let found = found.filter(|(token, hash, _)| *hash == random::hash(&secret) && token.is_good(now));
        let (mut token, _, administrator) = found.ok_or(Denied::Token)?;
        if token.last_used_at.is_none_or(|used| now >= used.plus(NOTED_EVERY)) {
            self.shared.store_unchecked().tokens().note_use(id, now)?;
            token.last_used_at = Some(now);
        }
        let rights = administrator.rights.only(&token.scopes);
        Ok((token, Administrator { rights, ..administrator }))
    }

    /// The tokens of an administrator, also those that count no more.
    pub fn tokens(&self, who: &Administrator) -> Result<Vec<ApiToken>, AppError> {
        Ok(self.shared.store_unchecked().tokens().of(who)?)
    }

    /// The next of them after token `after`, by number.
    pub fn tokens_after(
        &self,
        who: &Administrator,
        after: Option<TokenId>,
        limit: u32,
    ) -> Result<Vec<ApiToken>, AppError> {
        Ok(self.shared.store_unchecked().tokens().page(who, after.unwrap_or(0), limit)?)
    }

    /// Takes a token of an administrator back.
    pub fn revoke_token(&self, who: &Administrator, id: TokenId) -> Result<(), AppError> {
        if self.shared.store_unchecked().tokens().revoke(who, id, &self.act())? {
            return Ok(());
        }
        Err(StoreError::NoSuch(format!("token {id} of {:?} that counts", who.name)).into())
    }
}
