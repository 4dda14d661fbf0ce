//! Names as people write them: of persons, groups and shared mailboxes.

use std::fmt;

/// Characters of a name at most: more than any real one, few enough for a line of a table.
const CHARACTERS: usize = 200;

/// A name to be shown, with no character that would break a line, a header field or a
/// terminal. It may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct DisplayName(String);

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DisplayNameError {
    /// It would not fit a line.
    #[error("a name has at most 200 characters")]
    TooLong,
    /// A control character, a line end, or one that turns the direction of writing round.
    #[error("a name has no control characters and no line ends")]
    Control,
}

impl DisplayName {
    /// From what somebody wrote; spaces around it are left out.
    pub fn parse(text: &str) -> Result<Self, DisplayNameError> {
        let text = text.trim();
        if text.chars().any(is_unfit) {
            return Err(DisplayNameError::Control);
        }
        if text.chars().count() > CHARACTERS {
            return Err(DisplayNameError::TooLong);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Control characters, line and paragraph separators, and the marks that turn the direction of
/// writing round, by which a name could look like another one (Unicode TR 36 section 3.1.1).
fn is_unfit(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_people_write() {
        assert_eq!(
            DisplayName::parse("  Zoë de la Cruz \u{5d0} ").map(|name| name.to_string()),
            Ok("Zoë de la Cruz \u{5d0}".into())
        );
        assert_eq!(DisplayName::parse(""), Ok(DisplayName::default()));
        assert_eq!(DisplayName::parse(&"é".repeat(200)).map(|name| name.as_str().len()), Ok(400));
        assert_eq!(DisplayName::parse(&"a".repeat(201)), Err(DisplayNameError::TooLong));
        for text in ["a\0b", "a\r\nBcc: x", "a\u{1b}[2J", "a\u{7f}", "a\u{85}b", "a\u{2028}b", "evil\u{202e}gpj"] {
            assert_eq!(DisplayName::parse(text), Err(DisplayNameError::Control), "{text:?}");
        }
    }
}
