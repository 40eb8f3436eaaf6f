pub(crate) mod add;
mod count;
mod edit;
mod history;
mod list;
mod restore;
mod search;
pub(crate) mod selection;

pub use add::NewUser;
pub use count::Counted;
pub use edit::UserEdit;
pub use restore::RestorePlan;
pub use search::{Found, SearchKey};
pub use selection::{ListKey, Listed, SelectedUsers, UserSelection, Users};
