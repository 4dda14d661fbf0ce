//! The carrier against a scripted server: what is said, in which order, and what becomes of each
//! recipient. Time stands still and moves only when everybody waits, so a server that says
//! nothing for ten minutes takes none.

mod breaking;
mod envelope;
mod keeping;
mod opening;
mod peer;
