//! The DNS records that make a domain's mail arrive here and be believed.
//!
//! MX (RFC 5321 section 5.1), SPF (RFC 7208), DMARC (RFC 7489), and where mail programs
//! find IMAP and submission over TLS (RFC 6186 section 3, RFC 8314 section 5.1), what they need not
//! look for, and who helps them to set themselves up. DKIM keys join them when the house signs what it
//! sends.

use crate::model::DnsRecord;

/// Records for `domain`, whose mail the host `hostname` receives.
pub fn records(domain: &str, hostname: &str) -> Vec<DnsRecord> {
    let record = |name: String, kind: &str, value: String, purpose: &str| DnsRecord {
        name,
        kind: kind.to_owned(),
        value,
        purpose: purpose.to_owned(),
    };
    // RFC 2782; the target "." says that there is none (RFC 6186 section 3.4).
    let srv = |service: &str, at: &str, purpose: &str| {
        record(format!("{service}._tcp.{domain}."), "SRV", format!("{at} {hostname}."), purpose)
    };
    let none = |service: &str, purpose: &str| {
        record(format!("{service}._tcp.{domain}."), "SRV", "0 0 0 .".to_owned(), purpose)
    };
    let alias =
        |name: &str, purpose: &str| record(format!("{name}.{domain}."), "CNAME", format!("{hostname}."), purpose);
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
        srv("_imaps", "0 1 993", "mail programs find IMAP over TLS, on its well-known port"),
        srv("_submissions", "0 1 465", "mail programs find where mail goes out, over TLS, on its well-known port"),
        srv("_submission", "0 1 587", "the same by STARTTLS, for programs that know no other"),
        none("_imap", "there is no IMAP without TLS from the first byte"),
        none("_pop3s", "there is no POP"),
        none("_pop3", "there is no POP"),
        alias("autoconfig", "Thunderbird and others ask there how to set themselves up"),
        alias("autodiscover", "Outlook asks there how to set itself up"),
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
        let none = ["_imap", "_pop3s", "_pop3"].map(|service| format!("{service}._tcp.example.org. SRV 0 0 0 ."));
        assert_eq!(lines[6..9], none);
        assert_eq!(lines[9], "autoconfig.example.org. CNAME mail.example.org.");
        assert_eq!(lines[10], "autodiscover.example.org. CNAME mail.example.org.");
    }
}
