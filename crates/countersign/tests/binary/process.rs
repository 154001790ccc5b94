//! Starts the binary as a command that ends by itself, or as a server, and waits for the server's
//! first line. Dropping a server kills it.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

fn command(directory: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    // The environment in which the tests run must not configure the program.
    command.args(args).current_dir(directory).env_clear().stdin(Stdio::null());
    command
}

/// The exit code and the output of a command that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProcessOutput {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command to its end.
pub(crate) fn run(directory: &Path, args: &[&str]) -> ProcessOutput {
    run_with(directory, args, &[])
}

/// Runs a command with variables in its environment. If it turns out to be a server, it is killed, since it
/// would never end.
pub(crate) fn run_with(directory: &Path, args: &[&str], variables: &[(&str, &str)]) -> ProcessOutput {
    let mut command = command(directory, args);
    command.envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdout = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    while lines.read_line(&mut stdout).unwrap() > 0 {
        if stdout.starts_with("listening on") {
            child.kill().unwrap();
        }
    }
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    ProcessOutput { code: status.code(), stdout, stderr: String::from_utf8(stderr).unwrap() }
}

/// A server that has printed where it listens.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a server and reads its first line. Its logs go to a file next to its data.
    pub(crate) fn start(directory: &Path, args: &[&str]) -> Self {
        Self::start_and_wait_for("listening on http://", 1, directory, args)
    }

    /// Starts a server that prints where it listens in one of its first `most` lines, after `words`.
    pub(crate) fn start_and_wait_for(words: &str, most: usize, directory: &Path, args: &[&str]) -> Self {
        let logs = directory.join("logs.txt");
        let logs = std::fs::File::options().create(true).append(true).open(logs).unwrap();
        let mut child =
            command(directory, args).stdout(Stdio::piped()).stderr(Stdio::from(logs)).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said: Vec<String> = Vec::new();
        while said.len() < most && said.last().is_none_or(|line| !line.starts_with(words)) {
            let Some(line) = lines.next() else { break };
            said.push(line.unwrap());
        }
        let Some(address) = said.last().and_then(|line| line.strip_prefix(words)) else {
            let logs = std::fs::read_to_string(directory.join("logs.txt")).unwrap();
            panic!("the server printed {said:?} and logged {logs}");
        };
        let address = address.parse().unwrap();
        // The other lines are for people, but are still read: a full pipe would block the server.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    /// Ends the server as an operator does.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        let sent = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
        self.child.wait().unwrap().code()
    }

    /// Ends the server as a power failure does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
