//! Which attributes FreeRADIUS knows: by dictionaries that were loaded into the database, else by those of this machine,
//! else by what comes with Rollcall.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rollcall_domain::{Dictionary, DictionarySource, Item, Right};
use rollcall_store::StoreError;

use crate::{App, AppError};

/// Whether what FreeRADIUS would reject a user for is refused everywhere.
const STRICT: &str = "strict_attributes";
/// Dictionaries include others, but not so deep.
const DEEPEST: usize = 8;
/// A dictionary is not so large; all of FreeRADIUS's together are one megabyte.
const LARGEST: u64 = 16 << 20;

/// What tells whether a file is as it was: when it was written, and how long it is. None: there is none.
type Facts = Option<(SystemTime, u64)>;

/// A dictionary, with all files that it was read from, and those that it would have been.
struct Read<D = Dictionary> {
    dictionary: D,
    files: Vec<(PathBuf, Facts)>,
}

/// The dictionary of this machine, as it was read last: one, for as long as its files are as they were. Reading it takes
/// longer than a small run.
#[derive(Default)]
pub(crate) struct MachineDictionary(Mutex<Option<Read<Arc<Dictionary>>>>);

impl MachineDictionary {
    /// What lies in the folder; none if it cannot be read.
    fn in_folder(&self, folder: &Path) -> Option<Arc<Dictionary>> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Read { dictionary, files }) = &*last
            && files.iter().all(|(file, then)| facts(file) == *then)
        {
            return Some(Arc::clone(dictionary));
        }
        *last = None;
        let Read { dictionary, files } = read(folder, DictionarySource::Machine).ok()?;
        let dictionary = Arc::new(dictionary);
        *last = Some(Read { dictionary: Arc::clone(&dictionary), files });
        Some(dictionary)
    }
}

fn facts(file: &Path) -> Facts {
    let found = std::fs::metadata(file).ok()?;
    Some((found.modified().ok()?, found.len()))
}

impl App {
    /// The attributes that FreeRADIUS knows.
    pub fn dictionary(&self) -> Result<Arc<Dictionary>, AppError> {
        self.may(Right::Look)?;
        Ok(self.known_attributes()?)
    }

    /// The same for whatever was allowed already.
    pub(crate) fn known_attributes(&self) -> Result<Arc<Dictionary>, StoreError> {
        if let Some(loaded) = self.engine().dictionary()? {
            return Ok(Arc::new(loaded));
        }
        // One that cannot be read is no reason to do nothing at all.
        let folder = self.dictionaries.as_deref();
        let machine = folder.and_then(|folder| self.machine_dictionary.in_folder(folder));
        Ok(machine.unwrap_or_else(|| Arc::new(Dictionary::built_in())))
    }

    /// Loads the dictionaries in a folder, which begin in the file `dictionary`, in place of those that were. How many
    /// attributes there are.
    pub fn load_dictionary(&self, folder: &Path) -> Result<usize, AppError> {
        let permit = self.may_everywhere(Right::Administer)?;
        let read = read(folder, DictionarySource::Loaded);
        let Read { dictionary, .. } = read.map_err(|(path, error)| AppError::File {
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
    pub(crate) fn strict_attributes(&self) -> Result<Option<Arc<Dictionary>>, StoreError> {
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

    /// What FreeRADIUS would reject whoever has these items for, in a sentence each.
    pub fn warnings_of<'a>(
        &self,
        items: impl IntoIterator<Item = &'a Item>,
    ) -> Result<Vec<String>, AppError> {
        self.may(Right::Look)?;
        let mut items = items.into_iter().peekable();
        // Most people have none, and a dictionary is long.
        if items.peek().is_none() {
            return Ok(Vec::new());
        }
        let dictionary = self.known_attributes()?;
        Ok(items.filter_map(|item| dictionary.warn_of(item).err()).map(|why| why.to_string()).collect())
    }

    /// Decides about that.
    pub fn set_strict(&self, strict: bool) -> Result<(), AppError> {
        let permit = self.may_everywhere(Right::Administer)?;
        Ok(permit.set_setting(STRICT, strict.then_some("yes"), &self.act())?)
    }
}

/// Reads what lies in a folder. A failure names its file.
fn read(folder: &Path, source: DictionarySource) -> Result<Read, (PathBuf, std::io::Error)> {
    let mut found = Found::default();
    found.include(&folder.join("dictionary"), 0)?;
    // FreeRADIUS reads it, too, though none includes it.
    found.include_if_there(&folder.join("dictionary.dhcp"), 0)?;
    let dictionary = Dictionary::read(source, found.texts.iter().map(String::as_str));
    Ok(Read { dictionary, files: found.files })
}

/// The dictionaries that were found.
#[derive(Default)]
struct Found {
    texts: Vec<String>,
    files: Vec<(PathBuf, Facts)>,
}

impl Found {
    fn include_if_there(&mut self, path: &Path, depth: usize) -> Result<(), (PathBuf, std::io::Error)> {
        if path.exists() {
            return self.include(path, depth);
        }
        self.files.push((path.to_owned(), None));
        Ok(())
    }

    fn include(&mut self, path: &Path, depth: usize) -> Result<(), (PathBuf, std::io::Error)> {
        let failed = |error| (path.to_owned(), error);
        // Before it is read: what is written meanwhile is then read again.
        self.files.push((path.to_owned(), facts(path)));
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
            match word {
                "$INCLUDE" => self.include(&other, depth + 1)?,
                // One that may be missing.
                "$INCLUDE-" => self.include_if_there(&other, depth + 1)?,
                _ => {}
            }
        }
        self.texts.push(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dictionary_is_read_again_when_one_of_its_files_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let machine = MachineDictionary::default();
        let now = || machine.in_folder(folder.path());
        assert!(now().is_none());
        write("dictionary", "$INCLUDE part\n$INCLUDE- more\n");
        assert!(now().is_none(), "a part is missing");
        write("part", "ATTRIBUTE One 1 string\n");
        let first = now().unwrap();
        assert!(Arc::ptr_eq(&first, &now().unwrap()), "nothing has changed");
        let mut last = first;
        for (name, text) in [
            ("part", "ATTRIBUTE Eleven 1 string\n"),
            ("more", "ATTRIBUTE Two 2 string\n"),
            ("dictionary.dhcp", "ATTRIBUTE Three 3 string\n"),
        ] {
            write(name, text);
            let read = now().unwrap();
            let attribute = text.split(' ').nth(1).unwrap();
            assert!(read.entries().any(|(name, _)| name == attribute), "{attribute}");
            assert!(!Arc::ptr_eq(&last, &read) && Arc::ptr_eq(&read, &now().unwrap()));
            last = read;
        }
        std::fs::remove_file(folder.path().join("part")).unwrap();
        assert!(now().is_none());
    }
}
