//! Which attributes FreeRADIUS knows: by dictionaries that were loaded into the database, else by those of this machine,
//! else by what comes with Rollcall.

use std::path::{Path, PathBuf};

use rollcall_domain::{Dictionary, DictionarySource, Item, Right};
use rollcall_store::StoreError;

use crate::{App, AppError};

/// Whether what FreeRADIUS would reject a user for is refused everywhere.
const STRICT: &str = "strict_attributes";
/// Dictionaries include others, but not so deep.
const DEEPEST: usize = 8;
/// A dictionary is not so large; all of FreeRADIUS's together are one megabyte.
const LARGEST: u64 = 16 << 20;

impl App {
    /// The attributes that FreeRADIUS knows.
    pub fn dictionary(&self) -> Result<Dictionary, AppError> {
        self.may(Right::Look)?;
        Ok(self.known_attributes()?)
    }

    /// The same for whatever was allowed already.
    pub(crate) fn known_attributes(&self) -> Result<Dictionary, StoreError> {
        if let Some(loaded) = self.engine().dictionary()? {
            return Ok(loaded);
        }
        // One that cannot be read is no reason to do nothing at all.
        let machine =
            self.dictionaries.as_deref().and_then(|folder| read(folder, DictionarySource::Machine).ok());
        Ok(machine.unwrap_or_else(Dictionary::built_in))
    }

    /// Loads the dictionaries in a folder, which begin in the file `dictionary`, in place of those that were. How many
    /// attributes there are.
    pub fn load_dictionary(&self, folder: &Path) -> Result<usize, AppError> {
        let permit = self.may_everywhere(Right::Administer)?;
        let dictionary = read(folder, DictionarySource::Loaded).map_err(|(path, error)| AppError::File {
            what: format!("the dictionary {} cannot be read", path.display()),
            error,
        })?;
        permit.load_dictionary(&dictionary, &self.act())?;
        Ok(dictionary.entries().len())
    }

    /// Goes back to the dictionaries of each machine.
    pub fn forget_dictionary(&self) -> Result<(), AppError> {
        let permit = self.may_everywhere(Right::Administer)?;
        Ok(permit.load_dictionary(&Dictionary::of(DictionarySource::Loaded, []), &self.act())?)
    }

    /// Whether what FreeRADIUS would reject a user for is refused wherever it is written, instead of warned of.
    pub fn is_strict(&self) -> Result<bool, AppError> {
        self.may(Right::Look)?;
        Ok(self.strict_here()?)
    }

    /// The same for whatever was allowed already.
    pub(crate) fn strict_here(&self) -> Result<bool, StoreError> {
        Ok(self.engine().setting(STRICT)?.is_some())
    }

    /// The attributes that FreeRADIUS knows, if what it would reject a user for is refused.
    pub(crate) fn strict_attributes(&self) -> Result<Option<Dictionary>, StoreError> {
        if self.strict_here()? { self.known_attributes().map(Some) } else { Ok(None) }
    }

    /// Refuses items that FreeRADIUS would reject a user for, if that is wanted.
    pub(crate) fn check_attributes<'a>(
        &self,
        mut items: impl Iterator<Item = &'a Item>,
    ) -> Result<(), AppError> {
        let Some(dictionary) = self.strict_attributes()? else { return Ok(()) };
        Ok(items.try_for_each(|item| dictionary.check_item(item))?)
    }

    /// Decides about that.
    pub fn set_strict(&self, strict: bool) -> Result<(), AppError> {
        let permit = self.may_everywhere(Right::Administer)?;
        Ok(permit.set_setting(STRICT, strict.then_some("yes"), &self.act())?)
    }
}

/// Reads what lies in a folder. A failure names its file.
fn read(folder: &Path, source: DictionarySource) -> Result<Dictionary, (PathBuf, std::io::Error)> {
    let mut texts = Vec::new();
    include(&folder.join("dictionary"), 0, &mut texts)?;
    // FreeRADIUS reads it, too, though none includes it.
    let dhcp = folder.join("dictionary.dhcp");
    if dhcp.exists() {
        include(&dhcp, 0, &mut texts)?;
    }
    Ok(Dictionary::read(source, texts.iter().map(String::as_str)))
}

fn include(path: &Path, depth: usize, texts: &mut Vec<String>) -> Result<(), (PathBuf, std::io::Error)> {
    let failed = |error| (path.to_owned(), error);
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if depth > DEEPEST || size > LARGEST {
        return Err(failed(std::io::Error::other("it is too large, or included by too many others")));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(word), Some(file)) = (words.next(), words.next()) else { continue };
        let other = path.parent().unwrap_or(Path::new("/")).join(file);
        // One with a minus may be missing.
        if word == "$INCLUDE" || word == "$INCLUDE-" && other.exists() {
            include(&other, depth + 1, texts)?;
        }
    }
    texts.push(text);
    Ok(())
}
