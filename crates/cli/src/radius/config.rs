use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use rollcall_app::App;
use rollcall_app::radius::{ConfigFile, DEFAULT_ROLE};
use rollcall_domain::Rejection;

use crate::style::tell;

#[derive(Debug, Args)]
#[command(after_help = "The folder gets a README.md with the next steps.\n\n\
                  Example:\n  rollcall radius config --dir /tmp/freeradius")]
pub(crate) struct Config {
    /// The folder to write into; it is created if necessary
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The PostgreSQL role of FreeRADIUS
    #[arg(long, default_value = DEFAULT_ROLE, value_name = "NAME")]
    role: String,
    /// Overwrite existing files
    #[arg(long)]
    force: bool,
}

impl Config {
    pub(super) fn run(self, app: &App) -> anyhow::Result<ExitCode> {
        let files = app.radius().create_config(&self.role)?;
        let there = files.iter().map(|file| self.dir.join(file.path)).find(|path| path.exists());
        if let Some(path) = there.filter(|_| !self.force) {
            let why = format!("{} is there already; --force writes over it", path.display());
            return Err(Rejection::new(why).into());
        }
        for file in &files {
            write(&self.dir, file)
                .with_context(|| format!("cannot write {}", self.dir.join(file.path).display()))?;
        }
        let readme = self.dir.join("README.md");
        tell(format_args!(
            "{} files were written: {} says what to do with them",
            files.len(),
            readme.display()
        ));
        Ok(ExitCode::SUCCESS)
    }
}

fn write(folder: &Path, file: &ConfigFile) -> std::io::Result<()> {
    let path = folder.join(file.path);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    // A new file each time, so that one with a password never has the mode of an older one.
    if path.exists() {
        std::fs::remove_file(&path)?;
    }
    let mode = if file.secret { 0o600 } else { 0o644 };
    let mut out = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
    out.write_all(file.text.as_bytes())
}
