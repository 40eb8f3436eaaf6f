//! Scripts that operators need again and again, to be run as they are, changed, or learnt from.

/// A script that comes with Rollcall.
#[derive(Debug)]
pub struct Sample {
    /// Its unique name, under which it can also be saved.
    pub name: &'static str,
    /// The columns that a file of rows must have for it, first the one that names the users; none where it takes any
    /// list.
    pub columns: &'static [&'static str],
    /// The Python source. Its docstring says what it does and how it is run.
    pub source: &'static str,
}

macro_rules! samples {
    ($($name:literal: [$($column:literal),*],)*) => {
        &[$(Sample {
            name: $name,
            columns: &[$($column),*],
            source: include_str!(concat!("../../samples/", $name, ".py")),
        }),*]
    };
}

/// Every sample, by name.
pub const SAMPLES: &[Sample] = samples! {
    "assign-static-ip": ["username", "Framed-IP-Address"],
    "change-email-domain": [],
    "deactivate-expired": [],
    "extend-by-days": [],
    "find-duplicate-emails": [],
    "idle-users": [],
    "move-plan": [],
    "normalise-usernames": [],
    "remove-attribute": [],
    "report-no-email": [],
    "rotate-attribute": [],
    "set-expiration": ["username", "expiration"],
    "set-klass": ["username", "klass"],
    "welcome-list": [],
};

/// The sample of this name.
#[must_use]
pub fn sample(name: &str) -> Option<&'static Sample> {
    SAMPLES.iter().find(|sample| sample.name == name)
}

#[cfg(test)]
mod tests {
    use ruff_python_ast::PythonVersion;
    use ruff_python_parser::{Mode, ParseOptions, parse};

    use super::*;

    #[test]
    fn samples_run_on_the_oldest_python_that_is_supported() {
        for Sample { name, source, .. } in SAMPLES {
            let options = ParseOptions::from(Mode::Module).with_target_version(PythonVersion::PY310);
            let parsed = parse(source, options).unwrap();
            assert!(parsed.unsupported_syntax_errors().is_empty(), "{name}");
        }
    }
}
