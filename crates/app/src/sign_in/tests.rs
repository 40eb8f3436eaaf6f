//! Nobody gets in who should not, and nobody learns who is there.

use std::net::Ipv4Addr;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use rollcall_domain::{
    Act, Administrator, ApiToken, Clock, Grant, Right, Rights, Role, Scopes, Secret, Session, TokenText, Zone,
};
use rollcall_store::StoreError;
use rollcall_testkit::{TestClock, TestDatabase};

use super::*;
use crate::actor::Actor;
use crate::app::App;
use crate::error::AppError;

const NOW: &str = "2026-11-23T12:00:00Z";
const PASSWORD: &str = "correct horse battery";
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

struct Site {
    database: TestDatabase,
    clock: Arc<TestClock>,
    credentials: Credentials,
}

/// A database with the administrator ana, who has a password.
fn site() -> Site {
    let site = empty_site();
    site.add("ana");
    site
}

fn empty_site() -> Site {
    site_on(TestDatabase::new())
}

fn site_on(database: TestDatabase) -> Site {
    let clock = Arc::new(TestClock::at(NOW));
    let credentials = process(&database, &clock);
    Site { database, clock, credentials }
}

/// What one process has of it.
fn process(database: &TestDatabase, clock: &Arc<TestClock>) -> Credentials {
    App::new(
        database.open(),
        Arc::clone(clock) as Arc<dyn Clock>,
        Zone::utc(),
        Actor::account("cli:test".into()),
    )
    .credentials()
}

fn act(clock: &TestClock) -> Act<'static> {
    Act { at: clock.now(), who: "cli:test", administrator_id: None, address: None }
}

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

#[track_caller]
fn denied<T: std::fmt::Debug>(done: Result<T, AppError>) -> Denied {
    match done {
        Err(AppError::NotLetIn(denied)) => denied,
        other => panic!("{other:?}"),
    }
}

impl Site {
    fn add(&self, name: &str) -> Administrator {
        self.credentials
            .shared
            .store_unchecked()
            .administrators()
            .add(name, &[Grant::EVERYTHING], &act(&self.clock))
            .unwrap();
        self.credentials.set_password(&self.find(name), &secret(PASSWORD), None).unwrap();
        self.find(name)
    }

    fn find(&self, name: &str) -> Administrator {
        self.credentials.administrator(name).unwrap()
    }

    /// Tries to sign in from an address of its own, so that only the name counts.
    fn attempt(&self, name: &str, password: &str, code: Option<&Secret>) -> Result<SignedIn, AppError> {
        static ADDRESS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
        let address = ADDRESS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.attempt_from(Ipv4Addr::from(address), name, password, code)
    }

    fn attempt_from(
        &self,
        address: Ipv4Addr,
        name: &str,
        password: &str,
        second: Option<&Secret>,
    ) -> Result<SignedIn, AppError> {
        let (password, address) = (&secret(password), address.into());
        let shown = SignIn { name, password, second, address, agent: "Firefox\n", instead_of: None };
        self.credentials.sign_in(&shown)
    }

    fn sign_in(&self, name: &str) -> SignedIn {
        self.attempt(name, PASSWORD, None).unwrap()
    }

    fn hashes(&self) -> usize {
        self.credentials.shared.hasher.state().done
    }

    /// The code that an authenticator shows now.
    fn code(&self, secret: &Secret) -> Secret {
        totp::code(secret, totp::step(self.clock.now())).unwrap()
    }

    /// Gives somebody an authenticator: its secret, and the recovery codes.
    fn enrol(&self, who: &Administrator) -> (Secret, Vec<Secret>) {
        let Enrolment { secret, .. } = self.credentials.enrol_totp(who).unwrap();
        let codes = self.credentials.confirm_totp(who, &self.code(&secret)).unwrap();
        self.clock.advance(30);
        (secret, codes)
    }
}

#[test]
fn whatever_is_wrong_is_as_much_work_and_the_same_refusal() {
    let site = site();
    let ben = site.add("ben");
    let (authenticator, _) = site.enrol(&ben);
    site.credentials
        .shared
        .store_unchecked()
        .administrators()
        .add("no-password", &[], &act(&site.clock))
        .unwrap();
    let wrong_code =
        Some(secret(if site.code(&authenticator).reveal() == "000000" { "000001" } else { "000000" }));
    let long = "x".repeat(2_000);
    for (name, password, code) in [
        ("nobody", PASSWORD, None),
        ("", "", None),
        ("a\0na", "\0", None),
        ("no-password", PASSWORD, None),
        ("ana", "wrong horse battery", None),
        ("ana", &long, None),
        ("ben", PASSWORD, None),
        ("ben", PASSWORD, wrong_code.as_ref()),
        ("ben", "wrong horse battery", Some(&site.code(&authenticator))),
    ] {
        let before = site.hashes();
        assert_eq!(denied(site.attempt(name, password, code)), Denied::SignIn, "{name}");
        assert_eq!(site.hashes() - before, 1, "{name}");
    }
    let before = site.hashes();
    let signed_in = site.attempt("ben", PASSWORD, Some(&site.code(&authenticator))).unwrap();
    assert_eq!(
        (signed_in.administrator, site.hashes() - before),
        (ben, 1),
        "the code was not used up before"
    );
    let session = &signed_in.session;
    assert_eq!(
        (session.agent.as_str(), session.expires_at),
        ("Firefox", site.clock.now().plus(Session::LONGEST))
    );
    assert!(site.attempt("ana", PASSWORD, wrong_code.as_ref()).is_ok(), "no code is asked of her");
}

#[test]
fn names_have_to_wait_whether_there_are_such_or_not() {
    for name in ["ana", "nobody"] {
        let site = site();
        let failure = || denied(site.attempt(name, "wrong", None));
        assert_eq!([(); 5].map(|()| failure()), [Denied::SignIn; 5], "what is free");
        let before = site.hashes();
        assert_eq!([failure(), failure()], [Denied::Wait(5); 2], "waiting does not make it longer");
        assert_eq!(denied(site.attempt(name, PASSWORD, None)), Denied::Wait(5), "for the owner, too");
        assert_eq!(site.hashes(), before, "and costs nothing");
        site.clock.advance(4);
        assert_eq!(failure(), Denied::Wait(1));
        site.clock.advance(1);
        assert_eq!([failure(), failure()], [Denied::SignIn, Denied::Wait(10)]);
        for pause in [10, 20, 40, 80, 160, 320, 640, 900] {
            site.clock.advance(pause);
            assert_eq!(failure(), Denied::SignIn, "after {pause}");
        }
        assert_eq!(failure(), Denied::Wait(900));
        assert_eq!(denied(site.attempt("somebody", "wrong", None)), Denied::SignIn, "others need not wait");
        site.clock.advance(DAY);
        assert_eq!([(); 5].map(|()| failure()), [Denied::SignIn; 5], "forgotten");
        assert_eq!(failure(), Denied::Wait(5));
        if name == "ana" {
            site.credentials.set_password(&site.find("ana"), &secret(PASSWORD), None).unwrap();
            site.sign_in("ana");
        }
    }
}

#[test]
fn addresses_have_to_wait_whatever_the_name() {
    let site = site();
    let attacker = Ipv4Addr::new(192, 0, 2, 7);
    let failure = |n: usize| denied(site.attempt_from(attacker, &format!("name{n}"), "wrong", None));
    for n in 0..20 {
        assert_eq!(failure(n), Denied::SignIn, "{n}");
    }
    assert_eq!(failure(20), Denied::Wait(5));
    assert_eq!(denied(site.attempt_from(attacker, "ana", PASSWORD, None)), Denied::Wait(5));
    site.sign_in("ana");
    site.clock.advance(5);
    site.attempt_from(attacker, "ana", PASSWORD, None).unwrap();
    assert_eq!(
        [failure(21), failure(22)],
        [Denied::SignIn, Denied::Wait(10)],
        "having an account is no help"
    );
}

#[test]
fn that_somebody_has_signed_in_leaves_no_trace() {
    let site = site();
    let failure = || denied(site.attempt("ana", "wrong", None));
    assert_eq!([(); 4].map(|()| failure()), [Denied::SignIn; 4]);
    site.clock.advance(DAY - 1);
    for _ in 0..7 {
        site.sign_in("ana");
    }
    assert_eq!([failure(), failure()], [Denied::SignIn, Denied::Wait(5)], "the fifth is the fifth");
    site.clock.advance(5 * DAY);
    assert_eq!([(); 4].map(|()| failure()), [Denied::SignIn; 4]);
    site.clock.advance(DAY - 1);
    site.sign_in("ana");
    site.clock.advance(1);
    assert_eq!([(); 5].map(|()| failure()), [Denied::SignIn; 5], "forgotten as if she had not been here");
}

#[test]
fn many_at_once_are_no_way_around_waiting() {
    let site = site();
    let together = Barrier::new(30);
    let before = site.hashes();
    let refusals: Vec<_> = std::thread::scope(|scope| {
        let attempts: Vec<_> = (0..30)
            .map(|_| {
                scope.spawn(|| {
                    together.wait();
                    denied(site.attempt("ana", "wrong", None))
                })
            })
            .collect();
        attempts.into_iter().map(|attempt| attempt.join().unwrap()).collect()
    });
    assert_eq!(refusals.iter().filter(|refusal| **refusal == Denied::SignIn).count(), 5);
    assert_eq!(site.hashes() - before, 5);
}

#[test]
fn a_code_counts_once_even_at_once() {
    let site = site();
    let ana = site.find("ana");
    let (authenticator, recovery) = site.enrol(&ana);
    assert_eq!(recovery.len(), 10);
    let codes = [site.code(&authenticator), recovery[3].clone()];
    for code in &codes {
        let together = Barrier::new(4);
        let done: Vec<_> = std::thread::scope(|scope| {
            let attempt = || {
                together.wait();
                site.attempt("ana", PASSWORD, Some(code)).is_ok()
            };
            let attempts: Vec<_> = (0..4).map(|_| scope.spawn(attempt)).collect();
            attempts.into_iter().map(|attempt| attempt.join().unwrap()).collect()
        });
        assert_eq!(done.iter().filter(|done| **done).count(), 1);
        site.clock.advance(HOUR);
    }
    site.credentials.set_password(&ana, &secret(PASSWORD), None).unwrap();
    assert_eq!(denied(site.attempt("ana", PASSWORD, Some(&codes[1]))), Denied::SignIn);
    let typed = secret(&recovery[4].reveal().to_uppercase().replace('-', " "));
    site.attempt("ana", PASSWORD, Some(&typed)).unwrap();
    site.attempt("ana", PASSWORD, Some(&site.code(&authenticator))).unwrap();
    assert_eq!(denied(site.attempt("ana", PASSWORD, Some(&site.code(&authenticator)))), Denied::SignIn);
}

#[test]
fn an_authenticator_is_asked_for_once_it_was_seen_to_work() {
    let site = site();
    let (ana, credentials) = (site.find("ana"), &site.credentials);
    let none = credentials.confirm_totp(&ana, &secret("123456")).unwrap_err();
    assert!(matches!(none, AppError::Store(StoreError::NoSuch(_))), "{none}");
    let first = credentials.enrol_totp(&ana).unwrap();
    let Enrolment { secret: authenticator, uri } = credentials.enrol_totp(&ana).unwrap();
    assert!(
        uri.reveal().ends_with(&format!("Rollcall:ana?secret={}&issuer=Rollcall", authenticator.reveal()))
    );
    assert_eq!(denied(credentials.confirm_totp(&ana, &site.code(&first.secret))), Denied::Code);
    site.sign_in("ana");
    let code = site.code(&authenticator);
    let recovery = credentials.confirm_totp(&ana, &code).unwrap();
    assert_eq!(denied(site.attempt("ana", PASSWORD, None)), Denied::SignIn);
    assert_eq!(denied(site.attempt("ana", PASSWORD, Some(&code))), Denied::SignIn, "it was used to confirm");
    let again = credentials.enrol_totp(&ana).unwrap_err();
    assert!(again.to_string().contains("remove that one first"), "{again}");
    assert!(credentials.remove_totp(&ana).unwrap());
    assert!(!credentials.remove_totp(&ana).unwrap());
    site.sign_in("ana");
    site.clock.advance(60);
    site.enrol(&ana);
    assert_eq!(denied(site.attempt("ana", PASSWORD, Some(&recovery[0]))), Denied::SignIn, "of the other one");
}

#[test]
fn sessions_end() {
    let site = site();
    let credentials = &site.credentials;
    let ana = site.find("ana");
    let is_over = |signed_in: &SignedIn| match credentials.session(&signed_in.token) {
        Ok((session, administrator)) => {
            assert_eq!((session.id, administrator), (signed_in.session.id, ana.clone()));
            false
        }
        other => denied(other) == Denied::Session,
    };
    let idle = site.sign_in("ana");
    let used = site.sign_in("ana");
    for _ in 0..14 {
        site.clock.advance(12 * HOUR - 1);
        assert!(!is_over(&used));
    }
    assert!(is_over(&idle), "nobody has used it");
    site.clock.advance(13);
    assert!(!is_over(&used), "a second before a week is over");
    site.clock.advance(1);
    assert!(is_over(&used), "however much it was used");
    assert_eq!(credentials.sessions(&ana).unwrap(), []);
    assert_eq!(denied(credentials.session(&secret(""))), Denied::Session);

    let [first, second, third] = [(); 3].map(|()| site.sign_in("ana"));
    let page = |after, limit| -> Vec<_> {
        credentials.sessions_after(&ana, after, limit).unwrap().iter().map(|session| session.id).collect()
    };
    assert_eq!(page(None, 2), [third.session.id, second.session.id]);
    assert_eq!(page(Some(second.session.id), 2), [first.session.id]);
    assert_ne!(first.token, second.token);
    let listed: Vec<_> = credentials.sessions(&ana).unwrap().iter().map(|session| session.id).collect();
    assert_eq!(listed, [third.session.id, second.session.id, first.session.id]);
    credentials.sign_out(&third.token).unwrap();
    let ben = site.add("ben");
    let others = credentials.revoke_session(&ben, second.session.id).unwrap_err();
    assert!(others.to_string().contains("there is no session"), "{others}");
    credentials.revoke_session(&ana, second.session.id).unwrap();
    assert_eq!([&first, &second, &third].map(is_over), [false, true, true]);

    let of_ben = site.sign_in("ben");
    let (one, other) = (site.sign_in("ana"), site.sign_in("ana"));
    credentials.set_password(&ana, &secret("another password"), Some(&one.session)).unwrap();
    assert_eq!([&first, &one, &other].map(is_over), [true, false, true], "a new password ends the others");
    assert_eq!(denied(site.attempt("ana", PASSWORD, None)), Denied::SignIn);
    assert_eq!(credentials.revoke_sessions(&ana, None).unwrap(), 1);
    assert!(is_over(&one));
    assert!(credentials.session(&of_ben.token).is_ok());
    credentials.shared.store_unchecked().administrators().remove(&ben, &act(&site.clock)).unwrap();
    assert_eq!(denied(credentials.session(&of_ben.token)), Denied::Session);
    assert_eq!(denied(site.attempt("ben", PASSWORD, None)), Denied::SignIn);
    assert!(credentials.set_password(&ben, &secret(PASSWORD), None).is_err(), "who is gone gets none");
}

#[test]
fn who_signs_in_again_has_another_session() {
    let site = site();
    let before = site.sign_in("ana");
    let address = Ipv4Addr::LOCALHOST.into();
    let again = |password: &str| {
        let password = &secret(password);
        let old = Some(&before.token);
        let shown = SignIn { name: "ana", password, second: None, address, agent: "", instead_of: old };
        site.credentials.sign_in(&shown)
    };
    assert_eq!(denied(again("wrong")), Denied::SignIn);
    assert!(site.credentials.session(&before.token).is_ok(), "whoever fails ends nothing");
    let after = again(PASSWORD).unwrap();
    assert_eq!(denied(site.credentials.session(&before.token)), Denied::Session);
    assert!(site.credentials.session(&after.token).is_ok());
}

#[test]
fn the_use_of_a_session_is_noted_once_a_minute() {
    let site = site();
    let signed_in = site.sign_in("ana");
    let ana = site.find("ana");
    let start = site.clock.now();
    let seen_at = || site.credentials.sessions(&ana).unwrap()[0].seen_at;
    site.clock.advance(59);
    site.credentials.session(&signed_in.token).unwrap();
    assert_eq!(seen_at(), start);
    site.clock.advance(1);
    site.credentials.session(&signed_in.token).unwrap();
    assert_eq!(seen_at(), site.clock.now());
}

#[test]
fn nobody_waits_for_a_use_to_be_noted() {
    let site = site_on(TestDatabase::file());
    let ana = site.add("ana");
    let signed_in = site.sign_in("ana");
    site.clock.advance(60);
    let writer = rusqlite::Connection::open(site.database.folder().join("rollcall.db")).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    site.credentials.session(&signed_in.token).unwrap();
    assert_eq!(site.credentials.sessions(&ana).unwrap()[0].seen_at, signed_in.session.seen_at);
    writer.execute_batch("ROLLBACK").unwrap();
    site.credentials.session(&signed_in.token).unwrap();
    assert_eq!(site.credentials.sessions(&ana).unwrap()[0].seen_at, site.clock.now());
}

#[test]
fn tokens_count_until_they_end_and_for_their_scopes() {
    let site = site();
    let credentials = &site.credentials;
    let ana = site.find("ana");
    let scopes: Scopes = "look,execute".parse().unwrap();
    let day = Duration::from_secs(86_400);
    let (id, text) = credentials.add_token(&ana, "backup", &scopes, day).unwrap();
    let (other, _) = credentials.add_token(&ana, "other", &scopes, day).unwrap();
    let (token, administrator) = credentials.use_token(&text).unwrap();
    assert_eq!((token.id, token.name.as_str(), token.last_used_at), (id, "backup", Some(site.clock.now())));
    assert_eq!((administrator.id, administrator.name.as_str()), (ana.id, "ana"));
    let has = |rights: &Rights| Right::ALL.map(|right| rights.scope(right).is_some());
    assert_eq!(has(&administrator.rights), [true, false, true, false, false, false]);

    // What is taken from the administrator is taken from the token.
    let ben = site.add("ben");
    credentials
        .shared
        .store_unchecked()
        .administrators()
        .revoke(&ana, &Grant::EVERYTHING, &act(&site.clock))
        .unwrap();
    let reads = Grant { role: Role::ReadOnly, organization_id: None };
    credentials.shared.store_unchecked().administrators().grant(&ana, &reads, &act(&site.clock)).unwrap();
    let (_, administrator) = credentials.use_token(&text).unwrap();
    assert_eq!(has(&administrator.rights), [true, false, false, false, false, false]);

    let TokenText { secret: good, .. } = TokenText::parse(&text).unwrap();
    let wrong = TokenText { id, secret: secret(&"a".repeat(52)) }.show();
    let of_other = TokenText { id: other, secret: good.clone() }.show();
    let of_nobody = TokenText { id: 999, secret: good }.show();
    for bad in [wrong, of_other, of_nobody, secret("rct_1.x"), secret("")] {
        assert_eq!(denied(credentials.use_token(&bad)), Denied::Token);
    }
    let listed = || credentials.tokens(&ana).unwrap();
    assert_eq!(listed().iter().map(|token| token.last_used_at.is_some()).collect::<Vec<_>>(), [true, false]);
    let used = site.clock.now();
    for (seconds, noted) in [(59, used), (1, used.plus(Duration::from_secs(60)))] {
        site.clock.advance(seconds);
        credentials.use_token(&text).unwrap();
        assert_eq!(listed()[0].last_used_at, Some(noted));
    }
    site.clock.advance(DAY - 61);
    assert!(credentials.use_token(&text).is_ok());
    site.clock.advance(1);
    assert_eq!(denied(credentials.use_token(&text)), Denied::Token, "it has expired");

    let (id, text) = credentials.add_token(&ana, "next", &scopes, day).unwrap();
    assert!(credentials.revoke_token(&ben, id).is_err(), "it is not his");
    credentials.revoke_token(&ana, id).unwrap();
    assert_eq!(denied(credentials.use_token(&text)), Denied::Token);
    let again = credentials.revoke_token(&ana, id).unwrap_err().to_string();
    assert!(again.contains("there is no token"), "{again}");
    assert!(listed()[2].revoked_at.is_some(), "it is still listed");
    let (_, of_ben) = credentials.add_token(&ben, "his", &scopes, ApiToken::LONGEST).unwrap();
    credentials
        .shared
        .store_unchecked()
        .administrators()
        .grant(&ana, &Grant::EVERYTHING, &act(&site.clock))
        .unwrap();
    credentials.shared.store_unchecked().administrators().remove(&ben, &act(&site.clock)).unwrap();
    assert_eq!(denied(credentials.use_token(&of_ben)), Denied::Token);
    assert!(credentials.add_token(&ben, "his", &scopes, day).is_err());
    for (name, life) in
        [("", day), ("two\nlines", day), ("x", Duration::ZERO), ("x", ApiToken::LONGEST + day)]
    {
        assert!(matches!(credentials.add_token(&ana, name, &scopes, life), Err(AppError::Rejected(_))));
    }
}

#[test]
fn of_fifty_who_use_the_link_at_once_one_is_the_first_administrator() {
    let site = empty_site();
    let link = site.credentials.set_up_link().unwrap().unwrap();
    let together = Barrier::new(50);
    let processes: Vec<_> = (0..5).map(|_| process(&site.database, &site.clock)).collect();
    let done: Vec<_> = std::thread::scope(|scope| {
        let (link, together) = (&link, &together);
        let hands = processes.iter().flat_map(|process| {
            (0..10).map(move |n| {
                scope.spawn(move || {
                    together.wait();
                    process.set_up(link, &format!("first{n}"), &secret(PASSWORD))
                })
            })
        });
        let hands: Vec<_> = hands.collect();
        hands.into_iter().map(|hand| hand.join().unwrap()).collect()
    });
    let mut made = 0;
    for done in done {
        match done {
            Ok(_) => made += 1,
            refused => assert_eq!(denied(refused), Denied::Link),
        }
    }
    assert_eq!(made, 1);
    let all = site.credentials.shared.store_unchecked().administrators().all().unwrap();
    assert_eq!(all.iter().map(|one| one.rights.clone()).collect::<Vec<_>>(), [Rights::all()]);
    site.sign_in(&all[0].name);
    assert!(site.credentials.set_up_link().unwrap().is_none(), "there is somebody");
}

#[test]
fn a_link_counts_for_a_day_until_another_is_made() {
    let site = empty_site();
    let set_up =
        |link: &Secret, name: &str, password: &str| site.credentials.set_up(link, name, &secret(password));
    let first = site.credentials.set_up_link().unwrap().unwrap();
    let second = site.credentials.set_up_link().unwrap().unwrap();
    assert_eq!(denied(set_up(&first, "ana", PASSWORD)), Denied::Link, "a later one was made");
    assert_eq!(denied(set_up(&secret(""), "ana", PASSWORD)), Denied::Link);
    assert_eq!(site.hashes(), 0, "strangers cause no work");
    for (name, password) in [("ana", "short"), ("cli:ana", PASSWORD)] {
        assert!(matches!(set_up(&second, name, password), Err(AppError::Rejected(_))));
    }
    site.clock.advance(DAY);
    assert_eq!(denied(set_up(&second, "ana", PASSWORD)), Denied::Link);
    let third = site.credentials.set_up_link().unwrap().unwrap();
    site.credentials.check_set_up_link(&third).unwrap();
    set_up(&third, "ana", PASSWORD).unwrap();
    assert_eq!(denied(set_up(&third, "ben", PASSWORD)), Denied::Link);
    assert_eq!(denied(site.credentials.check_set_up_link(&third)), Denied::Link);
}

/// Everything secret is shown to everything that could tell it, and looked for in what it tells.
#[test]
fn secrets_are_in_no_error_no_debug_text_and_not_in_the_database() {
    let site = empty_site();
    let credentials = &site.credentials;
    let mut told = String::new();
    let mut secrets = vec![secret(PASSWORD), secret("canary of a wrong one"), secret("canarypass7")];
    fn tell<T: std::fmt::Debug>(told: &mut String, done: &Result<T, AppError>) {
        told.push_str(&format!("{done:?}\n"));
        if let Err(error) = done {
            told.push_str(&format!("{error} {:?}\n", std::error::Error::source(error)));
        }
    }

    let links = [(); 2].map(|()| credentials.set_up_link().unwrap().unwrap());
    for link in &links {
        tell(&mut told, &credentials.set_up(link, "canary:name", &secrets[0]));
        tell(&mut told, &credentials.set_up(link, "ana", &secrets[2]));
        tell(&mut told, &credentials.set_up(link, "ana", &secrets[0]));
    }
    secrets.extend(links);
    let ana = site.find("ana");
    let enrolment = credentials.enrol_totp(&ana).unwrap();
    told.push_str(&format!("{enrolment:?} {} {}", enrolment.secret, enrolment.uri));
    tell(&mut told, &credentials.confirm_totp(&ana, &secrets[1]));
    let code = site.code(&enrolment.secret);
    let recovery = credentials.confirm_totp(&ana, &code);
    tell(&mut told, &recovery);
    let recovery = recovery.unwrap();
    told.push_str(&format!(
        "{:?}",
        credentials.shared.store_unchecked().credentials().proofs("ana").unwrap()
    ));
    tell(&mut told, &credentials.enrol_totp(&ana));
    let attempts = [
        site.attempt("ana", PASSWORD, Some(&code)),
        site.attempt("ana", secrets[1].reveal(), Some(&recovery[0])),
        // Somebody types the password where the name belongs.
        site.attempt(PASSWORD, "", None),
        site.attempt("ana", PASSWORD, Some(&recovery[0])),
        site.attempt("ana", PASSWORD, Some(&recovery[0])),
    ];
    for attempt in attempts {
        tell(&mut told, &attempt);
        if let Ok(signed_in) = attempt {
            tell(&mut told, &credentials.session(&signed_in.token));
            secrets.push(signed_in.token);
        }
    }
    tell(&mut told, &credentials.set_password(&ana, &secrets[2], None));
    let scopes = "look".parse().unwrap();
    let token = credentials.add_token(&ana, "canary", &scopes, Duration::from_secs(60));
    tell(&mut told, &token);
    let (id, text) = token.unwrap();
    tell(&mut told, &credentials.use_token(&text));
    tell(&mut told, &credentials.tokens(&ana));
    tell(&mut told, &credentials.sessions(&ana));
    credentials.revoke_token(&ana, id).unwrap();
    tell(&mut told, &credentials.use_token(&text));
    let parsed = TokenText::parse(&text).unwrap();
    told.push_str(&format!("{parsed:?}"));
    secrets.push(parsed.secret);
    secrets.push(text);
    for code in &recovery {
        secrets.push(secret(&code.reveal().replace('-', "")));
    }
    secrets.extend(recovery);
    assert!(told.contains("the code is wrong") && told.contains("[secret]"), "a test of nothing: {told}");
    assert!(secrets.len() > 26, "{}", secrets.len());

    let database = site.database.everything();
    let kept = enrolment.secret.reveal();
    assert!(database.contains("canary") && database.contains(kept), "a test of nothing");
    for secret in &secrets {
        let secret = secret.reveal();
        assert!(!told.contains(secret), "{secret} is told: {told}");
        assert!(!database.contains(secret), "{secret} is in the database");
    }
    // The authenticator's secret is kept to check codes; nobody is told, and nor are they of a code.
    assert!(!told.contains(kept), "{kept} is told: {told}");
    let numbers = || told.split(|c: char| !c.is_ascii_digit());
    assert!(numbers().all(|number| number != code.reveal()), "{} is told: {told}", code.reveal());
}

#[test]
fn whatever_is_done_is_recorded_once_with_who_did_it() {
    let site = empty_site();
    let credentials = &site.credentials;
    let link = credentials.set_up_link().unwrap().unwrap();
    credentials.set_up(&link, "ana", &secret(PASSWORD)).unwrap();
    let ana = site.find("ana");
    let signed_in = site.sign_in("ana");
    denied(site.attempt("ana", "wrong", None));
    // Somebody types the password where the name belongs.
    denied(site.attempt(PASSWORD, "", None));
    denied(site.attempt("nobody", "wrong", None));
    credentials.sign_out(&signed_in.token).unwrap();
    credentials.sign_out(&signed_in.token).unwrap();
    let session = site.sign_in("ana").session.id;
    credentials.revoke_session(&ana, session).unwrap();
    assert_eq!(credentials.revoke_sessions(&ana, None).unwrap(), 0);
    credentials.set_password(&ana, &secret(PASSWORD), None).unwrap();
    site.enrol(&ana);
    credentials.remove_totp(&ana).unwrap();
    credentials.remove_totp(&ana).unwrap();
    let (id, _) =
        credentials.add_token(&ana, "backup", &"look".parse().unwrap(), Duration::from_secs(60)).unwrap();
    credentials.revoke_token(&ana, id).unwrap();
    credentials.revoke_token(&ana, id).unwrap_err();

    let mut rows = credentials.shared.store_unchecked().audit().after(&Default::default(), 0, 99).unwrap();
    assert!(rows.iter().all(|row| row.action.starts_with("sign-in") == row.address.is_some()));
    let told: Vec<_> =
        rows.iter().map(|row| format!("{} {}: {}", row.who, row.action, row.subject)).collect();
    assert_eq!(
        told,
        [
            "ana administrator-add: administrator ana",
            "ana sign-in: administrator ana",
            "nobody sign-in-failed: administrator ana",
            "nobody sign-in-failed: an unknown name",
            "nobody sign-in-failed: an unknown name",
            "ana sign-out: administrator ana",
            "ana sign-in: administrator ana",
            "cli:test session-revoke: administrator ana",
            "cli:test password-set: administrator ana",
            "cli:test authenticator-set: administrator ana",
            "cli:test authenticator-remove: administrator ana",
            "cli:test token-add: administrator ana",
            "cli:test token-revoke: administrator ana",
        ]
    );
    assert!(rows.remove(11).detail.contains(r#""scopes":"look","token":1"#));
    assert!(credentials.shared.store_unchecked().audit().verify(None, |_| {}).unwrap().is_ok());
}
