//! What a run tells, and what of it did not hold.

use std::fmt;

#[derive(Default)]
pub(crate) struct Figures {
    lines: Vec<(&'static str, String)>,
    broken: Vec<String>,
}

impl Figures {
    pub(crate) fn tell(&mut self, what: &'static str, figure: impl fmt::Display) {
        self.lines.push((what, figure.to_string()));
    }

    /// Tells it, and holds it against what must be.
    pub(crate) fn must(&mut self, holds: bool, what: &'static str, figure: impl fmt::Display) {
        if !holds {
            self.broken.push(format!("{what}: {figure}"));
        }
        self.tell(what, figure);
    }

    /// Nothing, or what did not hold.
    pub(crate) fn broken(&self) -> &[String] {
        &self.broken
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, figure) in &self.lines {
            writeln!(f, "  {what:<44} {figure}")?;
        }
        Ok(())
    }
}
