//! Reads packed candidates from front to back, as `wit/v0.2.0/guest.wit` lays them out. Copies no text.

use super::{AttributeView, Head, Parts, PassageView, SignalView};
use crate::bindings::reranking::exports::phagen::plugin0_2_0::packed_reranking::PackedCandidates;

/// None when texts and layout do not fit each other.
pub(super) fn unpack(packed: &PackedCandidates) -> Option<Parts<'_>> {
    const USUAL_NUMBERS: usize = 16;
    let mut rest = Rest {
        text: &packed.text,
        layout: &packed.layout,
        values: &packed.values,
    };
    let n_usual = packed.layout.len() / USUAL_NUMBERS;
    let mut parts = Parts {
        heads: Vec::with_capacity(n_usual),
        passages: Vec::with_capacity(n_usual),
        attributes: Vec::new(),
        signals: Vec::with_capacity(packed.values.len()),
    };
    while !rest.layout.is_empty() {
        let head = rest.head()?;
        for _ in 0..head.n_passages {
            parts.passages.push(PassageView {
                ordinal: rest.number()?,
                section: rest.option()?,
                text: rest.text()?,
            });
        }
        for _ in 0..head.n_attributes {
            parts.attributes.push(AttributeView {
                key: rest.text()?,
                value: rest.text()?,
            });
        }
        for _ in 0..head.n_signals {
            parts.signals.push(SignalView {
                name: rest.text()?,
                value: rest.value()?,
            });
        }
        parts.heads.push(head);
    }
    (rest.text.is_empty() && rest.values.is_empty()).then_some(parts)
}

/// What is not yet read of packed candidates.
struct Rest<'a> {
    text: &'a str,
    layout: &'a [u32],
    values: &'a [f32],
}

impl<'a> Rest<'a> {
    fn head(&mut self) -> Option<Head<'a>> {
        Some(Head {
            n_passages: self.number()? as usize,
            n_attributes: self.number()? as usize,
            n_signals: self.number()? as usize,
            evidence_id: self.text()?,
            kind: self.text()?,
            title: self.text()?,
            citation: self.text()?,
            url: self.option()?,
            date: self.option()?,
        })
    }

    fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.layout.split_first()?;
        self.layout = rest;
        Some(*number)
    }

    fn value(&mut self) -> Option<f32> {
        let (value, rest) = self.values.split_first()?;
        self.values = rest;
        Some(*value)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.number()?;
        self.of_length(length)
    }

    #[expect(
        clippy::option_option,
        reason = "a text that is not given is not a text that is missing"
    )]
    fn option(&mut self) -> Option<Option<&'a str>> {
        match self.number()? {
            u32::MAX => Some(None),
            length => self.of_length(length).map(Some),
        }
    }

    fn of_length(&mut self, length: u32) -> Option<&'a str> {
        let (text, rest) = self.text.split_at_checked(length as usize)?;
        self.text = rest;
        Some(text)
    }
}
