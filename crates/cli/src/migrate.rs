use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use rollcall_app::database::{Copied, CopyEvent, Location, Phase, Store};
use serde::Serialize;

use super::{Context, shell_word};
use crate::output::{Format, Listing, print_json};
use crate::progress::Meter;
use crate::style::tell;
use rollcall_domain::{counted, grouped};

/// So many digits of a checksum are enough for the eye.
const DIGITS: usize = 16;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
                  createdb rollcall\n  \
                  rollcall migrate --from sqlite:rollcall.db --to postgres://rollcall@db.example.net/rollcall\n\n\
                  The copy has everything: users with their passwords, runs with their journals, scripts, filters, settings. It \
                  does not include later changes of the source, so stop its server and workers first. The source is only \
                  read. IDs stay the same. After an interruption, the same command resumes the copy. The target cannot be \
                  used until the copy is complete and verified.")]
pub(super) struct Migrate {
    /// The source database [default: that of --database]
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// The target database: an empty one, or a new file
    #[arg(long, value_name = "URL")]
    to: String,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    from: String,
    to: String,
    equal: bool,
    rows: u64,
    seconds: f64,
    tables: Vec<Table>,
}

#[derive(Serialize)]
struct Table {
    table: &'static str,
    rows: u64,
    checksum: String,
    copied_rows: u64,
    copied_checksum: String,
    equal: bool,
}

impl From<Copied> for Table {
    fn from(copied: Copied) -> Self {
        Self {
            equal: copied.is_equal(),
            table: copied.table,
            rows: copied.source.rows,
            checksum: copied.source.checksum,
            copied_rows: copied.copy.rows,
            copied_checksum: copied.copy.checksum,
        }
    }
}

impl Migrate {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let started = Instant::now();
        let from = match &self.from {
            Some(url) => url.parse()?,
            None => context.location("sqlite:rollcall.db")?,
        };
        let to: Location = self.to.parse()?;
        let app = context.app_on(Store::open(&from)?)?;
        let mut shown = Shown { from: &from, meter: None };
        let tables = app.maintenance().migrate_to(&to, &mut |event| shown.show(event))?;
        drop(shown);
        let tables: Vec<Table> = tables.into_iter().map(Table::from).collect();
        let report = Report {
            from: from.to_string(),
            to: to.to_string(),
            equal: tables.iter().all(|table| table.equal),
            rows: tables.iter().map(|table| table.rows).sum(),
            seconds: started.elapsed().as_secs_f64(),
            tables,
        };
        if self.json {
            print_json(&report)?;
        } else {
            report.print()?;
        }
        if !report.equal {
            let differ = report.tables.iter().filter(|table| !table.equal).map(|table| table.table);
            let differ = differ.collect::<Vec<_>>().join(", ");
            anyhow::bail!(
                "the copy differs in {differ}, so it cannot be used: the same command makes it anew; if it differs again, \
                 something else writes to {to}"
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Report {
    fn print(&self) -> anyhow::Result<()> {
        let mut listing = Listing::new(Format::Table, &["table", "rows", "checksum", "equal"])?;
        for table in &self.tables {
            let cells = || {
                let equal = match table.equal {
                    true => "yes".to_owned(),
                    false => format!("no: the copy has {}", counted(table.copied_rows, "row")),
                };
                vec![table.table.to_owned(), grouped(table.rows), table.checksum[..DIGITS].to_owned(), equal]
            };
            listing.push(cells, table)?;
        }
        listing.finish()?;
        if self.equal {
            let (rows, seconds, to) = (counted(self.rows, "row"), self.seconds, shell_word(&self.to));
            tell(format_args!(
                "{rows} copied and compared in {seconds:.1} s. Next: export ROLLCALL_DATABASE={to}"
            ));
        }
        Ok(())
    }
}

/// How far it is, on the terminal.
struct Shown<'a> {
    from: &'a Location,
    meter: Option<(Phase, Meter)>,
}

impl Shown<'_> {
    fn show(&mut self, event: CopyEvent) {
        match event {
            CopyEvent::GoesOn => {
                self.meter = None;
                tell(format_args!("going on where an earlier attempt was interrupted"));
            }
            CopyEvent::StartsOver(tables) => {
                self.meter = None;
                tell(format_args!(
                    "an earlier attempt was interrupted, and since then {} changed: everything is copied anew",
                    tables.join(", ")
                ));
            }
            CopyEvent::Step { phase, table, done, total } => self.step(phase, table, done, total),
        }
    }

    fn step(&mut self, phase: Phase, table: &str, done: u64, total: u64) {
        if self.meter.as_ref().is_none_or(|(shown, _)| *shown != phase) {
            // The bar of the phase before goes first.
            self.meter = None;
            let meter = match phase {
                Phase::Reading => {
                    let from = self.from;
                    tell(format_args!(
                        "copying {from} as it is now; what is written to it later is not copied"
                    ));
                    Meter::counting("reading")
                }
                Phase::Copying => Meter::new("copying", total),
                Phase::Verifying => Meter::new("verifying", total),
            };
            self.meter = Some((phase, meter));
        }
        let Some((_, meter)) = &mut self.meter else { return };
        match phase {
            Phase::Reading => meter.count(done),
            Phase::Copying | Phase::Verifying => meter.at(done, total, table),
        }
    }
}
