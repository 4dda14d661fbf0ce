//! GETQUOTA, GETQUOTAROOT and SETQUOTA (RFC 9208 section 7).

use super::token::{Explain, Input, Parsed, atom, list, number64, space, text};
use crate::command::CommandBody;

/// GETQUOTA: the name of a quota root.
pub(super) fn get(input: &mut Input<'_>) -> Parsed<CommandBody> {
    const HELP: &str = "GETQUOTA needs the name of a quota root, as GETQUOTAROOT tells it";
    space(input).help(HELP)?;
    let root = text(input).help(HELP)?;
    Ok(CommandBody::GetQuota { root })
}

/// SETQUOTA: the name of a quota root and bounds, none of which takes them all away.
pub(super) fn set(input: &mut Input<'_>) -> Parsed<CommandBody> {
    const HELP: &str = "SETQUOTA needs a quota root and bounds, as in SETQUOTA \"\" (STORAGE 512)";
    space(input).help(HELP)?;
    let root = text(input).help(HELP)?;
    space(input).help(HELP)?;
    let bound = |input: &mut Input<'_>| {
        let resource = atom(input)?.to_ascii_uppercase();
        space(input)?;
        Ok((resource, number64(input)?))
    };
    let bounds = list(input, 0, bound).help(HELP)?;
    Ok(CommandBody::SetQuota { root, bounds })
}
