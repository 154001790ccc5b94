//! Amazon's half through its handler: real signed requests, no socket.

mod bodies;
mod charges;
mod counting;
mod deadlines;
mod gate;
mod ids;
mod keys;
mod ladder;
mod life;
mod moments;
mod order;
mod outcomes;
mod paths;
mod permissions;
mod races;
mod refunds;
mod sessions;
mod signatures;
mod together;
