//! Whether this process sends traces. Only that: where to and how often is read from the same
//! standard variables by OpenTelemetry's own library.

use std::collections::HashMap;

use super::SettingsError;

const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];
const DISABLED: &str = "OTEL_SDK_DISABLED";
const EXPORTER: &str = "OTEL_TRACES_EXPORTER";
const PROTOCOLS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
];
const SPOKEN: &str = "http/protobuf";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TraceSettings {
    pub enabled: bool,
}

impl TraceSettings {
    /// On where a collector is named, unless the variables turn it off.
    pub(super) fn read(variables: &HashMap<String, String>) -> Result<Self, SettingsError> {
        let value = |name: &&'static str| {
            let text = variables.get(*name).map(|text| text.trim());
            text.filter(|text| !text.is_empty())
        };
        let is_off = value(&DISABLED).is_some_and(|text| text.eq_ignore_ascii_case("true"))
            || value(&EXPORTER).is_some_and(|text| text == "none");
        if is_off || !ENDPOINTS.iter().any(|name| value(name).is_some()) {
            return Ok(Self::default());
        }
        let found = PROTOCOLS
            .iter()
            .find_map(|name| Some((*name, value(name)?)));
        match found {
            Some((key, protocol)) if protocol != SPOKEN => Err(SettingsError::OutOfRange {
                key,
                found: protocol.to_owned(),
                expected: "`http/protobuf`, and a collector that takes it (port 4318 as a rule)",
            }),
            _ => Ok(Self { enabled: true }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<TraceSettings, SettingsError> {
        let owned = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        TraceSettings::read(&owned)
    }

    #[test]
    fn a_named_collector_turns_them_on_and_the_standard_switches_off() {
        let collector = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        let of_traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1/x");
        for on in [
            &[collector][..],
            &[of_traces],
            &[collector, ("OTEL_SDK_DISABLED", "false")],
        ] {
            assert!(read(on).unwrap().enabled, "{on:?}");
        }
        for off in [
            &[][..],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
            &[collector, ("OTEL_SDK_DISABLED", "TRUE")],
            &[collector, ("OTEL_TRACES_EXPORTER", "none")],
            &[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
        ] {
            assert!(!read(off).unwrap().enabled, "{off:?}");
        }
    }

    #[test]
    fn a_protocol_that_is_not_spoken_is_refused() {
        let collector = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317");
        let error = read(&[collector, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("OTEL_EXPORTER_OTLP_PROTOCOL") && error.contains("4318"),
            "{error}"
        );
        let both = [
            collector,
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
        ];
        assert!(read(&both).unwrap().enabled);
    }
}
