//! Documents of the certificate that listeners show.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the server shows to clients, and who renews it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateState {
    /// Those in use; none where no server runs.
    pub certificates: Vec<Certificate>,
    /// The authority that is asked by ACME; nothing where somebody puts files in place.
    pub acme: Option<CertificateAcme>,
    /// What is amiss with them.
    pub findings: Vec<CertificateFinding>,
}

/// A certificate as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Certificate {
    /// `acme`: from the authority that is asked; `stand-in`: until that one has given its own; `own-authority`: from
    /// the one that init made; `files`: somebody puts it in place.
    #[schema(example = "acme")]
    pub source: String,
    /// The host names that it is for.
    pub names: Vec<String>,
    /// By whom.
    pub issuer: String,
    /// From when on it holds.
    pub not_before: String,
    /// Until when.
    pub not_after: String,
    /// Whole days until its end, negative after it.
    pub days_left: i64,
    /// SHA-256 of it, in hexadecimal.
    pub sha256: String,
    /// What its key is.
    #[schema(example = "ECDSA P-256")]
    pub key: String,
    /// By ACME: when the authority is asked next; else from when on it should be renewed.
    pub renewal: Option<String>,
}

/// An authority that is asked for the certificate (RFC 8555), and how that goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateAcme {
    /// The URL of its directory.
    pub directory: String,
    /// How names are shown to be ours: `http-01` or `tls-alpn-01`.
    pub challenge: String,
    /// The names that it is asked for.
    pub names: Vec<String>,
    /// It is being asked right now.
    pub asking: bool,
    /// How many attempts have ended since the server started.
    pub attempts: u64,
    /// How it was asked last.
    pub last: Option<CertificateAttempt>,
}

/// How an authority was asked last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateAttempt {
    /// When.
    pub at: String,
    /// Why in vain; nothing where it gave a certificate.
    pub refusal: Option<String>,
    /// What to do about that.
    pub next_step: Option<String>,
}

/// Something that is amiss, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateFinding {
    /// What.
    pub text: String,
    /// What to do.
    pub next_step: String,
}

/// Wants another certificate.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenewCertificate {
    /// Even where it is not due. Authorities count how many they give to the same names.
    #[serde(default)]
    pub force: bool,
}

/// What came of wanting another certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateAsked {
    /// `asking`: the authority is being asked, and `attempts` counts one more once that has ended; `made`: there is
    /// another, and clients see it; `not-asked`: nothing was done.
    #[schema(example = "asking")]
    pub outcome: String,
    /// Why nothing was done, and what to do instead.
    pub not: Option<CertificateFinding>,
    /// As it is now; with `asking`, as it was before, so that what differs from it later is what came of asking.
    pub state: CertificateState,
}
