//! Numbers for whoever watches an installation, in the text that Prometheus reads. What is counted here is what requests
//! and connections do; how runs stand is asked of [`MaintenanceOperations::collect_statistics`] when somebody wants to know.
//!
//! [`MaintenanceOperations::collect_statistics`]: rollcall_app::MaintenanceOperations::collect_statistics

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use rollcall_app::Statistics;

use super::limits;

/// Up to how many seconds answers are counted.
const BOUNDS: [f64; 11] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    route: String,
    method: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: String,
    method: String,
    status: u16,
}

/// What is counted where it happens.
#[derive(Clone)]
pub(super) struct Metrics {
    registry: Arc<Registry>,
    requests: Family<Answered, Counter>,
    times: Family<Asked, Histogram, fn() -> Histogram>,
    abandoned: Counter,
    pub(super) connections: Gauge,
    pub(super) refused_connections: Counter,
    pub(super) failed_handshakes: Counter,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("rollcall");
        let metrics = Self {
            registry: Arc::default(),
            requests: Family::default(),
            times: Family::new_with_constructor(|| Histogram::new(BOUNDS)),
            abandoned: Counter::default(),
            connections: Gauge::default(),
            refused_connections: Counter::default(),
            failed_handshakes: Counter::default(),
        };
        registry.register("http_requests", "Requests that were answered", metrics.requests.clone());
        let help = "Seconds until an answer begins";
        registry.register("http_request_duration_seconds", help, metrics.times.clone());
        let help = "Requests whose maker was gone before there was an answer";
        registry.register("http_requests_abandoned", help, metrics.abandoned.clone());
        registry.register("http_connections", "Connections that are open", metrics.connections.clone());
        let help = "Connections of addresses that had too many already";
        registry.register("http_connections_refused", help, metrics.refused_connections.clone());
        let help = "Connections on which no HTTPS came about";
        registry.register("http_handshakes_failed", help, metrics.failed_handshakes.clone());
        let seats = Gauge::<i64>::default();
        seats.set(i64::try_from(limits::seats()).unwrap_or(i64::MAX));
        registry.register("database_places", "Requests that may be at work for the database at once", seats);
        registry.register_collector(Box::new(Seats));
        Self { registry: Arc::new(registry), ..metrics }
    }

    /// An answer has begun after so long.
    pub(super) fn answered(&self, route: Option<&str>, method: &Method, status: u16, time: Duration) {
        // Whatever somebody thinks up must not become a number of its own.
        let method = match method.as_str() {
            known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
            _ => "other",
        };
        let (route, method) = (route.unwrap_or("none").to_owned(), method.to_owned());
        let asked = Asked { route: route.clone(), method: method.clone() };
        self.times.get_or_create(&asked).observe(time.as_secs_f64());
        self.requests.get_or_create(&Answered { route, method, status }).inc();
    }

    /// Whoever has asked was gone before there was an answer.
    pub(super) fn abandoned(&self) {
        self.abandoned.inc();
    }
}

impl Metrics {
    /// All numbers, those of runs among them, as Prometheus reads them.
    pub(super) fn text(&self, statistics: Statistics) -> String {
        let mut engine = Registry::with_prefix("rollcall");
        engine.register_collector(Box::new(Engine(statistics)));
        let mut text = String::new();
        for registry in [&*self.registry, &engine] {
            // A text takes whatever is written into it.
            let _ = prometheus_text::encode(&mut text, registry);
        }
        text
    }
}

/// Who is at work for the database, and how many had to wait for that.
#[derive(Debug)]
struct Seats;

impl Collector for Seats {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let (taken, waits) = limits::taken_seats();
        gauge(&mut to, "database_places_taken", "Requests that are at work for the database", taken)?;
        counter(&mut to, "database_place_waits", "Requests that had to wait for a place", waits)
    }
}

/// How runs stand, and what this process has done for them.
#[derive(Debug)]
struct Engine(Statistics);

impl Collector for Engine {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let Statistics { runs, targets_left, outcomes, commits, commit_seconds, sandboxes } = &self.0;
        let mut each = to.encode_descriptor("runs", "Runs in each state", None, MetricType::Gauge)?;
        for (state, count) in runs {
            each.encode_family(&[("state", state.name())])?.encode_gauge(&whole(*count))?;
        }
        let help = "Targets without an outcome, of runs that have begun and not ended";
        gauge(&mut to, "targets_left", help, *targets_left)?;
        let help = "Targets that this process has committed";
        let mut each = to.encode_descriptor("targets", help, None, MetricType::Counter)?;
        for (outcome, count) in outcomes {
            one(&mut each.encode_family(&[("outcome", outcome.name())])?, *count)?;
        }
        let help = "Seconds of each commit of outcomes";
        let mut all = to.encode_descriptor("commit_duration_seconds", help, None, MetricType::Histogram)?;
        let count = commits.iter().map(|(_, count)| count).sum();
        let exemplars = None::<&HashMap<usize, Exemplar<[(&str, &str); 0], f64>>>;
        all.encode_histogram(*commit_seconds, count, commits, exemplars)?;
        let help = "Sandboxed processes that were started";
        counter(&mut to, "sandboxes_started", help, sandboxes.started)?;
        let help = "Sandboxed processes that ended under a script";
        counter(&mut to, "sandboxes_died", help, sandboxes.died)
    }
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn gauge(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    to.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&whole(value))
}

fn counter(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    one(&mut to.encode_descriptor(name, help, None, MetricType::Counter)?, value)
}

fn one(to: &mut MetricEncoder<'_>, value: u64) -> fmt::Result {
    to.encode_counter::<[(&str, &str); 0], u64, f64>(&value, None)
}
