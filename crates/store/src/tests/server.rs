//! How a server is reached: URLs, encryption, rights, and what is said when it does not work.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Barrier;
use std::time::Duration;

use ::postgres::config::SslMode;
use rollcall_domain::Mode;

use super::{Fixture, Place, act, everything, fill, fixture, settle, start, stretch, users_of};
use crate::pg_url::Trust;
use crate::postgres::Postgres;
use crate::{Location, PgUrl, Staged, Store, StoreError};

fn url(text: &str) -> PgUrl {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// What is said where a connection cannot be made.
fn refusal(url: &PgUrl) -> String {
    match Postgres::new(url).and_then(|postgres| postgres.another()) {
        Err(error) => {
            assert!(!format!("{error} {error:?}").contains("secret"), "the password is told: {error:?}");
            error.to_string()
        }
        Ok(_) => panic!("{url} was let in"),
    }
}

fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

/// Whether a connection is encrypted.
fn is_encrypted(url: &PgUrl) -> bool {
    let connection = Postgres::new(url).unwrap().another().unwrap_or_else(|error| panic!("{url}: {error}"));
    let row = connection
        .client()
        .query_one("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[])
        .unwrap();
    row.get(0)
}

/// The way into the tests' server that has TLS, with something added to its URL.
fn tls(query: &str) -> PgUrl {
    url(&format!("{}{query}", std::env::var("ROLLCALL_TEST_POSTGRES_TLS").unwrap()))
}

fn ca() -> String {
    std::env::var("ROLLCALL_TEST_POSTGRES_CA").unwrap()
}

/// The way in that has no password, to a database of its own.
fn at(place: &Place, query: &str) -> Location {
    format!("{}{query}", place.location()).parse().unwrap()
}

#[test]
fn urls_show_everything_but_the_password() {
    for (text, shown) in [
        ("postgres://me:secret@h/d", "postgres://me@h/d"),
        ("postgres://me:secr/et%40?x@h/d", "postgres://me@h/d"),
        ("postgresql://h:1,i:2/d?connect_timeout=5", "postgresql://h:1,i:2/d?connect_timeout=5"),
        ("postgres://h/d?password=secret&user=me", "postgres://h/d?user=me"),
        ("postgres://h/d?pass%77ord=secret", "postgres://h/d"),
        (
            "postgres://me:secret@h/d?sslmode=verify-full&sslrootcert=/etc/ca.pem",
            "postgres://me@h/d?sslmode=verify-full&sslrootcert=/etc/ca.pem",
        ),
    ] {
        let location: Location = text.parse().unwrap();
        assert_eq!(location.to_string(), shown);
        assert!(!format!("{location:?}").contains("secr"), "{location:?}");
    }
}

#[test]
fn urls_that_are_wrong_are_told_without_the_password() {
    for (text, why) in [
        ("postgres://me:secret@h/d?nonsense=1", "nonsense"),
        ("postgres://me:secret@h/d?sslmode=always", "verify-full"),
        ("postgres://me:secret@h/d?sslmode=verify-ca", "sslrootcert=FILE"),
        ("postgres://me:secret@h/d?sslrootcert=/ca.pem", "sslmode=verify-full"),
        ("postgres://me:secret@h/d?sslmode=require&sslrootcert=system", "verify-full"),
        ("postgres://me:pass@secret@h/d", "%40"),
        ("postgres:me:secret@h/d", "//"),
        ("mysql://me:secret@h/d", "sqlite:"),
        ("postgres://me:secret@h:no/d", "port"),
    ] {
        let error = text.parse::<Location>().unwrap_err();
        assert!(matches!(error, StoreError::Location(_)), "{text}");
        says(&error.to_string(), &[why]);
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn urls_say_whom_to_believe() {
    let file = || "/a b.pem".into();
    for (query, mode, trust) in [
        ("", SslMode::Prefer, Trust::Anybody),
        ("?sslmode=disable", SslMode::Disable, Trust::Anybody),
        ("?sslmode=require", SslMode::Require, Trust::Anybody),
        ("?sslmode=require&sslrootcert=", SslMode::Require, Trust::Anybody),
        ("?sslmode=require&sslrootcert=/a%20b.pem", SslMode::Require, Trust::Signed(file())),
        ("?sslrootcert=/a b.pem&sslmode=verify-ca", SslMode::Require, Trust::Signed(file())),
        ("?sslmode=verify-full", SslMode::Require, Trust::Named(None)),
        ("?sslmode=verify-full&sslrootcert=system", SslMode::Require, Trust::Named(None)),
        ("?sslmode=verify-full&sslrootcert=/a%20b.pem", SslMode::Require, Trust::Named(Some(file()))),
    ] {
        let read = url(&format!("postgres://me@h/d{query}"));
        assert_eq!((read.config.get_ssl_mode(), read.trust), (mode, trust), "{query}");
    }
    // A socket of this machine needs none.
    let read = url("postgres://me@%2Ftmp/d?sslmode=verify-full");
    assert_eq!(read.config.get_ssl_mode(), SslMode::Disable);
}

#[test]
fn urls_set_what_the_driver_and_the_server_know() {
    let read = url("postgres://me@h:1,i:2/d?options=-c%20statement_timeout%3D60s&connect_timeout=5&\
        keepalives_idle=7&keepalives_interval=8&keepalives_count=9&tcp_user_timeout=3500");
    assert_eq!(read.config.get_options(), Some("-c statement_timeout=60s"));
    assert_eq!(read.config.get_connect_timeout(), Some(&Duration::from_secs(5)));
    assert_eq!(read.config.get_keepalives_idle(), Duration::from_secs(7));
    assert_eq!(read.config.get_keepalives_interval(), Some(Duration::from_secs(8)));
    assert_eq!(read.config.get_keepalives_retries(), Some(9));
    assert_eq!(read.config.get_tcp_user_timeout(), Some(&Duration::from_millis(3_500)));
    assert_eq!(read.config.get_ports(), [1, 2]);
}

#[test]
fn a_server_that_does_not_encrypt_is_refused_where_that_is_required() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 8]).unwrap();
        stream.write_all(b"N").unwrap();
    });
    let why = refusal(&url(&format!("postgres://me:secret@127.0.0.1:{port}/d?sslmode=require")));
    says(&why, &["server does not support TLS", "ssl = on", "sslmode=disable"]);
    server.join().unwrap();
}

#[test]
fn files_of_authorities_that_are_of_no_use_are_named() {
    let folder = tempfile::TempDir::new().unwrap();
    for (name, text, why) in [
        ("none.pem", None, "No such file"),
        ("text.pem", Some("no certificate"), "holds no certificate"),
        ("broken.pem", Some("-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"), "certificate"),
    ] {
        let file = folder.path().join(name);
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        let file = file.display();
        let why_not =
            refusal(&url(&format!("postgres://me@127.0.0.1:1/d?sslmode=verify-full&sslrootcert={file}")));
        says(&why_not, &[why, &format!("sslrootcert {file}")]);
    }
}

#[test]
#[ignore = "needs a server: scripts/with-postgres"]
fn connections_are_encrypted_as_the_url_says() {
    let ca = ca();
    let own = ca.replace("ca.crt", "server.crt");
    for query in [
        "",
        "?sslmode=require",
        "?sslmode=require&channel_binding=require",
        &format!("?sslmode=require&sslrootcert={ca}"),
        &format!("?sslmode=verify-ca&sslrootcert={ca}"),
        &format!("?sslmode=verify-full&sslrootcert={ca}"),
        // The server's own certificate instead of its authority's.
        &format!("?sslmode=verify-full&sslrootcert={own}"),
    ] {
        assert!(is_encrypted(&tls(query)), "{query}");
    }
    // The name counts for verify-full alone.
    let query = format!("?sslmode=verify-ca&sslrootcert={ca}");
    let by_address = tls(&query).config.get_ports()[0];
    assert!(is_encrypted(&url(&format!(
        "postgres://remote:p%40ss%2Fsecret@127.0.0.1:{by_address}/postgres{query}"
    ))));
}

#[test]
#[ignore = "needs a server: scripts/with-postgres"]
fn servers_that_are_not_the_one_meant_are_refused() {
    let ca = ca();
    let port = tls("").config.get_ports()[0];
    let unknown = refusal(&tls("?sslmode=verify-full"));
    says(&unknown, &["this system knows", "sslrootcert=FILE"]);
    let named =
        format!("postgres://remote:secret@127.0.0.1:{port}/postgres?sslmode=verify-full&sslrootcert={ca}");
    says(&refusal(&url(&named)), &["not valid for name \"127.0.0.1\"", "localhost", "verify-ca"]);
    // The authority of somebody else: the server's certificate has signed nothing.
    let folder = tempfile::TempDir::new().unwrap();
    let other = folder.path().join("other.pem");
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-subj", "/CN=Somebody else", "-keyout", "/dev/null", "-out"])
        .arg(&other)
        .output()
        .unwrap();
    assert!(made.status.success());
    for mode in ["require", "verify-ca", "verify-full"] {
        let why = refusal(&tls(&format!("?sslmode={mode}&sslrootcert={}", other.display())));
        says(&why, &[&format!("no authority in {}", other.display()), "sslrootcert=FILE"]);
    }
}

#[test]
#[ignore = "needs a server: scripts/with-postgres"]
fn servers_that_refuse_say_what_to_look_at() {
    let port = tls("").config.get_ports()[0];
    says(&refusal(&tls("?sslmode=disable")), &["pg_hba.conf", "no encryption", "sslmode"]);
    let wrong = refusal(&url(&format!("postgres://remote:wrong-secret@localhost:{port}/postgres")));
    says(&wrong, &["password authentication failed", "PGPASSWORD"]);
    let none = refusal(&url(&format!("postgres://remote@localhost:{port}/postgres")));
    says(&none, &["password missing", "PGPASSWORD"]);
    let database = refusal(&url(&format!("postgres://remote:p%40ss%2Fsecret@localhost:{port}/none")));
    says(&database, &["\"none\" does not exist", "create it on the server"]);
}

#[test]
#[ignore = "needs a server: scripts/with-postgres"]
fn who_only_prefers_encryption_does_without() {
    let port = tls("").config.get_ports()[0];
    let plain =
        |query| url(&format!("postgres://plain_only:p%40ss%2Fsecret@127.0.0.1:{port}/postgres{query}"));
    assert!(!is_encrypted(&plain("")));
    assert!(!is_encrypted(&plain("?sslmode=disable")));
    says(&refusal(&plain("?sslmode=require")), &["pg_hba.conf"]);
    says(&refusal(&plain("?sslmode=disable&channel_binding=require")), &["channel binding"]);
}

#[test]
#[ignore = "needs a server: scripts/with-postgres"]
fn a_store_works_over_tls() {
    let place = Place::new();
    let Place::Server(_, name) = &place else { panic!("there is no server") };
    let encrypted = format!("?sslmode=verify-full&sslrootcert={}&application_name=over_tls", ca());
    let way = std::env::var("ROLLCALL_TEST_POSTGRES_TLS").unwrap();
    let (way, _) = way.rsplit_once('/').unwrap();
    let location: Location = format!("{way}/{name}{encrypted}").parse().unwrap();
    let (store, made) = Store::create(&location).unwrap();
    assert!(made);
    let mut watch = store.watch().unwrap();
    let _staging = store.stage(&rollcall_domain::Scope::Everywhere).unwrap();
    fill(&store, 1);
    start(&store, Mode::Preview);
    assert_eq!(watch.wait(Duration::from_secs(60)).unwrap(), Some(true));
    let plain: i64 = store
        .read(|tx| {
            tx.value(
                "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                 WHERE application_name = 'over_tls' AND NOT ssl",
                &[],
            )
        })
        .unwrap();
    assert_eq!(plain, 0);
}

#[test]
#[ignore = "needs a server: scripts/with-postgres"]
fn a_statement_that_takes_too_long_is_told() {
    let Fixture { folder, .. } = fixture(0);
    let store = Store::open(&at(&folder, "?options=-c%20statement_timeout%3D3s")).unwrap();
    let error = store.read(|tx| tx.exists("SELECT 1 FROM pg_sleep(600)", &[])).unwrap_err();
    assert!(matches!(error, StoreError::Ended(_)) && !error.is_disconnection(), "{error:?}");
    says(&error.to_string(), &["statement timeout", "options=-c%20statement_timeout%3D10min"]);
    // The connection is as good as before.
    assert_eq!(store.users().count(None).unwrap(), 0);
}

#[test]
#[ignore = "needs a server: scripts/with-postgres"]
fn a_pooler_that_swaps_connections_is_told() {
    let Fixture { store, folder: _folder } = fixture(0);
    let Store::Postgres(postgres) = &store else { panic!("there is no server") };
    let connection = postgres.another().unwrap();
    connection.query("SELECT 1", &[]).unwrap();
    connection.batch("DEALLOCATE ALL").unwrap();
    says(&connection.query("SELECT 1", &[]).unwrap_err().to_string(), &["PgBouncer", "pool_mode = session"]);
}

#[test]
#[ignore = "needs a server: scripts/with-postgres"]
fn a_server_that_only_reads_is_told_and_passed_over() {
    let Fixture { folder, .. } = fixture(0);
    let reads = "options=-c%20default_transaction_read_only%3Don";
    let store = Store::open(&at(&folder, &format!("?{reads}"))).unwrap();
    let error = store.profiles().add("plan", None, [&[], &[]], &act()).unwrap_err();
    says(&error.to_string(), &["read-only transaction", "target_session_attrs=read-write"]);
    let error = Store::open(&at(&folder, &format!("?{reads}&target_session_attrs=read-write"))).unwrap_err();
    says(&error.to_string(), &["does not allow writes"]);
}

#[test]
#[ignore = "needs a server: scripts/with-postgres"]
fn the_next_host_is_tried_where_one_does_not_answer() {
    let port = tls("").config.get_ports()[0];
    let hosts = format!("127.0.0.1:1,localhost:{port}");
    let query = format!("?sslmode=verify-full&sslrootcert={}&target_session_attrs=read-write", ca());
    assert!(is_encrypted(&url(&format!("postgres://remote:p%40ss%2Fsecret@{hosts}/postgres{query}"))));
}

#[test]
#[ignore = "needs a server: scripts/with-postgres"]
fn rights_that_are_missing_are_told_and_those_that_are_told_are_enough() {
    let place = Place::new();
    let Place::Server(_, name) = &place else { panic!("there is no server") };
    let role = format!("limited_{name}");
    place.say(&format!("CREATE ROLE {role} LOGIN"));
    let owner = place.location();
    let limited: Location = owner.to_string().replace("//rollcall@", &format!("//{role}@")).parse().unwrap();
    let say = |what: &str| {
        let mut client = ::postgres::Client::connect(&owner.to_string(), ::postgres::NoTls).unwrap();
        client.batch_execute(what).unwrap();
    };
    say("REVOKE ALL ON SCHEMA public FROM public");
    let error = Store::create(&limited).unwrap_err().to_string();
    says(&error, &["schema", "GRANT USAGE, CREATE ON SCHEMA public"]);
    say(&format!("GRANT USAGE ON SCHEMA public TO {role}"));
    let error = Store::create(&limited).unwrap_err().to_string();
    says(&error, &["permission denied for schema public", "GRANT USAGE, CREATE ON SCHEMA public"]);
    let (store, _) = Store::create(&owner).unwrap();
    drop(store);
    let error = Store::open(&limited).unwrap_err();
    assert!(!error.is_disconnection());
    let grant = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO";
    let sequences = "GRANT SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO";
    says(&error.to_string(), &["permission denied for table", grant, sequences]);
    say(&format!("{grant} {role}; {sequences} {role}"));
    live(&Store::open(&limited).unwrap());
    say(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

/// What a database goes through.
fn live(store: &Store) {
    let mut watch = store.watch().unwrap();
    fill(store, 3);
    store.installation().set_setting("name", Some("value"), &act()).unwrap();
    let run = start(store, Mode::Apply);
    assert_eq!(watch.wait(Duration::from_secs(60)).unwrap(), Some(true));
    let users = users_of(store);
    let settled = [settle(store, 1, &users[0], everything()), settle(store, 2, &users[1], Vec::new())];
    store.chunks().commit(&stretch(&run, 0, 2), &settled).unwrap();
    store.users().remove(&users[2], &act()).unwrap();
    let mut staging = store.stage(&rollcall_domain::Scope::Everywhere).unwrap();
    let cells = ["cell".to_owned()];
    staging.push_all(&[Staged { user: users[0].id, line: 2, cells: &cells }]).unwrap();
    assert_eq!(staging.users().unwrap(), 1);
}

#[test]
#[ignore = "needs a server: scripts/with-postgres"]
fn few_idle_connections_are_kept() {
    let Fixture { folder, .. } = fixture(0);
    let store = Store::open(&at(&folder, "?application_name=many")).unwrap();
    let together = Barrier::new(12);
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                store.read(|_| {
                    together.wait();
                    Ok(())
                })
            });
        }
    });
    let open = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'many'";
    // A server takes a moment to let them go.
    let kept = (0..600).find_map(|_| {
        store.read(|tx| tx.exists("SELECT 1 FROM pg_sleep(0.1)", &[])).unwrap();
        let open: i64 = store.read(|tx| tx.value(open, &[])).unwrap();
        (open <= 4).then_some(open)
    });
    assert_eq!(kept, Some(4));
}
