//! Certificates lie outside the database; that somebody asked for another is on the trail.

use super::audit::{Detail, Event};
use super::authority::{Authority, ManageDomains};
use super::error::GateError;

impl Authority<'_, ManageDomains> {
    /// Another certificate is asked for now, even before its time where that is forced.
    pub fn note_certificate_renewal(&self, is_forced: bool) -> Result<(), GateError> {
        let detail = Detail { public: if is_forced { "forced" } else { "" }, personal: "" };
        let action = "certificate.renewal-asked";
        Ok(self.tx().record(self.caller(), &Event { class: "A", action, account: None, mailbox: None, detail })?)
    }

    /// Another one was made in this house, and clients see it; its SHA-256 in hexadecimal.
    pub fn note_certificate_renewed(&self, sha256: &str) -> Result<(), GateError> {
        let detail = Detail { public: sha256, personal: "" };
        let action = "certificate.renewed";
        Ok(self.tx().record(self.caller(), &Event { class: "A", action, account: None, mailbox: None, detail })?)
    }
}
