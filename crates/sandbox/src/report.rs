//! Reports of worker processes, checked for form and size.

use rollcall_domain::{
    Edit, Field, Item, ItemKind, Kind, Operator, RefusedCall, ScriptError, Timestamp, Value as FieldValue,
};

use crate::Limits;
use crate::job::MAX_EDITS;
use crate::marshal::{Garbled, Value};

/// What a worker says about one target. Its form is checked; whether its edits are allowed is for the caller to
/// check against the user (see [`rollcall_domain::User::edit`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// How the script ended.
    pub ending: Ending,
    /// What it asked for, in order; empty unless it ran through.
    pub edits: Vec<Edit>,
    /// The JSON text of `result`; none when the script put nothing there.
    pub result: Option<String>,
    /// What it printed.
    pub output: String,
    /// Calls that cannot have been meant, such as for a profile that does not exist.
    pub refused_calls: Vec<RefusedCall>,
    /// How long it took, in microseconds.
    pub micros: i64,
}

/// How a script ended for one target.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// At its last line.
    Ran,
    /// By `skip(reason)`.
    Skipped(String),
    /// By an exception, `fail(reason)`, or by taking its process with it.
    Failed(ScriptError),
    /// Over its time limit.
    TimedOut(ScriptError),
}

impl Report {
    /// A report on a target whose worker did not live to make one.
    pub(crate) fn of_the_dead(ending: Ending, micros: i64) -> Self {
        Self {
            ending,
            edits: Vec::new(),
            result: None,
            output: String::new(),
            refused_calls: Vec::new(),
            micros,
        }
    }

    /// Which target a report is about, if it is one.
    pub(crate) fn ordinal(value: &Value<'_>) -> Option<u64> {
        match value {
            Value::List(parts) => match parts.first()? {
                Value::Int(ordinal) => u64::try_from(*ordinal).ok(),
                _ => None,
            },
            _ => None,
        }
    }

    /// Reads what `run_target` in `worker/targets.py` wrote.
    /// What is larger than the limits allow is refused: the worker keeps them, so somebody else wrote it.
    pub(crate) fn read(value: Value<'_>, limits: &Limits) -> Result<Self, Garbled> {
        let [_, ending, micros, sets, edits, result, output, reason, error, refused] = items(value)?;
        let (Value::Int(ending), Value::Int(micros)) = (ending, micros) else {
            return Err(Garbled);
        };
        let ending = match ending {
            0 => Ending::Ran,
            1 => Ending::Skipped(bounded(reason, MAX_WORDS)?),
            2 => Ending::Failed(script_error(error)?),
            3 => Ending::TimedOut(script_error(error)?),
            _ => return Err(Garbled),
        };
        let mut wanted = Vec::new();
        match sets {
            Value::None => {}
            Value::Dict(entries) => {
                for (field, value) in entries {
                    wanted.push(set(&field, value)?);
                }
            }
            _ => return Err(Garbled),
        }
        match edits {
            Value::None => {}
            Value::List(values) if values.len() <= MAX_EDITS => {
                for value in values {
                    wanted.push(edit(value)?);
                }
            }
            _ => return Err(Garbled),
        }
        let result = match result {
            Value::None => None,
            value => Some(bounded(value, limits.result)?)
                .filter(|text| is_json_object(text))
                .ok_or(Garbled)
                .map(Some)?,
        };
        let output = bounded(output, limits.output + CUT_MARK)?;
        let Value::List(refused) = refused else { return Err(Garbled) };
        if refused.len() > MAX_REFUSED_CALLS {
            return Err(Garbled);
        }
        let refused_calls = refused.into_iter().map(refused_call).collect::<Result<_, _>>()?;
        Ok(Self { refused_calls, ending, edits: wanted, result, output, micros: micros.clamp(0, MAX_MICROS) })
    }
}

fn items<const N: usize>(value: Value<'_>) -> Result<[Value<'_>; N], Garbled> {
    match value {
        Value::List(values) => values.try_into().map_err(|_| Garbled),
        _ => Err(Garbled),
    }
}

/// Room for the line that says that output was cut.
const CUT_MARK: usize = 64;
/// The longest message, reason or traceback, in bytes.
const MAX_WORDS: usize = 64 << 10;
/// Refused calls of one target.
const MAX_REFUSED_CALLS: usize = 10;
/// No target takes longer: a year.
const MAX_MICROS: i64 = 366 * 86_400 * 1_000_000;

fn bounded(value: Value<'_>, longest: usize) -> Result<String, Garbled> {
    text(value).and_then(|text| if text.len() > longest { Err(Garbled) } else { Ok(text) })
}

fn text(value: Value<'_>) -> Result<String, Garbled> {
    match value {
        Value::Text(text) => Ok(text.into_owned()),
        _ => Err(Garbled),
    }
}

fn is_json_object(text: &str) -> bool {
    // One line: a line feed would break listings of one object a line.
    text.starts_with('{')
        && !text.bytes().any(|byte| byte < b' ')
        && serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok()
}

fn script_error(value: Value<'_>) -> Result<ScriptError, Garbled> {
    let [kind, message, line, traceback] = items(value)?;
    Ok(ScriptError {
        kind: bounded(kind, MAX_WORDS)?,
        message: bounded(message, MAX_WORDS)?,
        line: line_number(&line),
        traceback: match traceback {
            Value::None => None,
            value => Some(bounded(value, MAX_WORDS)?),
        },
    })
}

fn refused_call(value: Value<'_>) -> Result<RefusedCall, Garbled> {
    let [message, line] = items(value)?;
    Ok(RefusedCall { message: bounded(message, MAX_WORDS)?, line: line_number(&line) })
}

fn line_number(value: &Value<'_>) -> Option<u32> {
    match value {
        Value::Int(line) => u32::try_from(*line).ok(),
        _ => None,
    }
}

fn set(field: &Value<'_>, value: Value<'_>) -> Result<Edit, Garbled> {
    let Value::Int(index) = field else { return Err(Garbled) };
    let field = usize::try_from(*index).ok().and_then(|index| Field::ALL.get(index)).ok_or(Garbled)?;
    let value = match (field.kind(), value) {
        (Kind::Int, Value::Int(value)) => FieldValue::Int(value),
        (Kind::Text, Value::Text(value)) => FieldValue::Text(value.into_owned()),
        (Kind::Bool, Value::Bool(value)) => FieldValue::Bool(value),
        (Kind::Time, Value::None) => FieldValue::Time(None),
        (Kind::Time, Value::Int(micros)) => {
            FieldValue::Time(Some(Timestamp::from_micros(micros).ok_or(Garbled)?))
        }
        _ => return Err(Garbled),
    };
    Ok(Edit::Set(*field, value))
}

fn edit(value: Value<'_>) -> Result<Edit, Garbled> {
    let Value::List(parts) = value else { return Err(Garbled) };
    let mut parts = parts.into_iter();
    let Some(Value::Int(what)) = parts.next() else { return Err(Garbled) };
    let rest = Value::List(parts.collect());
    let kind = if what < 4 { ItemKind::Reply } else { ItemKind::Check };
    match what {
        0 | 1 => {
            let [Value::Int(id)] = items(rest)? else { return Err(Garbled) };
            Ok(if what == 0 { Edit::ProfileAdd(id) } else { Edit::ProfileRemove(id) })
        }
        2 | 4 => {
            let [attr, operation, value] = items(rest)?;
            Item::new(kind, &text(attr)?, &text(operation)?, &text(value)?)
                .map(|item| Edit::ItemAdd(kind, item))
                .map_err(|_| Garbled)
        }
        3 | 5 => {
            let [attr, value, operation] = items(rest)?;
            let operation = match operation {
                Value::None => None,
                value => Some(Operator::parse(&text(value)?).ok_or(Garbled)?),
            };
            Ok(Edit::ItemRemove { kind, attr: text(attr)?, value: text(value)?, operation })
        }
        _ => Err(Garbled),
    }
}
