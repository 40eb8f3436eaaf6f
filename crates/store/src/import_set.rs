//! Users of an import, into rows of PostgreSQL: a few statements a table for many users at once. What becomes of each is the
//! same as if they came one after the other.

use std::collections::{HashMap, HashSet};

use rollcall_domain::{ItemKind, User, UserId, UserPassword};

use crate::columns::at;
use crate::db::Moment;
use crate::import::{Added, Newcomer, signed};
use crate::pg_connection::PgConnection;
use crate::profiles::kind_number;
use crate::{StoreError, users};

const NAMES: &str = "SELECT username FROM users WHERE username = ANY(?1)";
const IDS: &str = "SELECT id FROM users WHERE id = ANY(?1)";
// On a table of this connection alone; they cannot be prepared without it.
const LINES_OF: &str = "SELECT username, line FROM import_lines WHERE username = ANY(?1)";
const LINES_OF_IDS: &str = "SELECT id, line FROM import_lines WHERE id = ANY(?1)";
const ADD_LINES: &str = "INSERT INTO import_lines (username, id, line) \
                         SELECT * FROM unnest(?1::text[], ?2::bigint[], ?3::bigint[])";

const GO_ON_FROM: &str = "SELECT setval(pg_get_serial_sequence('users', 'id'), \
                          greatest(?1, (SELECT last_value FROM users_id_seq)))";
const NEXT_IDS: &str =
    "SELECT nextval(pg_get_serial_sequence('users', 'id')) FROM generate_series(1, ?1::bigint)";
const ADD_USERS: &str = "INSERT INTO users (id, username, username_length, first_name, last_name, email, external_id, klass, \
    is_active, date_joined, expiration, last_update, organization_id, avatar_url, description, password, password_scheme) \
    SELECT * FROM unnest(?1::bigint[], ?2::text[], ?3::bigint[], ?4::text[], ?5::text[], ?6::text[], ?7::text[], ?8::text[], \
    ?9::boolean[], ?10::timestamptz[], ?11::timestamptz[], ?12::timestamptz[], ?13::bigint[], ?14::text[], ?15::text[], \
    ?16::text[], ?17::text[]) ON CONFLICT DO NOTHING RETURNING id";
const ADD_LOGINS: &str = "INSERT INTO user_logins (user_id, first_login, last_login) \
                          SELECT * FROM unnest(?1::bigint[], ?2::timestamptz[], ?3::timestamptz[])";
const ADD_PROFILES: &str = "INSERT INTO user_profiles (user_id, profile_id, priority) \
                            SELECT * FROM unnest(?1::bigint[], ?2::bigint[], ?3::bigint[])";
const ADD_ITEMS: &str = "INSERT INTO user_items (user_id, kind, position, attr, operation, value) \
    SELECT * FROM unnest(?1::bigint[], ?2::smallint[], ?3::bigint[], ?4::text[], ?5::text[], ?6::text[])";

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] =
    &[NAMES, IDS, GO_ON_FROM, NEXT_IDS, ADD_USERS, ADD_LOGINS, ADD_PROFILES, ADD_ITEMS];

/// What is known of the names and numbers of some newcomers before they are added.
struct Known {
    /// Names of users who are there.
    names: HashSet<String>,
    /// Numbers of users who are there.
    ids: HashSet<UserId>,
    /// The line of the file that a name was on.
    lines: HashMap<String, u64>,
    /// The same for a number.
    lines_of_ids: HashMap<UserId, u64>,
}

impl Known {
    fn of(pg: &PgConnection, newcomers: &[Newcomer<'_>]) -> Result<Self, StoreError> {
        let names: Vec<&str> = newcomers.iter().map(Newcomer::username).collect();
        let ids: Vec<UserId> = newcomers.iter().filter_map(Newcomer::id).collect();
        let mut known = Self {
            names: HashSet::new(),
            ids: HashSet::new(),
            lines: HashMap::new(),
            lines_of_ids: HashMap::new(),
        };
        for row in pg.query(NAMES, &[&names])? {
            known.names.insert(row.try_get(0)?);
        }
        for row in pg.query(LINES_OF, &[&names])? {
            let line: i64 = row.try_get(at!(text LINES_OF, "line"))?;
            known.lines.insert(row.try_get(at!(text LINES_OF, "username"))?, line.unsigned_abs());
        }
        if !ids.is_empty() {
            for row in pg.query(LINES_OF_IDS, &[&ids])? {
                let line: i64 = row.try_get(at!(text LINES_OF_IDS, "line"))?;
                known.lines_of_ids.insert(row.try_get(at!(text LINES_OF_IDS, "id"))?, line.unsigned_abs());
            }
            for row in pg.query(IDS, &[&ids])? {
                known.ids.insert(row.try_get(0)?);
            }
        }
        Ok(known)
    }

    /// Why a newcomer cannot be added, if there is a reason; otherwise the newcomer is known from now on.
    fn meet(&mut self, newcomer: &Newcomer<'_>) -> Option<Added> {
        let name = newcomer.username();
        let claim = matches!(newcomer, Newcomer::Claim { .. });
        if self.names.contains(name) || (claim && self.lines.contains_key(name)) {
            return Some(Added::NameTaken(self.lines.get(name).copied()));
        }
        if let Some(id) = newcomer.id().filter(|id| self.ids.contains(id)) {
            return Some(Added::IdTaken(self.lines_of_ids.get(&id).copied()));
        }
        if let Some(line) = self.lines.get(name) {
            return Some(Added::NameTaken(Some(*line)));
        }
        self.lines.insert(name.to_owned(), newcomer.line());
        if !claim {
            self.names.insert(name.to_owned());
        }
        if let Some(id) = newcomer.id() {
            self.ids.insert(id);
            self.lines_of_ids.insert(id, newcomer.line());
        }
        None
    }
}

/// A user who is going to be there.
struct Joining<'a> {
    /// The place among the newcomers.
    at: usize,
    id: UserId,
    user: &'a User,
    password: Option<&'a UserPassword>,
}

/// Adds newcomers in their order; what became of each, which of one that only claims a name is nothing if it was free.
pub(crate) fn add_all(
    pg: &PgConnection,
    newcomers: &[Newcomer<'_>],
) -> Result<Vec<Option<Added>>, StoreError> {
    let mut known = Known::of(pg, newcomers)?;
    let mut added: Vec<Option<Added>> = newcomers.iter().map(|newcomer| known.meet(newcomer)).collect();
    // Numbers that are given go on from the largest one, as SQLite does it by itself.
    if let Some(largest) = newcomers.iter().filter_map(Newcomer::id).max() {
        pg.query(GO_ON_FROM, &[&largest])?;
    }
    let open = |at: usize| added[at].is_none();
    let without_id = |at: &usize| open(*at) && matches!(newcomers[*at], Newcomer::User { id: None, .. });
    let wanted = (0..newcomers.len()).filter(without_id).count() as i64;
    let mut fresh = pg.query(NEXT_IDS, &[&wanted])?.into_iter();
    let mut joining = Vec::new();
    for (at, newcomer) in newcomers.iter().enumerate().filter(|(at, _)| open(*at)) {
        let Newcomer::User { id, user, password, .. } = *newcomer else { continue };
        let id = match (id, fresh.len()) {
            (Some(id), _) => id,
            (None, 0) => return Err(StoreError::Corrupt("a sequence without numbers".to_owned())),
            (None, _) => fresh.next().map_or(Ok(0), |row| row.try_get(0))?,
        };
        joining.push(Joining { at, id, user, password });
    }
    let there = add_users(pg, &joining)?;
    // Somebody else has taken a name or a number in the same moment.
    for lost in joining.iter().filter(|one| !there.contains(&one.id)) {
        added[lost.at] = Some(Added::NameTaken(None));
    }
    joining.retain(|one| there.contains(&one.id));
    add_lines(pg, newcomers, &added, &joining)?;
    add_belongings(pg, &joining)?;
    for one in joining {
        added[one.at] = Some(Added::As(one.id));
    }
    Ok(added)
}

fn add_users(pg: &PgConnection, joining: &[Joining<'_>]) -> Result<HashSet<UserId>, StoreError> {
    if joining.is_empty() {
        return Ok(HashSet::new());
    }
    let texts = |text: fn(&User) -> &str| joining.iter().map(|one| text(one.user)).collect::<Vec<_>>();
    let numbers = |number: fn(&User) -> i64| joining.iter().map(|one| number(one.user)).collect::<Vec<_>>();
    let rows = pg.query(
        ADD_USERS,
        &[
            &joining.iter().map(|one| one.id).collect::<Vec<_>>(),
            &texts(|user| &user.username),
            &numbers(|user| user.username_length),
            &texts(|user| &user.first_name),
            &texts(|user| &user.last_name),
            &texts(|user| &user.email),
            &texts(|user| &user.external_id),
            &texts(|user| &user.klass),
            &joining.iter().map(|one| one.user.is_active).collect::<Vec<_>>(),
            &joining.iter().map(|one| Moment(one.user.date_joined)).collect::<Vec<_>>(),
            &joining.iter().map(|one| one.user.expiration.map(Moment)).collect::<Vec<_>>(),
            &joining.iter().map(|one| Moment(one.user.last_update)).collect::<Vec<_>>(),
            &numbers(|user| user.organization_id),
            &texts(|user| &user.avatar_url),
            &texts(|user| &user.description),
            &joining.iter().map(|one| one.password.map(UserPassword::value)).collect::<Vec<_>>(),
            &joining.iter().map(|one| users::scheme(one.password).attribute()).collect::<Vec<_>>(),
        ],
    )?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Takes note of the names on each line, of those who only claim one, too.
fn add_lines(
    pg: &PgConnection,
    newcomers: &[Newcomer<'_>],
    added: &[Option<Added>],
    joining: &[Joining<'_>],
) -> Result<(), StoreError> {
    let ids: HashMap<usize, UserId> = joining.iter().map(|one| (one.at, one.id)).collect();
    let met = || newcomers.iter().enumerate().filter(|(at, _)| added[*at].is_none());
    let names: Vec<_> = met().map(|(_, newcomer)| newcomer.username()).collect();
    let numbers: Vec<_> = met().map(|(at, _)| ids.get(&at).copied()).collect();
    let lines: Vec<_> = met().map(|(_, newcomer)| signed(newcomer.line())).collect();
    pg.execute(ADD_LINES, &[&names, &numbers, &lines]).map(drop)
}

fn add_belongings(pg: &PgConnection, joining: &[Joining<'_>]) -> Result<(), StoreError> {
    let seen: Vec<_> = joining
        .iter()
        .filter(|one| one.user.first_login.is_some() || one.user.last_login.is_some())
        .collect();
    if !seen.is_empty() {
        let ids: Vec<_> = seen.iter().map(|one| one.id).collect();
        let first: Vec<_> = seen.iter().map(|one| one.user.first_login.map(Moment)).collect();
        let last: Vec<_> = seen.iter().map(|one| one.user.last_login.map(Moment)).collect();
        pg.execute(ADD_LOGINS, &[&ids, &first, &last])?;
    }
    let profiles: Vec<_> = joining
        .iter()
        .flat_map(|one| one.user.profiles.iter().map(|profile| (one.id, profile.id, profile.priority)))
        .collect();
    if !profiles.is_empty() {
        let users: Vec<_> = profiles.iter().map(|(user, ..)| *user).collect();
        let ids: Vec<_> = profiles.iter().map(|(_, id, _)| *id).collect();
        let priorities: Vec<_> = profiles.iter().map(|(.., priority)| *priority).collect();
        pg.execute(ADD_PROFILES, &[&users, &ids, &priorities])?;
    }
    let mut items = Vec::new();
    for one in joining {
        for kind in ItemKind::ALL {
            items.extend(one.user.items(kind).iter().map(|row| (one.id, kind_number(kind), row)));
        }
    }
    if !items.is_empty() {
        let users: Vec<_> = items.iter().map(|(user, ..)| *user).collect();
        let kinds: Vec<i16> = items.iter().map(|(_, kind, _)| i16::try_from(*kind).unwrap_or(0)).collect();
        let positions: Vec<_> = items.iter().map(|(.., row)| row.position).collect();
        let attrs: Vec<_> = items.iter().map(|(.., row)| row.attr.as_str()).collect();
        let operations: Vec<_> = items.iter().map(|(.., row)| row.operation.as_str()).collect();
        let values: Vec<_> = items.iter().map(|(.., row)| row.value.as_str()).collect();
        pg.execute(ADD_ITEMS, &[&users, &kinds, &positions, &attrs, &operations, &values])?;
    }
    Ok(())
}
