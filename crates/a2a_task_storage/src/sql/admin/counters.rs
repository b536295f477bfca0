//! Checking the counters.

use a2a_app_ports::{Scope, StorageError};
use a2a_protocol_core::TaskState;

use crate::{
    Finding,
    sql::{
        scopes,
        transaction::{Connection, Tx},
        values::Row,
    },
};

/// A task where it counts: as one of its state, and as minus one.
macro_rules! minus {
    ($context:literal) => {
        concat!(
            " UNION ALL SELECT scope, ",
            $context,
            ", CASE state WHEN 1 THEN -1 ELSE 0 END, CASE state WHEN 2 THEN -1 ELSE 0 END, ",
            "CASE state WHEN 3 THEN -1 ELSE 0 END, CASE state WHEN 4 THEN -1 ELSE 0 END, ",
            "CASE state WHEN 5 THEN -1 ELSE 0 END, CASE state WHEN 6 THEN -1 ELSE 0 END, ",
            "CASE state WHEN 7 THEN -1 ELSE 0 END, CASE state WHEN 8 THEN -1 ELSE 0 END FROM tasks"
        )
    };
}

/// What the counters say too much, in one statement, so that it is of one moment.
const DIFFERENCES: &str = concat!(
    "SELECT COALESCE(s.long_key, s.key), d.context, d.s1, d.s2, d.s3, d.s4, d.s5, d.s6, d.s7, d.s8 FROM (SELECT scope, context, ",
    "CAST(SUM(s1) AS BIGINT) AS s1, CAST(SUM(s2) AS BIGINT) AS s2, CAST(SUM(s3) AS BIGINT) AS s3, ",
    "CAST(SUM(s4) AS BIGINT) AS s4, CAST(SUM(s5) AS BIGINT) AS s5, CAST(SUM(s6) AS BIGINT) AS s6, ",
    "CAST(SUM(s7) AS BIGINT) AS s7, CAST(SUM(s8) AS BIGINT) AS s8 ",
    "FROM (SELECT scope, context, s1, s2, s3, s4, s5, s6, s7, s8 FROM counts",
    minus!("''"),
    minus!("'=' || context"),
    ") AS a GROUP BY scope, context) AS d LEFT JOIN scopes s ON s.n = d.scope ",
    "WHERE d.s1 <> 0 OR d.s2 <> 0 OR d.s3 <> 0 OR d.s4 <> 0 OR d.s5 <> 0 OR d.s6 <> 0 OR d.s7 <> 0 OR d.s8 <> 0"
);

/// Compares the counters with the tasks.
pub(super) async fn check<C: Connection>(tx: &Tx<'_, C>) -> Result<Vec<Finding>, StorageError> {
    let rows = tx.db.query(DIFFERENCES, &[]).await?;
    rows.iter().map(|row| Ok(Finding { task: None, what: what(row)? })).collect()
}

fn what(row: &Row) -> Result<String, StorageError> {
    let of = match row.is_null(0) {
        true => "an unknown scope".to_owned(),
        false => scopes::of_text(row.text(0)?).map_or_else(|_| "an unreadable scope".to_owned(), |scope| name(&scope)),
    };
    let context = row.text(1)?.strip_prefix('=').map(|context| format!(", context {context:?}")).unwrap_or_default();
    let states = TaskState::KNOWN.iter().filter(|state| **state != TaskState::Unspecified);
    let mut wrong = Vec::new();
    for (state, column) in states.zip(2..) {
        match row.int(column)? {
            0 => {}
            more @ 1.. => wrong.push(format!("{more} too many {state}")),
            fewer => wrong.push(format!("{} too few {state}", -fewer)),
        }
    }
    Ok(format!("the counters of {of}{context} say {}", wrong.join(", ")))
}

/// A scope as people read it.
pub(super) fn name(scope: &Scope) -> String {
    let Scope { agent, tenant, owner } = scope;
    let tenant = tenant.as_deref().map(|tenant| format!(", tenant {tenant:?}")).unwrap_or_default();
    let owner = owner.as_deref().map(|owner| format!(", owner {owner:?}")).unwrap_or_default();
    format!("agent {agent:?}{tenant}{owner}")
}
