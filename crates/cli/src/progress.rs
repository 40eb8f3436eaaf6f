//! Progress of long work on standard error: a bar on a terminal, a line now and then elsewhere.

use std::fmt::Write;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};
use rollcall_app::runs::Progress;

use crate::bar::{end, show, shown};
use crate::show::tally_line;
use crate::style::tell;
use rollcall_domain::{format_duration, grouped, per_second};

/// Between two lines where there is no terminal.
const QUIET: Duration = Duration::from_secs(10);

/// Shows how far something is.
pub(crate) struct Meter {
    what: &'static str,
    bar: Option<ProgressBar>,
    started: Instant,
    told: Instant,
}

impl Meter {
    /// For `total` steps of `what`.
    pub(crate) fn new(what: &'static str, total: u64) -> Self {
        let bar = show(|| {
            let bar = ProgressBar::new(total);
            let style = "{prefix} {bar:32} {human_pos}/{human_len}  {rate}  {left} left\n  {msg}";
            let style = ProgressStyle::with_template(style).expect("the template is right");
            let style = style.with_key("left", |state: &ProgressState, out: &mut dyn Write| {
                let _ = match state.pos() {
                    0 => write!(out, "?"),
                    _ => write!(out, "{:#}", HumanDuration(state.eta())),
                };
            });
            bar.set_style(style.with_key("rate", write_rate));
            bar.set_prefix(what);
            bar
        });
        let now = Instant::now();
        Self { what, bar, started: now, told: now }
    }

    /// For steps of `what` of which nobody knows how many there are.
    pub(crate) fn counting(what: &'static str) -> Self {
        let bar = show(|| {
            let bar = ProgressBar::new_spinner();
            let style = ProgressStyle::with_template("{prefix} {spinner} {human_pos}  {rate}");
            bar.set_style(style.expect("the template is right").with_key("rate", write_rate));
            bar.set_prefix(what);
            bar
        });
        let now = Instant::now();
        Self { what, bar, started: now, told: now }
    }

    /// Shows that `done` steps are done, of nobody knows how many.
    pub(crate) fn count(&mut self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        } else if self.told.elapsed() >= QUIET {
            self.told = Instant::now();
            tell(format_args!("{} {}", self.what, grouped(done)));
        }
    }

    /// Shows that `done` of `total` steps are done.
    pub(crate) fn at(&mut self, done: u64, total: u64, message: &str) {
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(message.to_owned());
        } else if self.told.elapsed() >= QUIET {
            self.told = Instant::now();
            let rate = done as f64 / self.started.elapsed().as_secs_f64();
            let pace = per_second(rate).map_or_else(String::new, |shown| {
                let left = Duration::from_secs_f64((total.saturating_sub(done)) as f64 / rate);
                format!("  {shown}/s  {} left", format_duration(left))
            });
            let (what, done, total) = (self.what, grouped(done), grouped(total));
            tell(format_args!("{what} {done}/{total}{pace}  {message}"));
        }
    }

    /// Shows how far a run is.
    pub(crate) fn at_run(&mut self, progress: Progress) {
        self.at(progress.tally.total(), progress.targets, &tally_line(&progress.tally));
    }

    /// Removes the bar.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.bar {
            let mut shown = shown();
            end(bar);
            // Another one may be there by now.
            if shown.as_ref().is_some_and(ProgressBar::is_finished) {
                *shown = None;
            }
        }
    }
}

/// `1,234/s`; nothing before anything is done.
fn write_rate(state: &ProgressState, out: &mut dyn Write) {
    if let Some(rate) = per_second(state.per_sec()) {
        let _ = write!(out, "{rate}/s");
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.clear();
    }
}
