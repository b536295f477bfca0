use crate::support::Nuncio;

#[test]
fn help_and_version_print_and_exit() {
    let nuncio = Nuncio::new();
    for arguments in
        [&["help"][..], &["--help"], &["-h"], &["help", "task", "get"], &["send", "--help"], &["task", "list", "-h"]]
    {
        let run = nuncio.run(arguments).exits(0);
        assert!(run.stdout.contains("Usage: nuncio") && run.stderr.is_empty(), "{run:?}");
        assert!(!run.stdout.contains('\u{1b}'));
    }
    let version = format!("nuncio {}\n", env!("CARGO_PKG_VERSION"));
    for arguments in [&["--version"][..], &["-v"]] {
        assert_eq!(nuncio.run(arguments).exits(0).stdout, version);
    }
}

#[test]
fn help_shows_the_defaults() {
    let help = Nuncio::new().run(&["send", "--help"]).exits(0).stdout;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for default in [
        "[default: text]",
        "[default: 2s]",
        "[default: on for send, off for task get]",
        "[default: off: certificates are verified]",
        "[default: off: concise]",
        "[default: highest that the agent and nuncio both speak]",
        "[default: the order of the card's supportedInterfaces]",
    ] {
        assert!(help.contains(default), "{default} in {help}");
    }
}

#[test]
fn every_shell_has_its_completion_script() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = Nuncio::new().run(&["completion", shell]).exits(0);
        assert!(run.stdout.contains("nuncio") && run.stdout.contains("agent-card"), "{shell}");
    }
    Nuncio::new().run(&["completion", "tcsh"]).exits(2);
}
