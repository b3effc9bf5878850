//! Dates as points on a line of years, precise enough to say how old evidence is.

/// Fractional years of an ISO 8601 date of reduced precision: the middle of what it may mean. None
/// when it is not such a date.
pub(crate) fn years(date: &str) -> Option<f32> {
    let mut parts = date.split('-');
    let year = number(parts.next()?, 4)?;
    let month = match parts.next() {
        Some(month) => Some(number(month, 2).filter(|month| (1..=12).contains(month))?),
        None => None,
    };
    let day = match parts.next() {
        Some(day) => Some(number(day, 2).filter(|day| (1..=31).contains(day))?),
        None => None,
    };
    if parts.next().is_some() {
        return None;
    }
    let months = match (month, day) {
        (None, _) => 6.0,
        (Some(month), None) => f32::from(month) - 0.5,
        (Some(month), Some(day)) => f32::from(month - 1) + (f32::from(day) - 0.5) / 31.0,
    };
    Some(f32::from(year) + months / 12.0)
}

fn number(text: &str, n_digits: usize) -> Option<u16> {
    let digits = text.len() == n_digits && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_the_middle_of_what_it_may_mean() {
        assert_eq!(years("2019"), Some(2019.5));
        assert_eq!(years("2019-01"), Some(2019.0 + 0.5 / 12.0));
        let day = years("2019-03-07").unwrap();
        assert!((2019.17..2019.20).contains(&day), "{day}");
        assert!(years("2019-12-31") < years("2020-01-01"));
    }

    #[test]
    fn what_is_not_a_date_has_no_place() {
        for date in [
            "",
            "19",
            "2019-13",
            "2019-00",
            "2019-1",
            "2019-01-32",
            "2019-01-01-01",
            "spring",
        ] {
            assert_eq!(years(date), None, "{date}");
        }
    }
}
