//! Numbers and sizes as typed. Strict: digits and nothing else, save surrounding blanks.
//! (memcached reads garbage as 0; that is one of the deliberate differences.)

use std::ops::RangeInclusive;

use super::error::{ConfigError, EXIT_FAILURE};

/// A whole number in `range`, or what is wrong. `message` is memcached's text for a value that is
/// out of range; empty: it has none, and one is made, as where it speaks of small values only.
pub fn whole(
    option: &str,
    text: &str,
    range: RangeInclusive<i64>,
    message: &str,
) -> Result<i64, ConfigError> {
    let error = || {
        let allowed = format!("a whole number from {} to {}", range.start(), range.end());
        let too_large = digits(text).is_some_and(|number| number > *range.end());
        let message = match message {
            given if too_large && given.ends_with("greater than 0") => {
                format!("The value of {option} is too large")
            }
            "" => format!("Invalid value for {option}"),
            given => given.to_owned(),
        };
        ConfigError::new(EXIT_FAILURE, message).about(option, text, &allowed)
    };
    match digits(text) {
        Some(number) if range.contains(&number) => Ok(number),
        _ => Err(error()),
    }
}

/// A whole number, with or without a sign: no other character, and it fits.
pub fn digits(text: &str) -> Option<i64> {
    let text = text.trim();
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    if unsigned.is_empty() || !unsigned.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// A decimal fraction such as `1.25`; no infinity, no NaN, no exponent.
pub fn fraction(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
    text.parse().ok().filter(|number: &f64| plain && number.is_finite())
}

/// Bytes, with an optional suffix k, m or g (powers of 1024, either case).
pub fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, shift) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 10),
        b'm' | b'M' => (&text[..text.len() - 1], 20),
        b'g' | b'G' => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    u64::try_from(digits(number)?).ok()?.checked_mul(1 << shift)
}

/// Permissions in octal, as chmod takes them.
pub fn mode(text: &str) -> Option<u32> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|b| (b'0'..=b'7').contains(&b)) {
        return None;
    }
    u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_only() {
        for (text, number) in
            [("0", Some(0)), ("-1", Some(-1)), (" 12 ", Some(12)), ("007", Some(7))]
        {
            assert_eq!(digits(text), number, "{text:?}");
        }
        for text in ["", "-", "+3", "1x", "x", "0x10", "1 2", "--1", "99999999999999999999", "1.0"]
        {
            assert_eq!(digits(text), None, "{text:?}");
        }
    }

    #[test]
    fn fractions_have_no_exponent_and_no_names() {
        assert_eq!(fraction("1.25"), Some(1.25));
        assert_eq!(fraction(" 2"), Some(2.0));
        assert_eq!(fraction("-1"), Some(-1.0));
        for text in ["", "inf", "NaN", "1e3", "1,5", "1.2.3", "x", "+1"] {
            assert_eq!(fraction(text), None, "{text:?}");
        }
    }

    #[test]
    fn sizes_take_one_suffix() {
        for (text, bytes) in [
            ("1024", 1024),
            ("1k", 1024),
            ("1K", 1024),
            ("3m", 3 << 20),
            ("1M", 1 << 20),
            ("1g", 1 << 30),
        ] {
            assert_eq!(size(text), Some(bytes), "{text:?}");
        }
        for text in ["", "k", "1kk", "-1k", "1t", "m1", "1.5m", "99999999999999g", "é", "1é", "1 k"]
        {
            assert_eq!(size(text), None, "{text:?}");
        }
    }

    #[test]
    fn modes_are_octal_permissions() {
        assert_eq!(mode("700"), Some(0o700));
        assert_eq!(mode("0666"), Some(0o666));
        for text in ["", "8", "1000", "-1", "rwx", "99999999999"] {
            assert_eq!(mode(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_range_error_names_option_value_and_range() {
        let error = whole("-c", "zero", 1..=9, "Maximum").unwrap_err();
        assert_eq!(error.to_string(), "Maximum\n -- -c \"zero\": a whole number from 1 to 9");
        let error = whole("-m", "12", 1..=9, "").unwrap_err();
        assert!(error.to_string().starts_with("Invalid value for -m\n"), "{error}");
        assert_eq!(whole("-m", "9", 1..=9, ""), Ok(9));
    }
}
