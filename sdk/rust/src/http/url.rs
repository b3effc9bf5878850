//! Just enough of URLs to add a query and to follow a redirect. The host judges what is asked for.

use std::fmt;

use crate::Failure;

/// `https://host:port` and a target, which begins with `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) is_https: bool,
    /// Host, and port where one is named.
    pub(crate) authority: String,
    /// Path and query.
    pub(crate) target: String,
}

impl Url {
    /// Fails as `invalid-input`: addresses come from a configuration or a server.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let invalid = || {
            Failure::invalid_input(format!(
                "`{}` is not an address: expected `https://host/path` or `http://host/path`",
                without_query(text)
            ))
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(invalid)?;
        let is_https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(invalid()),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.is_empty() || authority.contains('@') {
            return Err(invalid());
        }
        Ok(Self {
            is_https,
            authority: authority.to_ascii_lowercase(),
            target: match target.strip_prefix('?') {
                Some(query) => format!("/?{query}"),
                None if target.is_empty() => "/".to_owned(),
                None => target.to_owned(),
            },
        })
    }

    pub(crate) fn has_origin_of(&self, other: &Self) -> bool {
        (self.is_https, &self.authority) == (other.is_https, &other.authority)
    }

    /// Where `location` leads from here.
    pub(crate) fn join(&self, location: &str) -> Result<Self, Failure> {
        let location = location.trim();
        let scheme = if self.is_https { "https" } else { "http" };
        if location.contains("://") && !location.starts_with(['/', '?']) {
            return Self::parse(location);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("{scheme}://{rest}"));
        }
        let path = self.target.split('?').next().unwrap_or_default();
        let folder = path.rfind('/').map_or("/", |end| &path[..=end]);
        let target = match location.chars().next() {
            Some('/') => resolved(location),
            Some('?') => format!("{path}{location}"),
            _ => resolved(&format!("{folder}{location}")),
        };
        Self::parse(&format!("{scheme}://{}{target}", self.authority))
    }
}

/// A target without `.` and `..` in its path: the host refuses those.
fn resolved(target: &str) -> String {
    let (path, query) = match target.find('?') {
        Some(at) => target.split_at(at),
        None => (target, ""),
    };
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    let is_folder = path.ends_with("/.") || path.ends_with("/..");
    let end = if is_folder && !kept.is_empty() {
        "/"
    } else {
        ""
    };
    format!("/{}{end}{query}", kept.join("/"))
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.target)
    }
}

pub(super) fn add_query(url: &mut String, name: &str, value: &str) {
    url.push(if url.contains('?') { '&' } else { '?' });
    encode(url, name);
    url.push('=');
    encode(url, value);
}

/// For messages: a query may hold what nobody else should read.
pub(crate) fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}

fn encode(url: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push('%');
            url.push(char::from(HEX[usize::from(byte >> 4)]));
            url.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_scheme_and_a_host() {
        for (text, written) in [
            ("https://H.org", "https://h.org/"),
            ("HTTP://h:80/a?b#c", "http://h:80/a?b"),
            ("https://h?b", "https://h/?b"),
            ("http://[::1]:8/a", "http://[::1]:8/a"),
        ] {
            assert_eq!(Url::parse(text).unwrap().to_string(), written);
        }
        for text in ["h.org/a", "ftp://h", "https:///a", "https://u@h/", ""] {
            assert_eq!(
                Url::parse(text).unwrap_err().code,
                "invalid-input",
                "{text}"
            );
        }
        let failure = Url::parse("ftp://h?key=secret").unwrap_err();
        assert!(!failure.message.contains("secret"));
    }

    #[test]
    fn a_location_leads_on_from_where_it_was_said() {
        let url = Url::parse("https://h/a/b?c").unwrap();
        for (location, wanted) in [
            ("d", "https://h/a/d"),
            ("./d", "https://h/a/d"),
            ("../d?e=../f", "https://h/d?e=../f"),
            ("../../../d/..", "https://h/"),
            ("/d", "https://h/d"),
            ("?d", "https://h/a/b?d"),
            ("//other/d", "https://other/d"),
            ("http://other", "http://other/"),
            ("/d?e=http://x", "https://h/d?e=http://x"),
        ] {
            assert_eq!(
                url.join(location).unwrap().to_string(),
                wanted,
                "{location}"
            );
        }
        assert!(url.join("javascript://x").is_err());
    }
}
