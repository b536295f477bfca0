use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::SystemTime;

use wasmtime::component::Component;
use wasmtime::{Cache, CacheConfig, Config, Engine, Error, Result};

use crate::target_directory;

/// The engine of all hosts of this process.
static ENGINE: LazyLock<Result<Engine>> = LazyLock::new(|| {
    let mut cache = CacheConfig::new();
    cache.with_directory(std::path::absolute(target_directory().join("component-cache"))?);
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    config.cache(Some(Cache::new(cache)?));
    Engine::new(&config)
});

/// What this process has loaded, by file and the time at which it was written.
static LOADED: Mutex<Option<HashMap<(PathBuf, SystemTime), Component>>> = Mutex::new(None);

/// A component, compiled for this machine. Cloning it is cheap; any number of hosts run it.
#[derive(Clone)]
pub struct ComponentFile {
    pub(crate) component: Component,
}

impl ComponentFile {
    /// Reads and compiles the component in `file`.
    ///
    /// Compiling takes seconds, once: the outcome is kept in the target directory for other processes, and in memory
    /// for this one.
    pub fn load(file: impl AsRef<Path>) -> Result<Self, Error> {
        let file = file.as_ref();
        let named = |error: Error| error.context(format!("component {}", file.display()));
        let key = (file.canonicalize().map_err(|e| named(e.into()))?, file.metadata()?.modified()?);
        // Held while compiling, so that tests that start together compile a component once.
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = loaded.get_or_insert_default();
        if let Some(component) = loaded.get(&key) {
            return Ok(Self { component: component.clone() });
        }
        let engine = ENGINE.as_ref().map_err(|e| Error::msg(format!("{e:#}")))?;
        let component = Component::from_file(engine, &key.0).map_err(named)?;
        loaded.insert(key, component.clone());
        Ok(Self { component })
    }
}

impl fmt::Debug for ComponentFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComponentFile").finish_non_exhaustive()
    }
}
