//! What one text means on two engines: the rewriting of a statement for each, once.
//!
//! - SQLite numbers `$n` by first appearance, so `SELECT $2, $1` would bind the wrong way
//!   round; `?n` means on SQLite what `$n` means on PostgreSQL.
//! - SQLite has one writer and needs no row locks. A statement says `/*LOCK*/` where
//!   PostgreSQL needs FOR UPDATE, `/*SHARE*/` where it needs FOR SHARE: a row that was
//!   read to decide and must not change before the commit; `/*SKIP*/` takes those rows alone that
//!   nobody else has.
//! - Whoever shares a row on PostgreSQL goes past those who wait for it alone, so many who share it
//!   one after the other keep them waiting for ever. `/*SHARE IN TURN*/` and `/*LOCK IN TURN*/` wait
//!   in one line before the row, behind whoever came first; they stand after a WHERE.

/// The text as SQLite runs it.
pub(crate) fn for_sqlite(text: &str) -> String {
    rewrite(text, |marker, out| match marker {
        Marker::Placeholder => out.push('?'),
        Marker::Lock | Marker::Share | Marker::Skip | Marker::LockInTurn | Marker::ShareInTurn => {}
    })
}

/// The text as PostgreSQL runs it.
pub(crate) fn for_postgres(text: &str) -> String {
    rewrite(text, |marker, out| match marker {
        Marker::Placeholder => out.push('$'),
        Marker::Lock => out.push_str("FOR UPDATE"),
        Marker::Share => out.push_str("FOR SHARE"),
        Marker::Skip => out.push_str("FOR UPDATE SKIP LOCKED"),
        Marker::LockInTurn => out.push_str(&format!("AND pg_advisory_xact_lock({LINE}) IS NOT NULL FOR UPDATE")),
        Marker::ShareInTurn => out.push_str(&format!("AND pg_advisory_xact_lock_shared({LINE}) IS NOT NULL FOR SHARE")),
    })
}

/// The line in which turns are waited for: a number that is this program's alone.
const LINE: i64 = 0x706f_7374_6572_6e31;

#[derive(Clone, Copy)]
enum Marker {
    /// The `$` of `$n`.
    Placeholder,
    /// `/*LOCK*/`.
    Lock,
    /// `/*SHARE*/`.
    Share,
    /// `/*SKIP*/`.
    Skip,
    /// `/*LOCK IN TURN*/`.
    LockInTurn,
    /// `/*SHARE IN TURN*/`.
    ShareInTurn,
}

const MARKERS: [(&str, Marker); 5] = [
    ("/*LOCK*/", Marker::Lock),
    ("/*SHARE*/", Marker::Share),
    ("/*SKIP*/", Marker::Skip),
    ("/*LOCK IN TURN*/", Marker::LockInTurn),
    ("/*SHARE IN TURN*/", Marker::ShareInTurn),
];

/// Copies the text, asking for the replacement of each marker outside of literals, quoted
/// names and comments.
fn rewrite(text: &str, mut replace: impl FnMut(Marker, &mut String)) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let marked = MARKERS.iter().find_map(|(text, marker)| Some((rest.strip_prefix(text)?, *marker)));
        if let Some((after, marker)) = marked {
            replace(marker, &mut out);
            rest = after;
        } else if first == '$' && rest[1..].starts_with(|next: char| next.is_ascii_digit()) {
            replace(Marker::Placeholder, &mut out);
            rest = &rest[1..];
        } else {
            let opaque = match first {
                '\'' | '"' => until(rest, 1, if first == '"' { "\"" } else { "'" }),
                '-' if rest.starts_with("--") => until(rest, 2, "\n"),
                '/' if rest.starts_with("/*") => until(rest, 2, "*/"),
                _ => first.len_utf8(),
            };
            out.push_str(&rest[..opaque]);
            rest = &rest[opaque..];
        }
    }
    out
}

/// Length up to and including the first `end` after `skip` bytes; all of it without one.
/// A doubled quote ends one literal and begins the next, which comes to the same.
fn until(text: &str, skip: usize, end: &str) -> usize {
    text[skip..].find(end).map_or(text.len(), |at| skip + at + end.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_keep_their_number_on_both_engines() {
        assert_eq!(for_sqlite("SELECT $2, $1, $10"), "SELECT ?2, ?1, ?10");
        assert_eq!(for_postgres("SELECT $2, $1, $10"), "SELECT $2, $1, $10");
    }

    #[test]
    fn a_row_lock_is_for_postgresql_alone() {
        let text = "SELECT 1 FROM account WHERE id = $1 ORDER BY id /*LOCK*/";
        assert_eq!(for_sqlite(text), "SELECT 1 FROM account WHERE id = ?1 ORDER BY id ");
        assert_eq!(for_postgres(text), "SELECT 1 FROM account WHERE id = $1 ORDER BY id FOR UPDATE");
        assert_eq!(for_postgres("SELECT 1 /*SHARE*/"), "SELECT 1 FOR SHARE");
        assert_eq!(for_postgres("LIMIT $1 /*SKIP*/"), "LIMIT $1 FOR UPDATE SKIP LOCKED");
        assert_eq!(for_sqlite("SELECT 1 WHERE 1 = 1 /*LOCK IN TURN*/"), "SELECT 1 WHERE 1 = 1 ");
        assert!(for_postgres("WHERE 1 = 1 /*SHARE IN TURN*/").ends_with("IS NOT NULL FOR SHARE"));
        assert!(for_postgres("WHERE 1 = 1 /*LOCK IN TURN*/").ends_with("IS NOT NULL FOR UPDATE"));
    }

    #[test]
    fn literals_names_and_comments_stay_as_they_are() {
        let text = "SELECT '$1''$2', \"$3\", x -- $4 it's\n, /* $5 ' */ $6, '/*LOCK*/é'";
        assert_eq!(for_sqlite(text), text.replace("$6", "?6"));
        assert_eq!(for_postgres(text), text);
        assert_eq!(for_sqlite("SELECT 'open $1"), "SELECT 'open $1");
    }
}
