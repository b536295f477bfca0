use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace, which is where this crate was compiled.
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Where cargo puts what it builds for this workspace.
pub fn target_directory() -> PathBuf {
    let named = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    Path::new(WORKSPACE).join(named)
}

/// Builds the library of a package of this workspace as a component, with its default features and `features`, in the
/// profile `component`, and says where the component is.
///
/// It runs cargo in a target directory of its own, so that the features of native builds and of components are never
/// unified. When nothing has changed it takes a fraction of a second. Several processes may call it at the same time.
///
/// # Panics
///
/// When the package does not build, as a test that needs it cannot go on.
pub fn build(package: &str, features: &[&str]) -> PathBuf {
    run(package, &["--lib"], features)
}

/// As [`build`], of an example of a package.
///
/// # Panics
///
/// When the example does not build.
pub fn build_example(package: &str, example: &str, features: &[&str]) -> PathBuf {
    run(package, &["--example", example], features)
}

fn run(package: &str, target: &[&str], features: &[&str]) -> PathBuf {
    let directory = target_directory().join("components");
    fs::create_dir_all(&directory).expect("the target directory can be written");
    // Two sets of features of a package have the same file name in cargo's directory; so it is copied, under a lock.
    let lock = File::create(directory.join("lock")).expect("the target directory can be written");
    lock.lock().expect("files of the target directory can be locked");

    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(WORKSPACE)
        .args(["build", "--locked", "--quiet", "--target", "wasm32-wasip2", "--profile", "component"])
        .args(["--package", package, "--features", &features.join(",")])
        .args(["--message-format", "json-render-diagnostics"])
        .args(target)
        .arg("--target-dir")
        .arg(&directory)
        .output()
        .expect("cargo can be run");
    assert!(output.status.success(), "{package} does not build:\n{}", String::from_utf8_lossy(&output.stderr));

    let built = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message["filenames"].as_array().cloned())
        .flatten()
        .filter_map(|file| file.as_str().map(PathBuf::from))
        .rfind(|file| file.extension() == Some(OsStr::new("wasm")))
        .unwrap_or_else(|| panic!("{package} is no component: {target:?} needs crate-type cdylib"));
    let name = [&[package], target, features].concat().join("-").replace("---", "-");
    let component = directory.join(format!("{name}.wasm"));
    if newer(&built, &component) {
        fs::copy(&built, &component).expect("the target directory can be written");
    }
    component
}

/// Whether `file` was written after `copy`, or there is no `copy`.
fn newer(file: &Path, copy: &Path) -> bool {
    let modified = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    modified(file) > modified(copy)
}
