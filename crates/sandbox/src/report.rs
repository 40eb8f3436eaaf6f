use rollcall_domain::{
    Edit, Field, Item, ItemKind, Kind, Operator, ScriptError, Timestamp, Value as FieldValue,
};

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
        Self { ending, edits: Vec::new(), result: None, output: String::new(), micros }
    }

    /// Reads what `run_target` in `worker.py` wrote: the target's ordinal and its report.
    pub(crate) fn read(value: Value<'_>) -> Result<(u64, Self), Garbled> {
        let [ordinal, ending, micros, sets, edits, result, output, reason, error] = items(value)?;
        let (Value::Int(ordinal), Value::Int(ending), Value::Int(micros)) = (ordinal, ending, micros) else {
            return Err(Garbled);
        };
        let ending = match ending {
            0 => Ending::Ran,
            1 => Ending::Skipped(text(reason)?),
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
            Value::List(values) => {
                for value in values {
                    wanted.push(edit(value)?);
                }
            }
            _ => return Err(Garbled),
        }
        let result = match result {
            Value::None => None,
            value => Some(text(value)?).filter(|text| is_json_object(text)).ok_or(Garbled).map(Some)?,
        };
        let report = Self { ending, edits: wanted, result, output: text(output)?, micros };
        Ok((u64::try_from(ordinal).map_err(|_| Garbled)?, report))
    }
}

fn items<const N: usize>(value: Value<'_>) -> Result<[Value<'_>; N], Garbled> {
    match value {
        Value::List(values) => values.try_into().map_err(|_| Garbled),
        _ => Err(Garbled),
    }
}

fn text(value: Value<'_>) -> Result<String, Garbled> {
    match value {
        Value::Text(text) => Ok(text.into_owned()),
        _ => Err(Garbled),
    }
}

fn is_json_object(text: &str) -> bool {
    text.starts_with('{') && serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok()
}

fn script_error(value: Value<'_>) -> Result<ScriptError, Garbled> {
    let [kind, message, line, traceback] = items(value)?;
    Ok(ScriptError {
        kind: text(kind)?,
        message: text(message)?,
        line: match line {
            Value::Int(line) => u32::try_from(line).ok(),
            _ => None,
        },
        traceback: match traceback {
            Value::None => None,
            value => Some(text(value)?),
        },
    })
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
