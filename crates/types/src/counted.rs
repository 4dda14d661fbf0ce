//! Counts as people read them.

/// A count with its noun: `1 recipient`, `2 recipients`.
pub fn counted(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_several() {
        assert_eq!(
            [0, 1, 2].map(|number| counted(number, "recipient")),
            ["0 recipients", "1 recipient", "2 recipients"]
        );
    }
}
