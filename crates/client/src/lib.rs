//! A client of Rollcall's HTTP API. [`Client`] has a method for each request, by area; what it gives and takes are the
//! types of [`rollcall_api`].
//!
//! ```no_run
//! use rollcall_client::{Client, Secret, UserQuery};
//!
//! # fn main() -> Result<(), rollcall_client::Error> {
//! let token = Secret::new(std::env::var("ROLLCALL_TOKEN").unwrap_or_default());
//! let client = Client::new("https://rollcall.example.net", token, None)?;
//! for user in client.users(&UserQuery { filter: Some("email eq \"\"".to_owned()), search: None })? {
//!     println!("{}", user?.username);
//! }
//! # Ok(())
//! # }
//! ```

mod access;
mod address;
mod audit;
mod catalogue;
mod error;
mod events;
mod files;
mod installation;
mod runs;
mod scripts;
mod transport;
mod users;

pub use access::Account;
pub use address::Address;
pub use error::{Error, Refused, Unreachable};
pub use events::{Event, Events, Heard};
pub use rollcall_domain::{Secret, Zone};
pub use runs::OutcomeFile;
pub use transport::{Client, Items};
pub use users::{UserFile, UserQuery, VersionedUser};
