//! Scripts as texts: what one declares and where it is wrong, told without executing it; and those that are saved.

mod depth;
mod names;
mod params;
mod place;
mod saved;
mod source;

pub use place::Fault;
pub(crate) use place::point_at;
pub use source::{Source, read};
