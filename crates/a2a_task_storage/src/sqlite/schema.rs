//! The schema and its versions.
//!
//! A file of an earlier version is brought to the newest when it is opened, step by step; there is
//! no way back. A step that has been published never changes.

use rusqlite::Connection;

/// What makes each version out of the one before.
pub(super) const STEPS: &[&str] = &[include_str!("v1.sql"), include_str!("v2.sql")];

/// `nnco`, by which our files are known from those of other programs.
pub(super) const APPLICATION: i32 = 0x6e6e_636f;

/// What a file is, as its header says.
pub(super) enum Found {
    /// Nothing has been stored in it yet, or it is of this version or an earlier one.
    Ours(usize),
    /// A later program has written it.
    Newer(i64),
    /// Another program has written it.
    Foreign,
}

pub(super) fn look(db: &Connection) -> rusqlite::Result<Found> {
    let header = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (header("application_id")?, header("user_version")?);
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match usize::try_from(version) {
        Ok(0) if application == 0 && tables == 0 => Found::Ours(0),
        _ if application != i64::from(APPLICATION) => Found::Foreign,
        Ok(version) if (1..=STEPS.len()).contains(&version) => Found::Ours(version),
        _ => Found::Newer(version),
    })
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
        assert!(matches!(look(&db).unwrap(), Found::Ours(2)));
        let next = STEPS.len() as i64 + 1;
        db.pragma_update(None, "user_version", next).unwrap();
        assert!(matches!(look(&db).unwrap(), Found::Newer(version) if version == next));
    }
}
