//! Words to fill mails with: some common, most rare, as in any language.
//!
//! They are made of syllables, so they compress like prose and belong to nobody. Three tongues:
//! plain ASCII, Latin with accents, and CJK, because servers decode, fold and measure each of
//! them differently.

use crate::random::Random;

/// Which letters a text is written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tongue {
    /// ASCII alone.
    Plain,
    /// Latin with accents.
    Accents,
    /// Chinese, Japanese and Korean.
    Cjk,
}

const STARTS: [&str; 24] = [
    "b", "c", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "br", "cl", "st", "tr", "pl", "sh",
    "", "",
];
const PLAIN_VOWELS: [&str; 9] = ["a", "e", "i", "o", "u", "ea", "ou", "ie", "e"];
const ACCENTED_VOWELS: [&str; 14] = ["a", "e", "i", "o", "u", "é", "è", "ä", "ö", "ü", "ç", "ñ", "ø", "å"];
const ENDS: [&str; 12] = ["", "", "", "n", "r", "s", "t", "l", "nd", "ng", "st", "m"];
/// Words of one tongue; a person's active vocabulary is of this order.
const COUNT: usize = 3000;

/// Three tongues of words.
pub struct Vocabulary {
    plain: Vec<String>,
    accents: Vec<String>,
    cjk: Vec<String>,
}

impl Vocabulary {
    /// The words of one seed.
    pub fn new(random: &mut Random) -> Self {
        let mut many = |make: fn(&mut Random) -> String| (0..COUNT).map(|_| make(random)).collect::<Vec<_>>();
        Self {
            plain: many(|random| latin(random, &PLAIN_VOWELS)),
            accents: many(|random| latin(random, &ACCENTED_VOWELS)),
            cjk: many(ideographs),
        }
    }

    /// A word; the first of the list come up far more often than the last.
    pub fn word(&self, tongue: Tongue, random: &mut Random) -> &str {
        let words = match tongue {
            Tongue::Plain => &self.plain,
            Tongue::Accents => &self.accents,
            Tongue::Cjk => &self.cjk,
        };
        let rank = (COUNT as f64).powf(random.fraction()) as usize;
        &words[rank.min(COUNT) - 1]
    }

    /// So many words, with the spaces that the tongue has.
    pub fn phrase(&self, tongue: Tongue, words: usize, random: &mut Random) -> String {
        let space = if tongue == Tongue::Cjk { "" } else { " " };
        let mut phrase = String::new();
        for number in 0..words {
            if number > 0 {
                phrase.push_str(space);
            }
            phrase.push_str(self.word(tongue, random));
        }
        phrase
    }
}

fn latin(random: &mut Random, vowels: &[&str]) -> String {
    let mut word = String::new();
    for _ in 0..1 + random.below(4) {
        word.push_str(random.one_of::<&str>(&STARTS));
        word.push_str(random.one_of::<&str>(vowels));
        word.push_str(random.one_of::<&str>(&ENDS));
    }
    word
}

/// From the blocks that hold the common ideographs, kana and Hangul syllables.
fn ideographs(random: &mut Random) -> String {
    const BLOCKS: [(u32, usize); 3] = [(0x4e00, 6000), (0x3042, 80), (0xac00, 4000)];
    let (start, count) = *random.one_of(&BLOCKS);
    let letter = |random: &mut Random| char::from_u32(start + random.below(count) as u32).unwrap_or('一');
    (0..1 + random.below(3)).map(|_| letter(random)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tongue_has_its_letters() {
        let mut random = Random::new(9);
        let vocabulary = Vocabulary::new(&mut random);
        assert!(vocabulary.phrase(Tongue::Plain, 200, &mut random).is_ascii());
        let accents = vocabulary.phrase(Tongue::Accents, 200, &mut random);
        assert!(!accents.is_ascii() && accents.contains(' '));
        assert!(vocabulary.phrase(Tongue::Cjk, 50, &mut random).chars().all(|letter| letter as u32 > 0x3000));
    }
}
