//! Users out of rows.

use rollcall_domain::{Assignment, Change, ItemKind, ItemRow, OrganizationId, Replay, RunId, User, UserId};

use crate::areas::{Chunks, Users};
use crate::columns::{Columns, at, read};
use crate::db::{Row, Tx, args};
use crate::outcomes::reading::{Notes, parse};
use crate::sql::{sql, text};
use crate::{StoreError, runs};

#[cfg(test)]
pub(crate) const SETS: &[&str] = &[USERS_OF, PROFILES_OF, ITEMS_OF];

/// The columns that [`user`] reads, of `users u LEFT JOIN user_logins l`.
pub(crate) const USER_COLUMNS: Columns = Columns(
    "u.id, u.version, u.username, u.username_length, u.first_name, u.last_name, u.email, u.external_id, u.klass, \
     u.is_active, u.date_joined, l.first_login, l.last_login, u.expiration, u.last_update, u.organization_id, \
     u.avatar_url, u.description",
);
/// The columns that [`assignment`] reads, of `user_profiles p JOIN profiles n`.
const ASSIGNMENT: Columns = Columns("p.profile_id, n.short_name, p.priority");
/// The columns that [`push_item`] reads, of `user_items i`.
const ITEM: Columns = Columns("i.attr, i.operation, i.value, i.position, i.kind");

/// The profiles and the items of a chunk's users; how the tables are joined stands between the two texts.
const CHUNK_PROFILES_JOINED: [&str; 2] = [
    text!("SELECT ", ASSIGNMENT.0, ", t.seq FROM targets t "),
    " user_profiles p ON p.user_id = t.user_id JOIN profiles n ON n.id = p.profile_id \
     WHERE t.run_id = ?1 AND t.seq > ?2 AND t.seq <= ?3 ORDER BY t.seq, p.priority, p.profile_id",
];
const CHUNK_ITEMS_JOINED: [&str; 2] = [
    text!("SELECT ", ITEM.0, ", t.seq FROM targets t "),
    " user_items i ON i.user_id = t.user_id \
     WHERE t.run_id = ?1 AND t.seq > ?2 AND t.seq <= ?3 ORDER BY t.seq, i.kind, i.position",
];

/// For many users at once on PostgreSQL.
pub(crate) const USERS_OF: &str = text!(
    "SELECT ",
    USER_COLUMNS.0,
    " FROM users u LEFT JOIN user_logins l ON l.user_id = u.id WHERE u.id = ANY(?1) ORDER BY u.id"
);
pub(crate) const PROFILES_OF: &str = text!(
    "SELECT ",
    ASSIGNMENT.0,
    ", p.user_id FROM user_profiles p JOIN profiles n ON n.id = p.profile_id \
     WHERE p.user_id = ANY(?1) ORDER BY p.user_id, p.priority, p.profile_id"
);
pub(crate) const ITEMS_OF: &str = text!(
    "SELECT ",
    ITEM.0,
    ", i.user_id FROM user_items i WHERE i.user_id = ANY(?1) ORDER BY i.user_id, i.kind, i.position"
);

sql! {
    USER = text!(
        "SELECT ", USER_COLUMNS.0, " FROM users u LEFT JOIN user_logins l ON l.user_id = u.id WHERE u.id = ?1"
    );
    PROFILES = text!("SELECT ", ASSIGNMENT.0, " FROM user_profiles p JOIN profiles n ON n.id = p.profile_id \
                      WHERE p.user_id = ?1 ORDER BY p.priority, p.profile_id");
    ITEMS = text!("SELECT ", ITEM.0, " FROM user_items i WHERE i.user_id = ?1 ORDER BY i.kind, i.position");
    CHUNK_USERS = text!(
        "SELECT ", USER_COLUMNS.0, ", t.seq, t.user_id, t.cells, t.prior FROM targets t LEFT JOIN users u ON u.id = t.user_id \
         LEFT JOIN user_logins l ON l.user_id = u.id WHERE t.run_id = ?1 AND t.seq > ?2 AND t.seq <= ?3 ORDER BY t.seq"
    );
    // SQLite takes tables in the order of a CROSS JOIN: targets first.
    CHUNK_PROFILES = text!(CHUNK_PROFILES_JOINED[0], "CROSS JOIN", CHUNK_PROFILES_JOINED[1])
        => text!(CHUNK_PROFILES_JOINED[0], "JOIN", CHUNK_PROFILES_JOINED[1]);
    CHUNK_ITEMS = text!(CHUNK_ITEMS_JOINED[0], "CROSS JOIN", CHUNK_ITEMS_JOINED[1])
        => text!(CHUNK_ITEMS_JOINED[0], "JOIN", CHUNK_ITEMS_JOINED[1]);
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

/// Reads [`USER_COLUMNS`]; profiles and items are still to come.
pub(crate) fn user(row: &Row<'_>) -> Result<User, StoreError> {
    Ok(read!(row, USER_COLUMNS => User {
        id, version, username, username_length, first_name, last_name, email, external_id, klass, is_active, date_joined,
        first_login, last_login, expiration, last_update, organization_id, avatar_url, description;
        profiles: Vec::new(),
        attributes: Vec::new(),
        check_attributes: Vec::new(),
    }))
}

fn assignment(row: &Row<'_>) -> Result<Assignment, StoreError> {
    Ok(read!(row, ASSIGNMENT => Assignment { id = "profile_id", short_name, priority }))
}

fn push_item(user: &mut User, row: &Row<'_>) -> Result<(), StoreError> {
    let item = read!(row, ITEM => ItemRow { attr, operation, value, position });
    match row.get(at!(ITEM, "kind"))? {
        ItemKind::Reply => user.attributes.push(item),
        ItemKind::Check => user.check_attributes.push(item),
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
        if let Some(user) = advance_to(users, &mut at, row.get(at!(text PROFILES_OF, "p.user_id"))?) {
            user.profiles.push(assignment(&row)?);
        }
    }
    let mut at = 0;
    for row in pg.query(ITEMS_OF, &[&ids])? {
        let row = Row::Postgres(&row);
        if let Some(user) = advance_to(users, &mut at, row.get(at!(text ITEMS_OF, "i.user_id"))?) {
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
        let there = row.get::<Option<i64>>(at!(USER_COLUMNS, "u.id"))?.is_some();
        Ok(read!(row, CHUNK_USERS => Loaded {
            target = "t.seq", user_id = "t.user_id", prior;
            user: if there { Some(user(row)?) } else { None },
            cells: row.maybe_json(at!(CHUNK_USERS, "cells"))?,
        }))
    })?;
    // Both further queries come in the order of the targets, so one pass over the chunk places their rows.
    let mut at = 0;
    tx.each(CHUNK_PROFILES, range, |row| {
        if let Some(user) = advance(&mut chunk, &mut at, row.get(at!(CHUNK_PROFILES, "t.seq"))?) {
            user.profiles.push(assignment(row)?);
        }
        Ok(())
    })?;
    let mut at = 0;
    tx.each(CHUNK_ITEMS, range, |row| {
        if let Some(user) = advance(&mut chunk, &mut at, row.get(at!(CHUNK_ITEMS, "t.seq"))?) {
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

impl Chunks<'_> {
    /// The users of the targets after `after` up to `last`, in order, all of one moment.
    pub fn load(&self, run: RunId, after: i64, last: i64) -> Result<Vec<Loaded>, StoreError> {
        self.0.read(|tx| chunk(tx, run, after, last))
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
        self.0.read(|tx| {
            let mut chunk = chunk(tx, run, after, last)?.into_iter();
            let missing = || StoreError::Corrupt(format!("a target of run {run} without its origin"));
            let planned = tx.all(ORIGINS, args![run, after, last, source], |row| {
                let loaded = chunk.next().ok_or_else(missing)?;
                if row.get::<i64>(at!(ORIGINS, "seq"))? != loaded.target {
                    return Err(missing());
                }
                let notes: Notes = parse(row.maybe_text(at!(ORIGINS, "notes"))?)?;
                Ok(Planned {
                    loaded,
                    username: row.get(at!(ORIGINS, "username"))?,
                    organization_id: row.get(at!(ORIGINS, "organization_id"))?,
                    changes: parse(row.maybe_text(at!(ORIGINS, "journal"))?)?,
                    version: row.get(at!(ORIGINS, "version"))?,
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
}

impl Users<'_> {
    /// Users by number, as they are now; those that are gone are missing.
    pub fn by_ids(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        self.0.read(|tx| by_ids(tx, ids))
    }
}

impl Chunks<'_> {
    /// How many bytes the longest row of a run's targets has; 0 if they have no rows.
    pub fn longest_row(&self, run: RunId) -> Result<i64, StoreError> {
        self.0.read(|tx| tx.value(LONGEST_ROW, args![run]))
    }

    /// Goes through what a preview has planned so far for the user of `target`, in earlier targets of that user: the
    /// changes of each that has any, in order, and whether they assign `last_update`, as long as `each` wants to go on.
    pub fn planned_before(
        &self,
        run: RunId,
        target: i64,
        mut each: impl FnMut(&[Change], bool) -> bool,
    ) -> Result<(), StoreError> {
        self.0.read(|tx| {
            tx.each_while(PLANNED_BEFORE, args![run, target], |row| {
                let plan: Vec<Change> = row.json(at!(PLANNED_BEFORE, "journal"))?;
                let notes: Notes = parse(row.maybe_text(at!(PLANNED_BEFORE, "notes"))?)?;
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
