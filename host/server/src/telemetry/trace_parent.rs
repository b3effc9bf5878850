//! Which trace a span belongs to, as it is handed from a request through a job's row to the worker:
//! one line in W3C's form. It is handed on also where this process exports no traces, so that logs
//! can be joined with those of whoever asked.

use std::{fmt, str::FromStr};

use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState},
};
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// `00-<trace>-<span>-<flags>`: <https://www.w3.org/TR/trace-context/>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceParent(SpanContext);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a `traceparent`: expected `00-<32 hex>-<16 hex>-<2 hex>`")]
pub struct InvalidTraceParent;

impl TraceParent {
    /// Span fields that [`TraceParent::join`] fills.
    pub const TRACE_ID: &str = "trace_id";

    /// Makes `span` a child of `parent`, where there is one, and tells its log lines their trace.
    /// What the span is then known as; none where no trace was begun, here or before.
    pub fn join(span: &Span, parent: Option<Self>) -> Option<Self> {
        if let Some(Self(parent)) = &parent {
            let context = Context::new().with_remote_span_context(parent.clone());
            // Refused where no traces are exported: what came in is handed on as it came.
            drop(span.set_parent(context));
        }
        let own = span.context().span().span_context().clone();
        let known = if own.is_valid() {
            Some(Self(own))
        } else {
            parent
        };
        if let Some(Self(known)) = &known {
            span.record(Self::TRACE_ID, field::display(known.trace_id()));
        }
        known
    }
}

impl FromStr for TraceParent {
    type Err = InvalidTraceParent;

    fn from_str(text: &str) -> Result<Self, InvalidTraceParent> {
        let mut parts = text.trim().split('-');
        let mut part = |n_digits: usize| {
            parts
                .next()
                .filter(|part| part.len() == n_digits && part.bytes().all(is_digit))
                .ok_or(InvalidTraceParent)
        };
        let (version, trace, span, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
        // Later versions may add parts; none of them may be 255.
        if version == "ff" || (version == "00" && parts.next().is_some()) {
            return Err(InvalidTraceParent);
        }
        let context = SpanContext::new(
            TraceId::from_hex(trace).map_err(|_| InvalidTraceParent)?,
            SpanId::from_hex(span).map_err(|_| InvalidTraceParent)?,
            TraceFlags::new(u8::from_str_radix(flags, 16).map_err(|_| InvalidTraceParent)?)
                & TraceFlags::SAMPLED,
            true,
            TraceState::NONE,
        );
        if context.is_valid() {
            Ok(Self(context))
        } else {
            Err(InvalidTraceParent)
        }
    }
}

fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(context) = self;
        let (trace, span) = (context.trace_id(), context.span_id());
        write!(f, "00-{trace}-{span}-{:02x}", context.trace_flags().to_u8())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn it_is_read_and_written_alike() {
        for text in [SAMPLED, &SAMPLED.replace("-01", "-00")] {
            let parent: TraceParent = text.parse().unwrap();
            assert_eq!(parent.to_string(), text);
        }
        let later = format!("{}-more", SAMPLED.replacen("00-", "cc-", 1));
        let parent: TraceParent = later.parse().unwrap();
        assert_eq!(parent.to_string(), SAMPLED);
        // A flag that nobody knows yet is not handed on.
        let unknown = SAMPLED.replace("-01", "-ff");
        assert_eq!(unknown.parse::<TraceParent>().unwrap().to_string(), SAMPLED);
    }

    #[test]
    fn what_is_not_one_is_refused() {
        for wrong in [
            "",
            "00",
            &SAMPLED.to_uppercase(),
            &SAMPLED.replacen("00-", "ff-", 1),
            &format!("{SAMPLED}-more"),
            &SAMPLED.replace("-01", ""),
            &SAMPLED.replace("b7ad6b7169203331", "0000000000000000"),
            &SAMPLED.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            &SAMPLED.replace("0af", "0ag"),
            &SAMPLED.replace("b7ad", "+7ad"),
        ] {
            assert_eq!(
                wrong.parse::<TraceParent>(),
                Err(InvalidTraceParent),
                "{wrong}"
            );
        }
    }

    #[test]
    fn without_traces_what_came_in_is_handed_on() {
        let parent: TraceParent = SAMPLED.parse().unwrap();
        assert_eq!(
            TraceParent::join(&Span::none(), Some(parent.clone())),
            Some(parent)
        );
        assert_eq!(TraceParent::join(&Span::none(), None), None);
    }
}
