//! The header of a file, and the steps to the newest schema.

use rusqlite::Connection;

use crate::sqlite_schema::{APPLICATION, Header};

pub(super) fn look(db: &Connection) -> rusqlite::Result<Header> {
    let number = |name| db.pragma_query_value(None, name, |row| row.get(0));
    let tables = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(Header { application: number("application_id")?, version: number("user_version")?, tables })
}

/// Takes the steps that are missing, all of them or none.
pub(super) fn migrate(db: &mut Connection, from: usize, steps: &[&str]) -> rusqlite::Result<()> {
    if from >= steps.len() {
        return Ok(());
    }
    let step = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for sql in steps.iter().skip(from) {
        step.execute_batch(sql)?;
    }
    step.pragma_update(None, "application_id", APPLICATION)?;
    step.pragma_update(None, "user_version", i64::try_from(steps.len()).unwrap_or(i64::MAX))?;
    step.commit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite_schema::{FRESH, STEPS, statements};

    fn tables(db: &Connection) -> Vec<String> {
        let mut names = db.prepare("SELECT name FROM sqlite_schema ORDER BY name").unwrap();
        names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn steps_are_taken_once_and_all_or_none() {
        let mut db = Connection::open_in_memory().unwrap();
        let steps = ["CREATE TABLE a (x)", "CREATE TABLE b (x)", "CREATE TABLE c (x); CREATE TABLE a (x)"];
        migrate(&mut db, 0, &steps[..1]).unwrap();
        migrate(&mut db, 1, &steps).unwrap_err();
        assert_eq!(tables(&db), ["a"]);
        migrate(&mut db, 1, &steps[..2]).unwrap();
        migrate(&mut db, 2, &steps[..2]).unwrap();
        assert_eq!(tables(&db), ["a", "b"]);
        assert_eq!(look(&db).unwrap().version("here").unwrap(), 2);
        db.pragma_update(None, "user_version", STEPS.len() as i64 + 1).unwrap();
        look(&db).unwrap().version("here").unwrap_err();
    }

    /// Where the functions of ours are not known, that steps need for what is stored.
    #[test]
    fn a_fresh_database_is_as_if_all_steps_had_been_taken() {
        let db = super::super::connection::SqliteConnection::open(
            &std::path::Path::new(":memory:").into(),
            super::super::connection::Clock::start(),
            super::super::connection::Access::Write,
        );
        let fresh = Connection::open_in_memory().unwrap();
        FRESH.iter().flat_map(|script| statements(script)).for_each(|sql| {
            fresh.execute(sql, []).unwrap();
        });
        let schema = |db: &Connection| {
            let mut statement = db.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").unwrap();
            let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?)));
            rows.unwrap().map(Result::unwrap).collect::<Vec<_>>()
        };
        let stepped = db.unwrap().with(|db| {
            migrate(db, 0, STEPS)?;
            Ok(schema(db))
        });
        assert_eq!(schema(&fresh), stepped.unwrap());
    }
}
