//! Modification sequences (RFC 7162): a number that the server gives to each event and tells of later or never. The model
//! knows the order of events and learns the numbers, which have to be in that order whoever is told of them.

/// Events count from 1; 0 is before all of them.
#[derive(Debug, Default)]
pub struct Timeline {
    /// By event, where it was told.
    numbers: Vec<Option<u64>>,
    /// HIGHESTMODSEQ: events up to this one have this number at most, and later ones a greater one.
    promises: Vec<(usize, u64)>,
}

impl Timeline {
    /// Something happens, after all that was.
    pub fn happens(&mut self) -> usize {
        self.numbers.push(None);
        self.numbers.len()
    }

    /// The last event.
    pub fn now(&self) -> usize {
        self.numbers.len()
    }

    /// The server tells the number of an event.
    pub fn learn(&mut self, event: usize, number: u64) -> Result<(), String> {
        let Some(known) = event.checked_sub(1).and_then(|place| self.numbers.get_mut(place)) else {
            return Err(format!("there is no event {event}, and it is told as {number}"));
        };
        match *known {
            Some(known) if known == number => Ok(()),
            Some(known) => Err(format!("event {event} was told as {known}, and now as {number}")),
            None => {
                *known = Some(number);
                self.check()
            }
        }
    }

    /// The server tells that events up to this one have this number at most.
    pub fn promise(&mut self, event: usize, number: u64) -> Result<(), String> {
        if !self.promises.contains(&(event, number)) {
            self.promises.push((event, number));
            return self.check();
        }
        Ok(())
    }

    /// Numbers that were told, each with its event.
    pub fn told(&self) -> Vec<(usize, u64)> {
        self.numbers.iter().enumerate().filter_map(|(place, number)| Some((place + 1, (*number)?))).collect()
    }

    /// The last event with at most this number, where it was told.
    pub fn up_to(&self, number: u64) -> Option<usize> {
        let told = self.told().into_iter().chain(self.promises.iter().copied());
        told.filter(|(_, told)| *told == number).map(|(event, _)| event).max()
    }

    /// Numbers rise with events, and no promise is broken.
    fn check(&self) -> Result<(), String> {
        let told = self.told();
        if let Some([one, other]) = told.array_windows().find(|[one, other]| one.1 >= other.1) {
            return Err(format!("events, each with its modification sequence: {one:?} is before {other:?}"));
        }
        for (event, highest) in &self.promises {
            let is_kept = |(told, number): &&(usize, u64)| (told <= event) == (number <= highest);
            if let Some(broken) = told.iter().find(|told| !is_kept(told)) {
                return Err(format!("HIGHESTMODSEQ {highest} was told after event {event}, and {broken:?} is there"));
            }
            let is_in_order = |(other, number): &&(usize, u64)| other <= event || number > highest;
            if let Some(other) = self.promises.iter().find(|other| !is_in_order(other)) {
                return Err(format!("HIGHESTMODSEQ {highest} after event {event}, and {} after {}", other.1, other.0));
            }
        }
        Ok(())
    }
}
