//! The attributes that FreeRADIUS knows: those of the dictionaries that were loaded into the database, else those of
//! this machine, else those that come with Rollcall.

use std::path::Path;
use std::sync::Arc;

use rollcall_domain::{Dictionary, DictionarySource, Item, Right};
use rollcall_store::StoreError;

use super::machine_dictionary::{Read, read};
use crate::error::AppError;
use crate::operations::RadiusOperations;
use crate::settings::STRICT_ATTRIBUTES;

impl<'a> RadiusOperations<'a> {
    /// Gives the attributes that FreeRADIUS knows.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn dictionary(self) -> Result<Arc<Dictionary>, AppError> {
        self.app.require_permission(Right::Look)?;
        Ok(self.known_attributes()?)
    }

    /// The attributes that FreeRADIUS knows, for an operation that is allowed already.
    pub(crate) fn known_attributes(self) -> Result<Arc<Dictionary>, StoreError> {
        if let Some(loaded) = self.app.store_unchecked().radius().dictionary()? {
            return Ok(Arc::new(loaded));
        }
        // One that cannot be read is no reason to do nothing at all.
        Ok(self.app.machine_dictionary.read().unwrap_or_else(|| Arc::new(Dictionary::built_in())))
    }

    /// Loads the dictionaries of a folder, from its file `dictionary` on, in place of earlier ones: the number of
    /// attributes.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::File`] if a file cannot be read.
    pub fn load_dictionary(self, folder: &Path) -> Result<usize, AppError> {
        let permit = self.app.require_permission_everywhere(Right::Administer)?;
        let read = read(folder, DictionarySource::Loaded);
        let Read { dictionary, .. } = read.map_err(|(path, error)| AppError::File {
            what: format!("the dictionary {} cannot be read", path.display()),
            error,
        })?;
        permit.radius().load_dictionary(&dictionary, &self.app.act())?;
        Ok(dictionary.entries().len())
    }

    /// Removes the loaded dictionaries, so that those of each machine are used again.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn forget_dictionary(self) -> Result<(), AppError> {
        let permit = self.app.require_permission_everywhere(Right::Administer)?;
        Ok(permit.radius().load_dictionary(&Dictionary::of(DictionarySource::Loaded, []), &self.app.act())?)
    }

    /// Whether attributes that FreeRADIUS would reject a user for are refused, for an operation that is allowed
    /// already.
    pub(crate) fn refuses_unknown_attributes(self) -> Result<bool, StoreError> {
        Ok(self.app.store_unchecked().installation().setting(STRICT_ATTRIBUTES)?.is_some())
    }

    /// The attributes that FreeRADIUS knows, if all others are refused.
    pub(crate) fn strict_dictionary(self) -> Result<Option<Arc<Dictionary>>, StoreError> {
        if self.refuses_unknown_attributes()? { self.known_attributes().map(Some) } else { Ok(None) }
    }

    /// Refuses items that FreeRADIUS would reject a user for, if that is wanted.
    pub(crate) fn check_attributes<'i>(
        self,
        mut items: impl Iterator<Item = &'i Item>,
    ) -> Result<(), AppError> {
        let Some(dictionary) = self.strict_dictionary()? else { return Ok(()) };
        Ok(items.try_for_each(|item| dictionary.check_item(item))?)
    }

    /// Lists the reasons for which FreeRADIUS would reject a user with these items, a sentence each.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn list_warnings<'i>(
        self,
        items: impl IntoIterator<Item = &'i Item>,
    ) -> Result<Vec<String>, AppError> {
        self.app.require_permission(Right::Look)?;
        let mut items = items.into_iter().peekable();
        // Most people have none, and a dictionary is long.
        if items.peek().is_none() {
            return Ok(Vec::new());
        }
        let dictionary = self.known_attributes()?;
        Ok(items.filter_map(|item| dictionary.warn_of(item).err()).map(|why| why.to_string()).collect())
    }
}
