//! Where in the text of a TOML file a key has its value.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Byte at which the value of `key` begins; that of the nearest table above where the file leaves
/// the key out. `key` is a dotted path with indices, such as `grant.http[0].path`.
pub(super) fn of_key(text: &str, key: &str) -> usize {
    let Ok(table) = DeTable::parse(text) else {
        return 0;
    };
    let mut at = table.span().start;
    let root = table.into_inner();
    let mut names = key.split('.').flat_map(parts);
    let Some(first) = names.next() else { return at };
    let Some(mut value) = find(&root, first) else {
        return at;
    };
    at = value.span().start;
    for name in names {
        let below = match value.as_ref() {
            DeValue::Table(table) => find(table, name),
            DeValue::Array(list) => name.parse::<usize>().ok().and_then(|n| list.get(n)),
            _ => None,
        };
        let Some(below) = below else { break };
        at = below.span().start;
        value = below;
    }
    at
}

/// `http[0]` as `http` and `0`.
fn parts(segment: &str) -> impl Iterator<Item = &str> {
    segment.split(['[', ']']).filter(|part| !part.is_empty())
}

fn find<'t, 'i>(table: &'t DeTable<'i>, name: &str) -> Option<&'t Spanned<DeValue<'i>>> {
    table
        .iter()
        .find(|(key, _)| key.as_ref() == name)
        .map(|(_, value)| value)
}

/// Both from 1; the column counts characters.
pub(super) fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at.min(text.len())).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_where_their_values_stand() {
        let text = "a = 1\n[b]\nc = [ { d = 2 }, { d = 3 } ]\n[[e.f]]\ng = 4\n[[e.f]]\ng = 5\n";
        for (key, value) in [
            ("a", "1"),
            ("b.c[0].d", "2"),
            ("b.c[1].d", "3"),
            ("e.f[0].g", "4"),
            ("e.f[1].g", "5"),
        ] {
            assert!(text[of_key(text, key)..].starts_with(value), "{key}");
        }
        assert_eq!(line_and_column(text, of_key(text, "b.c[1].d")), (3, 24));
    }

    #[test]
    fn a_key_that_is_not_there_is_placed_at_what_holds_it() {
        let text = "[b]\nc = { d = 2 }\n";
        assert_eq!(line_and_column(text, of_key(text, "b.c.x")), (2, 5));
        assert_eq!(line_and_column(text, of_key(text, "z")).0, 1);
        assert_eq!(line_and_column("", 7), (1, 1));
    }
}
