//! `completion`

use clap_complete::Shell;

use crate::{
    app::{App, written},
    args,
    error::Failure,
};

/// Prints the completion script of a shell.
pub(crate) fn print(app: &App, shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "nuncio", &mut script);
    written(app.console.write(&String::from_utf8_lossy(&script)))
}
