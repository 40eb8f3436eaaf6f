//! Rollcall's operations: look users up and edit them, import and export them, run scripts over them in preview or for
//! good. They join the database and the sandbox, which do not know each other. There is no terminal and no HTTP here.
//!
//! Start reading at [`App`], whose methods lead to the operations of each area.

mod access;
mod actor;
mod administrators;
mod age;
mod app;
mod audit;
mod counters;
mod csv_text;
mod error;
mod expected;
mod filters;
mod holder;
mod import;
mod import_faults;
mod migrate;
mod news;
mod operations;
mod organizations;
mod ownership;
mod pages;
mod pause;
mod profiles;
mod prune;
pub mod radius;
pub mod runs;
pub mod sample;
pub mod scripts;
mod settings;
mod shared;
pub mod sign_in;
mod statistics;
mod table;
mod uploads;
mod users;
pub mod wire;

pub use actor::Actor;
pub use age::Age;
pub use app::{App, LEASE};
pub use error::{AppError, Kind};
pub use expected::{Expected, revision};
pub use filters::{FilterCheck, FilterFault, ReadFilter};
pub use import::{FaultyRow, ImportDuplicates, ImportObserver, ImportRequest, Imported};
pub use import_faults::{Fault, FaultGroup, FaultGroups, FaultKind};
pub use operations::{
    AdministratorOperations, AuditOperations, FilterOperations, ImportOperations, MaintenanceOperations,
    OrganizationOperations, ProfileOperations, RadiusOperations, RunOperations, ScriptOperations,
    SettingOperations, UploadOperations, UserOperations, WorkerOperations,
};
pub use prune::Pruned;
pub use statistics::Statistics;
pub use table::{
    HiddenCells, MAX_COLUMNS, MAX_ROW, NAME_ENCODING, Quote, Row, Table, TableError, TableOptions,
};
pub use uploads::Uploading;
pub use users::{
    Counted, Found, ListKey, Listed, NewUser, RestorePlan, SearchKey, SelectedUsers, UserEdit, UserSelection,
    Users,
};

/// The databases: opened, created, and named by URLs.
pub mod database {
    pub use rollcall_store::{Copied, CopyEvent, Location, Phase, Store, StoreError};
}
