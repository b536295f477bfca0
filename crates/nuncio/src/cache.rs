//! Agent cards on disk, below the user's cache directory. Whether and for how long a card may be
//! used is the client's business. Those of the loopback host are not kept: who develops agents
//! starts another one on the same port.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::Write as _,
    path::{Path, PathBuf},
};

use a2a_http_client::{CardStore, StoredCard, is_loopback};
use serde::{Deserialize, Serialize};

/// One file a card.
pub(crate) struct CardFiles {
    directory: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Entry<'a> {
    /// The file name is only a hash of it.
    url: std::borrow::Cow<'a, str>,
    card: std::borrow::Cow<'a, StoredCard>,
}

impl CardFiles {
    /// The files of the user: below `$XDG_CACHE_HOME`, else `~/.cache`.
    pub(crate) fn of_user() -> Option<Self> {
        let base = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| Some(std::env::home_dir()?.join(".cache")))?;
        Some(Self { directory: base.join("nuncio").join("cards") })
    }

    fn path(&self, url: &str) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        url.hash(&mut hasher);
        self.directory.join(format!("{:016x}.json", hasher.finish()))
    }

    /// A reader sees the old file or the new one, never half of one.
    fn write(&self, path: &Path, content: &[u8]) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.directory)?;
        let temporary = self.directory.join(format!(".{}.tmp", std::process::id()));
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&temporary)?.write_all(content)?;
        std::fs::rename(&temporary, path)
    }
}

/// A cache that cannot be written or read costs a request, which is not worth a warning.
impl CardStore for CardFiles {
    fn load(&self, url: &str) -> Option<StoredCard> {
        if is_loopback(url) {
            return None;
        }
        let content = std::fs::read(self.path(url)).ok()?;
        let entry: Entry<'_> = serde_json::from_slice(&content).ok()?;
        (entry.url == url).then(|| entry.card.into_owned())
    }

    fn save(&self, url: &str, card: &StoredCard) {
        if is_loopback(url) {
            return;
        }
        let entry = Entry { url: url.into(), card: std::borrow::Cow::Borrowed(card) };
        if let Ok(content) = serde_json::to_vec(&entry) {
            let _ = self.write(&self.path(url), &content);
        }
    }

    fn remove(&self, url: &str) {
        let _ = std::fs::remove_file(self.path(url));
    }
}
