use rollcall_api as api;
use rollcall_domain::{Param, ScriptVersion, Zone};

use crate::scripts::{self, Fault, Name, Sample, Source};
use crate::{FilterCheck, FilterFault, ReadFilter};

/// A saved version of a script; its source is read to find out whether it has errors.
#[must_use]
pub fn script(version: ScriptVersion) -> api::ScriptVersion {
    let draft = scripts::is_draft(&version.source);
    api::ScriptVersion::new(version, draft)
}

/// A text that was read as a filter. Moments are written in `zone`.
#[must_use]
pub fn filter_tree(read: FilterCheck, zone: &Zone) -> api::FilterTree {
    match read {
        FilterCheck::Valid(ReadFilter { name, tree, .. }) => api::FilterTree::read(name, &tree, zone),
        FilterCheck::Faulty(FilterFault { at, message }) => api::FilterTree::faulty(at + 1, message),
    }
}

impl From<&Fault> for api::ScriptProblem {
    fn from(fault: &Fault) -> Self {
        Self { line: fault.line, column: fault.column, message: fault.message.clone() }
    }
}

impl From<Source> for api::ScriptCheck {
    fn from(source: Source) -> Self {
        let parameter = |param: &Param| api::Parameter {
            name: param.name.clone(),
            kind: param.kind.name().to_owned(),
            required: param.required,
        };
        Self {
            parameters: source.params.iter().map(parameter).collect(),
            title: source.title,
            faults: Vec::new(),
            warnings: source.warnings.iter().map(api::ScriptProblem::from).collect(),
            row_columns: source.row_columns.map(|columns| columns.into_iter().collect()),
        }
    }
}

impl From<&Sample> for api::Sample {
    fn from(sample: &Sample) -> Self {
        Self {
            name: sample.name.to_owned(),
            columns: sample.columns.iter().map(|column| (*column).to_owned()).collect(),
            source: sample.source.to_owned(),
        }
    }
}

impl From<Name> for api::ScriptApiMember {
    fn from(name: Name) -> Self {
        Self {
            name: name.name.to_owned(),
            member_of: name.of.map(str::to_owned),
            kind: name.kind.to_owned(),
            access: name.access.name().to_owned(),
            signature: name.call.map(str::to_owned),
            description: name.about.to_owned(),
        }
    }
}
