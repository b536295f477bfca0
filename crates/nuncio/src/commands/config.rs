//! `config show`

use serde::Serialize;

use crate::{
    app::{App, written},
    error::Failure,
    output::Fields,
    settings::{SETTINGS, shown},
};

/// The protocol has no type for this; the members speak for themselves.
#[derive(Serialize)]
struct Settings {
    settings: Vec<Setting>,
}

#[derive(Serialize)]
struct Setting {
    name: &'static str,
    value: String,
    source: String,
}

/// Prints the effective value of every option and where it comes from; credentials are hidden.
pub(crate) fn show(app: &App) -> Result<(), Failure> {
    let settings: Vec<Setting> = SETTINGS
        .iter()
        .map(|setting| {
            let source = app.resolved.source(setting.name);
            let value = shown(setting, app.resolved.values(setting.name), &source);
            Setting { name: setting.name, value, source: source.to_string() }
        })
        .collect();
    if app.console.is_json() {
        return written(app.console.json(&Settings { settings }));
    }
    let mut fields = Fields::new();
    for Setting { name, value, source } in &settings {
        let value = if value.is_empty() { "(not set)" } else { value };
        fields.field(name, &format!("{value} [{source}]"));
    }
    written(app.console.text(&fields))
}
