//! A PostgreSQL server of Debian's, for as long as a test needs it.

#![allow(dead_code, reason = "every test file uses another part")]

use std::{
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError, Weak, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tempfile::TempDir;

pub(crate) const PASSWORD: &str = "correct horse";

/// A running server. It is stopped, and its data gone, when the last test that uses it has dropped it.
pub(crate) struct Server {
    directory: TempDir,
    data: PathBuf,
    port: u16,
    running: Mutex<Option<Running>>,
}

struct Running {
    process: u32,
    /// Waits for the process, and being its parent, has it stop if the tests are killed.
    waits: JoinHandle<()>,
}

impl Server {
    /// The server that is running, or a new one.
    pub(crate) fn get() -> Arc<Self> {
        static SERVER: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        let mut known = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
        known.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Self::new());
            *known = Arc::downgrade(&server);
            server
        })
    }

    /// A server of its own.
    pub(crate) fn new() -> Self {
        let server = Self::prepared();
        server.start();
        server
    }

    /// A server of its own for very many connections. It keeps nothing if the machine fails.
    pub(crate) fn for_many() -> Self {
        let server = Self::prepared();
        server.set("max_connections = 1000\nfsync = off");
        // To prove that one knows the password takes longer than most tests.
        server.lets_in("host all all all trust");
        server.start();
        server
    }

    /// A server of its own with its tables in this directory, which anybody may write to, and its write-ahead
    /// log there too or not.
    pub(crate) fn with_tables_at(directory: &Path, with_log: bool) -> Self {
        let server = Self::prepared_at(Some(directory), with_log);
        server.start();
        server
    }

    /// A server of its own that takes connections over TLS only, with a certificate for `localhost`.
    pub(crate) fn with_tls() -> Self {
        let server = Self::prepared();
        let data = &server.data;
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]);
        openssl.args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]);
        openssl.arg("-out").arg(data.join("server.crt")).arg("-keyout").arg(data.join("server.key"));
        run(&mut openssl);
        if is_root() {
            run(Command::new("chown").arg("postgres:").args([data.join("server.crt"), data.join("server.key")]));
        }
        server.lets_in("hostssl all all all scram-sha-256");
        server.set("ssl = on");
        server.start();
        server
    }

    /// The certificate of the server, which it has signed itself.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.data.join("server.crt")
    }

    fn prepared() -> Self {
        Self::prepared_at(None, true)
    }

    fn prepared_at(tables: Option<&Path>, with_log: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = tables.unwrap_or(directory.path()).join("data");
        if is_root() {
            run(Command::new("chown").arg("postgres:").arg(directory.path()));
        }
        let password = directory.path().join("password");
        writeln!(std::fs::File::create(&password).unwrap(), "{PASSWORD}").unwrap();
        let mut initdb = program("initdb");
        if !with_log {
            initdb.arg("--waldir").arg(directory.path().join("wal"));
        }
        run(initdb.arg("-D").arg(&data).arg("--pwfile").arg(&password).args([
            "--auth=scram-sha-256",
            "--username=nuncio",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ]));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { directory, data, port, running: Mutex::new(None) }
    }

    /// Adds lines to the settings of a server that has not started.
    fn set(&self, lines: &str) {
        let file = self.data.join("postgresql.conf");
        writeln!(std::fs::OpenOptions::new().append(true).open(file).unwrap(), "{lines}").unwrap();
    }

    /// Says who may connect, and how, to a server that has not started.
    fn lets_in(&self, rule: &str) {
        std::fs::write(self.data.join("pg_hba.conf"), format!("{rule}\n")).unwrap();
    }

    /// Where it keeps what it has.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Where it is, with user and password.
    pub(crate) fn url(&self) -> String {
        format!("postgres://nuncio:{}@127.0.0.1:{}/postgres", PASSWORD.replace(' ', "%20"), self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn start(&self) {
        let mut command = program("postgres");
        command.arg("-D").arg(&self.data).args(["-p", &self.port.to_string()]);
        command.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let (tell, process) = mpsc::channel();
        let waits = std::thread::spawn(move || {
            let mut child = command.spawn().unwrap();
            tell.send(child.id()).unwrap();
            child.wait().unwrap();
        });
        let process = process.recv().unwrap();
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(Running { process, waits });
        let until = Instant::now() + Duration::from_secs(30);
        let ready = || {
            let mut command = Command::new(binaries().join("pg_isready"));
            command.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]).status().unwrap().success()
        };
        while !ready() {
            assert!(Instant::now() < until, "PostgreSQL does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Stops it at once, as a crash does.
    pub(crate) fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Running { process, waits }) = running else { return };
        // It may have stopped by itself.
        let _ = Command::new("kill").args(["-QUIT", &process.to_string()]).output();
        waits.join().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A program of PostgreSQL, run by a user who is not root: it refuses to be.
fn program(name: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.arg("--pdeathsig=QUIT");
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    command.arg(binaries().join(name));
    command
}

/// Where the newest PostgreSQL is. As root, one is installed where there is none.
fn binaries() -> PathBuf {
    let newest = || {
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
        let binaries = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
        binaries.filter(|path| path.join("initdb").exists()).max()
    };
    newest().unwrap_or_else(|| {
        assert!(is_root(), "these tests need PostgreSQL: apt-get install postgresql");
        run(Command::new("apt-get").args(["install", "-y", "-qq", "postgresql"]));
        newest().unwrap()
    })
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(Path::new("/proc/self")).unwrap().uid() == 0
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
