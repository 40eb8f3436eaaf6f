//! The changes of a chunk, into rows of PostgreSQL: a few statements a table, whatever the chunk's size, since each is a
//! way to the server and back. What several targets of one user do comes to one write of that user.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rollcall_domain::{Assignment, Change, ItemKind, ItemRow, Outcome, RunId, Timestamp, User, UserId};

use crate::StoreError;
use crate::columns::at;
use crate::db::Moment;
use crate::outcomes::{Refusals, Settled, name_taken};
use crate::pg_connection::PgConnection;
use crate::profiles::kind_number;

/// Locked in the order of their numbers, so that two chunks wait for each other and not in a circle. Not their keys, which
/// logins hold when they take note of the moment.
const VERSIONS: &str = "SELECT id, version FROM users WHERE id = ANY(?1) ORDER BY id FOR NO KEY UPDATE";
const OWNERS: &str = "SELECT username, id FROM users WHERE username = ANY(?1)";
/// No name that anybody can have: between two users who pass a name on, it belongs to nobody.
const FREE_NAMES: &str = "UPDATE users SET username = chr(1) || id WHERE id = ANY(?1)";
const SET_NAMES: &str = "UPDATE users u SET username = d.username \
                         FROM unnest(?1::bigint[], ?2::text[]) AS d (id, username) WHERE u.id = d.id";
const UPDATE_USERS: &str = "UPDATE users u SET version = d.version, last_update = d.last_update, \
    username_length = d.username_length, first_name = d.first_name, last_name = d.last_name, email = d.email, \
    external_id = d.external_id, klass = d.klass, is_active = d.is_active, expiration = d.expiration, \
    avatar_url = d.avatar_url, description = d.description \
    FROM unnest(?1::bigint[], ?2::bigint[], ?3::timestamptz[], ?4::bigint[], ?5::text[], ?6::text[], ?7::text[], \
                ?8::text[], ?9::text[], ?10::boolean[], ?11::timestamptz[], ?12::text[], ?13::text[]) \
    AS d (id, version, last_update, username_length, first_name, last_name, email, external_id, klass, is_active, \
          expiration, avatar_url, description) WHERE u.id = d.id";
const REMOVE_PROFILES: &str = "DELETE FROM user_profiles p USING unnest(?1::bigint[], ?2::bigint[]) AS d (u, p) \
                               WHERE p.user_id = d.u AND p.profile_id = d.p";
const ADD_PROFILES: &str = "INSERT INTO user_profiles (user_id, profile_id, priority) \
                            SELECT * FROM unnest(?1::bigint[], ?2::bigint[], ?3::bigint[])";
const REMOVE_ITEMS: &str = "DELETE FROM user_items i \
    USING unnest(?1::bigint[], ?2::smallint[], ?3::bigint[]) AS d (u, k, p) \
    WHERE i.user_id = d.u AND i.kind = d.k AND i.position = d.p";
const ADD_ITEMS: &str = "INSERT INTO user_items (user_id, kind, position, attr, operation, value) \
    SELECT * FROM unnest(?1::bigint[], ?2::smallint[], ?3::bigint[], ?4::text[], ?5::text[], ?6::text[])";

const PLANNED_NAMES: &str =
    "SELECT username, user_id FROM planned_names WHERE run_id = ?1 AND username = ANY(?2)";
const KEPT_NAMES: &str = "SELECT u.username, u.id AS user_id FROM users u WHERE u.username = ANY(?2) AND NOT EXISTS \
                          (SELECT 1 FROM planned_names n WHERE n.run_id = ?1 AND n.user_id = u.id)";
const PLAN_NAMES: &str = "INSERT INTO planned_names (run_id, user_id, username) \
    SELECT ?1, * FROM unnest(?2::bigint[], ?3::text[]) \
    ON CONFLICT (run_id, user_id) DO UPDATE SET username = excluded.username";

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    PLANNED_NAMES,
    KEPT_NAMES,
    PLAN_NAMES,
    VERSIONS,
    OWNERS,
    FREE_NAMES,
    SET_NAMES,
    UPDATE_USERS,
    REMOVE_PROFILES,
    ADD_PROFILES,
    REMOVE_ITEMS,
    ADD_ITEMS,
];

/// In a preview, finds the names that applying it would find taken; the same as one name after the other. A name is taken
/// if it was given to another user in the preview, or belongs to another user who keeps it.
pub(crate) fn plan_names(
    pg: &PgConnection,
    run: RunId,
    settled: &[Settled],
    refusals: &mut Refusals,
) -> Result<(), StoreError> {
    let renamed: Vec<(usize, &User)> = settled
        .iter()
        .enumerate()
        .filter(|(index, target)| target.renamed().is_some() && !refusals.contains_key(index))
        .filter_map(|(index, target)| Some((index, target.after()?)))
        .collect();
    if renamed.is_empty() {
        return Ok(());
    }
    let wanted: Vec<&str> = renamed.iter().map(|(_, after)| after.username.as_str()).collect();
    let who = |statement| -> Result<HashMap<String, UserId>, StoreError> {
        let rows = pg.query(statement, &[&run, &wanted])?;
        rows.iter()
            .map(|row| {
                Ok((
                    row.try_get(at!(text KEPT_NAMES, "username"))?,
                    row.try_get(at!(text KEPT_NAMES, "user_id"))?,
                ))
            })
            .collect()
    };
    let (mut planned, mut kept) = (who(PLANNED_NAMES)?, who(KEPT_NAMES)?);
    // A user has one name at a time.
    let mut called: HashMap<UserId, String> =
        planned.iter().chain(&kept).map(|(name, owner)| (*owner, name.clone())).collect();
    let mut given = BTreeMap::new();
    for (index, after) in renamed {
        let (id, name) = (after.id, &after.username);
        let is_others = |names: &HashMap<String, UserId>| names.get(name).is_some_and(|owner| *owner != id);
        if is_others(&planned) || is_others(&kept) {
            refusals.insert(index, name_taken(name));
            continue;
        }
        // What the user was called before is free.
        if let Some(before) = called.insert(id, name.clone()) {
            planned.remove(&before);
            kept.remove(&before);
        }
        planned.insert(name.clone(), id);
        given.insert(id, name.as_str());
    }
    let ids: Vec<_> = given.keys().copied().collect();
    let names: Vec<_> = given.into_values().collect();
    pg.execute(PLAN_NAMES, &[&run, &ids, &names]).map(drop)
}

/// What becomes of a row that a chunk touches: whether it was there before, and what it is after.
struct Touched<T> {
    was_there: bool,
    after: Option<T>,
}

/// Writes the users of a chunk; returns the targets whose user is no longer as it was loaded. Nothing is written then.
pub(crate) fn write_users(
    pg: &PgConnection,
    now: Timestamp,
    settled: &[Settled],
    refusals: &mut Refusals,
) -> Result<Vec<i64>, StoreError> {
    let ids: BTreeSet<UserId> = settled.iter().map(|target| target.outcome().user_id).collect();
    let ids: Vec<_> = ids.into_iter().collect();
    let mut versions = HashMap::new();
    for row in pg.query(VERSIONS, &[&ids])? {
        let id: i64 = row.try_get(at!(text VERSIONS, "id"))?;
        versions.insert(id, row.try_get::<_, i64>(at!(text VERSIONS, "version"))?);
    }
    let mut owners = owners(pg, settled)?;
    let (mut stale, mut last) = (Vec::new(), BTreeMap::new());
    for (index, target) in settled.iter().enumerate() {
        let outcome = target.outcome();
        let version = versions.get(&outcome.user_id).copied();
        match (target.version(), target.after().filter(|_| !refusals.contains_key(&index))) {
            // Nothing was computed on any version of it.
            (_, None) if outcome.outcome == Outcome::Conflict => {}
            (seen, _) if seen != version => stale.push(outcome.target),
            (_, None) => {}
            (Some(seen), Some(after)) => {
                if !rename(&mut owners, target, after) {
                    refusals.insert(index, name_taken(&after.username));
                    continue;
                }
                versions.insert(after.id, seen + 1);
                last.insert(after.id, (after, seen + 1, target.last_update(after, now)));
            }
            (None, Some(_)) => {} // nobody is there to be changed
        }
    }
    if stale.is_empty() {
        update(pg, &last)?;
        names(pg, settled, &last)?;
        let written = settled.iter().enumerate();
        let written =
            written.filter(|(index, target)| target.after().is_some() && !refusals.contains_key(index));
        let changes: Vec<_> = written
            .map(|(_, target)| (target.outcome().user_id, target.outcome().changes.as_slice()))
            .collect();
        profiles(pg, &changes)?;
        items(pg, &changes)?;
    }
    Ok(stale)
}

/// Who has the names that the chunk wants to give.
fn owners(pg: &PgConnection, settled: &[Settled]) -> Result<HashMap<String, Option<UserId>>, StoreError> {
    let wanted: Vec<_> = settled.iter().filter_map(Settled::renamed).map(|(_, new)| new.to_owned()).collect();
    let mut owners = HashMap::new();
    if !wanted.is_empty() {
        for row in pg.query(OWNERS, &[&wanted])? {
            owners.insert(
                row.try_get(at!(text OWNERS, "username"))?,
                Some(row.try_get(at!(text OWNERS, "id"))?),
            );
        }
    }
    Ok(owners)
}

/// Passes a name on, as targets act in order. False if it is somebody else's.
fn rename(owners: &mut HashMap<String, Option<UserId>>, target: &Settled, after: &User) -> bool {
    let Some((old, new)) = target.renamed() else { return true };
    if owners.get(new).copied().flatten().is_some_and(|owner| owner != after.id) {
        return false;
    }
    owners.insert(old.to_owned(), None);
    owners.insert(new.to_owned(), Some(after.id));
    true
}

/// The last state of each user, with its version and `last_update`.
type Last<'a> = BTreeMap<UserId, (&'a User, i64, Timestamp)>;

fn update(pg: &PgConnection, last: &Last<'_>) -> Result<(), StoreError> {
    if last.is_empty() {
        return Ok(());
    }
    let users = || last.values().map(|(user, ..)| *user);
    let texts = |text: fn(&User) -> &str| users().map(text).collect::<Vec<_>>();
    let ids: Vec<_> = last.keys().copied().collect();
    let versions: Vec<_> = last.values().map(|(_, version, _)| *version).collect();
    let updates: Vec<_> = last.values().map(|(.., at)| Moment(*at)).collect();
    let lengths: Vec<_> = users().map(|user| user.username_length).collect();
    let active: Vec<_> = users().map(|user| user.is_active).collect();
    let expirations: Vec<_> = users().map(|user| user.expiration.map(Moment)).collect();
    pg.execute(
        UPDATE_USERS,
        &[
            &ids,
            &versions,
            &updates,
            &lengths,
            &texts(|user| &user.first_name),
            &texts(|user| &user.last_name),
            &texts(|user| &user.email),
            &texts(|user| &user.external_id),
            &texts(|user| &user.klass),
            &active,
            &expirations,
            &texts(|user| &user.avatar_url),
            &texts(|user| &user.description),
        ],
    )?;
    Ok(())
}

fn names(pg: &PgConnection, settled: &[Settled], last: &Last<'_>) -> Result<(), StoreError> {
    let renamed: BTreeSet<UserId> = settled
        .iter()
        .filter(|target| target.renamed().is_some())
        .map(|target| target.outcome().user_id)
        .filter(|id| last.contains_key(id))
        .collect();
    if renamed.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = renamed.into_iter().collect();
    let names: Vec<_> = ids.iter().map(|id| last[id].0.username.as_str()).collect();
    pg.execute(FREE_NAMES, &[&ids])?;
    pg.execute(SET_NAMES, &[&ids, &names])?;
    Ok(())
}

fn profiles(pg: &PgConnection, changes: &[(UserId, &[Change])]) -> Result<(), StoreError> {
    let mut touched: BTreeMap<(UserId, i64), Touched<i64>> = BTreeMap::new();
    for (user, change) in
        changes.iter().flat_map(|(user, changes)| changes.iter().map(move |each| (*user, each)))
    {
        let (profile, added): (&Assignment, _) = match change {
            Change::ProfileAdd(profile) => (profile, true),
            Change::ProfileRemove(profile) => (profile, false),
            _ => continue,
        };
        let row = touched.entry((user, profile.id)).or_insert(Touched { was_there: !added, after: None });
        row.after = added.then_some(profile.priority);
    }
    let gone = touched.iter().filter(|(_, row)| row.was_there).map(|(key, _)| *key);
    let (users, ids): (Vec<i64>, Vec<i64>) = gone.unzip();
    if !users.is_empty() {
        pg.execute(REMOVE_PROFILES, &[&users, &ids])?;
    }
    let added: Vec<_> = touched
        .iter()
        .filter_map(|((user, id), row)| row.after.map(|priority| (*user, *id, priority)))
        .collect();
    if !added.is_empty() {
        let users: Vec<_> = added.iter().map(|(user, ..)| *user).collect();
        let ids: Vec<_> = added.iter().map(|(_, id, _)| *id).collect();
        let priorities: Vec<_> = added.iter().map(|(.., priority)| *priority).collect();
        pg.execute(ADD_PROFILES, &[&users, &ids, &priorities])?;
    }
    Ok(())
}

/// Of a row of attributes: its user, its kind as the database has it, and its place.
type Place = (UserId, i16, i64);

fn items(pg: &PgConnection, changes: &[(UserId, &[Change])]) -> Result<(), StoreError> {
    let mut touched: BTreeMap<Place, Touched<&ItemRow>> = BTreeMap::new();
    for (user, change) in
        changes.iter().flat_map(|(user, changes)| changes.iter().map(move |each| (*user, each)))
    {
        let (kind, row, added) = match change {
            Change::AttributeAdd(row) => (ItemKind::Reply, row, true),
            Change::AttributeRemove(row) => (ItemKind::Reply, row, false),
            Change::CheckAttributeAdd(row) => (ItemKind::Check, row, true),
            Change::CheckAttributeRemove(row) => (ItemKind::Check, row, false),
            _ => continue,
        };
        let kind = i16::try_from(kind_number(kind)).unwrap_or_default();
        let place =
            touched.entry((user, kind, row.position)).or_insert(Touched { was_there: !added, after: None });
        place.after = added.then_some(row);
    }
    let gone: Vec<_> = touched.iter().filter(|(_, row)| row.was_there).map(|(place, _)| *place).collect();
    if !gone.is_empty() {
        let users: Vec<_> = gone.iter().map(|(user, ..)| *user).collect();
        let kinds: Vec<_> = gone.iter().map(|(_, kind, _)| *kind).collect();
        let positions: Vec<_> = gone.iter().map(|(.., position)| *position).collect();
        pg.execute(REMOVE_ITEMS, &[&users, &kinds, &positions])?;
    }
    let added: Vec<_> =
        touched.iter().filter_map(|(place, row)| row.after.map(|row| (*place, row))).collect();
    if !added.is_empty() {
        let users: Vec<_> = added.iter().map(|((user, ..), _)| *user).collect();
        let kinds: Vec<_> = added.iter().map(|((_, kind, _), _)| *kind).collect();
        let positions: Vec<_> = added.iter().map(|((.., position), _)| *position).collect();
        let attrs: Vec<_> = added.iter().map(|(_, row)| row.attr.as_str()).collect();
        let operations: Vec<_> = added.iter().map(|(_, row)| row.operation.as_str()).collect();
        let values: Vec<_> = added.iter().map(|(_, row)| row.value.as_str()).collect();
        pg.execute(ADD_ITEMS, &[&users, &kinds, &positions, &attrs, &operations, &values])?;
    }
    Ok(())
}
