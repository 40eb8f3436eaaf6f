//! The modes of a SQLite database's files. They hold users' passwords and the hashes of administrators' ones, so they are
//! for their owner, and for a group where one is given. SQLite gives the files beside a database the mode of its file.

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

const FOR_OWNER: u32 = 0o600;
const FOR_GROUP: u32 = 0o660;
const GROUP_WRITES: u32 = 0o020;
const OTHERS: u32 = 0o007;
/// Of a folder: files that are made in it get its group.
const SET_GROUP_ID: u32 = 0o2000;

/// Makes the file of a new database, whatever the umask is. In a folder that gives files its group, the group shares it.
pub(crate) fn create(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let shared = fs::metadata(folder).is_ok_and(|facts| facts.mode() & SET_GROUP_ID != 0);
    let file = OpenOptions::new().write(true).create_new(true).mode(FOR_OWNER).open(path)?;
    if shared { file.set_permissions(Permissions::from_mode(FOR_GROUP)) } else { Ok(()) }
}

/// Gives the files of a database to a group, which can read and write them from then on.
pub(crate) fn give_to_group(path: &Path, group: u32) -> io::Result<()> {
    for file in files(path).iter().filter(|file| file.exists()) {
        chown(file, None, Some(group))?;
        fs::set_permissions(file, Permissions::from_mode(FOR_GROUP))?;
    }
    Ok(())
}

/// Gives the files beside a database, which SQLite makes anew each time, the group that the database is shared with.
pub(crate) fn keep_group(path: &Path) {
    let [main, beside @ ..] = files(path);
    let Ok(main) = fs::metadata(main) else { return };
    if main.mode() & GROUP_WRITES == 0 {
        return;
    }
    for file in beside {
        if fs::metadata(&file).is_ok_and(|facts| facts.gid() != main.gid()) {
            // What another account has made, that account gives away.
            let _ = chown(file, None, Some(main.gid()));
        }
    }
}

/// Whether accounts that are neither the owner nor in the group can use a file of the database.
pub(crate) fn is_open_to_others(path: &Path) -> bool {
    files(path).iter().any(|file| fs::metadata(file).is_ok_and(|facts| facts.mode() & OTHERS != 0))
}

/// The file and those beside it.
fn files(path: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|suffix| {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        file.into()
    })
}
