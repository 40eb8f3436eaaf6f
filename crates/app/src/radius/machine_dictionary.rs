//! The dictionaries of the FreeRADIUS on this machine.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rollcall_domain::{Dictionary, DictionarySource};

/// Dictionaries include others, but not so deep.
const DEEPEST: usize = 8;
/// A dictionary is not so large; all of FreeRADIUS's together are one megabyte.
const LARGEST: u64 = 16 << 20;

/// The time of the last change and the size of a file, by which a change is noticed; none: there is no such file.
type Facts = Option<(SystemTime, u64)>;

/// A dictionary, with all files that it was read from, and those that it would have been.
pub(super) struct Read<D = Dictionary> {
    pub(super) dictionary: D,
    files: Vec<(PathBuf, Facts)>,
}

/// The dictionary of this machine. It is kept until one of its files changes, since reading it takes longer than a
/// small run.
#[derive(Default)]
pub(crate) struct MachineDictionary {
    folder: Option<PathBuf>,
    last: Mutex<Option<Read<Arc<Dictionary>>>>,
}

impl MachineDictionary {
    /// The dictionary of the FreeRADIUS whose dictionaries are in `folder`.
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, last: Mutex::default() }
    }

    /// Reads the folder; none if there is none or if it cannot be read.
    pub(crate) fn read(&self) -> Option<Arc<Dictionary>> {
        let folder = self.folder.as_deref()?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
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

/// Reads what lies in a folder. A failure names its file.
pub(super) fn read(folder: &Path, source: DictionarySource) -> Result<Read, (PathBuf, std::io::Error)> {
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
        let machine = MachineDictionary::new(Some(folder.path().to_owned()));
        let now = || machine.read();
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
