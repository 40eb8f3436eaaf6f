//! The argument that names a run.

use std::str::FromStr;

use rollcall_api::Run;
use rollcall_domain::RunId;

use crate::backend::Backend;
use crate::show::noun;
use crate::style::tell;
use rollcall_domain::counted;

/// A run as it is named on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunName {
    /// By its number.
    Number(RunId),
    /// The newest run that the administrator can see: `latest`.
    Latest,
}

impl FromStr for RunName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "latest" => Ok(Self::Latest),
            number => number.parse().map(Self::Number).map_err(|_| {
                format!("{text:?} is not a run: write its number, or latest for the newest one")
            }),
        }
    }
}

impl RunName {
    /// The number of the run.
    pub(crate) fn find(self, backend: &Backend) -> anyhow::Result<RunId> {
        match self {
            Self::Number(id) => Ok(id),
            Self::Latest => Ok(newest(backend)?.run_id),
        }
    }

    /// Finds the run for a command that does something to it, which says first which run `latest` is.
    pub(crate) fn find_to_act(self, backend: &Backend) -> anyhow::Result<RunId> {
        let Self::Latest = self else { return self.find(backend) };
        let run = newest(backend)?;
        let (mode, targets) = (run.mode.name(), counted(run.targets, noun(&run)));
        tell(format_args!("latest is run {}: {mode} of {} over {targets}", run.run_id, run.script_name()));
        Ok(run.run_id)
    }
}

fn newest(backend: &Backend) -> anyhow::Result<Run> {
    backend.latest_run()?.ok_or_else(|| anyhow::anyhow!("there is no run yet"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_is_named_by_its_number_or_as_the_latest() {
        assert_eq!("7".parse(), Ok(RunName::Number(7)));
        assert_eq!("latest".parse(), Ok(RunName::Latest));
        for wrong in ["", "last", "7a", "Latest", "7:failed"] {
            let told = wrong.parse::<RunName>().unwrap_err();
            assert!(told.contains("write its number, or latest"), "{told}");
        }
    }
}
