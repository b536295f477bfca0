//! The disk under the storages, and how PostgreSQL uses it.

use std::{
    fs::{self, File},
    io::{Seek, Write},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// Says what is measured on, and that nothing is left in a cache that a crash would lose.
pub(crate) fn describe(directory: &Path) {
    let cores = std::thread::available_parallelism().unwrap();
    println!("{cores} cores; data on {}; SQLite with synchronous = FULL.", file_system(directory));
}

/// Says how the server stores what is committed.
pub(crate) fn describe_server(url: &str) {
    let settings = ["server_version", "fsync", "synchronous_commit", "wal_sync_method", "shared_buffers"];
    let shown = settings.map(|name| format!("{name} = {}", ask(url, &format!("SHOW {name}"))));
    println!("PostgreSQL: {}.", shown.join(", "));
}

fn file_system(directory: &Path) -> String {
    let output = Command::new("df").args(["--output=fstype,source"]).arg(directory).output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let words: Vec<&str> = output.lines().nth(1).unwrap_or("?").split_whitespace().collect();
    assert!(words[0] != "tmpfs", "{} is in memory: set TMPDIR to a directory on a disk", directory.display());
    words.join(" on ")
}

/// How often a second the disk takes a page for good: a commit by one writer costs at least that.
pub(crate) fn syncs_per_second(directory: &Path) -> f64 {
    let mut file = File::create(directory.join("syncs")).unwrap();
    let (begun, mut count) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_millis(250) {
        file.rewind().unwrap();
        file.write_all(&[count as u8; 4096]).unwrap();
        file.sync_data().unwrap();
        count += 1;
    }
    f64::from(count) / begun.elapsed().as_secs_f64()
}

/// What the database answers, without head and alignment.
pub(crate) fn ask(url: &str, sql: &str) -> String {
    let output = Command::new("psql").args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql, url]).output().unwrap();
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Has the system forget what it has read of these files, so that it is read from the disk again.
pub(crate) fn forget(path: &Path) {
    for file in files(path) {
        let input = format!("if={}", file.display());
        let output = Command::new("dd").args([&*input, "iflag=nocache", "count=0"]).output().unwrap();
        assert!(output.status.success(), "{input}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

fn files(path: &Path) -> Vec<std::path::PathBuf> {
    match fs::read_dir(path) {
        Ok(entries) => entries.filter_map(Result::ok).flat_map(|entry| files(&entry.path())).collect(),
        Err(_) if path.is_file() => vec![path.to_owned()],
        Err(_) => Vec::new(),
    }
}
