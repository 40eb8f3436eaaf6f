//! An installation whose clock and database a test can reach, and its users.

use std::io::Cursor;
use std::ops::Deref;
use std::sync::Arc;

use rollcall_app::runs::Stop;
use rollcall_app::{Actor, App, ImportRequest, Table, TableOptions};
use rollcall_domain::{User, Zone};
use rollcall_testkit::{TestClock, TestDatabase, time};

use super::{NOW, site_on};

/// An installation. It stands for its [`App`], which acts for an account of the operating system.
pub struct Site {
    pub app: App,
    pub clock: Arc<TestClock>,
    pub database: TestDatabase,
}

impl Deref for Site {
    type Target = App;

    fn deref(&self) -> &App {
        &self.app
    }
}

impl Site {
    /// Creates an installation with the profile `basic` and the users `user1` to `userN`.
    pub fn with_users(count: i64) -> Self {
        let (database, _) = site_on(TestDatabase::new(), count);
        let clock = Arc::new(TestClock::at(NOW));
        let account = Actor::account("cli:test".to_owned());
        let app = App::new(database.open(), clock.clone(), Zone::utc(), account);
        Self { app, clock, database }
    }

    /// Creates an installation with these profiles and the users of a CSV text.
    pub fn with_people(profiles: &[&str], csv: &str) -> Self {
        let site = Self::with_users(0);
        for profile in profiles {
            site.profiles().add(profile, None, &[], &[]).unwrap();
        }
        import(&site, csv);
        site
    }

    /// Interrupts all runs, as if the machine of their processes was restarted. What these processes still write has no
    /// effect.
    pub fn interrupt_runs(&self) {
        let host = nix::unistd::gethostname().unwrap();
        let dead = format!("another:1@{}/1/1", host.to_string_lossy());
        self.database.execute(&format!(
            "BEGIN;
            UPDATE runs SET holder = '{dead}', token = token + 1 WHERE state IN ('selecting', 'running');
            INSERT INTO chunks (run_id, done, last, holder) SELECT run_id, done, last, '{dead}' FROM chunks;
            DELETE FROM chunks WHERE holder IS NULL OR holder <> '{dead}';
            COMMIT"
        ));
    }

    /// Prunes all runs that have ended.
    pub fn prune(&self) {
        self.clock.advance(1);
        let age = "0s".parse().unwrap();
        self.maintenance().prune(Some(age), &Stop::default(), |_| {}).unwrap();
    }
}

/// Adds the users of a CSV text, and their organizations.
pub fn import(app: &App, csv: &str) {
    let table = Table::read(Cursor::new(csv.to_owned()), &TableOptions::default()).unwrap();
    let wanted = ImportRequest { file: "import.csv", create_organizations: true, ..ImportRequest::default() };
    app.imports().apply(table, &wanted, &mut ()).unwrap();
}

/// Edits a user by hand.
#[track_caller]
pub fn set(app: &App, username: &str, assignments: &[&str]) {
    let assignments: Vec<_> = assignments.iter().map(|text| (*text).to_owned()).collect();
    app.users().assign_fields(username, &assignments).unwrap();
}

/// All users, by number.
pub fn users(app: &App) -> Vec<User> {
    app.users().list(None).unwrap().map(Result::unwrap).collect()
}

/// All users without what every write moves: their version and `last_update`.
pub fn undated(app: &App) -> Vec<User> {
    let undated = |user| User { version: 0, last_update: time(NOW), ..user };
    users(app).into_iter().map(undated).collect()
}

/// Applies `of` to each user, by ID.
pub fn each<T>(app: &App, of: impl FnMut(User) -> T) -> Vec<T> {
    users(app).into_iter().map(of).collect()
}

/// The class of each user, by number.
pub fn klasses(app: &App) -> Vec<String> {
    each(app, |user| user.klass)
}

/// The name of each user, by number.
pub fn usernames(app: &App) -> Vec<String> {
    each(app, |user| user.username)
}

/// The number of rows of the audit log.
pub fn audited(app: &App) -> usize {
    app.audit().list(&Default::default()).unwrap().count()
}
