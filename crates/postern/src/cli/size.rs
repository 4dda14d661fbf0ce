//! Bounds as people type them: `5000000`, `500M`, `10G`, `10GiB`, or a number of messages; `none` for no bound.

/// A bound in bytes, or in messages; nothing is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound(pub Option<u64>);

const HELP: &str = "give bytes, or a size such as 500M or 10G, or none";

/// For clap. K, M, G and T count by 1024, as the sizes that we show do.
pub(super) fn parse(text: &str) -> Result<Bound, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Bound(None));
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        "t" | "tib" => 40,
        _ => return Err(HELP.to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| HELP.to_owned())?;
    let bytes = number.checked_mul(1 << shift).filter(|bytes| i64::try_from(*bytes).is_ok());
    match bytes {
        None => Err("no disk holds that".to_owned()),
        Some(0) => Err("a bound is at least 1 byte; none is no bound".to_owned()),
        Some(bytes) => Ok(Bound(Some(bytes))),
    }
}

/// For clap: a bound of messages.
pub(super) fn parse_count(text: &str) -> Result<Bound, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Bound(None));
    }
    let count = text.parse().ok().filter(|count: &u64| *count > 0 && i64::try_from(*count).is_ok());
    count.map(|count| Bound(Some(count))).ok_or_else(|| "give a number of messages, at least 1, or none".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted() {
        let count = |text| parse_count(text).map(|bound| bound.0);
        assert_eq!([count("1"), count("50000"), count("none")], [Ok(Some(1)), Ok(Some(50_000)), Ok(None)]);
        for text in ["0", "", "-1", "5k", "99999999999999999999"] {
            assert!(parse_count(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_bytes_or_have_a_unit() {
        let bytes = |text| parse(text).map(|bound| bound.0);
        assert_eq!(bytes("5000000"), Ok(Some(5_000_000)));
        assert_eq!(bytes("500M"), Ok(Some(500 << 20)));
        assert_eq!(bytes("10GiB"), Ok(Some(10 << 30)));
        assert_eq!(bytes("1 k"), Ok(Some(1024)));
        assert_eq!(bytes("None"), Ok(None));
        for text in ["", "M", "-5M", "5X", "1.5G", "0", "9999999T", "99999999999999999999"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
