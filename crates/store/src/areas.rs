//! The areas of a database: each is a handle with the methods that concern one subject, which stand in its module.

use crate::Store;

macro_rules! areas {
    ($($(#[doc = $doc:literal])* $name:ident: $area:ident;)*) => {
        $(
            $(#[doc = $doc])*
            #[doc = concat!("\n\nThe handle comes from [`Store::", stringify!($name), "`].")]
            #[derive(Debug, Clone, Copy)]
            pub struct $area<'a>(pub(crate) &'a Store);
        )*

        /// The areas.
        impl Store {
            $(
                $(#[doc = $doc])*
                #[must_use]
                pub fn $name(&self) -> $area<'_> {
                    $area(self)
                }
            )*
        }
    };
}

areas! {
    /// Administrators and the roles that they are granted.
    administrators: Administrators;
    /// What second administrators have approved.
    approvals: Approvals;
    /// The audit log.
    audit: Audit;
    /// Chunks of runs: leases, loading and committing.
    chunks: Chunks;
    /// Administrators' passwords and authenticators, and attempts to sign in.
    credentials: Credentials;
    /// Saved filters.
    filters: Filters;
    /// The history of single users.
    history: History;
    /// Settings and facts of this installation.
    installation: Installation;
    /// Organizations.
    organizations: Organizations;
    /// Outcomes of runs, their results and journals.
    outcomes: Outcomes;
    /// Profiles and their items.
    profiles: Profiles;
    /// Removing what is old.
    pruning: Pruning;
    /// What FreeRADIUS finds here, and the dictionary.
    radius: Radius;
    /// Runs.
    runs: Runs;
    /// Saved scripts and their versions.
    scripts: Scripts;
    /// Sessions of administrators.
    sessions: Sessions;
    /// The link for the first administrator.
    set_up: SetUpLink;
    /// Tokens of administrators.
    tokens: Tokens;
    /// Files that were sent ahead.
    uploads: Uploads;
    /// Users.
    users: Users;
    /// Worker processes.
    workers: Workers;
}
