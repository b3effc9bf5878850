//! Where this process tells how it is: metrics and probes on a port of their own.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct OperationsSettings {
    /// `address:port`, `off` or `usual`. Whoever reaches it needs no key.
    pub bind: OperationsBind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum OperationsBind {
    /// [`OperationsBind::USUAL`], or a free port of loopback where another process has that one.
    #[default]
    Usual,
    Off,
    /// There and nowhere else; port 0 picks a free one.
    At(SocketAddr),
}

impl OperationsBind {
    /// The port on which OpenTelemetry's own exporters offer metrics.
    pub const USUAL: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9464));
}

impl TryFrom<String> for OperationsBind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "usual" => Ok(Self::Usual),
            "" | "off" => Ok(Self::Off),
            address => address.parse().map(Self::At).map_err(|_| {
                format!(
                    "`operations.bind` is `{text}`: expected an address and a port, such as `0.0.0.0:9464`, or `off`, or `usual`"
                )
            }),
        }
    }
}

impl From<OperationsBind> for String {
    fn from(bind: OperationsBind) -> Self {
        match bind {
            OperationsBind::Usual => "usual".to_owned(),
            OperationsBind::Off => "off".to_owned(),
            OperationsBind::At(address) => address.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_an_address_or_off() {
        let bind = |text: &str| OperationsBind::try_from(text.to_owned());
        assert_eq!(bind("off"), Ok(OperationsBind::Off));
        assert_eq!(bind(""), Ok(OperationsBind::Off));
        assert_eq!(bind("usual"), Ok(OperationsBind::default()));
        let everywhere = "[::]:9464".parse().unwrap();
        assert_eq!(bind("[::]:9464"), Ok(OperationsBind::At(everywhere)));
        for wrong in ["9464", "localhost:9464", "127.0.0.1", "on"] {
            assert!(bind(wrong).unwrap_err().contains(wrong), "{wrong}");
        }
        for told in ["usual", "off", "127.0.0.1:0", "[::]:9464"] {
            assert_eq!(String::from(bind(told).unwrap()), told);
        }
    }
}
