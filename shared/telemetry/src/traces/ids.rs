//! The ids of traces, and how they travel.

use std::cell::Cell;

use opentelemetry::trace::{SpanContext, TraceFlags, TraceState};
use opentelemetry::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

thread_local! {
    /// The id of the trace that begins next on this thread.
    static NEXT: Cell<Option<TraceId>> = const { Cell::new(None) };
}

/// Random ids, but for a trace that has its id from outside.
#[derive(Debug)]
pub(super) struct Ids;

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        let next = NEXT.take();
        next.unwrap_or_else(|| RandomIdGenerator::default().new_trace_id())
    }

    fn new_span_id(&self) -> SpanId {
        RandomIdGenerator::default().new_span_id()
    }
}

/// Begins a trace with this span, under the load balancer's id if that is one. A parent would carry the
/// id as well, and be missed by whoever reads the trace: the load balancer has no span.
pub(super) fn begin(span: &Span, trace: Option<&str>) {
    NEXT.set(trace.and_then(from_load_balancer));
    // Asking for its context is what starts it.
    let _ = span.context();
    NEXT.set(None);
}

/// From the `Root` of `X-Amzn-Trace-Id`: its version, 8 hexadecimal digits of the time, 24 of chance
/// (AWS X-Ray Developer Guide, "Tracing header").
pub(super) fn from_load_balancer(root: &str) -> Option<TraceId> {
    let (time, chance) = root.strip_prefix("1-")?.split_once('-')?;
    let are_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if time.len() != 8 || chance.len() != 24 || !are_hex(time) || !are_hex(chance) {
        return None;
    }
    let number = |text: &str| u128::from_str_radix(text, 16).ok();
    let id = TraceId::from(number(time)? << 96 | number(chance)?);
    (id != TraceId::INVALID).then_some(id)
}

pub(super) fn of_load_balancer(id: TraceId) -> String {
    let id = id.to_string();
    let (time, chance) = id.split_at(8);
    format!("1-{time}-{chance}")
}

/// W3C Trace Context, section 3.2, "Traceparent Header".
pub(super) fn write(context: &SpanContext) -> String {
    let (trace, span) = (context.trace_id(), context.span_id());
    let kept = u8::from(context.is_sampled());
    format!("00-{trace}-{span}-{kept:02x}")
}

pub(super) fn read(text: &str) -> Option<SpanContext> {
    let rest = text.strip_prefix("00-")?;
    let (trace, rest) = rest.split_once('-')?;
    let (span, flags) = rest.split_once('-')?;
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        TraceState::NONE,
    );
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_balancers_id_is_the_traces_and_back() {
        let root = "1-67891233-abcdef012345678912345678";
        let id = from_load_balancer(root).unwrap();
        assert_eq!(id.to_string(), "67891233abcdef012345678912345678");
        assert_eq!(of_load_balancer(id), root);
        for none in [
            "",
            "1-67891233",
            "2-67891233-abcdef012345678912345678",
            "1-6789123-abcdef0123456789123456789",
            "1-67891233-abcdef01234567891234567x",
            "1-67891233-+bcdef012345678912345678",
            "1-00000000-000000000000000000000000",
            "1-67891233-abcdef0123456789123456781",
        ] {
            assert_eq!(from_load_balancer(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_told_of_a_parent_is_understood_and_nothing_else_is() {
        for flags in ["00", "01"] {
            let text = format!("00-67891233abcdef012345678912345678-0123456789abcdef-{flags}");
            let context = read(&text).unwrap();
            assert_eq!(context.is_sampled(), flags == "01");
            assert!(context.is_remote());
            assert_eq!(write(&context), text);
        }
        for none in [
            "",
            "00",
            "01-67891233abcdef012345678912345678-0123456789abcdef-01",
            "00-00000000000000000000000000000000-0123456789abcdef-01",
            "00-67891233abcdef012345678912345678-0000000000000000-01",
            "00-67891233abcdef012345678912345678-0123456789abcdef",
            "00-67891233abcdef012345678912345678-0123456789abcdef-x",
        ] {
            assert!(read(none).is_none(), "{none}");
        }
    }
}
