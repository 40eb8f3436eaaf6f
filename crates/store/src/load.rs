//! Users out of rows.

use rollcall_domain::{Assignment, Change, ItemRow, OrganizationId, Replay, RunId, User, UserId};

use crate::db::{Row, Tx, args};
use crate::outcomes::reading::{Notes, cells, parse};
use crate::profiles::operator;
use crate::{Store, StoreError, json, runs, sql};

#[cfg(test)]
pub(crate) const SETS: &[&str] = &[USERS_OF, PROFILES_OF, ITEMS_OF];

/// The columns that [`user`] reads, of `users u LEFT JOIN user_logins l`.
macro_rules! user_columns {
    () => {
        "u.id, u.version, u.username, u.username_length, u.first_name, u.last_name, u.email, u.external_id, u.klass, \
         u.is_active, u.date_joined, l.first_login, l.last_login, u.expiration, u.last_update, u.organization_id, \
         u.avatar_url, u.description"
    };
}
pub(crate) use user_columns;

macro_rules! chunk_profiles {
    ($join:literal) => {
        concat!(
            "SELECT p.profile_id, n.short_name, p.priority, t.seq FROM targets t ",
            $join,
            " user_profiles p ON p.user_id = t.user_id JOIN profiles n ON n.id = p.profile_id \
             WHERE t.run_id = ?1 AND t.seq > ?2 AND t.seq <= ?3 ORDER BY t.seq, p.priority, p.profile_id"
        )
    };
}

macro_rules! chunk_items {
    ($join:literal) => {
        concat!(
            "SELECT i.attr, i.operation, i.value, i.position, i.kind, t.seq FROM targets t ",
            $join,
            " user_items i ON i.user_id = t.user_id \
             WHERE t.run_id = ?1 AND t.seq > ?2 AND t.seq <= ?3 ORDER BY t.seq, i.kind, i.position"
        )
    };
}

/// For many users at once on PostgreSQL.
pub(crate) const USERS_OF: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users u LEFT JOIN user_logins l ON l.user_id = u.id WHERE u.id = ANY(?1) ORDER BY u.id"
);
pub(crate) const PROFILES_OF: &str = "SELECT p.profile_id, n.short_name, p.priority, p.user_id FROM user_profiles p \
    JOIN profiles n ON n.id = p.profile_id WHERE p.user_id = ANY(?1) ORDER BY p.user_id, p.priority, p.profile_id";
pub(crate) const ITEMS_OF: &str = "SELECT attr, operation, value, position, kind, user_id FROM user_items \
    WHERE user_id = ANY(?1) ORDER BY user_id, kind, position";

sql! {
    USER = concat!(
        "SELECT ", user_columns!(), " FROM users u LEFT JOIN user_logins l ON l.user_id = u.id WHERE u.id = ?1"
    );
    PROFILES = "SELECT p.profile_id, n.short_name, p.priority FROM user_profiles p \
                JOIN profiles n ON n.id = p.profile_id WHERE p.user_id = ?1 ORDER BY p.priority, p.profile_id";
    ITEMS = "SELECT attr, operation, value, position, kind FROM user_items WHERE user_id = ?1 \
             ORDER BY kind, position";
    CHUNK_USERS = concat!(
        "SELECT ", user_columns!(), ", t.seq, t.user_id, t.cells, t.prior FROM targets t LEFT JOIN users u ON u.id = t.user_id \
         LEFT JOIN user_logins l ON l.user_id = u.id WHERE t.run_id = ?1 AND t.seq > ?2 AND t.seq <= ?3 ORDER BY t.seq"
    );
    // SQLite takes tables in the order of a CROSS JOIN: targets first.
    CHUNK_PROFILES = chunk_profiles!("CROSS JOIN") => chunk_profiles!("JOIN");
    CHUNK_ITEMS = chunk_items!("CROSS JOIN") => chunk_items!("JOIN");
    ORIGINS = "SELECT t.seq, o.journal, o.version, o.notes, o.username, o.organization_id FROM targets t \
               JOIN outcomes o ON o.run_id = ?4 AND o.seq = t.origin \
               WHERE t.run_id = ?1 AND t.seq > ?2 AND t.seq <= ?3 ORDER BY t.seq";
    LONGEST_ROW = "SELECT CAST(coalesce(max(octet_length(cells)), 0) AS BIGINT) FROM targets WHERE run_id = ?1";
    PLANNED_BEFORE = "WITH RECURSIVE earlier (seq) AS \
                      (SELECT prior FROM targets WHERE run_id = ?1 AND seq = ?2 \
                       UNION ALL SELECT t.prior FROM earlier e JOIN targets t ON t.run_id = ?1 AND t.seq = e.seq) \
                      SELECT o.journal, o.notes FROM earlier e JOIN outcomes o ON o.run_id = ?1 AND o.seq = e.seq \
                      WHERE o.journal IS NOT NULL ORDER BY o.seq";
}

/// Reads [`user_columns`]; profiles and items are still to come.
pub(crate) fn user(row: &Row<'_>) -> Result<User, StoreError> {
    Ok(User {
        id: row.get(0)?,
        version: row.get(1)?,
        username: row.get(2)?,
        username_length: row.get(3)?,
        first_name: row.get(4)?,
        last_name: row.get(5)?,
        email: row.get(6)?,
        external_id: row.get(7)?,
        klass: row.get(8)?,
        is_active: row.get(9)?,
        date_joined: row.get(10)?,
        first_login: row.get(11)?,
        last_login: row.get(12)?,
        expiration: row.get(13)?,
        last_update: row.get(14)?,
        organization_id: row.get(15)?,
        avatar_url: row.get(16)?,
        description: row.get(17)?,
        profiles: Vec::new(),
        attributes: Vec::new(),
        check_attributes: Vec::new(),
    })
}

fn assignment(row: &Row<'_>) -> Result<Assignment, StoreError> {
    Ok(Assignment { id: row.get(0)?, short_name: row.get(1)?, priority: row.get(2)? })
}

fn push_item(user: &mut User, row: &Row<'_>) -> Result<(), StoreError> {
    let operation = operator(row.text(1)?)?;
    let item = ItemRow { attr: row.get(0)?, operation, value: row.get(2)?, position: row.get(3)? };
    match row.get(4)? {
        0_i64 => user.attributes.push(item),
        _ => user.check_attributes.push(item),
    }
    Ok(())
}

/// Adds to `user` what the other tables hold.
pub(crate) fn complete(tx: &Tx<'_>, user: &mut User) -> Result<(), StoreError> {
    let id = user.id;
    user.profiles = tx.all(PROFILES, args![id], assignment)?;
    tx.each(ITEMS, args![id], |row| push_item(user, row))
}

/// The same for many, who come in the order of their numbers.
pub(crate) fn complete_all(tx: &Tx<'_>, users: &mut [User]) -> Result<(), StoreError> {
    let Tx::Postgres(pg) = tx else { return users.iter_mut().try_for_each(|user| complete(tx, user)) };
    let ids: Vec<UserId> = users.iter().map(|user| user.id).collect();
    let mut at = 0;
    for row in pg.query(PROFILES_OF, &[&ids])? {
        let row = Row::Postgres(&row);
        if let Some(user) = advance_to(users, &mut at, row.get(3)?) {
            user.profiles.push(assignment(&row)?);
        }
    }
    let mut at = 0;
    for row in pg.query(ITEMS_OF, &[&ids])? {
        let row = Row::Postgres(&row);
        if let Some(user) = advance_to(users, &mut at, row.get(5)?) {
            push_item(user, &row)?;
        }
    }
    Ok(())
}

fn advance_to<'a>(users: &'a mut [User], at: &mut usize, id: UserId) -> Option<&'a mut User> {
    while users.get(*at).is_some_and(|user| user.id < id) {
        *at += 1;
    }
    users.get_mut(*at)
}

pub(crate) fn by_id(tx: &Tx<'_>, id: UserId) -> Result<Option<User>, StoreError> {
    let Some(mut user) = tx.first(USER, args![id], user)? else { return Ok(None) };
    complete(tx, &mut user)?;
    Ok(Some(user))
}

/// Those of these users who are there; on a server by number.
pub(crate) fn by_ids(tx: &Tx<'_>, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
    match tx {
        Tx::Sqlite(_) => ids.iter().filter_map(|id| by_id(tx, *id).transpose()).collect(),
        Tx::Postgres(pg) => {
            let rows = pg.query(USERS_OF, &[&ids])?;
            let mut users =
                rows.iter().map(|row| user(&Row::Postgres(row))).collect::<Result<Vec<_>, _>>()?;
            complete_all(tx, &mut users)?;
            Ok(users)
        }
    }
}

/// A target as a chunk is loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// Its number in the run.
    pub target: i64,
    /// Its user's number.
    pub user_id: UserId,
    /// Its user, unless removed meanwhile.
    pub user: Option<User>,
    /// The cells of its row, where the run has rows.
    pub cells: Option<Vec<String>>,
    /// The last target before this one with the same user, where there is one.
    pub prior: Option<i64>,
}

/// A target of a run that replays what another one has planned or changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The target.
    pub loaded: Loaded,
    /// What its user was called before the run that is replayed.
    pub username: Option<String>,
    /// The organization of its user then.
    pub organization_id: Option<OrganizationId>,
    /// What that run has planned or changed.
    pub changes: Vec<Change>,
    /// The version of the user that this was computed on.
    pub version: Option<i64>,
    /// Whether the changes assign `last_update`, even if it stays as it was.
    pub dated: bool,
}

/// The targets of a run after `after` up to `last`, with their users.
fn chunk(tx: &Tx<'_>, run: RunId, after: i64, last: i64) -> Result<Vec<Loaded>, StoreError> {
    let scope = runs::scope(tx, run)?;
    let range = args![run, after, last];
    let mut chunk = tx.all(CHUNK_USERS, range, |row| {
        let there = row.get::<Option<i64>>(0)?.is_some();
        Ok(Loaded {
            target: row.get(18)?,
            user_id: row.get(19)?,
            user: if there { Some(user(row)?) } else { None },
            cells: cells(row, 20)?,
            prior: row.get(21)?,
        })
    })?;
    // Both further queries come in the order of the targets, so one pass over the chunk places their rows.
    let mut at = 0;
    tx.each(CHUNK_PROFILES, range, |row| {
        if let Some(user) = advance(&mut chunk, &mut at, row.get(3)?) {
            user.profiles.push(assignment(row)?);
        }
        Ok(())
    })?;
    let mut at = 0;
    tx.each(CHUNK_ITEMS, range, |row| {
        if let Some(user) = advance(&mut chunk, &mut at, row.get(5)?) {
            push_item(user, row)?;
        }
        Ok(())
    })?;
    // Whoever was moved to an organization that the run may not touch is gone, as far as that is concerned.
    for loaded in &mut chunk {
        loaded.user.take_if(|user| !scope.has(user.organization_id));
    }
    Ok(chunk)
}

impl Store {
    /// The users of the targets after `after` up to `last`, in order, all of one moment.
    pub fn load_chunk(&self, run: RunId, after: i64, last: i64) -> Result<Vec<Loaded>, StoreError> {
        self.read(|tx| chunk(tx, run, after, last))
    }

    /// The same for a run that replays what another one has planned or changed, with what that is.
    pub fn load_planned(
        &self,
        run: RunId,
        replay: Replay,
        after: i64,
        last: i64,
    ) -> Result<Vec<Planned>, StoreError> {
        let (Replay::Plan(source) | Replay::Inverse(source)) = replay;
        self.read(|tx| {
            let mut chunk = chunk(tx, run, after, last)?.into_iter();
            let missing = || StoreError::Corrupt(format!("a target of run {run} without its origin"));
            let planned = tx.all(ORIGINS, args![run, after, last, source], |row| {
                let loaded = chunk.next().ok_or_else(missing)?;
                if row.get::<i64>(0)? != loaded.target {
                    return Err(missing());
                }
                let notes: Notes = parse(row.maybe_text(3)?)?;
                Ok(Planned {
                    loaded,
                    username: row.get(4)?,
                    organization_id: row.get(5)?,
                    changes: parse(row.maybe_text(1)?)?,
                    version: row.get(2)?,
                    dated: notes.dated,
                })
            })?;
            // Whoever waits for the rest of them would wait for ever.
            if chunk.next().is_some() {
                return Err(missing());
            }
            Ok(planned)
        })
    }

    /// Users by number, as they are now; those that are gone are missing.
    pub fn load_users(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        self.read(|tx| by_ids(tx, ids))
    }

    /// How many bytes the longest row of a run's targets has; 0 if they have no rows.
    pub fn longest_row(&self, run: RunId) -> Result<i64, StoreError> {
        self.read(|tx| tx.value(LONGEST_ROW, args![run]))
    }

    /// Goes through what a preview has planned so far for the user of `target`, in earlier targets of that user: the
    /// changes of each that has any, in order, and whether they assign `last_update`, as long as `each` wants to go on.
    pub fn planned_before(
        &self,
        run: RunId,
        target: i64,
        mut each: impl FnMut(&[Change], bool) -> bool,
    ) -> Result<(), StoreError> {
        self.read(|tx| {
            tx.each_while(PLANNED_BEFORE, args![run, target], |row| {
                let plan: Vec<Change> = json::read(row.text(0)?)?;
                let notes: Notes = parse(row.maybe_text(1)?)?;
                Ok(each(&plan, notes.dated))
            })
        })
    }
}

fn advance<'a>(chunk: &'a mut [Loaded], at: &mut usize, seq: i64) -> Option<&'a mut User> {
    while chunk.get(*at).is_some_and(|loaded| loaded.target < seq) {
        *at += 1;
    }
    chunk.get_mut(*at).and_then(|loaded| loaded.user.as_mut())
}
