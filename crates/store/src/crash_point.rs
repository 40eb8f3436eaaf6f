/// A place where tests end this process on the spot, or let the disk be full: `FAILPOINTS='name=3*off->return'`. It is
/// nothing in a release.
macro_rules! crash_point {
    ($name:expr) => {
        fail::fail_point!($name, |how: Option<String>| match how.as_deref() {
            Some("full") => Err($crate::StoreError::Full),
            _ => std::process::abort(),
        })
    };
}
pub(crate) use crash_point;
