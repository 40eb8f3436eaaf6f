//! Sample subscribers: plausible, and for one seed and number always the same but for the day they are counted from.

use rollcall_domain::{Assignment, Item, ItemKind, ItemRow, Right, Timestamp, User, UserPassword};
use rollcall_store::{Decision, Newcomer, StoreError};

use crate::error::{AppError, conflict};
use crate::operations::MaintenanceOperations;

/// The fact by which an installation is known to hold samples only.
const SAMPLE_FACT: &str = "sample";

const SEED: u64 = 20_261_123;
const DAY: i64 = 86_400_000_000;

const FIRST: [&str; 40] = [
    "Ana", "Bilal", "Chiara", "Dmitri", "Emma", "Farid", "Giulia", "Hana", "Ines", "Jonas", "Kofi", "Lena",
    "Mateo", "Nadia", "Oskar", "Priya", "Quentin", "Rosa", "Samir", "Tereza", "Ulrike", "Viktor", "Wanda",
    "Ximena", "Yusuf", "Zoé", "Amara", "Björn", "Carmen", "Dario", "Elif", "Felix", "Grace", "Hugo", "Irina",
    "José", "Katya", "Liam", "Mina", "Noah",
];
const LAST: [&str; 40] = [
    "Almeida",
    "Berg",
    "Castillo",
    "Dubois",
    "Eriksen",
    "Fischer",
    "García",
    "Haddad",
    "Ivanova",
    "Jansen",
    "Kaya",
    "Lopez",
    "Moreau",
    "Novák",
    "O'Brien",
    "Petrov",
    "Quispe",
    "Rossi",
    "Schmidt",
    "Tanaka",
    "Ueda",
    "Virtanen",
    "Weber",
    "Xu",
    "Yılmaz",
    "Zhang",
    "Adeyemi",
    "Bianchi",
    "Costa",
    "Diallo",
    "Evans",
    "Ferrari",
    "Gruber",
    "Horvat",
    "Iyer",
    "Johansson",
    "Kowalski",
    "Lindqvist",
    "Mensah",
    "Nguyen",
];
const ORGANIZATIONS: [&str; 3] = ["Northwind Fiber", "Harbour Wi-Fi", "Campus Net"];
const KLASSES: [&str; 4] = ["residential", "business", "student", "staff"];
const PROFILES: [(&str, &str); 5] = [
    ("basic", "Session-Timeout := 7200"),
    ("plus", "Session-Timeout := 28800"),
    ("pro", "Session-Timeout := 86400"),
    ("aaa-01", "Idle-Timeout := 900"),
    ("static-ip", "Framed-IP-Address := 10.20.0.1"),
];

/// So many are added together.
const TOGETHER: usize = 1_000;

impl MaintenanceOperations<'_> {
    /// Whether all users here are samples of [`MaintenanceOperations::add_sample_data`].
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn has_sample_data(self) -> Result<bool, AppError> {
        Ok(self.app.require_permission(Right::Look)?.installation().fact(SAMPLE_FACT)?.is_some())
    }

    /// Fills a new installation with `count` sample users, three organizations and five profiles. `progress` gets the
    /// number of users so far.
    ///
    /// # Errors
    /// [`AppError::Conflict`] if there are users or profiles; [`AppError::Denied`]
    pub fn add_sample_data(self, count: u64, mut progress: impl FnMut(u64)) -> Result<(), AppError> {
        let permit = self.app.require_permission_everywhere(Right::Administer)?;
        if permit.users().count_to(None, 1)? > 0 || !permit.profiles().all()?.is_empty() {
            return conflict(
                "there are users or profiles here already: samples are for an installation without any",
            );
        }
        permit.installation().set_fact(SAMPLE_FACT, "true")?;
        for (name, reply) in PROFILES {
            let item = Item::parse(ItemKind::Reply, reply)?;
            permit.profiles().add(name, None, [&[item], &[]], &self.app.act())?;
        }
        let midnight = self.app.now().as_micros() / DAY * DAY;
        let mut dice = fastrand::Rng::with_seed(SEED);
        permit
            .users()
            .import(|import| {
                let mut organizations = Vec::new();
                for name in ORGANIZATIONS {
                    organizations.push(import.organization(name)?);
                }
                let ids = PROFILES.map(|(name, _)| import.catalogue().id(name).unwrap_or_default());
                for first in (1..=count).step_by(TOGETHER) {
                    let last = count.min(first + TOGETHER as u64 - 1);
                    let made: Vec<_> = (first..=last)
                        .map(|number| {
                            let user = sample(number, midnight, &mut dice, &organizations, &ids);
                            (number, user, UserPassword::parse(&format!("sample-{number}")).ok())
                        })
                        .collect();
                    let newcomers: Vec<_> = made
                        .iter()
                        .map(|(line, user, password)| Newcomer::User {
                            line: *line,
                            id: None,
                            user,
                            password: password.as_ref(),
                        })
                        .collect();
                    import.add_all(&newcomers)?;
                    progress(last);
                }
                import.record(&self.app.act(), count)?;
                Ok::<_, StoreError>(Decision::Commit(()))
            })
            .map_err(AppError::from)
    }
}

fn pick<'a, T>(dice: &mut fastrand::Rng, from: &'a [T]) -> &'a T {
    &from[dice.usize(..from.len())]
}

fn sample(
    number: u64,
    midnight: i64,
    dice: &mut fastrand::Rng,
    organizations: &[i64],
    profiles: &[i64; 5],
) -> User {
    let (first, last) = (*pick(dice, &FIRST), *pick(dice, &LAST));
    let at = |day: i64, second: i64| Timestamp::from_micros(midnight + day * DAY + second * 1_000_000);
    let joined = at(-dice.i64(30..1_500), dice.i64(0..86_400)).unwrap_or(Timestamp::MIN);
    let organization = *pick(dice, organizations);
    let username = format!("{}.{}{number}", plain(first), plain(last));
    let mut user = User::new(0, &username, organization, joined);
    user.first_name = first.to_owned();
    user.last_name = last.to_owned();
    // One in 25 has no e-mail address.
    user.email =
        if number % 25 == 7 { String::new() } else { format!("{}@example.com", username.replace('.', "_")) };
    user.external_id = format!("C{:07}", 1_000_000 + number);
    user.klass = (*pick(dice, &KLASSES)).to_owned();
    user.is_active = dice.u8(..100) >= 6;
    user.expiration = match dice.u8(..20) {
        // One in a thousand never ends, written as so many systems write it.
        _ if number % 1_000 == 500 => Timestamp::parse("9999-12-31", &rollcall_domain::Zone::utc()).ok(),
        0 => None,
        _ => at(dice.i64(-20..400), 0),
    };
    if dice.u8(..10) > 0 {
        user.first_login = Timestamp::from_micros(joined.as_micros() + dice.i64(0..3 * DAY));
        user.last_login = at(-dice.i64(0..25), dice.i64(0..86_400));
    }
    user.last_update = user.last_login.unwrap_or(joined);
    assign(&mut user, dice, profiles);
    user
}

/// A plan and perhaps more, and up to four attributes.
fn assign(user: &mut User, dice: &mut fastrand::Rng, profiles: &[i64; 5]) {
    let plan = [0, 0, 0, 1, 1, 2][dice.usize(..6)];
    let mut wanted = Vec::new();
    if dice.u8(..50) > 0 {
        wanted.push(plan);
    }
    if dice.u8(..4) == 0 {
        wanted.push(3);
    }
    if dice.u8(..20) == 0 {
        wanted.push(4);
    }
    for (priority, index) in (1..).zip(wanted) {
        user.profiles.push(Assignment {
            id: profiles[index],
            short_name: PROFILES[index].0.to_owned(),
            priority,
        });
    }
    let mut add = |text: &str| {
        let position = user.attributes.len() as i64 + 1;
        if let Ok(item) = Item::parse(ItemKind::Reply, text) {
            user.attributes.push(ItemRow::new(item, position));
        }
    };
    for n in 0..dice.u8(..5) {
        match n {
            0 => add(&format!("Session-Timeout := {}", 3_600 * dice.i64(1..9))),
            1 => add(&format!("Framed-IP-Address = 10.{}.{}.{}", dice.u8(..), dice.u8(..), dice.u8(1..))),
            2 => add("Reply-Message += Welcome back"),
            _ => add(&format!("Class += tier-{}", dice.u8(1..4))),
        }
    }
    if dice.u8(..8) == 0 {
        let item = Item::parse(ItemKind::Check, &format!("Simultaneous-Use := {}", dice.u8(1..4)));
        user.check_attributes.extend(item.map(|item| ItemRow::new(item, 1)));
    }
}

/// A name as people write it in usernames.
fn plain(name: &str) -> String {
    name.to_lowercase()
        .chars()
        .filter_map(|c| match c {
            'é' => Some('e'),
            'í' | 'ı' => Some('i'),
            'á' => Some('a'),
            'ö' => Some('o'),
            c if c.is_ascii_alphanumeric() => Some(c),
            _ => None,
        })
        .collect()
}
