use std::collections::HashMap;

use rollcall_domain::{
    Action, Deed, Field, ItemKind, OrganizationId, Outcome, Right, Run, TargetOutcome, User, ValueRef, Zone,
};

use crate::csv_text::defuse;
use crate::{App, AppError};

/// The columns of an export: every field, and what an import reads back beside them.
pub const EXPORT_COLUMNS: [&str; Field::ALL.len() + 4] = {
    let mut columns = [""; Field::ALL.len() + 4];
    let mut at = 0;
    while at < Field::ALL.len() {
        columns[at] = Field::ALL[at].name();
        at += 1;
    }
    columns[at] = "organization";
    columns[at + 1] = "profiles";
    columns[at + 2] = "attributes";
    columns[at + 3] = "check_attributes";
    columns
};

/// The cells of one user under [`EXPORT_COLUMNS`]: profiles separated by `;`, attributes one a line. Unless `raw`,
/// texts that a spreadsheet would take for formulas are defused; an import undoes that. Moments are in `zone`, with its
/// offset.
#[must_use]
pub fn export_row(
    user: &User,
    organizations: &HashMap<OrganizationId, String>,
    zone: &Zone,
    raw: bool,
) -> Vec<String> {
    let text = |text: &str| if raw { text.to_owned() } else { defuse(text).into_owned() };
    let items = |kind| {
        let rows: Vec<_> = user.items(kind).iter().map(ToString::to_string).collect();
        rows.join("\n")
    };
    let profiles: Vec<_> = user.profiles.iter().map(|profile| profile.short_name.as_str()).collect();
    let cell = |field| match user.get(field) {
        ValueRef::Time(Some(time)) => zone.rfc3339(time),
        other => text(&other.to_string()),
    };
    let mut cells: Vec<_> = Field::ALL.map(cell).into();
    cells.push(organizations.get(&user.organization_id).map_or_else(String::new, |name| text(name)));
    cells.push(text(&profiles.join(";")));
    cells.push(text(&items(ItemKind::Reply)));
    cells.push(text(&items(ItemKind::Check)));
    cells
}

impl App {
    /// The outcomes of a run, as [`App::outcomes`], to be taken away, which is recorded.
    pub fn download<'a>(
        &'a self,
        run: &Run,
        outcome: Option<Outcome>,
    ) -> Result<impl Iterator<Item = Result<TargetOutcome, AppError>> + 'a, AppError> {
        let outcomes = self.outcomes(run, outcome)?;
        let deed = Deed::new(Action::Download, format!("run {}", run.id)).within(run.scope.organization());
        let which = outcome.map(Outcome::name);
        self.may_with(Right::Look, run)?.record(&self.act(), &deed.with("outcome", which))?;
        Ok(outcomes)
    }
}
