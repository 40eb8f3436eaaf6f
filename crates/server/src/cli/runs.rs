use std::collections::BTreeMap;
use std::io::{BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use clap::Subcommand;
use rollcall_app::App;
use rollcall_app::runs::Entries;
use rollcall_domain::{Mode, Outcome, Run, RunId};

use super::{Context, Hints};
use crate::failure::Usage;
use crate::outcomes::{Cell, Columns, write_csv, write_workbook};
use crate::output::{Format, Listing, one_line, print_json, raw_stdout, stdout, write_json};
use crate::show::{OutcomeJson, RunJson, change_line, error_text, seconds, short_time, tally_line};
use crate::style::{self, counted, grouped, paint, tell};

/// Groups of equal changes that are shown.
const GROUPS: usize = 12;
/// Users whose changes are shown one by one.
const DIFFS: usize = 3;

#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  \
                  rollcall runs list\n  \
                  rollcall runs show 7\n  \
                  rollcall runs outcomes 7 --outcome failed --format csv > failed.csv")]
pub(super) enum Runs {
    /// List all runs, newest first
    List {
        /// How to write the list
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Show one run: its counts, and its changes in groups
    Show {
        /// The run's number
        run: RunId,
        /// How to write it
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// List what happened to each target of a run
    Outcomes {
        /// The run's number
        run: RunId,
        /// Only those with this outcome
        #[arg(long)]
        outcome: Option<Outcome>,
        /// How to write the list
        #[arg(long, value_enum, default_value_t)]
        format: OutcomesFormat,
        /// In CSV, leave text that a spreadsheet would take for a formula as it is
        #[arg(long)]
        raw: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum OutcomesFormat {
    /// Columns, for people
    #[default]
    Table,
    /// Comma-separated values; results are columns; what a spreadsheet would take for a formula is defused
    Csv,
    /// One compact JSON object a line
    Json,
    /// An Excel workbook; results are columns
    Xlsx,
}

impl Runs {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let app = context.app()?;
        let hints = Hints { repeatable: false, ..context.hints() };
        match self {
            Self::List { format } => list(&app, format)?,
            Self::Show { run, format } => {
                let run = app.find_run(run)?;
                match format {
                    Format::Json => print_json(&RunJson::new(&run))?,
                    Format::Csv => {
                        let mut listing = Listing::new(format, &COLUMNS)?;
                        listing.push(|| cells(&run), &RunJson::new(&run))?;
                        listing.finish()?;
                    }
                    Format::Table => report(&app, &run, &hints)?,
                }
            }
            Self::Outcomes { run, outcome, format, raw } => outcomes(&app, run, outcome, format, raw)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

const COLUMNS: [&str; 9] =
    ["run", "mode", "state", "script", "targets", "outcomes", "seconds", "administrator", "created_at"];

fn cells(run: &Run) -> Vec<String> {
    vec![
        run.id.to_string(),
        run.mode.name().to_owned(),
        run.state.name().to_owned(),
        script(run),
        run.targets.to_string(),
        anstream::adapter::strip_str(&tally_line(&run.final_tally())).to_string(),
        format!("{:.1}", seconds(run)),
        run.administrator.clone(),
        short_time(run.created_at),
    ]
}

fn list(app: &App, format: Format) -> anyhow::Result<()> {
    let mut listing = Listing::new(format, &COLUMNS)?;
    let mut any = false;
    for run in app.runs() {
        let run = run?;
        listing.push(|| cells(&run), &RunJson::new(&run))?;
        any = true;
    }
    listing.finish()?;
    if !any && format == Format::Table {
        tell(format_args!("no runs yet; preview a script with 'rollcall run SCRIPT.py --all'"));
    }
    Ok(())
}

fn outcomes(
    app: &App,
    run: RunId,
    outcome: Option<Outcome>,
    format: OutcomesFormat,
    raw: bool,
) -> anyhow::Result<()> {
    if raw && format != OutcomesFormat::Csv {
        return Err(Usage("--raw is for --format csv: nothing else is defused".to_owned()).into());
    }
    let run = app.find_run(run)?;
    let mut outcomes = app.outcomes(&run, outcome);
    if format == OutcomesFormat::Json {
        let mut out = raw_stdout();
        for each in outcomes {
            write_json(&mut out, &OutcomeJson::new(&each?, &run))?;
        }
        return Ok(out.flush()?);
    }
    // People know the rows that they gave.
    let with_rows = format != OutcomesFormat::Table;
    let columns = Columns::new(&run, app.result_columns(&run, outcome)?, with_rows);
    match format {
        OutcomesFormat::Json => {}
        OutcomesFormat::Csv => write_csv(&columns, &mut outcomes, raw, raw_stdout())?,
        OutcomesFormat::Xlsx if std::io::stdout().is_terminal() => {
            let why = "an Excel workbook is not for a terminal: write it to a file, with > outcomes.xlsx";
            return Err(Usage(why.to_owned()).into());
        }
        // Not through a lock: the workbook is put together by threads.
        OutcomesFormat::Xlsx => write_workbook(&columns, &mut outcomes, BufWriter::new(std::io::stdout()))?,
        OutcomesFormat::Table => {
            let mut listing = Listing::new(Format::Table, columns.names())?;
            let mut any = false;
            for each in outcomes {
                let each = each?;
                let cells = || columns.cells(&each).into_iter().map(Cell::into_plain).collect();
                listing.push(cells, &())?;
                any = true;
            }
            listing.finish()?;
            if !any {
                let which = outcome.map_or_else(String::new, |outcome| format!(" that is {outcome}"));
                tell(format_args!(
                    "run {} has no outcome{which}: {}",
                    run.id,
                    tally_line(&run.final_tally())
                ));
            }
        }
    }
    Ok(())
}

/// A run for people: counts, changes in groups, a few users' changes, failures in groups, what to do next.
pub(super) fn report(app: &App, run: &Run, hints: &Hints) -> anyhow::Result<()> {
    let mut out = stdout();
    let what = match run.mode {
        Mode::Preview => format!("preview of {} over", script(run)),
        Mode::Apply => format!("{} applied to", script(run)),
    };
    let time = format!("{:.1} s", seconds(run));
    // Of a run that was over in no time a rate says nothing.
    let rate = (run.millis >= 1_000)
        .then(|| format!(", {} users/s", grouped(run.tally.total() * 1_000 / run.millis.unsigned_abs())));
    writeln!(
        out,
        "{}  {what} {} ({}): {}",
        paint(style::STRONG, &format!("Run {}", run.id)),
        counted(run.targets, noun(run)),
        one_line(&run.selection.to_string()),
        run.state.name(),
    )?;
    writeln!(
        out,
        "  {}   {}",
        tally_line(&run.final_tally()),
        paint(style::FAINT, &format!("{time}{}", rate.unwrap_or_default()))
    )?;
    let given = parameters(run);
    if !given.is_empty() {
        writeln!(out, "  {}", paint(style::FAINT, &one_line(&format!("with {given}"))))?;
    }
    if let Some(note) = &run.note {
        writeln!(out, "  {}", paint(style::WARN, &one_line(note)))?;
    }
    changes(app, run, &mut out)?;
    warnings(app, run, &mut out)?;
    failures(app, run, &mut out)?;
    next_steps(run, app.has_results(run)?, hints, &mut out)
}

/// What a run's script is called: `extend@2` if it is a saved one.
fn script(run: &Run) -> String {
    run.script_version.map_or_else(|| run.script.clone(), |version| format!("{}@{version}", run.script))
}

/// What a run was given: `days=30, plan="plus"`.
fn parameters(run: &Run) -> String {
    let params = Entries::read(Some(&run.params)).0;
    params.iter().map(|(name, value)| format!("{name}={}", value.get())).collect::<Vec<_>>().join(", ")
}

/// What a run's targets are.
pub(super) fn noun(run: &Run) -> &'static str {
    if run.columns.is_some() { "row" } else { "user" }
}

fn changes(app: &App, run: &Run, out: &mut impl Write) -> anyhow::Result<()> {
    if run.tally.get(Outcome::Changed) == 0 {
        return Ok(());
    }
    writeln!(out, "\n{}", paint(style::STRONG, "Changes, grouped"))?;
    let groups = app.histogram(run, GROUPS)?;
    let widest = groups.first().map_or(0, |group| grouped(group.users).len());
    for group in &groups {
        let users =
            format!("{:>widest$} {}", grouped(group.users), if group.users == 1 { "user " } else { "users" });
        let examples = paint(style::FAINT, &one_line(&format!("such as {}", group.examples.join(", "))));
        writeln!(
            out,
            "  {users}  {}\n  {:widest$}        {examples}",
            one_line(&group.changes.join(", ")),
            ""
        )?;
    }
    writeln!(out, "\n{}", paint(style::STRONG, "Some of them"))?;
    for outcome in app.outcomes(run, Some(Outcome::Changed)).take(DIFFS) {
        let outcome = outcome?;
        writeln!(out, "  {}", one_line(outcome.username.as_deref().unwrap_or("?")))?;
        for change in &outcome.changes {
            writeln!(out, "    {}", change_line(change))?;
        }
    }
    Ok(())
}

/// Calls of the script that cannot have been meant, and what else the administrator should know although it worked.
fn warnings(app: &App, run: &Run, out: &mut impl Write) -> anyhow::Result<()> {
    const MOST: usize = 20;
    let mut groups: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for outcome in app.outcomes(run, None) {
        let outcome = outcome?;
        for warning in &outcome.warnings {
            let known = groups.len() < MOST || groups.contains_key(warning);
            let key = if known { warning.clone() } else { "other warnings".to_owned() };
            let name = outcome.username.clone().unwrap_or_default();
            groups.entry(key).or_insert_with(|| (0, name)).0 += 1;
        }
    }
    if groups.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", paint(style::STRONG, "Warnings"))?;
    for (warning, (users, example)) in groups {
        let example = paint(style::FAINT, &one_line(&format!("such as {example}")));
        let warning = paint(style::WARN, &one_line(&warning));
        writeln!(out, "  {}  {warning}  {example}", counted(users, "user"))?;
    }
    Ok(())
}

/// Failures that have their type and line in common are one line, with the first one's message.
fn failures(app: &App, run: &Run, out: &mut impl Write) -> anyhow::Result<()> {
    const MOST: usize = 100;
    for kind in [Outcome::Failed, Outcome::TimedOut, Outcome::Conflict] {
        if run.tally.get(kind) == 0 {
            continue;
        }
        let mut groups: BTreeMap<(String, Option<u32>), (u64, String, String)> = BTreeMap::new();
        for outcome in app.outcomes(run, Some(kind)) {
            let outcome = outcome?;
            let Some(error) = &outcome.error else { continue };
            let mut key = (error.kind.clone(), error.line);
            if groups.len() >= MOST && !groups.contains_key(&key) {
                key = ("other errors".to_owned(), None);
            }
            let name = outcome.username.clone().unwrap_or_default();
            groups.entry(key).or_insert_with(|| (0, error_text(error), name)).0 += 1;
        }
        writeln!(out, "\n{}", paint(style::STRONG, &capitalized(kind)))?;
        for (users, text, example) in groups.into_values() {
            let example = paint(style::FAINT, &one_line(&format!("such as {example}")));
            writeln!(out, "  {}  {}  {example}", counted(users, "user"), paint(style::BAD, &text))?;
        }
    }
    Ok(())
}

fn capitalized(outcome: Outcome) -> String {
    let name = outcome.name().replace('_', " ");
    name[..1].to_uppercase() + &name[1..]
}

fn next_steps(run: &Run, has_results: bool, hints: &Hints, out: &mut impl Write) -> anyhow::Result<()> {
    let Hints { program, database, .. } = hints;
    let mut steps = Vec::new();
    for kind in [Outcome::Failed, Outcome::TimedOut, Outcome::Conflict] {
        if run.tally.get(kind) > 0 {
            let command = format!("{program} runs outcomes {} --outcome {kind}{database}", run.id);
            steps.push((command, "each of them, with the line"));
        }
    }
    if run.tally.get(Outcome::Changed) > 0 && run.mode == Mode::Preview && hints.repeatable {
        steps.push(("the same command with --apply".to_owned(), "write these changes"));
    }
    if run.tally.get(Outcome::Changed) > 0 || has_results {
        let command = format!("{program} runs outcomes {} --format csv{database}", run.id);
        steps.push((command, "every user's changes and results"));
    }
    if !steps.is_empty() {
        writeln!(out, "\n{}", paint(style::STRONG, "Next"))?;
    }
    let widest = steps.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
    for (command, what) in steps {
        writeln!(out, "  {command:widest$}   {}", paint(style::FAINT, what))?;
    }
    Ok(())
}
