//! A disk that gets full.

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A file system in memory that holds so much and no more. A process of its own makes it and takes it away
/// again, however this one ends.
pub(crate) struct SmallDisk {
    path: PathBuf,
    keeper: Child,
}

impl SmallDisk {
    /// A disk on which this file takes up room until it is removed. Without the right to mount one there is
    /// none, and it is said why.
    pub(crate) fn new(megabytes: u32, ballast: usize) -> Option<Self> {
        const KEEP: &str = "trap '' INT TERM HUP; mount -t tmpfs -o size=$1m,mode=1777 tmpfs \"$0\" && echo mounted \
            && cat && umount -l \"$0\"; rmdir \"$0\"";
        let path = tempfile::tempdir().unwrap().keep();
        let mut command = Command::new("sh");
        command.args(["-c", KEEP]).arg(&path).arg(megabytes.to_string());
        let mut keeper = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut said).unwrap();
        if said != "mounted\n" {
            let mut why = String::new();
            keeper.stderr.take().unwrap().read_to_string(&mut why).unwrap();
            println!("skipped: no disk of a limited size can be mounted here: {}", why.trim());
            keeper.wait().unwrap();
            return None;
        }
        let disk = Self { path, keeper };
        std::fs::write(disk.ballast(), vec![1; ballast]).unwrap();
        Some(disk)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn ballast(&self) -> PathBuf {
        self.path.join("ballast")
    }

    pub(crate) fn make_room(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
