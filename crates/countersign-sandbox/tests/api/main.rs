//! Amazon's half through its handler: real signed requests, no socket.

mod finalizing;
mod world;
