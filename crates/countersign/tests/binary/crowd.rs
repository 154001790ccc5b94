//! Many clients of one server that is killed again and again: the server's current life, which the
//! clients share, and the random moments of the kills. Nothing waits for time to pass: clients wait
//! for the next life, and the killer waits for requests and answers.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io;
use std::net::SocketAddr;
use std::sync::{Condvar, Mutex, MutexGuard};

use countersign_world::{Stream, scattered};

use crate::process::Server;

/// The number of clients.
pub(crate) const CLIENTS: usize = 16;

/// The largest number of requests and answers between two kills: enough for a few checkouts, and
/// few enough that a kill often comes in the middle of one.
const MOST_EVENTS: u64 = 60;

/// Random numbers from a seed.
#[derive(Debug)]
pub(crate) struct Random {
    seed: u64,
    stream: Stream,
}

impl Random {
    /// Draws a seed and prints it. If the variable `COUNTERSIGN_CRASH_SEED` is set when this is
    /// compiled, it is the seed.
    pub(crate) fn from_printed_seed() -> Self {
        let fixed = option_env!("COUNTERSIGN_CRASH_SEED").map(|seed| seed.parse().unwrap());
        let seed = fixed.unwrap_or_else(|| RandomState::new().build_hasher().finish());
        println!("seed {seed}");
        Self { seed, stream: Stream::new(scattered(seed)) }
    }

    /// A stream of its own for each client.
    pub(crate) fn for_client(&self, client: usize) -> Self {
        Self { seed: self.seed, stream: Stream::part(self.seed, client as u64 + 1) }
    }

    /// A number below the bound.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.stream.draw() % bound
    }
}

/// A life of the server, which has this address until it is killed.
#[derive(Debug, Clone, Copy)]
struct Life {
    number: usize,
    address: SocketAddr,
}

struct State {
    life: Life,
    events: u64,
    is_last: bool,
}

/// The clients' common view of the server.
pub(crate) struct Crowd {
    state: Mutex<State>,
    changed: Condvar,
}

impl Crowd {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let life = Life { number: 0, address };
        Self { state: Mutex::new(State { life, events: 0, is_last: false }), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Whether no more kills will follow: clients then finish what they have begun.
    pub(crate) fn is_ending(&self) -> bool {
        self.state().is_last
    }

    fn tell(&self) {
        self.state().events += 1;
        self.changed.notify_all();
    }

    /// Makes a request once, in the current life.
    pub(crate) fn attempt<T>(&self, request: impl Fn(SocketAddr) -> io::Result<T>) -> io::Result<T> {
        let life = self.state().life;
        self.tell();
        let answer = request(life.address);
        self.tell();
        answer
    }

    /// Makes a request, and repeats it in the next life whenever a life ends before the answer.
    pub(crate) fn insist<T>(&self, request: impl Fn(SocketAddr) -> io::Result<T>) -> T {
        loop {
            let State { life, is_last, .. } = *self.state();
            match self.attempt(&request) {
                Ok(answer) => return answer,
                Err(error) if is_last => panic!("the server was not killed, but a request failed: {error}"),
                Err(_) => {
                    let waited = self.changed.wait_while(self.state(), |now| now.life.number == life.number);
                    drop(waited.unwrap());
                }
            }
        }
    }

    /// Kills the server `kills` times and starts it again each time; returns the server that runs at the end.
    pub(crate) fn kill_again_and_again(
        &self,
        kills: usize,
        mut server: Server,
        random: &mut Random,
        start: impl Fn() -> Server,
    ) -> Server {
        for number in 1..=kills {
            let enough = self.state().events + 1 + random.below(MOST_EVENTS);
            drop(self.changed.wait_while(self.state(), |now| now.events < enough).unwrap());
            server.kill();
            server = start();
            let mut state = self.state();
            state.life = Life { number, address: server.address };
            state.is_last = number == kills;
            drop(state);
            self.changed.notify_all();
        }
        server
    }
}
