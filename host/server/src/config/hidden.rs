//! Errors of the settings' libraries, without what nobody else may read: they repeat a value that
//! does not fit, and the line of a file that cannot be read.

/// Sections that hold secrets, as errors name them.
const SECRET: [&str; 6] = [
    "`blob",
    "`cache",
    "`client",
    "`database",
    "`operator",
    "`secret",
];

/// Without the value, where it may be a secret.
pub(super) fn value(error: &str) -> String {
    let is_secret = SECRET.iter().any(|section| error.contains(section));
    match (error.find('"'), error.rfind('"')) {
        (Some(first), Some(last)) if is_secret && first < last => {
            format!("{}\"…\"{}", &error[..first], &error[last + 1..])
        }
        _ => error.to_owned(),
    }
}

/// Without the lines of the file: `3 | key = "value"` and the marks below it.
pub(super) fn lines(error: &str) -> String {
    let is_excerpt = |line: &str| {
        line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ')
            .starts_with('|')
    };
    let kept: Vec<&str> = error.lines().filter(|line| !is_excerpt(line)).collect();
    kept.join(": ")
}
