//! A NATS server of Debian's, for as long as a test needs it.

use std::{
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tempfile::TempDir;

pub(crate) const PASSWORD: &str = "correct horse";

/// A running server, stopped when it is dropped. Who may do what:
/// `nuncio` everything, `guest` nothing.
pub(crate) struct Server {
    directory: TempDir,
    port: u16,
    running: Mutex<Option<Running>>,
}

struct Running {
    process: u32,
    /// Waits for the process, and being its parent, has it stop if the tests are killed.
    waits: JoinHandle<()>,
}

impl Server {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let users = format!(
            "{{user: nuncio, password: \"{PASSWORD}\"}}, {{user: guest, password: \"{PASSWORD}\", \
             permissions: {{publish: {{deny: \">\"}}, subscribe: {{deny: \">\"}}}}}}"
        );
        std::fs::write(directory.path().join("conf"), format!("authorization {{users: [{users}]}}")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Self { directory, port, running: Mutex::new(None) };
        server.start();
        server
    }

    /// Where it keeps what it has.
    #[allow(dead_code, reason = "most tests drop it")]
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Where it is, with user and password.
    pub(crate) fn url(&self) -> String {
        format!("nats://nuncio:{}@127.0.0.1:{}", PASSWORD.replace(' ', "%20"), self.port)
    }

    pub(crate) fn start(&self) {
        let mut command = Command::new("setpriv");
        command.arg("--pdeathsig=KILL").arg(binary()).arg("-c").arg(self.directory.path().join("conf"));
        command.args(["-a", "127.0.0.1", "-p", &self.port.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let (tell, process) = std::sync::mpsc::channel();
        let waits = std::thread::spawn(move || {
            let mut child: Child = command.spawn().unwrap();
            tell.send(child.id()).unwrap();
            child.wait().unwrap();
        });
        let process = process.recv().unwrap();
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(Running { process, waits });
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < until, "NATS does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Stops it at once, as a crash does.
    pub(crate) fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Running { process, waits }) = running else { return };
        run(Command::new("kill").args(["-KILL", &process.to_string()]));
        waits.join().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Where the server's program is. As root, it is installed where it is not.
fn binary() -> PathBuf {
    static INSTALLS: Mutex<()> = Mutex::new(());
    let _one_at_a_time = INSTALLS.lock().unwrap_or_else(PoisonError::into_inner);
    let find = || ["/usr/sbin", "/usr/bin", "/usr/local/bin"].map(|at| Path::new(at).join("nats-server"));
    find().into_iter().find(|path| path.exists()).unwrap_or_else(|| {
        use std::os::unix::fs::MetadataExt;
        let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
        assert!(is_root, "these tests need NATS: apt-get install nats-server");
        run(Command::new("apt-get").args(["install", "-y", "-qq", "--no-install-recommends", "nats-server"]));
        find().into_iter().find(|path| path.exists()).unwrap()
    })
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
