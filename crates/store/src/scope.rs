//! Whose rows a statement gives. A scope goes into it as one text: the numbers of the organizations, such as `,3,4,`; null
//! is everywhere.

use rollcall_domain::Scope;

/// Whether an organization's number is in the scope of this placeholder.
macro_rules! has {
    ($scope:literal, $organization:literal) => {
        concat!(
            "(CAST(",
            $scope,
            " AS TEXT) IS NULL OR CAST(",
            $scope,
            " AS TEXT) LIKE '%,' || ",
            $organization,
            " || ',%')"
        )
    };
}
pub(crate) use has;

/// Whether an organization's number is in the scope of this placeholder, or null: then it is everybody's.
macro_rules! shows {
    ($scope:literal, $organization:literal) => {
        concat!(
            "(",
            $organization,
            " IS NULL OR CAST(",
            $scope,
            " AS TEXT) IS NULL OR CAST(",
            $scope,
            " AS TEXT) LIKE '%,' || ",
            $organization,
            " || ',%')"
        )
    };
}
pub(crate) use shows;

/// Whether the scope of this placeholder covers that of a row: both are JSON lists, or null for everywhere.
macro_rules! covered {
    ($scope:literal) => {
        concat!(
            "(CAST(", $scope, " AS TEXT) IS NULL OR (organizations IS NOT NULL AND NOT EXISTS \
             (SELECT 1 FROM json_each(organizations) o WHERE o.value NOT IN (SELECT s.value FROM json_each(", $scope, ") s))))"
        )
    };
    (postgres $scope:literal) => {
        concat!(
            "(CAST(", $scope, " AS TEXT) IS NULL OR \
             CAST(organizations AS JSONB) <@ CAST(CAST(", $scope, " AS TEXT) AS JSONB))"
        )
    };
}
pub(crate) use covered;

/// A scope as the first two macros read it.
pub(crate) fn text(scope: &Scope) -> Option<String> {
    match scope {
        Scope::Everywhere => None,
        Scope::Within(own) => Some(own.iter().fold(",".to_owned(), |list, id| format!("{list}{id},"))),
    }
}
