//! The log: events of all crates as lines on standard error, for people or as JSON. `ROLLCALL_LOG` filters them, such as
//! `rollcall_store=debug` (the syntax of `tracing-subscriber`).

use std::fmt::{Debug, Write};

use anyhow::Context as _;
use rollcall_domain::{Clock as _, SystemClock};
use serde::Serializer as _;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Registry};

use crate::{lines, style};

/// The environment variable with the filter of events.
const FILTER: &str = "ROLLCALL_LOG";
/// The events that are shown without a filter.
const USUAL: &str = "info";
/// The target of the event about a request, which has a line of its own.
const REQUEST: &str = "rollcall::request";

/// The fields of such an event that a request can lack.
const OF_REQUESTS: [&str; 3] = ["route", "status", "who"];

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// Text for people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

/// Shows events from now on.
pub(crate) fn start() -> anyhow::Result<()> {
    let filter = match std::env::var(FILTER) {
        Ok(text) => EnvFilter::try_new(&text).with_context(|| {
            format!("{FILTER}={text:?} is no filter: write debug or rollcall_store=debug")
        })?,
        Err(_) => EnvFilter::new(USUAL),
    };
    tracing::subscriber::set_global_default(Registry::default().with(Lines.with_filter(filter)))
        .context("the log cannot be started")
}

/// The log of a server: in a format of its own, and written by a thread, for which the server does not wait.
pub fn start_server_log(format: LogFormat) {
    if format == LogFormat::Json {
        style::tell_programs();
    }
}

/// Events as lines.
struct Lines;

/// The fields of an event or span, in their order.
#[derive(Default)]
struct Fields(Vec<(String, Value)>);

impl Fields {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }

    fn set(&mut self, name: &str, value: Value) {
        match self.0.iter_mut().find(|(own, _)| own == name) {
            Some((_, earlier)) => *earlier = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field.name(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), value.into());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = *event.metadata().level();
        let message = fields.text("message").unwrap_or_default();
        fields.0.retain(|(name, _)| name != "message");
        let is_request = event.metadata().target() == REQUEST;
        if style::is_for_programs() {
            // A value that there is not is no field of an event; readers of the log find null.
            for name in OF_REQUESTS {
                if is_request && fields.get(name).is_none() {
                    fields.set(name, Value::Null);
                }
            }
            add_spans(&mut fields, event, &context);
            lines::write(as_json(level, event.metadata().target(), &message, fields));
        } else if is_request {
            lines::write(request_line(&fields));
        } else {
            if level >= Level::DEBUG {
                add_spans(&mut fields, event, &context);
            }
            lines::write(as_text(level, &message, &fields));
        }
    }
}

/// Adds the fields of the spans that an event is in, except those that it has itself.
fn add_spans<S>(fields: &mut Fields, event: &Event<'_>, context: &Context<'_, S>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    for span in context.event_scope(event).into_iter().flatten() {
        if let Some(of_span) = span.extensions().get::<Fields>() {
            for (name, value) in &of_span.0 {
                if fields.get(name).is_none_or(Value::is_null) {
                    fields.set(name, value.clone());
                }
            }
        }
    }
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

fn as_json(level: Level, target: &str, message: &str, fields: Fields) -> String {
    let mut object = Fields::default();
    object.set("time", SystemClock.now().to_string().into());
    object.set("level", level_name(level).into());
    object.set("message", message.into());
    if level >= Level::DEBUG {
        object.set("target", target.into());
    }
    fields.0.into_iter().for_each(|(name, value)| object.set(&name, value));
    let mut line = Vec::new();
    // Texts, numbers and truth values can always be written.
    let _ = serde_json::Serializer::new(&mut line).collect_map(object.0);
    String::from_utf8(line).unwrap_or_default()
}

fn as_text(level: Level, message: &str, fields: &Fields) -> String {
    let mut line = match level {
        Level::INFO => message.to_owned(),
        level => format!("{}: {message}", level_name(level)),
    };
    for (name, value) in &fields.0 {
        // Writing to a String cannot fail.
        let _ = write!(line, " {name}={value}");
    }
    line
}

/// A request for people: `TIME ADDRESS WHO METHOD ROUTE STATUS MILLIS ms, BYTES bytes (ID)`.
fn request_line(fields: &Fields) -> String {
    let text = |name| fields.text(name).unwrap_or_else(|| "-".to_owned());
    let cut_off = if fields.get("whole") == Some(&Value::Bool(true)) { "" } else { ", cut off" };
    format!(
        "{} {} {} {} {} {} {} ms, {} bytes{cut_off} ({})",
        SystemClock.now(),
        text("address"),
        text("who"),
        text("method"),
        text("route"),
        text("status"),
        text("millis"),
        text("bytes"),
        text("request_id"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, Value)]) -> Fields {
        Fields(pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    #[test]
    fn level_stands_before_the_message_except_for_information() {
        let none = Fields::default();
        assert_eq!(as_text(Level::INFO, "Rollcall listens", &none), "Rollcall listens");
        assert_eq!(as_text(Level::WARN, "a", &none), "warning: a");
        let one = fields(&[("rows", 3.into())]);
        assert_eq!(as_text(Level::DEBUG, "chunk is committed", &one), "debug: chunk is committed rows=3");
    }

    #[test]
    fn request_that_was_cut_off_says_so() {
        let shown = |whole: bool| {
            let mut pairs = vec![("whole", Value::Bool(whole)), ("bytes", 7.into()), ("millis", 12.into())];
            pairs.extend([("method", "GET".into()), ("request_id", "1".into())]);
            request_line(&fields(&pairs))
        };
        assert!(shown(true).ends_with(" - - GET - - 12 ms, 7 bytes (1)"), "{}", shown(true));
        assert!(shown(false).ends_with("7 bytes, cut off (1)"), "{}", shown(false));
    }
}
