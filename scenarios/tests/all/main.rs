//! Stories told over the real wire, on both engines.

mod corpus;
mod delegates;
mod foreign;
mod hidden;
mod kill;
mod letter;
mod lmtp;
mod people;
mod power_cut;
mod process;
mod races;
mod rest;
mod strace;
mod wire;
