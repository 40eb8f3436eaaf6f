use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use rollcall_app::runs::BadRowsFile;
use rollcall_app::{
    App, AppError, Fault, FaultGroup, FaultGroups, FaultKind, FaultyRow, ImportObserver, Table, wire,
};

use crate::backend::Backend;
use crate::failure::with_option;
use crate::file_options::FileOptions;
use crate::progress::Meter;
use crate::rows::{create_bad_rows, refuse_to_overwrite};
use crate::style::tell;
use rollcall_api::{ImportDuplicates, ImportOptions, ImportResult};
use rollcall_client::{Client, Error};
use rollcall_domain::counted;
use rollcall_domain::one_line;

#[derive(Debug, Args)]
#[command(
    after_help = "The header names user fields (username, email, expiration, …) and organization, password, profiles \
                  (names separated by ;), attributes and check_attributes (one 'Attr := value' a line). An empty cell \
                  means the same as a missing column. Either all users are imported, or none.\n\n\
                  Example:\n  rollcall users import subscribers.csv --bad-rows bad.csv"
)]
pub(crate) struct Import {
    /// The file, CSV or Excel (.xlsx); - is standard input
    file: PathBuf,
    /// Create missing organizations, instead of rejecting their rows
    #[arg(long)]
    create_organizations: bool,
    /// The rows to use if several have one username
    #[arg(long, value_enum, value_name = "WHICH", default_value = "refuse")]
    duplicates: ImportDuplicates,
    /// Write rows that cannot be imported to this new CSV file, with the reasons
    #[arg(long, value_name = "FILE")]
    bad_rows: Option<PathBuf>,
    #[command(flatten)]
    format: FileOptions,
}

impl Import {
    pub(super) fn run(self, backend: &Backend) -> anyhow::Result<ExitCode> {
        let started = Instant::now();
        if let Some(bad_rows) = &self.bad_rows {
            refuse_to_overwrite(bad_rows)?;
        }
        let options = ImportOptions {
            format: self.format.format(),
            create_organizations: self.create_organizations,
            duplicates: self.duplicates,
        };
        let done = match backend {
            Backend::Local(app) => self.import_here(app, &options),
            Backend::Remote(client) => self.import_there(client, &options),
        };
        let imported = match done {
            Ok(imported) => imported,
            Err((groups, error)) => {
                self.tell_faults(&groups);
                return Err(error);
            }
        };
        for name in &imported.organizations {
            tell(format_args!("organization {name:?} was made"));
        }
        for why in &imported.warnings {
            tell(format_args!("warning: {why}"));
        }
        if imported.skipped_duplicates > 0 {
            let rows = counted(imported.skipped_duplicates, "row");
            tell(format_args!("{rows} left out: an earlier row has the username"));
        }
        if let Some(path) = &self.bad_rows {
            tell(format_args!("no bad rows: {} was not written", path.display()));
        }
        let seconds = started.elapsed().as_secs_f64();
        let notes = imported.notes.join("; ");
        let notes = if notes.is_empty() { String::new() } else { format!(" ({})", one_line(&notes)) };
        tell(format_args!("{} imported in {seconds:.1} s{notes}", counted(imported.users, "user")));
        Ok(ExitCode::SUCCESS)
    }

    fn is_piped(&self) -> bool {
        self.file.as_os_str() == "-"
    }

    /// The file's name in messages.
    fn shown(&self) -> String {
        if self.is_piped() { "standard input".to_owned() } else { self.file.display().to_string() }
    }

    fn import_here(&self, app: &App, options: &ImportOptions) -> Result<ImportResult, ImportFailure> {
        let shown = self.shown();
        let table = self.open().map_err(|error| (Vec::new(), error))?;
        let size = self.file.metadata().map_or(0, |facts| facts.len());
        let mut watch = Watch {
            meter: Meter::new("importing", size),
            size,
            groups: FaultGroups::default(),
            bad_rows: self.bad_rows.as_deref(),
            columns: Vec::new(),
            literal: None,
            writer: None,
        };
        let done = app.imports().apply(table, &wire::import_request(options, &shown), &mut watch);
        watch.meter.clear();
        let flushed = watch.writer.as_mut().map_or(Ok(()), BadRowsFile::flush);
        let groups = || watch.groups.groups().to_vec();
        match (done, flushed.context("the bad rows could not be written to their end")) {
            (Ok(imported), _) => Ok(imported.into()),
            (Err(_), Err(error)) => Err((groups(), error)),
            (Err(error), Ok(())) => Err((groups(), error.into())),
        }
    }

    fn open(&self) -> anyhow::Result<Table> {
        let options = self.format.table_options();
        let table = match self.is_piped() {
            true => Table::read(io::stdin(), &options),
            false => Table::open(&self.file, &options),
        };
        Ok(table.map_err(|error| AppError::Table { file: self.shown(), error })?)
    }

    fn import_there(&self, client: &Client, options: &ImportOptions) -> Result<ImportResult, ImportFailure> {
        if !self.is_piped() {
            // What is wrong with its form is told before it is sent.
            drop(self.open().map_err(|error| (Vec::new(), error))?);
        }
        let mut meter = Meter::new("importing", 0);
        let source = self.source(&mut meter).map_err(|error| (Vec::new(), error))?;
        let done = match &self.bad_rows {
            None => client.import(source, options).map_err(anyhow::Error::from),
            Some(bad_rows) => self.import_by_upload(client, source, options, bad_rows),
        };
        meter.clear();
        done.map_err(|error| {
            let refused = error.downcast_ref().and_then(Error::refused);
            let faults = refused.map_or(&[][..], |refused| refused.faults());
            (faults.iter().filter(|fault| fault.line.is_some()).map(FaultGroup::from).collect(), error)
        })
    }

    /// Imports a file that is kept on the server until its bad rows are here.
    fn import_by_upload(
        &self,
        client: &Client,
        source: impl Read,
        options: &ImportOptions,
        bad_rows: &Path,
    ) -> anyhow::Result<ImportResult> {
        let name = self.file.file_name().filter(|_| !self.is_piped());
        let name = name.map_or_else(|| self.shown(), |name| name.to_string_lossy().into_owned());
        let upload = client.upload(&name, source)?.upload_id;
        let done = client.import_upload(upload, options);
        let has_faults = |error: &Error| error.refused().is_some_and(|refused| !refused.faults().is_empty());
        let copied = match &done {
            Err(error) if has_faults(error) => create_bad_rows(bad_rows)
                .with_context(|| format!("cannot write {}", bad_rows.display()))
                .and_then(|mut file| Ok(client.import_bad_rows(upload, options, &mut file)?)),
            _ => Ok(()),
        };
        // If it stays, the server removes it in a day.
        drop(client.remove_upload(upload));
        copied?;
        Ok(done?)
    }

    fn source<'a>(&self, meter: &'a mut Meter) -> anyhow::Result<Box<dyn Read + 'a>> {
        if self.is_piped() {
            return Ok(Box::new(io::stdin().lock()));
        }
        let file = File::open(&self.file).with_context(|| format!("cannot read {}", self.shown()))?;
        let size = file.metadata().map_or(0, |facts| facts.len());
        Ok(Box::new(Counted { file, size, read: 0, meter }))
    }

    fn tell_faults(&self, groups: &[FaultGroup]) {
        let shown = self.shown();
        for group in groups {
            let group = group.to_string();
            tell(format_args!("{shown}: {}", one_line(&with_option(&group))));
        }
        let unknown = groups.iter().any(|group| group.first.kind == FaultKind::UnknownOrganization);
        if unknown && !self.create_organizations {
            tell(format_args!("hint: --create-organizations creates organizations that do not exist"));
        }
        let many = groups.iter().any(|group| group.count > 1);
        match &self.bad_rows {
            Some(path) if path.exists() => {
                tell(format_args!("bad rows, with the reasons: {}", path.display()));
            }
            None if many => {
                tell(format_args!("hint: --bad-rows FILE writes the rows to a file, each with its faults"));
            }
            _ => {}
        }
    }
}

/// The faults of the file, and the reason why nothing was imported.
type ImportFailure = (Vec<FaultGroup>, anyhow::Error);

/// The administrator at the terminal, while a file is imported.
struct Watch<'a> {
    meter: Meter,
    size: u64,
    groups: FaultGroups,
    bad_rows: Option<&'a Path>,
    columns: Vec<String>,
    literal: Option<usize>,
    writer: Option<BadRowsFile<File>>,
}

impl ImportObserver for Watch<'_> {
    fn columns(&mut self, columns: &[String], literal: Option<usize>) -> io::Result<()> {
        (self.columns, self.literal) = (columns.to_vec(), literal);
        Ok(())
    }

    fn fault(&mut self, fault: &Fault) {
        self.groups.add(fault);
    }

    fn faulty_row(&mut self, row: FaultyRow<'_>) -> io::Result<()> {
        let Some(path) = self.bad_rows else { return Ok(()) };
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let file = BadRowsFile::new(&self.columns, create_bad_rows(path)?)?;
                self.writer.insert(file.with_literal(self.literal))
            }
        };
        writer.write(row.line, row.cells, row.reason, row.unreadable)
    }

    fn progress(&mut self, bytes: u64) {
        self.meter.at(bytes, self.size, "bytes");
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
