//! A merchant's endpoint for notifications: it answers each with 200 and passes on the id of the object that
//! the notification is about.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver as Inbox, Sender, channel};
use std::time::Duration;

use serde_json::Value;

/// How long to wait for a notification: one that has not come by then will never come.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Receiver {
    address: SocketAddr,
    notified: Inbox<String>,
}

impl Receiver {
    /// Listens on a port of its own for as long as the test runs.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, notified) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let sender = sender.clone();
                // A server that is killed may break off its connection anywhere.
                std::thread::spawn(move || stream.and_then(|stream| receive(stream, &sender)));
            }
        });
        Self { address, notified }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/ipn", self.address)
    }

    /// Returns once there was a notification for each of these objects.
    pub(crate) fn wait_for(&self, mut objects: HashSet<String>) {
        objects.retain(|object| !object.is_empty());
        while !objects.is_empty() {
            let object = self.notified.recv_timeout(PATIENCE);
            let object = object.unwrap_or_else(|_| panic!("no notification has come for {objects:?}"));
            objects.remove(&object);
        }
    }
}

/// Answers the requests of one connection until it ends.
fn receive(mut stream: TcpStream, notified: &Sender<String>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let envelope: Value = serde_json::from_slice(&body).unwrap();
        let message = envelope["Message"].as_str().unwrap();
        // The message of a confirmation is prose.
        if let Ok(message) = serde_json::from_str::<Value>(message) {
            let _ = notified.send(message["ObjectId"].as_str().unwrap().to_owned());
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
    }
}
