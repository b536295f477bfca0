//! TLS to the database, as its URL asks for it.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

#[path = "common/postgres.rs"]
mod postgres;

use a2a_app_ports::FleetStorage;
use a2a_task_storage::{PostgresOptions, PostgresStorage, SqlFailure, SqlFailureKind};
use postgres::Server;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_verified_where_the_url_asks_for_it() {
    let server = Server::with_tls();
    let roots = server.certificate().display().to_string();
    let (local, other) = (server.url().replace("127.0.0.1", "localhost"), server.url());
    // Who issued it, and for which name.
    let cases = [
        (format!("{local}?sslmode=require&sslrootcert={roots}"), true),
        (format!("{local}?sslmode=verify-full&sslrootcert={roots}"), true),
        (format!("{local}?sslrootcert={roots}"), true),
        (local.clone(), true),
        (format!("{local}?sslmode=prefer"), true),
        (format!("{local}?sslmode=require"), false),
        (format!("{other}?sslmode=require&sslrootcert={roots}"), false),
        // This server takes nobody in the clear.
        (format!("{local}?sslmode=disable"), false),
    ];
    for (url, works) in cases {
        let mut options = PostgresOptions::new(url.clone());
        // What does not work is tried for as long.
        options.patience = std::time::Duration::from_secs(if works { 60 } else { 1 });
        match PostgresStorage::open(options).await {
            Ok(storage) => {
                assert!(works, "{url}");
                storage.page_token_key([1; 32]).await.unwrap();
            }
            Err(error) => assert!(!works, "{url}: {error:?}"),
        }
    }
    let missing = PostgresOptions::new(format!("{local}?sslmode=require&sslrootcert=/nowhere"));
    let error = PostgresStorage::open(missing).await.unwrap_err();
    assert_eq!(SqlFailure::kind_of(&error), Some(SqlFailureKind::Other), "{error:?}");
}
