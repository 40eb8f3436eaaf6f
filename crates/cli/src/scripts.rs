use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{ArgGroup, Subcommand};
use rollcall_api::ScriptVersion as SavedScript;
use rollcall_app::runs::Script;
use rollcall_app::scripts::Source;
use similar::{ChangeTag, TextDiff};

use super::{Context, confirm, samples, script_test, shell_word};
use crate::backend::Backend;
use crate::output::{Format, Listing, print_json, raw_stdout, stdout};
use crate::show::times;
use crate::style::{self, paint, tell};
use rollcall_domain::one_line;

#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  \
                  rollcall scripts save extend extend.py --note 'leap years'\n  \
                  rollcall scripts save extend --sample extend-by-days\n  \
                  rollcall run extend --all                  run the latest version\n  \
                  rollcall run extend@2 --all                run an earlier version\n  \
                  rollcall scripts diff extend 2             show the changes since version 2")]
pub(super) enum Scripts {
    /// Save a script as its next version; a script with errors needs --draft
    #[command(
        group = ArgGroup::new("what").required(true).args(["file", "sample"]),
        override_usage = "rollcall scripts save [OPTIONS] <NAME> <FILE|--sample <SAMPLE>>"
    )]
    Save {
        /// The name: letters, digits, dots, dashes and underscores; NORTH:NAME belongs to organization
        /// NORTH, :NAME to all
        name: String,
        /// The Python file; - is standard input
        file: Option<PathBuf>,
        /// Save a sample instead of a file
        #[arg(long)]
        sample: Option<String>,
        /// A note for the history of the script
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        note: String,
        /// Save it even if it has errors: a draft cannot run
        #[arg(long, conflicts_with = "sample")]
        draft: bool,
    },
    /// List saved scripts
    List {
        /// The output format
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// List the sample scripts, or print one
    Samples {
        /// The sample to print
        name: Option<String>,
        /// The output format; for one sample, table prints the script
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Print a saved script
    Show {
        /// The name
        name: String,
        /// The version [default: the latest]
        #[arg(long, value_name = "N")]
        version: Option<i64>,
        /// The output format; table prints the script, json also its author, time and note
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// List the versions of a script, newest first
    History {
        /// The name
        name: String,
        /// The output format
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Show the differences between two versions of a script
    Diff {
        /// The name
        name: String,
        /// The older version [default: the one before TO]
        from: Option<i64>,
        /// The newer version [default: the latest]
        to: Option<i64>,
    },
    /// Save an earlier version as the latest one
    Restore {
        /// The name
        name: String,
        /// The version to restore
        version: i64,
        /// A note for the history of the script
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        note: String,
    },
    /// Test a script on one user; nothing is written
    Test(script_test::Test),
    /// Archive a script; its versions can be restored
    Remove {
        /// The name
        name: String,
        /// Do not ask for confirmation; required without a terminal
        #[arg(long)]
        yes: bool,
    },
}

impl Scripts {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        // Samples are there before any database is.
        if let Self::Samples { name, format } = self {
            samples::run(context, name.as_deref(), format)?;
            return Ok(ExitCode::SUCCESS);
        }
        let backend = context.backend()?;
        match self {
            Self::Samples { .. } => {}
            Self::Test(test) => return test.run(&backend),
            Self::Save { name, file, sample, note, draft } => {
                let (source, note) = match (file, sample) {
                    (Some(file), _) => (read_source(&file)?, note),
                    (None, sample) => samples::to_save(sample.as_deref().unwrap_or_default(), note)?,
                };
                let new = backend.save_script(&name, &source, &note, draft)?;
                let name = new.full_name();
                match backend.read_script(&name, &new.source) {
                    Ok(read) => {
                        tell(format_args!("script {name} is saved as version {}", new.version));
                        warn(&name, &read);
                    }
                    Err(why) => {
                        let version = new.version;
                        tell(format_args!(
                            "script {name} is saved as version {version}, a draft that cannot run"
                        ));
                        tell(format_args!("{why}"));
                    }
                }
            }
            Self::List { format } => {
                let scripts = backend.scripts()?;
                if scripts.is_empty() && format == Format::Table {
                    tell(format_args!(
                        "no scripts are saved; save one with 'rollcall scripts save NAME FILE.py', \
                         or start from one of 'rollcall scripts samples'"
                    ));
                }
                list(&backend, format, &scripts)?;
            }
            Self::Show { name, version, format } => {
                let script = backend.script(&name, version)?;
                match format {
                    Format::Json => print_json(&script)?,
                    Format::Csv => list(&backend, format, &[script])?,
                    Format::Table => {
                        print_source(&script.source)?;
                    }
                }
            }
            Self::History { name, format } => list(&backend, format, &backend.script_history(&name)?)?,
            Self::Diff { name, from, to } => diff(&backend, &name, from, to)?,
            Self::Restore { name, version, note } => {
                let new = backend.restore_script(&name, version, &note)?;
                let name = new.full_name();
                tell(format_args!(
                    "script {name} is version {version} again, saved as version {}",
                    new.version
                ));
            }
            Self::Remove { name, yes } => {
                let latest = backend.script(&name, None)?;
                let (full, latest) = (latest.full_name(), latest.version);
                if !confirm(yes, "removing a script", &format!("Remove script {full}?"))? {
                    return Ok(ExitCode::FAILURE);
                }
                backend.remove_script(&name)?;
                let back =
                    format!("'rollcall scripts restore {} {latest}' brings it back", shell_word(&name));
                tell(format_args!("script {full} is off the list; {back}"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Listed as the title of a version that cannot run.
const DRAFT: &str = "draft, has errors";

fn list(backend: &Backend, format: Format, scripts: &[SavedScript]) -> anyhow::Result<()> {
    let columns = ["script", "version", "saved_at", "administrator", "note", "parameters", "title"];
    let times = times(format, backend.zone()?);
    let mut listing = Listing::new(format, &columns)?;
    for each in scripts {
        let cells = || {
            let read = backend.read_script(&each.script, &each.source).ok();
            vec![
                each.full_name(),
                each.version.to_string(),
                times.short(each.saved_at),
                each.administrator.clone(),
                each.note.clone(),
                read.as_ref().map_or_else(String::new, parameters),
                read.map_or_else(|| DRAFT.to_owned(), |read| read.title.unwrap_or_default()),
            ]
        };
        listing.push(cells, each)?;
    }
    Ok(listing.finish()?)
}

/// Prints a script and nothing else, so that it can go into a file.
pub(super) fn print_source(source: &str) -> io::Result<()> {
    let mut out = raw_stdout();
    out.write_all(source.as_bytes())?;
    if !source.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// The parameters of a script in one cell: `days=int plan=[str]`, where those in brackets can be left out.
pub(super) fn parameters(source: &Source) -> String {
    let shown = source.params.iter().map(|param| {
        let typed = format!("{}={}", param.name, param.kind);
        if param.required { typed } else { format!("[{typed}]") }
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// Tells what is probably a mistake in a script.
pub(super) fn warn(name: &str, source: &Source) {
    let (yellow, reset) = (style::WARN.render(), style::WARN.render_reset());
    for warning in &source.warnings {
        tell(format_args!("{yellow}warning:{reset} {}", warning.show(name)));
    }
}

fn diff(backend: &Backend, name: &str, from: Option<i64>, to: Option<i64>) -> anyhow::Result<()> {
    // With one number: from that version to the latest.
    let new = backend.script(name, to)?;
    let from = match from {
        Some(from) => from,
        None if new.version == 1 => {
            tell(format_args!("script {name} has one version only"));
            return Ok(());
        }
        None => new.version - 1,
    };
    let old = backend.script(name, Some(from))?;
    let diff = TextDiff::from_lines(&old.source, &new.source);
    let mut out = stdout();
    if diff.ratio() >= 1.0 {
        tell(format_args!("versions {} and {} of {name} are the same", old.version, new.version));
        return Ok(());
    }
    writeln!(out, "{}", paint(style::OLD, &format!("--- {name}@{}", old.version)))?;
    writeln!(out, "{}", paint(style::NEW, &format!("+++ {name}@{}", new.version)))?;
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        writeln!(out, "{}", paint(style::FAINT, &hunk.header().to_string()))?;
        for change in hunk.iter_changes() {
            let line = one_line_of(change.value());
            match change.tag() {
                ChangeTag::Delete => writeln!(out, "{}", paint(style::OLD, &format!("-{line}")))?,
                ChangeTag::Insert => writeln!(out, "{}", paint(style::NEW, &format!("+{line}")))?,
                ChangeTag::Equal => writeln!(out, " {line}")?,
            }
        }
    }
    Ok(())
}

/// A line of a script, safe for a terminal; its tabs stay.
fn one_line_of(line: &str) -> String {
    let line = line.trim_end_matches(['\r', '\n']);
    line.split('\t').map(one_line).collect::<Vec<_>>().join("\t")
}

/// Finds the script that is meant: a file, or a saved one, perhaps of a version (`extend@2`).
pub(super) fn find(backend: &Backend, text: &str) -> anyhow::Result<Script> {
    let path = Path::new(text);
    if let Some((name, version)) = text.rsplit_once('@')
        && !path.exists()
    {
        let version: i64 =
            version.parse().map_err(|_| anyhow::anyhow!("{version:?} is no version: write {name}@2, say"))?;
        return Ok(saved(backend.script(name, Some(version))?));
    }
    let is_saved = backend.find_script(text)?.is_some();
    if path.is_file() {
        anyhow::ensure!(
            !is_saved,
            "{text} is both a file here and a saved script: write ./{text} for the file, or {text}@{} for the saved one",
            backend.script(text, None)?.version
        );
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        return Ok(Script { name, version: None, source: read_source(path)? });
    }
    if is_saved {
        return Ok(saved(backend.script(text, None)?));
    }
    let looks_like_a_file = text.contains('/') || path.extension().is_some_and(|ending| ending == "py");
    if looks_like_a_file || path.exists() {
        read_source(path)?;
    }
    let missing = backend.script(text, None).map(saved);
    missing.with_context(|| {
        if rollcall_app::scripts::sample(text).is_some() {
            return format!(
                "{text} is a sample: 'rollcall scripts save {text} --sample {text}' makes it yours"
            );
        }
        format!("there is no file {text}")
    })
}

fn saved(script: SavedScript) -> Script {
    Script { name: script.full_name(), version: Some(script.version), source: script.source }
}

/// Reads a script's text from its file.
pub(super) fn read_source(path: &Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        io::stdin().lock().read_to_end(&mut bytes).map(drop)
    } else {
        std::fs::read(path).map(|read| bytes = read)
    };
    read.with_context(|| format!("cannot read the script {}", path.display()))?;
    let source = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        anyhow::anyhow!("{}, line {line}: the script is not UTF-8", path.display())
    })?;
    Ok(source.trim_start_matches('\u{feff}').to_owned())
}
