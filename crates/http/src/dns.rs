//! The DNS records that make a domain's mail arrive here and be believed.
//!
//! MX (RFC 5321 section 5.1), SPF (RFC 7208), DMARC (RFC 7489), and where mail programs
//! find IMAP and submission over TLS (RFC 6186 section 3, RFC 8314 section 5.1). DKIM keys join them
//! when the house signs what it sends.

use crate::model::DnsRecord;

/// Records for `domain`, whose mail the host `hostname` receives.
pub(crate) fn records(domain: &str, hostname: &str) -> Vec<DnsRecord> {
    let record = |name: String, kind: &str, value: String, purpose: &str| DnsRecord {
        name,
        kind: kind.to_owned(),
        value,
        purpose: purpose.to_owned(),
    };
    vec![
        record(format!("{domain}."), "MX", format!("10 {hostname}."), "mail for the domain goes to this host"),
        record(
            format!("{domain}."),
            "TXT",
            "\"v=spf1 mx -all\"".to_owned(),
            "only this host sends for the domain; with a smarthost, what its provider asks for comes before -all",
        ),
        record(
            format!("_dmarc.{domain}."),
            "TXT",
            format!("\"v=DMARC1; p=none; rua=mailto:postmaster@{domain}\""),
            "reports of forged mail; tighten p= once they are quiet",
        ),
        record(
            format!("_imaps._tcp.{domain}."),
            "SRV",
            format!("0 1 993 {hostname}."),
            "mail programs find IMAP over TLS, on its well-known port",
        ),
        record(
            format!("_submissions._tcp.{domain}."),
            "SRV",
            format!("0 1 465 {hostname}."),
            "mail programs find where mail goes out, over TLS, on its well-known port",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_lines_of_a_zone_file() {
        let records = records("example.org", "mail.example.org");
        let lines: Vec<String> =
            records.iter().map(|record| format!("{} {} {}", record.name, record.kind, record.value)).collect();
        assert_eq!(lines[0], "example.org. MX 10 mail.example.org.");
        assert_eq!(lines[3], "_imaps._tcp.example.org. SRV 0 1 993 mail.example.org.");
        assert_eq!(lines[4], "_submissions._tcp.example.org. SRV 0 1 465 mail.example.org.");
    }
}
