use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;

use crate::failure::with_option;
use crate::progress::Meter;
use crate::remote::Site;
use crate::style::{counted, tell};

#[derive(Debug, Args)]
#[command(
    after_help = "The header names user fields (username, email, expiration, …) and organization, password, profiles \
                  (names separated by ;), attributes and check_attributes (one 'Attr := value' a line). An empty cell \
                  means the same as a missing column. An organization that is not there is made.\n\n\
                  Example:\n  rollcall users import subscribers.csv --encoding windows-1252"
)]
pub(crate) struct Import {
    /// The file; - is standard input
    file: PathBuf,
    /// The file's encoding [default: utf-8]
    #[arg(long, value_name = "LABEL")]
    encoding: Option<String>,
}

impl Import {
    pub(super) fn run(self, site: &Site) -> anyhow::Result<ExitCode> {
        let started = Instant::now();
        let mut meter = Meter::new("importing", 0);
        let source: Box<dyn Read> = if self.file.as_os_str() == "-" {
            Box::new(io::stdin().lock())
        } else {
            let shown = self.file.display();
            let file = File::open(&self.file).with_context(|| format!("cannot read {shown}"))?;
            let size = file.metadata().map_or(0, |facts| facts.len());
            Box::new(Counted { file, size, read: 0, meter: &mut meter })
        };
        let imported = site.import_users(source, self.encoding.as_deref(), &mut |fault| {
            let fault = fault.to_string();
            tell(format_args!("{}: {}", self.file.display(), with_option(&fault)));
        })?;
        meter.clear();
        for name in &imported.organizations {
            tell(format_args!("organization {name:?} was made"));
        }
        for why in &imported.warnings {
            tell(format_args!("warning: {why}"));
        }
        let seconds = started.elapsed().as_secs_f64();
        tell(format_args!("{} imported in {seconds:.1} s", counted(imported.users, "user")));
        Ok(ExitCode::SUCCESS)
    }
}

/// A file that tells how far it has been read.
struct Counted<'a> {
    file: File,
    size: u64,
    read: u64,
    meter: &'a mut Meter,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read += count as u64;
        self.meter.at(self.read, self.size, "bytes");
        Ok(count)
    }
}
