//! Signing in at the next server (RFC 4954): PLAIN (RFC 4616), and LOGIN for those without.
//!
//! Every line made here is a [`Secret`]: it is not printed by accident, and is wiped once sent.

use super::line::Unsayable;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postern_types::Secret;

/// The longest command line that every server takes (RFC 5321 section 4.5.3.1.4); a longer
/// response follows the first 334 instead (RFC 4954 section 4).
const COMMAND_BYTES: usize = 512;

/// Gives up an exchange (RFC 4954 section 4); the answer is 501.
pub const AUTH_CANCEL: &[u8] = b"*\r\n";

/// How we sign in. Both show the password to the server, so both want TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// Never a standard; some servers have nothing else.
    Login,
}

impl Mechanism {
    /// As EHLO names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }
}

/// The lines of the exchange, in order, with their CRLF: the command, and then one for each 334. What
/// a 334 says is not looked at: for these two mechanisms it says nothing.
pub fn sign_in_lines(mechanism: Mechanism, username: &str, password: &Secret) -> Result<Vec<Secret>, Unsayable> {
    let has_nul = username.contains('\0') || password.expose().contains(&0);
    if username.is_empty() || password.expose().is_empty() || has_nul {
        return Err(Unsayable::SignIn);
    }
    match mechanism {
        Mechanism::Login => {
            Ok(vec![Secret::new("AUTH LOGIN\r\n"), line("", &Secret::new(username)), line("", password)])
        }
        Mechanism::Plain => {
            let response = Secret::new([b"\0", username.as_bytes(), b"\0", password.expose()].concat());
            let whole = line("AUTH PLAIN ", &response);
            if whole.expose().len() <= COMMAND_BYTES {
                return Ok(vec![whole]);
            }
            Ok(vec![Secret::new("AUTH PLAIN\r\n"), line("", &response)])
        }
    }
}

/// `before`, the response in base64, CRLF. The space is there from the start, so that nothing is
/// left behind in memory by growing.
fn line(before: &str, response: &Secret) -> Secret {
    let mut line = Vec::with_capacity(before.len() + response.expose().len().div_ceil(3) * 4 + 2);
    line.extend_from_slice(before.as_bytes());
    let start = line.len();
    line.resize(line.capacity() - 2, 0);
    let written = STANDARD.encode_slice(response.expose(), &mut line[start..]).unwrap_or(0);
    line.truncate(start + written);
    line.extend_from_slice(b"\r\n");
    Secret::new(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(mechanism: Mechanism, username: &str, password: &str) -> Result<Vec<String>, Unsayable> {
        let lines = sign_in_lines(mechanism, username, &Secret::new(password))?;
        Ok(lines.iter().map(|line| line.expose_text().unwrap().to_owned()).collect())
    }

    #[test]
    fn plain_says_all_at_once_and_login_one_after_the_other() {
        // RFC 4616 section 4, the first example.
        let plain = lines(Mechanism::Plain, "tim", "tanstaaftanstaaf").unwrap();
        assert_eq!(plain, ["AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm\r\n"]);
        let login = lines(Mechanism::Login, "tim", "secret").unwrap();
        assert_eq!(login, ["AUTH LOGIN\r\n", "dGlt\r\n", "c2VjcmV0\r\n"]);
    }

    /// RFC 4954 section 4: no line of a command over 512 octets.
    #[test]
    fn a_long_password_comes_after_the_command() {
        let plain = lines(Mechanism::Plain, "tim", &"x".repeat(400)).unwrap();
        assert_eq!(plain.len(), 2);
        assert_eq!(plain[0], "AUTH PLAIN\r\n");
        assert!(plain[1].ends_with("\r\n") && plain[1].len() == 540 + 2);
    }

    /// RFC 4616 section 2: NUL parts the fields.
    #[test]
    fn a_nul_would_be_another_sign_in() {
        for (username, password) in [("a\0b", "c"), ("a", "b\0c"), ("", "a"), ("a", "")] {
            assert_eq!(lines(Mechanism::Plain, username, password), Err(Unsayable::SignIn));
        }
    }
}
