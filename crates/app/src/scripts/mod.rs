//! Scripts as texts: what one declares and where it is wrong, told without executing it; those that are saved;
//! and samples to start from.

mod depth;
pub(crate) mod hints;
mod names;
mod params;
pub(crate) mod place;
mod row_columns;
mod samples;
mod saved;
mod semantics;
mod source;
mod world;

pub use place::Fault;
pub use samples::{SAMPLES, Sample, sample};
pub use saved::is_draft;
pub use source::{Source, read};
pub use world::{Access, Name, world};
