//! Both roads to the schema end in the same place, and no database is opened that is not
//! understood.

use super::{Applied, Migration, ROADS, Roads, checksum, pending};
use crate::db::testing::{START, ServerDatabase, with_client};
use crate::sql::Statement;
use crate::sql::sqlite::Open;
use crate::statements::audit::{SIGN_INS, SIGN_INS_BY_CREDENTIAL, SIGN_INS_OF_ACCOUNT};
use crate::statements::tokens::TOKENS_AT_END;
use crate::{RealDisk, StoreError};
use ::postgres::Client;
use rusqlite::Connection;
use std::collections::BTreeSet;

const NOTHING: Roads = Roads { sqlite: "", postgres: "", migrations: &[] };

/// Two steps, and where they lead: a small schema of its own, so that what walking does is
/// tested from the first day.
const MIGRATION_TABLE: &str = "
    CREATE TABLE migration (number BIGINT PRIMARY KEY, name TEXT, checksum TEXT, applied_ms BIGINT);
    CREATE TABLE thing (id BIGINT PRIMARY KEY, name TEXT NOT NULL);";
const STEP_TWO: &str = "ALTER TABLE thing ADD COLUMN size BIGINT; CREATE INDEX thing_by_name ON thing (name);";
const BOTH_AT_ONCE: &str = "
    CREATE TABLE migration (number BIGINT PRIMARY KEY, name TEXT, checksum TEXT, applied_ms BIGINT);
    -- A thing, with its size.
    CREATE TABLE thing (id BIGINT PRIMARY KEY, name TEXT NOT NULL, size BIGINT);
    CREATE INDEX thing_by_name ON thing (name);";
static STEPS: [Migration; 2] = [
    Migration { number: 1, name: "foundation", sqlite: MIGRATION_TABLE, postgres: MIGRATION_TABLE },
    Migration { number: 2, name: "size", sqlite: STEP_TWO, postgres: STEP_TWO },
];
static OLD: Roads = Roads { sqlite: MIGRATION_TABLE, postgres: MIGRATION_TABLE, migrations: STEPS.split_at(1).0 };
static NEW: Roads = Roads { sqlite: BOTH_AT_ONCE, postgres: BOTH_AT_ONCE, migrations: &STEPS };

/// Each way to list sign-ins, and what finds them.
static SIGN_IN_INDEXES: [(&Statement, &str); 3] = [
    (&SIGN_INS, "audit_sign_ins"),
    (&SIGN_INS_OF_ACCOUNT, "audit_sign_ins_by_account"),
    (&SIGN_INS_BY_CREDENTIAL, "audit_sign_ins_by_credential"),
];

/// What the schema consists of, without order, comments and white space.
fn sqlite_catalog(connection: &Connection) -> BTreeSet<String> {
    let mut statement =
        connection.prepare("SELECT type, name, tbl_name, COALESCE(sql, '') FROM sqlite_schema").unwrap();
    let rows = statement
        .query_map([], |row| {
            let [kind, name, table, sql] = [0, 1, 2, 3].map(|column| row.get::<_, String>(column));
            Ok(format!("{} {} on {}: {}", kind?, name?, table?, parts(&sql?)))
        })
        .unwrap();
    rows.map(Result::unwrap).collect()
}

/// The parts between the outer parentheses, sorted: an added column comes last.
fn parts(sql: &str) -> String {
    let bare: Vec<&str> = sql.lines().map(|line| line.split("--").next().unwrap_or_default()).collect();
    let text = bare.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
    let Some((head, rest)) = text.split_once('(') else { return text };
    let (inner, tail) = rest.rsplit_once(')').unwrap_or((rest, ""));
    let (mut depth, mut found) = (0, vec![String::new()]);
    for letter in inner.chars() {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        match letter {
            ',' if depth == 0 => found.push(String::new()),
            other => found.last_mut().unwrap().push(other),
        }
    }
    let mut found: Vec<_> = found.iter().map(|part| part.trim().to_owned()).collect();
    found.sort();
    format!("{} ({}){tail}", head.trim(), found.join("; "))
}

fn postgres_catalog(client: &mut Client) -> BTreeSet<String> {
    let columns = "
        SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default)
          FROM information_schema.columns WHERE table_schema = current_schema()";
    let indexes = "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()";
    let constraints = "
        SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
          FROM pg_constraint WHERE connamespace = current_schema()::regnamespace";
    let mut found = BTreeSet::new();
    for query in [columns, indexes, constraints] {
        found.extend(client.query(query, &[]).unwrap().iter().map(|row| row.get::<_, String>(0)));
    }
    found
}

fn make_on_sqlite(roads: &Roads) -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    super::sqlite::make(&mut connection, roads, START).unwrap();
    connection
}

#[test]
fn both_roads_meet_on_sqlite() {
    for roads in [&ROADS, &NEW] {
        let short = make_on_sqlite(roads);
        let mut long = make_on_sqlite(&NOTHING);
        super::sqlite::walk(&mut long, roads.migrations, START).unwrap();
        assert_eq!(sqlite_catalog(&short), sqlite_catalog(&long));
        assert_eq!(super::sqlite::applied(&short).unwrap(), super::sqlite::applied(&long).unwrap());
        assert!(sqlite_catalog(&short).len() > 2, "the comparison saw something");
    }
}

#[test]
fn both_roads_meet_on_postgresql() {
    for roads in [&ROADS, &NEW] {
        let Some((one, other)) = ServerDatabase::create().zip(ServerDatabase::create()) else { return };
        let short = with_client(&one.url, |client| {
            super::postgres::bring_up_to_date(client, roads, START).unwrap();
            (postgres_catalog(client), super::postgres::applied(client).unwrap())
        });
        let long = with_client(&other.url, |client| {
            super::postgres::walk(client, roads.migrations, START).unwrap();
            (postgres_catalog(client), super::postgres::applied(client).unwrap())
        });
        assert_eq!(short, long);
        assert!(short.0.len() > 2, "the comparison saw something");
    }
}

/// The expiry job finds live tokens by their end, without reading every credential.
#[test]
fn live_tokens_are_found_by_their_end() {
    let connection = make_on_sqlite(&ROADS);
    let plan = format!("EXPLAIN QUERY PLAN {}", TOKENS_AT_END.text);
    let steps: Vec<String> =
        connection.prepare(&plan).unwrap().query_map([1, 500], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
    assert_eq!(steps, ["SEARCH credential USING INDEX credential_by_end (expires_ms<?)"]);
}

/// Sign-ins are found without reading the rest of the trail, whatever of them is asked for.
#[test]
fn sign_ins_are_found_by_indexes_of_their_own() {
    let connection = make_on_sqlite(&ROADS);
    for (statement, index) in SIGN_IN_INDEXES {
        let plan = format!("EXPLAIN QUERY PLAN {}", crate::sql::dialect::for_sqlite(statement.text));
        let mut plan = connection.prepare(&plan).unwrap();
        let values = rusqlite::params_from_iter((0..plan.parameter_count()).map(|_| 1));
        let steps: Vec<String> = plan.query_map(values, |row| row.get(3)).unwrap().map(Result::unwrap).collect();
        assert!(steps[0].starts_with(&format!("SEARCH audit USING INDEX {index} (")), "{steps:?}");
        assert!(steps.iter().all(|step| !step.contains("SCAN") && !step.contains("TEMP B-TREE")), "{steps:?}");
    }
}

/// PostgreSQL chooses by what it knows of the rows, so there have to be some: a hundred thousand
/// openings, and a sign-in after each thousand.
#[test]
fn sign_ins_are_found_by_indexes_of_their_own_on_postgresql() {
    let Some(server) = ServerDatabase::create() else { return };
    with_client(&server.url, |client| {
        super::postgres::bring_up_to_date(client, &ROADS, START).unwrap();
        let trail = "
            INSERT INTO audit (at_ms, class, action, actor_kind, actor_id, account_id, event)
            SELECT n, 'B', CASE WHEN n % 1000 = 0 THEN 'sign-in.accepted' ELSE 'mailbox.opened' END, 'credential',
                   n % 7, n % 11, ''
              FROM generate_series(1, 100000) AS n;
            ANALYZE audit;";
        client.batch_execute(trail).unwrap();
        for (statement, index) in SIGN_IN_INDEXES {
            let text = crate::sql::dialect::for_postgres(statement.text);
            // As it is planned for any values.
            client.batch_execute("SET plan_cache_mode = force_generic_plan").unwrap();
            client.batch_execute(&format!("PREPARE found AS {text}")).unwrap();
            let values = (1..=9).filter(|number| text.contains(&format!("${number}"))).map(|_| "1");
            let values = values.collect::<Vec<_>>().join(", ");
            let plan = client.query(&format!("EXPLAIN EXECUTE found ({values})"), &[]).unwrap();
            let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
            assert!(plan.iter().any(|step| step.contains(&format!("using {index} on audit"))), "{plan:#?}");
            client.batch_execute("DEALLOCATE found").unwrap();
        }
    });
}

/// An older database walks what it lacks and keeps its rows; a copy from before stays.
#[test]
fn an_older_database_is_copied_and_walks_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("postern.db");
    let open = || Connection::writer(&RealDisk, &path, 4096, 1024).unwrap();
    let bring = |connection: &mut Connection, roads| {
        super::sqlite::bring_up_to_date(connection, &path, &RealDisk, roads, START)
    };
    let mut connection = open();
    bring(&mut connection, &OLD).unwrap();
    connection.execute("INSERT INTO thing (id, name) VALUES (1, 'kept')", []).unwrap();
    drop(connection);

    let mut connection = open();
    bring(&mut connection, &NEW).unwrap();
    let row = |connection: &Connection, text: &str| {
        connection.query_row(text, [], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?)))
    };
    assert_eq!(row(&connection, "SELECT name, size FROM thing").unwrap(), ("kept".into(), None));
    let copy = Connection::open(folder.path().join("postern.db.before-0002")).unwrap();
    assert!(row(&copy, "SELECT name, size FROM thing").is_err(), "the copy is from before");
    assert_eq!(row(&copy, "SELECT name, id FROM thing").unwrap(), ("kept".into(), Some(1)));
    drop(copy);

    // Up to date: nothing is done, and no copy is made.
    std::fs::remove_file(folder.path().join("postern.db.before-0002")).unwrap();
    bring(&mut connection, &NEW).unwrap();
    assert!(!folder.path().join("postern.db.before-0002").exists());

    // And there is no way back.
    let refusal = bring(&mut connection, &OLD).unwrap_err();
    assert!(matches!(&refusal, StoreError::Unusable(text) if text.contains("newer Postern")), "{refusal}");
}

#[test]
fn an_older_postgresql_database_walks_on_and_never_back() {
    let Some(server) = ServerDatabase::create() else { return };
    with_client(&server.url, |client| {
        super::postgres::bring_up_to_date(client, &OLD, START).unwrap();
        client.execute("INSERT INTO thing (id, name) VALUES (1, 'kept')", &[]).unwrap();
        super::postgres::bring_up_to_date(client, &NEW, START).unwrap();
        let row = client.query_one("SELECT name, size FROM thing", &[]).unwrap();
        assert_eq!((row.get::<_, &str>(0), row.get::<_, Option<i64>>(1)), ("kept", None));
    });
    let refusal =
        with_client(&server.url, |client| super::postgres::bring_up_to_date(client, &OLD, START)).unwrap_err();
    assert!(matches!(&refusal, StoreError::Unusable(text) if text.contains("newer Postern")), "{refusal}");
}

/// A migration that fails leaves the database as it was.
#[test]
fn a_failing_migration_changes_nothing() {
    static BROKEN: [Migration; 1] =
        [Migration { number: 2, name: "broken", sqlite: "CREATE TABLE extra (id INTEGER); SELEKT;", postgres: "" }];
    let mut connection = make_on_sqlite(&OLD);
    let before = sqlite_catalog(&connection);
    assert!(super::sqlite::walk(&mut connection, &BROKEN, START).is_err());
    assert_eq!(sqlite_catalog(&connection), before);
    assert_eq!(super::sqlite::applied(&connection).unwrap().unwrap().len(), 1);
}

#[test]
fn a_foreign_database_is_refused() {
    let mut connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("CREATE TABLE other (id INTEGER)").unwrap();
    let path = std::path::Path::new("never-written");
    let refusal = super::sqlite::bring_up_to_date(&mut connection, path, &RealDisk, &NEW, START).unwrap_err();
    assert!(matches!(&refusal, StoreError::Unusable(text) if text.contains("not Postern's")), "{refusal}");
    let Some(server) = ServerDatabase::create() else { return };
    let refusal = with_client(&server.url, |client| {
        client.batch_execute("CREATE TABLE other (id BIGINT)").unwrap();
        super::postgres::bring_up_to_date(client, &NEW, START)
    });
    assert!(matches!(refusal, Err(StoreError::Unusable(_))), "{refusal:?}");
}

#[test]
fn an_edited_migration_is_noticed() {
    let applied = |text: &str| vec![Applied { number: 1, name: "foundation".into(), checksum: checksum(text) }];
    let pending = |applied: &[Applied]| pending(&STEPS, |migration| migration.sqlite, applied).map(<[_]>::len);
    assert_eq!(pending(&applied(MIGRATION_TABLE)).unwrap(), 1);
    let refusal = pending(&applied("CREATE TABLE other ()")).unwrap_err().to_string();
    assert!(refusal.contains("0001-foundation"), "{refusal}");
}

/// Numbers run from 1 without gaps.
#[test]
fn migrations_are_numbered_in_order() {
    let numbers: Vec<_> = ROADS.migrations.iter().map(|migration| migration.number).collect();
    assert_eq!(numbers, (1..=numbers.len() as i64).collect::<Vec<_>>());
}
