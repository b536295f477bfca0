//! What an agent offers, for people to read.

use std::fmt::{self, Display, Write as _};

use a2a_protocol_core::AgentSkill;

use crate::{Agent, methods::Method};

impl Agent {
    /// What the agent offers, in Markdown: its description, its skills as the card has them, and the
    /// JSON-RPC methods of its own, which no card has a place for. For whoever writes the manual, or
    /// for a flag of the agent's program that prints it. Types are named as in Rust.
    pub fn docs(&self) -> String {
        Docs(self).to_string()
    }
}

struct Docs<'a>(&'a Agent);

impl Display for Docs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Agent { card, methods, .. } = self.0;
        writeln!(f, "# {}\n\n{}", card.name, card.description)?;
        if !card.skills.is_empty() {
            writeln!(f, "\n## Skills")?;
        }
        for skill in &card.skills {
            self.skill(f, skill)?;
        }
        if !methods.is_empty() {
            writeln!(f, "\n## Methods\n\nJSON-RPC methods of its own.")?;
        }
        methods.iter().try_for_each(|(name, it)| method(f, name, it))
    }
}

impl Docs<'_> {
    fn skill(&self, f: &mut fmt::Formatter<'_>, skill: &AgentSkill) -> fmt::Result {
        let card = &self.0.card;
        writeln!(f, "\n### {}\n\n{}\n\n- Id: `{}`", skill.name, skill.description, skill.id)?;
        list(f, "Tags", &skill.tags)?;
        list(f, "Examples", &skill.examples)?;
        list(f, "Takes", or(&skill.input_modes, &card.default_input_modes))?;
        list(f, "Answers in", or(&skill.output_modes, &card.default_output_modes))
    }
}

fn method(f: &mut fmt::Formatter<'_>, name: &str, Method { streams, described, .. }: &Method) -> fmt::Result {
    writeln!(f, "\n### `{name}`\n")?;
    if !described.description.is_empty() {
        writeln!(f, "{}\n", described.description)?;
    }
    match &*described.params {
        "" => writeln!(f, "- Parameters: none")?,
        params => writeln!(f, "- Parameters: `{params}`")?,
    }
    writeln!(f, "- Result: {}`{}`", if *streams { "a stream of " } else { "" }, described.result)
}

/// The skill's own, or the agent's.
fn or<'a>(own: &'a [String], otherwise: &'a [String]) -> &'a [String] {
    if own.is_empty() { otherwise } else { own }
}

fn list(f: &mut fmt::Formatter<'_>, what: &str, items: &[String]) -> fmt::Result {
    let Some((first, rest)) = items.split_first() else { return Ok(()) };
    write!(f, "- {what}: `{first}`")?;
    rest.iter().try_for_each(|item| write!(f, ", `{item}`"))?;
    f.write_char('\n')
}
