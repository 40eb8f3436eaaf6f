//! The four steps from a selection to changed users.

use askama::Template;
use askama::filters::HtmlSafe;
use rollcall_app::App;
use rollcall_domain::Scope;

use super::messages;
use crate::problem::Problem;
use crate::shared::organizations;

/// What each step is called.
const STEPS: [&str; 4] = messages::STEPS;

/// Where somebody is on the way.
#[derive(Template)]
#[template(path = "part_steps.html")]
pub(super) struct Steps {
    /// From 1.
    now: usize,
    /// How many users there are, where that is known.
    count: Option<String>,
    /// Whose users they can be.
    organizations: String,
    /// The script with its version, where it is chosen.
    script: Option<String>,
}

impl HtmlSafe for Steps {}

impl Steps {
    /// For so many users within `scope`.
    pub(super) fn new(
        app: &App,
        now: usize,
        count: Option<String>,
        scope: Option<&Scope>,
        script: Option<String>,
    ) -> Result<Self, Problem> {
        let organizations = match scope {
            None | Some(Scope::Everywhere) => messages::EVERYWHERE.to_owned(),
            Some(Scope::Within(which)) => {
                let names = organizations(app)?;
                let mut names: Vec<_> = which.iter().filter_map(|id| names.get(id).cloned()).collect();
                names.sort();
                names.join(", ")
            }
        };
        Ok(Self { now, count, organizations, script })
    }

    /// Each with its number, and whether it was done.
    fn all(&self) -> impl Iterator<Item = (usize, &'static str, bool)> {
        (1..).zip(STEPS).map(|(number, name)| (number, name, number < self.now))
    }
}
