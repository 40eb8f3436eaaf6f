use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use rollcall_api::User;
use rollcall_api::table::{USER_COLUMNS, user_cells};
use rollcall_app::database::{Location, Store, StoreError};
use rollcall_app::runs::{ApplyRequest, Choice, RunOptions, Script, UndoRequest};
use rollcall_app::{App, UserSelection};
use rollcall_domain::{Mode, Outcome, RunState};

use super::terminal::{Terminal, exit_code};
use super::{Context, ExecutionArgs, Hints, runs, shell_word};
use crate::backend::{Backend, Listed, Wanted};
use crate::failure::Usage;
use crate::output::stdout;
use crate::progress::Meter;
use crate::style::{self, paint, tell};
use rollcall_domain::counted;

const DATABASE: &str = "sqlite:rollcall-demo.db";
const SCRIPT_FILE: &str = "rollcall-demo.py";
const SCRIPT: &str = include_str!("extend.py");

#[derive(Debug, Args)]
#[command(after_help = "The database stays for you to explore. The next demo replaces it.")]
pub(super) struct Demo {
    /// The number of sample users
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    users: u64,
    #[command(flatten)]
    execution: ExecutionArgs,
}

impl Demo {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let location = context.location(DATABASE)?;
        start_over(context, &location)?;
        let (store, _) = Store::create(&location)?;
        let app = context.app_on(store)?;
        let backend = Backend::Local(Box::new(app.clone()));
        let hints = Hints {
            options: format!(" --database {}", shell_word(&location.to_string())),
            ..context.hints()
        };

        heading(&format!("1. {} in {location}", counted(self.users, "sample subscriber")))?;
        let mut meter = Meter::new("making", self.users);
        app.maintenance().add_sample_data(self.users, |done| meter.at(done, self.users, ""))?;
        drop(meter);

        heading("2. A script, run once for every one of them")?;
        let mut out = stdout();
        for line in SCRIPT.lines() {
            writeln!(out, "  {}", paint(style::FAINT, line))?;
        }
        drop(out);
        // As a file too, so that the commands shown at the end work as they stand.
        if !Path::new(SCRIPT_FILE).exists() {
            std::fs::write(SCRIPT_FILE, SCRIPT).with_context(|| format!("cannot write {SCRIPT_FILE}"))?;
        }

        heading("3. A preview: nothing is written")?;
        let options = RunOptions { confirmed: true, ..RunOptions::default() };
        let wanted = Wanted {
            script: Script { name: SCRIPT_FILE.to_owned(), version: None, source: SCRIPT.to_owned() },
            mode: Mode::Preview,
            report: false,
            list: Listed::Chosen(Choice::Users(UserSelection::default())),
            params: Vec::new(),
            execution: self.execution.execution(),
            options,
        };
        let mut terminal = Terminal::new();
        let preview = backend.run_script(wanted, &terminal.stop(), &mut terminal)?;
        drop(terminal);
        runs::report(&backend, &preview, &hints)?;
        if preview.state != RunState::Finished {
            return Ok(exit_code(&preview));
        }
        let before = fingerprint(&app)?;

        heading("4. Exactly that, written: the script does not run again")?;
        let mut terminal = Terminal::new();
        let request = ApplyRequest { plan: preview.plan_hash.clone(), options };
        let applied = backend.apply_preview(preview.run_id, &request, &terminal.stop(), &mut terminal)?;
        drop(terminal);
        runs::report(&backend, &applied, &hints)?;

        heading("5. One of them now")?;
        example(&app, applied.run_id)?;

        heading("6. Undo the run")?;
        let mut terminal = Terminal::new();
        let request = UndoRequest { mode: Mode::Apply, user: None, options };
        let undone = backend.undo(applied.run_id, &request, &terminal.stop(), &mut terminal)?;
        drop(terminal);
        runs::report(&backend, &undone, &hints)?;
        if undone.state != RunState::Finished {
            return Ok(exit_code(&undone));
        }
        anyhow::ensure!(fingerprint(&app)? == before, "some users are not as they were: please report this");
        let users = counted(self.users, "user");
        let same =
            format!("All {users} are as they were before, to the last attribute; only last_update tells.");
        writeln!(stdout(), "\n  {}", paint(style::GOOD, &same))?;

        advice(&location, &hints, preview.run_id)?;
        Ok(ExitCode::SUCCESS) // failures are part of the show
    }
}

/// What all users come to, but for `last_update`.
fn fingerprint(app: &App) -> anyhow::Result<u64> {
    let organizations: HashMap<_, _> =
        app.organizations().list()?.into_iter().map(|each| (each.id, each.name)).collect();
    let mut hasher = DefaultHasher::new();
    for user in app.users().list(None)? {
        let row = user_cells(&User::from(user?), &organizations, app.zone(), true);
        USER_COLUMNS.iter().zip(row).filter(|(name, _)| **name != "last_update").for_each(|(_, cell)| {
            cell.hash(&mut hasher);
        });
    }
    Ok(hasher.finish())
}

/// Removes the database of an earlier demo, and nothing else.
fn start_over(context: &Context, location: &Location) -> anyhow::Result<()> {
    let Location::Sqlite(path) = location else { return on_server(location) };
    if !path.exists() {
        return Ok(());
    }
    let app = context.app_on(Store::open(location)?)?;
    if !app.maintenance().has_sample_data()? {
        if app.users().count(None)? == 0 {
            return Ok(());
        }
        return Err(Usage(format!(
            "{location} holds your own data and no samples: name a new file, such as --database sqlite:demo.db"
        ))
        .into());
    }
    drop(app);
    tell(format_args!("{location} is from an earlier demo and is started over"));
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.clone().into_os_string();
        file.push(suffix);
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// A database on a server is not ours to remove.
fn on_server(location: &Location) -> anyhow::Result<()> {
    match Store::open(location) {
        Err(StoreError::Empty(_)) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(store) if store.users().count(None)? == 0 => Ok(()),
        Ok(_) => {
            let why = format!(
                "{location} has users: a demo takes an empty database, such as a new one from 'createdb'"
            );
            Err(Usage(why).into())
        }
    }
}

fn heading(text: &str) -> std::io::Result<()> {
    writeln!(stdout(), "\n{}\n", paint(style::STRONG, text))
}

fn example(app: &App, run: i64) -> anyhow::Result<()> {
    let run = app.runs().find(run)?;
    let Some(outcome) = app.runs().list_outcomes(&run, Some(Outcome::Changed))?.next().transpose()? else {
        return Ok(());
    };
    let user = app.users().find(outcome.username.as_deref().unwrap_or_default())?;
    let mut out = stdout();
    let profiles: Vec<_> = user.profiles.iter().map(|profile| profile.short_name.as_str()).collect();
    writeln!(out, "  {} ({} {})", user.username, user.first_name, user.last_name)?;
    writeln!(
        out,
        "    expiration  {}",
        user.expiration.map_or_else(|| "none".to_owned(), |time| app.zone().show(time))
    )?;
    writeln!(out, "    profiles    {}", profiles.join(", "))?;
    for row in &user.attributes {
        writeln!(out, "    attribute   {row}")?;
    }
    Ok(())
}

fn advice(location: &Location, hints: &Hints, run: i64) -> anyhow::Result<()> {
    heading("Three things to try")?;
    let mut out = stdout();
    let program = &hints.program;
    writeln!(out, "  export ROLLCALL_DATABASE={}   # then:", shell_word(&location.to_string()))?;
    for (command, what) in [
        (format!("{program} runs outcomes {run} --outcome failed"), "who failed, and on which line"),
        (
            format!("{program} users list --filter 'email eq \"\" and is_active eq true' --limit 10"),
            "look users up",
        ),
        (
            format!("{program} run {SCRIPT_FILE} --filter 'klass eq \"student\"'"),
            "edit the script, preview it for some",
        ),
    ] {
        writeln!(out, "  {command}\n      {}", paint(style::FAINT, what))?;
    }
    Ok(())
}
