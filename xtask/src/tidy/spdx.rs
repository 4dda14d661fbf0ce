//! SPDX licence expressions, as far as manifests use them.
//!
//! Names joined by `OR`, `AND` and `WITH`, parentheses, and the old `/` for OR. AND binds closer
//! than OR (SPDX specification 2.3, annex D). What cannot be read is not permitted.

/// Whether some choice among the alternatives of `expression` is made of permitted names alone.
/// `X WITH Y` is looked up as one name.
pub fn permits(expression: &str, permitted: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words, permitted };
    parser.alternatives() == Some(true) && parser.words.is_empty()
}

struct Parser<'a> {
    words: &'a [&'a str],
    permitted: &'a dyn Fn(&str) -> bool,
}

impl Parser<'_> {
    fn alternatives(&mut self) -> Option<bool> {
        let mut verdict = self.together()?;
        while self.take("OR") {
            verdict |= self.together()?;
        }
        Some(verdict)
    }

    fn together(&mut self) -> Option<bool> {
        let mut verdict = self.one()?;
        while self.take("AND") {
            verdict &= self.one()?;
        }
        Some(verdict)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            let verdict = self.alternatives()?;
            return self.take(")").then_some(verdict);
        }
        let name = self.name()?;
        if self.take("WITH") {
            let exception = self.name()?;
            return Some((self.permitted)(&format!("{name} WITH {exception}")));
        }
        Some((self.permitted)(&name))
    }

    fn name(&mut self) -> Option<String> {
        let (name, rest) = self.words.split_first()?;
        self.words = rest;
        (!matches!(*name, "OR" | "AND" | "WITH" | "(" | ")")).then(|| (*name).to_owned())
    }

    fn take(&mut self, word: &str) -> bool {
        match self.words.split_first() {
            Some((first, rest)) if *first == word => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mit_and_isc(expression: &str) -> bool {
        permits(expression, &|name| matches!(name, "MIT" | "ISC" | "Apache-2.0 WITH LLVM-exception"))
    }

    #[test]
    fn one_permitted_alternative_is_enough() {
        assert!(mit_and_isc("MIT OR GPL-3.0-only"));
        assert!(mit_and_isc("GPL-3.0-only/MIT"));
        assert!(mit_and_isc("Apache-2.0 OR Apache-2.0 WITH LLVM-exception"));
        assert!(!mit_and_isc("GPL-3.0-only OR Apache-2.0"));
    }

    #[test]
    fn what_comes_together_must_be_permitted_together() {
        assert!(mit_and_isc("MIT AND ISC"));
        assert!(!mit_and_isc("MIT AND OpenSSL"));
        assert!(mit_and_isc("GPL-3.0-only AND OpenSSL OR MIT"));
        assert!(!mit_and_isc("(GPL-3.0-only OR MIT) AND OpenSSL"));
        assert!(mit_and_isc("(GPL-3.0-only OR MIT) AND ISC"));
    }

    #[test]
    fn what_cannot_be_read_is_not_permitted() {
        for broken in ["", "MIT OR", "MIT MIT", "(MIT", "MIT)", "OR MIT", "MIT WITH"] {
            assert!(!mit_and_isc(broken), "{broken:?}");
        }
    }
}
