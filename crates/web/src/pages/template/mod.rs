//! Everything that templates use by name, in addition to the fields of their structures: filters, and addresses.

#[allow(unreachable_pub, reason = "filter_fn makes public items of what it is given")]
pub(crate) mod filters;
pub(crate) mod routes;
