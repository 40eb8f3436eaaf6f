//! The samples: what `scripts samples` lists and prints, and `scripts save --sample` saves.

use rollcall_app::AppError;
use rollcall_app::scripts::{self, SAMPLES, Sample, Source};
use rollcall_domain::{Param, ParamValue, Zone, did_you_mean};
use serde::Serialize;

use super::scripts::{parameters, print_source};
use super::{Context, Hints};
use crate::output::{Format, Listing, print_json};
use crate::style::tell;

/// A sample as JSON has it.
#[derive(Serialize)]
struct SampleJson<'a> {
    sample: &'a str,
    title: Option<&'a str>,
    parameters: Vec<ParamJson<'a>>,
    /// Empty where it takes any list.
    columns: &'a [&'a str],
    source: &'a str,
}

#[derive(Serialize)]
struct ParamJson<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    required: bool,
    default: Option<&'a ParamValue>,
    choices: &'a [ParamValue],
    help: &'a str,
}

impl<'a> SampleJson<'a> {
    fn new(sample: &'a Sample, read: &'a Source) -> Self {
        let parameter = |param: &'a Param| ParamJson {
            name: &param.name,
            kind: param.kind.name(),
            required: param.required,
            default: param.default.as_ref(),
            choices: &param.choices,
            help: &param.help,
        };
        Self {
            sample: sample.name,
            title: read.title.as_deref(),
            parameters: read.params.iter().map(parameter).collect(),
            columns: sample.columns,
            source: sample.source,
        }
    }
}

/// Lists the samples, or prints the one that is named.
pub(super) fn run(context: &Context, name: Option<&str>, format: Format) -> anyhow::Result<()> {
    let Some(name) = name else {
        list(&context.zone(), format, SAMPLES)?;
        if format == Format::Table {
            next_steps(&context.hints());
        }
        return Ok(());
    };
    let sample = find(name)?;
    match format {
        Format::Table => print_source(sample.source)?,
        Format::Csv => list(&context.zone(), format, std::slice::from_ref(sample))?,
        Format::Json => print_json(&SampleJson::new(sample, &read(sample, &context.zone())?))?,
    }
    Ok(())
}

/// The source of the sample that is to be saved, and a note that says where it is from unless there is one.
pub(super) fn to_save(name: &str, note: String) -> anyhow::Result<(String, String)> {
    let sample = find(name)?;
    let note = if note.is_empty() { format!("the sample {}", sample.name) } else { note };
    Ok((sample.source.to_owned(), note))
}

fn find(name: &str) -> Result<&'static Sample, AppError> {
    scripts::sample(name).ok_or_else(|| {
        let close = did_you_mean(name, SAMPLES.iter().map(|sample| sample.name));
        let hint = close.map_or_else(
            || "; 'rollcall scripts samples' lists them".to_owned(),
            |close| format!("; did you mean {close}?"),
        );
        AppError::missing(format!("sample {name:?}{hint}"))
    })
}

fn read(sample: &Sample, zone: &Zone) -> anyhow::Result<Source> {
    scripts::read(sample.source, zone)
        .map_err(|faults| anyhow::anyhow!("the sample {} is broken: {}", sample.name, faults[0]))
}

fn list(zone: &Zone, format: Format, samples: &[Sample]) -> anyhow::Result<()> {
    let mut listing = Listing::new(format, &["sample", "list", "parameters", "title"])?;
    for sample in samples {
        let read = read(sample, zone)?;
        let cells = || {
            let list = match sample.columns {
                [] => "any".to_owned(),
                columns => format!("rows: {}", columns.join(", ")),
            };
            vec![sample.name.to_owned(), list, parameters(&read), read.title.clone().unwrap_or_default()]
        };
        listing.push(cells, &SampleJson::new(sample, &read))?;
    }
    Ok(listing.finish()?)
}

fn next_steps(hints: &Hints) {
    let Hints { program, options, .. } = hints;
    tell(format_args!("\nTo read one, change it and run the file:"));
    tell(format_args!("  {program} scripts samples extend-by-days > extend.py"));
    tell(format_args!("To run one as it is, save it under a name:"));
    tell(format_args!("  {program} scripts save extend --sample extend-by-days{options}"));
    tell(format_args!("  {program} run extend --all --param days=30{options}"));
}
