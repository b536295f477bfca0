//! Figures, and tables of them.

use std::time::Duration;

/// Prints a table of Markdown.
pub(crate) fn print(head: &[&str], rows: &[Vec<String>]) {
    println!("\n| {} |\n|{}", head.join(" | "), "---|".repeat(head.len()));
    rows.iter().for_each(|row| println!("| {} |", row.join(" | ")));
}

/// The value below which this part of them is, of values that are not in order.
pub(crate) fn quantile<T: Copy + PartialOrd>(values: &[T], part: f64) -> Option<T> {
    let mut sorted = values.to_vec();
    sorted.sort_by(|one, next| one.partial_cmp(next).unwrap());
    sorted.get(((sorted.len() as f64 * part) as usize).min(sorted.len().saturating_sub(1))).copied()
}

pub(crate) fn median<T: Copy + PartialOrd>(values: &[T]) -> Option<T> {
    quantile(values, 0.5)
}

pub(crate) fn time(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    match micros {
        ..1_000.0 => format!("{} µs", figures(micros)),
        ..1_000_000.0 => format!("{} ms", figures(micros / 1e3)),
        _ => format!("{} s", figures(micros / 1e6)),
    }
}

pub(crate) fn rate(per_second: f64) -> String {
    format!("{}/s", whole(per_second))
}

/// A number with a comma before every three digits.
pub(crate) fn whole(value: f64) -> String {
    let digits = format!("{:.0}", value);
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

fn figures(value: f64) -> String {
    match value {
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
