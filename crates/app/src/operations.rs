//! The areas of Rollcall's operations. Each is a handle that borrows an [`App`]: it costs nothing and checks the rights
//! of the app's actor in every method.

use crate::app::App;

/// Operations on runs of scripts: create, preview, apply, undo, follow and read them ([`App::runs`]).
#[derive(Clone, Copy)]
pub struct RunOperations<'a> {
    pub(crate) app: &'a App,
}

/// Operations on saved scripts and their versions, and on scripts that are being written ([`App::scripts`]).
#[derive(Clone, Copy)]
pub struct ScriptOperations<'a> {
    pub(crate) app: &'a App,
}

/// Operations on users: find, select, edit and remove them, and read their history ([`App::users`]).
#[derive(Clone, Copy)]
pub struct UserOperations<'a> {
    pub(crate) app: &'a App,
}

/// Operations on files of users to be imported ([`App::imports`]).
#[derive(Clone, Copy)]
pub struct ImportOperations<'a> {
    pub(crate) app: &'a App,
}

/// Operations on filters and saved filters ([`App::filters`]).
#[derive(Clone, Copy)]
pub struct FilterOperations<'a> {
    pub(crate) app: &'a App,
}

/// Operations on profiles ([`App::profiles`]).
#[derive(Clone, Copy)]
pub struct ProfileOperations<'a> {
    pub(crate) app: &'a App,
}

/// Operations on organizations ([`App::organizations`]).
#[derive(Clone, Copy)]
pub struct OrganizationOperations<'a> {
    pub(crate) app: &'a App,
}

/// Operations on administrators, their roles and their credentials ([`App::administrators`]).
#[derive(Clone, Copy)]
pub struct AdministratorOperations<'a> {
    pub(crate) app: &'a App,
}

/// Operations on uploaded files ([`App::uploads`]).
#[derive(Clone, Copy)]
pub struct UploadOperations<'a> {
    pub(crate) app: &'a App,
}

/// Operations on the settings of the installation ([`App::settings`]).
#[derive(Clone, Copy)]
pub struct SettingOperations<'a> {
    pub(crate) app: &'a App,
}

/// Operations on what FreeRADIUS knows, answers and needs ([`App::radius`]).
#[derive(Clone, Copy)]
pub struct RadiusOperations<'a> {
    pub(crate) app: &'a App,
}

/// Operations on worker processes, this one among them ([`App::workers`]).
#[derive(Clone, Copy)]
pub struct WorkerOperations<'a> {
    pub(crate) app: &'a App,
}

/// Operations on the audit log ([`App::audit`]).
#[derive(Clone, Copy)]
pub struct AuditOperations<'a> {
    pub(crate) app: &'a App,
}

/// Operations on the installation as a whole: pruning, migration, sample data and statistics ([`App::maintenance`]).
#[derive(Clone, Copy)]
pub struct MaintenanceOperations<'a> {
    pub(crate) app: &'a App,
}

impl App {
    /// Operations on runs of scripts: create, preview, apply, undo, follow and read them.
    #[must_use]
    pub fn runs(&self) -> RunOperations<'_> {
        RunOperations { app: self }
    }

    /// Operations on saved scripts and their versions, and on scripts that are being written.
    #[must_use]
    pub fn scripts(&self) -> ScriptOperations<'_> {
        ScriptOperations { app: self }
    }

    /// Operations on users: find, select, edit and remove them, and read their history.
    #[must_use]
    pub fn users(&self) -> UserOperations<'_> {
        UserOperations { app: self }
    }

    /// Operations on files of users to be imported.
    #[must_use]
    pub fn imports(&self) -> ImportOperations<'_> {
        ImportOperations { app: self }
    }

    /// Operations on filters and saved filters.
    #[must_use]
    pub fn filters(&self) -> FilterOperations<'_> {
        FilterOperations { app: self }
    }

    /// Operations on profiles.
    #[must_use]
    pub fn profiles(&self) -> ProfileOperations<'_> {
        ProfileOperations { app: self }
    }

    /// Operations on organizations.
    #[must_use]
    pub fn organizations(&self) -> OrganizationOperations<'_> {
        OrganizationOperations { app: self }
    }

    /// Operations on administrators, their roles and their credentials.
    #[must_use]
    pub fn administrators(&self) -> AdministratorOperations<'_> {
        AdministratorOperations { app: self }
    }

    /// Operations on uploaded files.
    #[must_use]
    pub fn uploads(&self) -> UploadOperations<'_> {
        UploadOperations { app: self }
    }

    /// Operations on the settings of the installation.
    #[must_use]
    pub fn settings(&self) -> SettingOperations<'_> {
        SettingOperations { app: self }
    }

    /// Operations on what FreeRADIUS knows, answers and needs.
    #[must_use]
    pub fn radius(&self) -> RadiusOperations<'_> {
        RadiusOperations { app: self }
    }

    /// Operations on worker processes, this one among them.
    #[must_use]
    pub fn workers(&self) -> WorkerOperations<'_> {
        WorkerOperations { app: self }
    }

    /// Operations on the audit log.
    #[must_use]
    pub fn audit(&self) -> AuditOperations<'_> {
        AuditOperations { app: self }
    }

    /// Operations on the installation as a whole: pruning, migration, sample data and statistics.
    #[must_use]
    pub fn maintenance(&self) -> MaintenanceOperations<'_> {
        MaintenanceOperations { app: self }
    }
}
