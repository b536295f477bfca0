//! All who take part in a test.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use a2a_task_storage::{SqliteStorage, StoreAdmin};
use tempfile::TempDir;
use tokio::time::{Duration, Instant, sleep};

use crate::{
    agent::{Settings, Store},
    caller::Caller,
    database::Database,
    dice::Dice,
    door::Door,
    hooks::Hooks,
    judge::{Count, Done, Judge},
    ledger::{Ledger, PATIENCE},
    nats,
    process::Replica,
    reaper::Reaper,
    setting,
    witness::Witness,
};

const CALLERS: usize = 9;
/// The file to which all append.
const WITNESS: &str = "witness";
const BINDINGS: [&str; 3] = ["JSONRPC", "HTTP+JSON", "GRPC"];

pub(crate) struct World {
    seed: u64,
    crashes: usize,
    dice: Dice,
    directory: TempDir,
    door: Arc<Door>,
    hooks: Arc<Hooks>,
    ledger: Arc<Ledger>,
    witness: Arc<Witness>,
    replicas: Vec<Arc<Replica>>,
    /// Where tasks are kept, unless it is in a file.
    database: Option<Database>,
    nats: Option<Arc<nats::Server>>,
}

impl World {
    /// One process at a time, which keeps tasks in a file.
    pub(crate) async fn with_a_file() -> Self {
        let mut world = Self::new().await;
        let store = Store::Sqlite(world.file());
        world.add_replica("one", store, None);
        world
    }

    /// Three replicas on a database.
    pub(crate) async fn with_a_database(name: &str, nats: Option<nats::Server>) -> Self {
        let mut world = Self::new().await;
        let database = Database::new(name).await;
        world.nats = nats.map(Arc::new);
        for name in ["one", "two", "three"] {
            let way = Door::new(world.dice.of()).await;
            way.lead("database", Some(database.address()));
            let store = Store::Postgres(database.url(Some(way.address())));
            world.add_replica(name, store, Some(way));
        }
        world.database = Some(database);
        world
    }

    async fn new() -> Self {
        let seed = setting("CRASH_SEED").unwrap_or(1);
        let dice = Dice::new(seed);
        let directory = tempfile::tempdir().unwrap();
        let witness = Witness::open(&directory.path().join(WITNESS));
        Self {
            seed,
            crashes: usize::try_from(setting("CRASHES").unwrap_or(4)).unwrap(),
            door: Door::new(dice.of()).await,
            hooks: Arc::new(Hooks::new(dice.of()).await),
            dice,
            directory,
            ledger: Arc::default(),
            witness,
            replicas: Vec::new(),
            database: None,
            nats: None,
        }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("tasks.db")
    }

    fn add_replica(&mut self, name: &str, store: Store, way: Option<Arc<Door>>) {
        let settings = Settings {
            store,
            nats: self.nats.as_ref().map(|nats| nats.url()),
            public_url: format!("http://{}", self.door.address()),
            witness: self.directory.path().join(WITNESS),
        };
        let replica = Replica::new(name, settings, self.directory.path(), &self.witness, &self.door, way);
        self.replicas.push(Arc::new(replica));
    }

    /// Lets it all happen, and judges it.
    pub(crate) async fn run(self) {
        for replica in &self.replicas {
            replica.start();
            replica.until_it_listens().await;
        }
        let url = format!("http://{}", self.door.address());
        let mut callers = Vec::new();
        for number in 0..=CALLERS {
            let (name, binding) = (format!("caller {number}").replace(' ', "-"), BINDINGS[number % BINDINGS.len()]);
            callers.push(Caller::new(&name, binding, &url, self.dice.of(), &self.hooks, &self.ledger).await);
        }
        let last = callers.remove(0);
        let enough = Arc::new(AtomicBool::new(false));
        let calls: Vec<_> = callers.into_iter().map(|caller| tokio::spawn(caller.call(enough.clone()))).collect();
        let reaper = Reaper {
            dice: self.dice.of(),
            replicas: self.replicas.clone(),
            witness: self.witness.clone(),
            ledger: self.ledger.clone(),
            nats: self.nats.clone(),
        };
        reaper.reap(self.crashes).await;
        self.until_a_cancellation().await;
        enough.store(true, Ordering::SeqCst);
        for call in calls {
            if let Err(error) = call.await {
                self.ledger.fault("", error);
            }
        }
        self.come_to_rest(&last).await;
        for replica in &self.replicas {
            if let Some(ended) = replica.ended() {
                self.ledger.fault("", ended);
            }
            replica.kill();
        }
        self.judge().await;
    }

    /// Waits until a caller has cancelled something, which few do.
    async fn until_a_cancellation(&self) {
        let until = Instant::now() + PATIENCE;
        while self.ledger.facts().canceled.is_empty() && Instant::now() < until {
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until what was begun is done, cancels what waits for its caller, and waits until webhooks
    /// know of it.
    async fn come_to_rest(&self, caller: &Caller) {
        let until = Instant::now() + PATIENCE;
        loop {
            let Ok(tasks) = caller.list().await else { return };
            let left: Vec<_> = tasks.iter().filter(|task| !task.status.state.is_terminal()).collect();
            let waits = left.iter().filter(|task| task.status.state.is_interrupted());
            for task in waits {
                let _ = caller.cancel(&task.id, Duration::ZERO).await;
            }
            if left.is_empty() {
                break;
            }
            if Instant::now() > until {
                for task in left {
                    self.ledger.fault(&task.id, format!("does not end: {:?}", task.status));
                }
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
        let hooks = self.ledger.facts().hooks.clone();
        for hook in hooks {
            let Ok(task) = caller.get(&hook.task).await else { return };
            let ended = task.status.timestamp.unwrap().as_millis();
            // What happened in the same millisecond it may have been told or not.
            if u64::try_from(ended).unwrap() <= hook.since {
                continue;
            }
            while !self.hooks.knows_the_end(&hook.name) {
                if Instant::now() > until + PATIENCE {
                    self.ledger.fault(&hook.task, format!("the webhook {} is not told the end", hook.name));
                    break;
                }
                sleep(Duration::from_millis(50)).await;
            }
        }
    }

    async fn judge(&self) {
        let storage: Box<dyn StoreAdmin> = match &self.database {
            Some(database) => Box::new(database.storage().await),
            None => Box::new(SqliteStorage::open(self.file()).unwrap()),
        };
        let judge = Judge::new(&*storage, &self.ledger, self.witness.read()).await;
        judge.all(&self.hooks).await;
        if let Some(database) = &self.database {
            judge.leases(&database.notes().await);
        }
        let cuts = match (&self.database, &self.nats) {
            (None, _) => 0,
            (Some(_), None) => 2,
            (Some(_), Some(_)) => 1,
        };
        let done = Done { crashes: self.crashes + 1, cuts, bus: self.nats.is_some() };
        for Count { what, count, least } in judge.counts(&self.hooks, &done) {
            println!("{count} {what}");
            if count < least {
                self.ledger
                    .fault("", format_args!("{count} {what}, and not at least {least}: too little has happened"));
            }
        }
        self.report(&judge);
    }

    /// Fails if there were faults, with what may explain them.
    fn report(&self, judge: &Judge<'_>) {
        let faults = std::mem::take(&mut self.ledger.facts().faults);
        if faults.is_empty() {
            return;
        }
        let mut text = String::new();
        for fault in &faults {
            writeln!(text, "- {}: {}", fault.about, fault.what).unwrap();
        }
        let mut subjects: Vec<_> = faults.iter().map(|fault| &*fault.about).filter(|about| !about.is_empty()).collect();
        subjects.sort_unstable();
        subjects.dedup();
        for about in subjects.into_iter().take(5) {
            writeln!(text, "{about}:\n{}", judge.tell(about)).unwrap();
        }
        for (name, log) in logs(self.directory.path()) {
            writeln!(text, "{name}:\n{log}").unwrap();
        }
        panic!("CRASH_SEED={} CRASHES={}\n{text}", self.seed, self.crashes);
    }
}

/// What the processes said that said something.
fn logs(directory: &Path) -> Vec<(String, String)> {
    let files = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    let logs = files.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    let mut logs: Vec<_> = logs
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(&path).unwrap()))
        .filter(|(_, log)| !log.is_empty())
        .collect();
    logs.sort();
    logs
}
