//! For the fuzz targets alone: columns that are CBOR, read and written without a database.

use super::{audit, scope};
use crate::StoreError;
use postern_access::CredentialScope;

/// What a credential may do, as it is kept.
pub fn write_scope(scope: &CredentialScope) -> Result<Vec<u8>, StoreError> {
    scope::encode(scope)
}

/// The same, read.
pub fn read_scope(stored: &[u8]) -> Result<CredentialScope, StoreError> {
    scope::decode(stored, Vec::new())
}

/// Protocol and detail of an event of the trail.
pub fn read_leaf(stored: &[u8]) -> Result<(String, String), StoreError> {
    audit::decode_leaf(stored)
}

/// What an event of the trail says of people.
pub fn read_personal(stored: &[u8]) -> Vec<Option<String>> {
    audit::decode_personal(Some(stored))
}
