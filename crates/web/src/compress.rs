//! Compression of text for clients that accept it. Events are not compressed, since that would delay them, nor is
//! anything that is short or compressed already.

use axum::body::HttpBody;
use axum::http::{Response, header};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{And, Predicate, SizeAbove};

/// Bytes below which it is not worth it.
const SHORT: u16 = 1_024;
/// What is text, and nobody waits for the next line of.
const KINDS: [&str; 8] = [
    "application/json",
    "application/problem+json",
    "image/svg+xml",
    "text/css",
    "text/csv",
    "text/html",
    "text/javascript",
    "text/plain",
];

pub(super) fn layer() -> CompressionLayer<And<SizeAbove, Text>> {
    // The processors are there for scripts.
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(SHORT.into()).and(Text))
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Text;

impl Predicate for Text {
    fn should_compress<B: HttpBody>(&self, answer: &Response<B>) -> bool {
        let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
        kind.is_some_and(|kind| KINDS.contains(&kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_compressed_and_news_are_not() {
        let compressed = |kind: &str| {
            let answer = Response::builder().header(header::CONTENT_TYPE, kind);
            Text.should_compress(&answer.body(axum::body::Body::empty()).unwrap())
        };
        for kind in ["application/json", "text/html; charset=utf-8", "text/csv", "text/css"] {
            assert!(compressed(kind), "{kind}");
        }
        for kind in
            ["text/event-stream", "application/x-ndjson", "image/png", "application/zip", "font/woff2", ""]
        {
            assert!(!compressed(kind), "{kind}");
        }
    }
}
