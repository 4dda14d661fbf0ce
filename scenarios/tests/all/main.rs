//! Stories told over the real wire, on both engines.

mod corpus;
mod delegates;
mod dialogues;
mod foreign;
mod hidden;
mod kill;
mod letter;
mod lmtp;
mod power_cut;
mod process;
mod races;
mod rest;
mod rights_model;
mod seeds;
mod strace;
mod wire;
