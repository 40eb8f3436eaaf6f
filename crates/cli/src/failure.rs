//! Exit statuses. 0: done. 3: done, but some targets failed, timed out or conflicted. 2: the command cannot be
//! understood. 1: anything else, stopped and cancelled runs too.

use std::borrow::Cow;
use std::process::ExitCode;

use rollcall_app::database::StoreError;
use rollcall_app::{AppError, NAME_ENCODING, TableError};
use rollcall_client::{Error, Refused};

use crate::hints::hints;
use crate::style;

/// Done, but not for every target.
pub(crate) const SOME_FAILED: u8 = 3;

/// The command line says something that cannot be meant; the message says what to write instead.
#[derive(Debug)]
pub struct Usage(pub String);

impl std::error::Error for Usage {}

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Prints why a command failed and what to do about it, and gives its exit status.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if is_closed_pipe(error) {
        return ExitCode::SUCCESS;
    }
    let (red, reset) = (style::BAD.render(), style::BAD.render_reset());
    style::tell(format_args!("{red}error:{reset} {error:#}"));
    for hint in hints(error) {
        style::tell(format_args!("hint: {hint}"));
    }
    ExitCode::from(if is_usage(error) { 2 } else { 1 })
}

/// A fault of a file, with the option that does something about it.
pub(crate) fn with_option(fault: &str) -> Cow<'_, str> {
    if fault.ends_with(NAME_ENCODING) { format!("{fault} with --encoding").into() } else { fault.into() }
}

fn is_usage(error: &anyhow::Error) -> bool {
    error.is::<Usage>()
        || matches!(error.downcast_ref(), Some(Error::Usage(_)))
        || error.downcast_ref().and_then(Error::refused).is_some_and(Refused::is_usage)
        || matches!(
            error.downcast_ref(),
            Some(AppError::Filter(_) | AppError::NoSuchFilter(_) | AppError::Params(_) | AppError::Key(_))
        )
        || matches!(error.downcast_ref(), Some(AppError::Table { error, .. }) if is_wrong_option(error))
        || matches!(error.downcast_ref(), Some(StoreError::Location(_)))
}

/// Whether an option about the file is wrong, and not what is in the file.
fn is_wrong_option(error: &TableError) -> bool {
    use TableError::{Delimiter, Encoding, ExcelFromPipe, HeaderRow, Hidden, NoSheets, NotForExcel, Sheet};
    matches!(
        error,
        Delimiter(_)
            | Encoding(_)
            | ExcelFromPipe
            | HeaderRow { .. }
            | Hidden { .. }
            | NoSheets
            | NotForExcel
            | Sheet { .. }
    )
}

/// Lets a closed pipe be: whoever reads has seen enough, as in `rollcall users list | head`. For what is printed after
/// work that has an exit status of its own.
pub(crate) fn unless_closed_pipe(printed: anyhow::Result<()>) -> anyhow::Result<()> {
    printed.or_else(|error| if is_closed_pipe(&error) { Ok(()) } else { Err(error) })
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = match cause.downcast_ref() {
            Some(Error::Local(io)) => Some(io),
            _ => cause.downcast_ref::<std::io::Error>(),
        };
        io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
