//! Searches: each look walks along an index, from where the one before has ended.

use rollcall_domain::filter::Search;

use super::*;
use crate::Look;
use crate::db::{Arg, Tx};
use crate::filter::{Condition, Shape};
use crate::pg_connection::numbered;
use crate::sql::{Dialect, Sql};
use crate::users::COUNT_SOME;

const SIX: [Look<'static>; 6] = [
    Look::Number(7),
    Look::Username("user7"),
    Look::ExternalId("user7"),
    Look::Email("user7@example.com"),
    Look::Usernames("user7"),
    Look::Emails("user7"),
];

/// Each look's statement, with arguments as literals, and the index that it is to walk along.
fn statements() -> Vec<(Sql, &'static [&'static str], &'static str, &'static str)> {
    let index = [
        ("BY_ID", &["7", "0", "null", "20"][..], "INTEGER PRIMARY KEY", "users_pkey"),
        ("BY_USERNAME", &["'user7'", "0", "null", "20"], "sqlite_autoindex_users_1", "users_username_key"),
        ("BY_EXTERNAL_ID", &["'x7'", "0", "',1,'", "20"], "users_by_external_id", "users_by_external_id"),
        ("BY_EMAIL", &["'user7@x'", "0", "null", "20"], "users_by_email", "users_by_email"),
        (
            "BY_USERNAMES",
            &["'user7'", "'user8'", "null", "20"],
            "sqlite_autoindex_users_1",
            "users_username_key",
        ),
        (
            "BY_EMAILS",
            &["'user7'", "0", "'user8'", "'user7'", "',1,'", "20"],
            "users_by_email",
            "users_by_email",
        ),
    ];
    let of = |name: &str| search::STATEMENTS.iter().find(|(known, _)| *known == name).unwrap().1;
    assert_eq!(index.len(), search::STATEMENTS.len());
    index
        .into_iter()
        .map(|(name, literals, sqlite, postgres)| (of(name), literals, sqlite, postgres))
        .collect()
}

#[test]
fn every_look_walks_along_an_index() {
    let fixture = file_fixture(50);
    let connection = fixture.raw();
    connection.execute_batch(filters::A_MILLION).unwrap();
    for (statement, literals, index, _) in statements() {
        let mut sql = format!("EXPLAIN QUERY PLAN {}", statement.sqlite);
        for (at, literal) in literals.iter().enumerate() {
            sql = sql.replace(&format!("?{}", at + 1), literal);
        }
        let mut query = connection.prepare(&sql).unwrap();
        let lines = query.query_map([], |row| row.get::<_, String>(3)).unwrap();
        let plan = lines.map(Result::unwrap).collect::<Vec<_>>().join("\n");
        assert!(plan.contains("SEARCH") && plan.contains(index), "{sql}:\n{plan}");
        assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{sql}:\n{plan}");
    }
}

/// The statement that counts the users of a search, and its values.
fn counting(dialect: Dialect) -> (String, Vec<Arg<'static>>) {
    let search = Search::new("USER71234").unwrap().filter();
    let Condition { sql, values, .. } = Condition::new(Some(&search), Shape::Whole, dialect);
    (format!("{COUNT_SOME}{sql} LIMIT 10001) AS counted"), values)
}

#[test]
fn counting_a_search_walks_along_indexes() {
    let fixture = file_fixture(50);
    let connection = fixture.raw();
    connection.execute_batch(filters::A_MILLION).unwrap();
    let (sql, _) = counting(Dialect::Sqlite);
    let mut query = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let count = query.parameter_count();
    let lines = query
        .query_map(rusqlite::params_from_iter(vec!["user71234"; count]), |row| row.get::<_, String>(3))
        .unwrap();
    let plan = lines.map(Result::unwrap).collect::<Vec<_>>().join("\n");
    assert!(plan.contains("MULTI-INDEX OR") && !plan.contains("SCAN u"), "{sql}:\n{plan}");
}

#[test]
#[ignore = "needs a server: scripts/with-postgres"]
fn every_look_walks_along_an_index_on_postgresql() {
    let fixture = fixture(1);
    let explain = |tx: &Tx<'_>, sql: &str| tx.all(sql, &[], |row| row.get::<String>(0));
    fixture
        .store
        .write(|tx| {
            let Tx::Postgres(pg) = tx else { panic!("ROLLCALL_TEST_POSTGRES names no server") };
            pg.batch(
                "INSERT INTO users (username, username_length, first_name, last_name, email, external_id, klass, is_active, \
                 date_joined, last_update, organization_id, avatar_url, description) \
                 SELECT 'user' || n, 5, '', '', 'user' || n || '@example.com', 'x' || n, '', true, now(), now(), 1, '', '' \
                 FROM generate_series(2, 100000) n; ANALYZE users",
            )?;
            for (at, (statement, literals, _, index)) in statements().into_iter().enumerate() {
                let sql = numbered(statement.postgres);
                pg.batch(&format!("PREPARE look_{at} AS {sql}"))?;
                for mode in ["force_custom_plan", "force_generic_plan"] {
                    pg.batch(&format!("SET LOCAL plan_cache_mode = {mode}"))?;
                    let execute = format!("EXPLAIN EXECUTE look_{at}({})", literals.join(", "));
                    let plan = explain(tx, &execute)?.join("\n");
                    assert!(plan.contains(index) && !plan.contains("Seq Scan"), "{mode} {sql}:\n{plan}");
                }
            }
            let (sql, values) = counting(tx.dialect());
            let plan = tx.all(&format!("EXPLAIN {sql}"), &values, |row| row.get::<String>(0))?.join("\n");
            assert!(plan.contains("BitmapOr") && !plan.contains("Seq Scan on users"), "{sql}:\n{plan}");
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_look_finds_what_it_says_that_it_finds_page_by_page() {
    let Fixture { store, folder: _folder } = fixture(80);
    let all = users_of(&store);
    let none = Scope::Within([99].into());
    for look in SIX {
        let mut found: Vec<User> = Vec::new();
        loop {
            let after = found.last().map_or(("", 0), |user| (look.place(user), user.id));
            let page = store.users().look_for(look, &Scope::Everywhere, after, 2).unwrap();
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        let mut expected: Vec<_> = all.iter().filter(|user| look.finds(user)).cloned().collect();
        expected.sort_by_key(|user| (look.place(user).to_owned(), user.id));
        assert_eq!(found, expected, "{look:?}");
        assert_eq!(store.users().look_for(look, &none, ("", 0), 2).unwrap(), []);
    }
}

#[test]
fn counting_ends_where_it_is_told_to() {
    let Fixture { store, folder: _folder } = fixture(5);
    let filter = rollcall_domain::filter::parse("obj_id gt 2", &Zone::utc(), now()).unwrap();
    let count = |most| [None, Some(&filter)].map(|filter| store.users().count_to(filter, most).unwrap());
    assert_eq!(
        [count(0), count(2), count(3), count(9), count(u64::MAX)],
        [[0, 0], [2, 2], [3, 3], [5, 3], [5, 3]]
    );
}
