//! Mail that somebody of the house sends: notes to one, and a campaign to many.

use super::compose::Composer;
use super::words::Tongue;
use super::{Kind, Mail, size};
use crate::random::Random;

/// Small notes, one for each recipient.
pub fn notes(from: &str, recipients: &[String], seed: u64) -> Vec<Mail> {
    let mut composer = Composer::new(Random::new(seed));
    let note = |(number, recipient): (usize, &String)| {
        let mut mail = composer.first_header(from, &format!("<{recipient}>"));
        let share = (number as f64 + 0.5) / recipients.len() as f64;
        composer.text(Tongue::Plain, size(Kind::Small, share).saturating_sub(mail.len()), &mut mail);
        Mail::of(mail.as_bytes())
    };
    recipients.iter().enumerate().map(note).collect()
}

/// A letter with a picture, of about so many bytes.
pub fn campaign(from: &str, size: usize, seed: u64) -> Mail {
    const LETTER_BYTES: usize = 9_000;
    let mut composer = Composer::new(Random::new(seed));
    let mut mail = composer.first_header(from, "customers:;");
    let boundary = composer.boundary();
    mail.push_str(&format!("Content-Type: multipart/mixed;\r\n boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n"));
    composer.alternative(Tongue::Plain, LETTER_BYTES, &mut mail);
    mail.push_str(&format!("\r\n--{boundary}\r\n"));
    composer.picture(1, size.saturating_sub(mail.len()), &mut mail);
    mail.push_str(&format!("\r\n--{boundary}--\r\n"));
    Mail::of(mail.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_out_has_the_size_that_was_asked_for() {
        let letter = campaign("alice@example.org", 424_000, 1);
        assert!((415_000..433_000).contains(&letter.size), "{} bytes", letter.size);
        let recipients: Vec<String> = (0..50).map(|number| format!("r{number}@example.net")).collect();
        let notes = notes("alice@example.org", &recipients, 1);
        let mean = notes.iter().map(|note| note.size).sum::<u64>() / 50;
        assert!((1_700..2_400).contains(&mean), "{mean} bytes");
    }
}
