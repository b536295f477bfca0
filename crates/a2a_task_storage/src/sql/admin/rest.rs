//! Checking what is no task: the files, and whatever belongs to tasks.

use a2a_app_ports::{StorageError, TaskId};

use super::{claims::ReadClaims, counters, or_damage};
use crate::{
    ClaimRecord, Finding, SqlFailure,
    sql::{
        names, pushes, scopes,
        tasks::message,
        transaction::{Connection, Operation, Pace, Tx},
        values::{Row, Value, count},
    },
};

/// So many rows are looked at at once.
const PAGE: usize = 512;

/// Checks all that is no task.
pub(super) struct CheckRest;

impl Operation for CheckRest {
    type Output = Vec<Finding>;

    const PACE: Pace = Pace::Long;

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<Vec<Finding>, StorageError> {
        let checks = [
            ("the files", or_damage(files(tx).await)?),
            ("the scopes", or_damage(scopes(tx).await)?),
            ("the counters", or_damage(counters::check(tx).await)?),
            ("the logs", or_damage(strays(tx).await)?),
            ("the push configurations", or_damage(pushes(tx).await)?),
            ("the claims", or_damage(claims(tx).await)?),
        ];
        let mut findings = Vec::new();
        for (what, result) in checks {
            match result {
                Ok(found) => findings.extend(found),
                Err(error) => findings.push(of_all(format!("{what} cannot be checked: {error}"))),
            }
        }
        Ok(findings)
    }
}

fn of_all(what: String) -> Finding {
    Finding { task: None, what }
}

async fn files<C: Connection>(tx: &Tx<'_, C>) -> Result<Vec<Finding>, StorageError> {
    let Some(check) = C::CHECK else { return Ok(Vec::new()) };
    let rows = tx.db.query(check, &[]).await?;
    let said = rows.iter().filter_map(|row| row.text(0).ok()).filter(|said| *said != "ok");
    Ok(said.map(|said| of_all(format!("the file: {said}"))).collect())
}

async fn scopes<C: Connection>(tx: &Tx<'_, C>) -> Result<Vec<Finding>, StorageError> {
    const READ: &str = "SELECT n, agent, COALESCE(long_key, key), key FROM scopes WHERE n > ?1 ORDER BY n LIMIT ?2";
    let (mut findings, mut after) = (Vec::new(), 0);
    loop {
        let rows = tx.db.query(READ, &[Value::Int(after), count(PAGE)]).await?;
        for row in &rows {
            after = row.int(0)?;
            match scopes::of_text(row.text(2)?) {
                Ok(_) if names::key(row.text(2)?) != row.text(3)? => {
                    findings.push(of_all(format!("scope {after} has the key of another")));
                }
                Ok(scope) if *scope.agent == *row.text(1)? => {}
                Ok(_) => findings.push(of_all(format!("scope {after} is of another agent than its key says"))),
                Err(error) => findings.push(of_all(format!("scope {after}: {}", SqlFailure::text_of(&error)))),
            }
        }
        if rows.len() < PAGE {
            return Ok(findings);
        }
    }
}

/// Events and snapshots of no task.
async fn strays<C: Connection>(tx: &Tx<'_, C>) -> Result<Vec<Finding>, StorageError> {
    const EVENTS: &str = "SELECT e.task, count(*) FROM events e \
        WHERE NOT EXISTS (SELECT 1 FROM tasks t WHERE t.n = e.task) GROUP BY e.task";
    const SNAPSHOTS: &str = "SELECT x.task, count(*) FROM snapshots x \
        WHERE NOT EXISTS (SELECT 1 FROM tasks t WHERE t.n = x.task) GROUP BY x.task";
    let mut findings = Vec::new();
    for (sql, what) in [(EVENTS, "events"), (SNAPSHOTS, "snapshots")] {
        for row in tx.db.query(sql, &[]).await? {
            findings.push(of_all(format!("{} {what} are of no task, at place {}", row.int(1)?, row.int(0)?)));
        }
    }
    Ok(findings)
}

async fn pushes<C: Connection>(tx: &Tx<'_, C>) -> Result<Vec<Finding>, StorageError> {
    const READ: &str = "SELECT p.config, p.version, p.created, p.cursor, p.failed_at, p.failure, p.told, p.id, p.task, \
        t.revision, t.ended, COALESCE(p.long_id, p.id) FROM push_configs p LEFT JOIN tasks t ON t.id = p.task \
        WHERE (p.task, p.id) > (?1, ?2) ORDER BY p.task, p.id LIMIT ?3";
    let (mut findings, mut after) = (Vec::new(), (Vec::new(), String::new()));
    loop {
        let rows = tx.db.query(READ, &[Value::Bytes(&after.0), Value::Text(&after.1), count(PAGE)]).await?;
        for row in &rows {
            let (task, id): (TaskId, _) = (row.task_id(8)?, row.text(11)?);
            let said = push(row).unwrap_or_else(|error| Some(SqlFailure::text_of(&error)));
            let about = |what| Finding { task: Some(task), what: format!("its push configuration {id:?} {what}") };
            findings.extend(said.map(about));
            after = (task.as_u128().to_be_bytes().to_vec(), row.text(7)?.to_owned());
        }
        if rows.len() < PAGE {
            return Ok(findings);
        }
    }
}

/// What is the matter with a push configuration.
fn push(row: &Row) -> Result<Option<String>, StorageError> {
    if row.is_null(9) {
        return Ok(Some("is of no task".to_owned()));
    }
    let config = pushes::of_row(row)?;
    let (revision, has_ended) = (row.number(9)?, !row.is_null(10));
    if config.id() != row.text(11)? || names::key(config.id()) != row.text(7)? {
        return Ok(Some(format!("calls itself {:?}", config.id())));
    }
    if config.cursor > revision {
        return Ok(Some(format!("has been told event {}, of {revision}", config.cursor)));
    }
    if row.flag(6)? && !(has_ended && config.cursor == revision) {
        return Ok(Some("counts as told, and is not".to_owned()));
    }
    Ok(None)
}

async fn claims<C: Connection>(tx: &Tx<'_, C>) -> Result<Vec<Finding>, StorageError> {
    const STRAYS: &str = "SELECT count(*) FROM claims c WHERE NOT EXISTS (SELECT 1 FROM scopes s WHERE s.n = c.scope)";
    let mut findings = Vec::new();
    for row in tx.db.query(STRAYS, &[]).await?.iter().filter(|row| row.int(0).is_ok_and(|strays| strays > 0)) {
        findings.push(of_all(format!("{} claims are of no scope", row.int(0)?)));
    }
    let mut after = None;
    loop {
        let mut claims = ReadClaims { after, limit: PAGE }.run(tx).await?;
        findings.append(&mut claims.damaged);
        for claim in claims.found.iter().filter(|claim| claim.place.is_some()) {
            let said = or_damage(used(tx, claim).await)?.unwrap_or_else(Some);
            let about =
                |what| Finding { task: Some(claim.task), what: format!("the claim of {:?} {what}", claim.message_id) };
            findings.extend(said.map(about));
        }
        after = claims.next;
        if after.is_none() {
            return Ok(findings);
        }
    }
}

/// What is the matter with a used claim: its message has to be where it says, as long as there is a log.
async fn used<C: Connection>(tx: &Tx<'_, C>, claim: &ClaimRecord) -> Result<Option<String>, StorageError> {
    const READ: &str = "SELECT t.revision, t.dropped, e.body FROM tasks t JOIN scopes s ON s.n = t.scope \
        LEFT JOIN events e ON e.task = t.n AND e.seq = ?3 WHERE t.id = ?1 AND s.key = ?2";
    let (Some(place), None) = (claim.place, &claim.answer) else {
        return Ok(Some("is used, and answered".to_owned()));
    };
    let (task, key) = (claim.task.as_u128().to_be_bytes(), scopes::key(&claim.scope));
    let rows = tx.db.query(READ, &[Value::Bytes(&task), Value::Text(&key), count(place)]).await?;
    // Its task may be forgotten before it is.
    let Some(row) = rows.first() else { return Ok(None) };
    let (revision, dropped) = (row.number(0)?, row.number(1)?);
    if place == 0 || place > revision {
        return Ok(Some(format!("is used by event {place}, of {revision}")));
    }
    // That an event is missing is a finding of its task.
    if place <= dropped || row.is_null(2) {
        return Ok(None);
    }
    let is_there = message(&row.json(2)?).is_some_and(|message| *message.message_id == *claim.message_id);
    Ok((!is_there).then(|| format!("is used by event {place}, which is another message or none")))
}
