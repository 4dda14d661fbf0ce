//! Stories told over the real wire, on both engines.

mod admins;
mod corpus;
mod delegates;
mod dialogues;
mod foreign;
mod hidden;
mod kill;
mod letter;
mod lmtp;
mod many;
mod matrix;
mod people;
mod power_cut;
mod process;
mod races;
mod report;
mod rest;
mod rest_people;
mod rest_tokens;
mod rights_model;
mod seeds;
mod seen;
mod shared;
mod story;
mod strace;
mod wire;
