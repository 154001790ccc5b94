//! The servers under test as processes: starts and ends them, and reads from the kernel how much
//! CPU time and memory they have used.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use countersign_world::{Clock as _, SystemClock};

use super::bench_result::BenchResult;

/// A process of this binary as a server. Dropping it ends the process.
pub(super) struct Server {
    child: Child,
    /// The address that it listens on, such as `127.0.0.1:41234`.
    pub(super) address: String,
    /// The time from the start of the process to the line that says that it is ready.
    pub(super) ready_after: Duration,
}

impl Server {
    /// Starts `countersign` with these arguments and waits for its first line.
    pub(super) fn start(folder: &Path, arguments: &[&str]) -> BenchResult<Self> {
        let program = std::env::current_exe().map_err(|error| format!("this program: {error}"))?;
        let began = SystemClock.monotonic();
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|error| format!("a server could not be started: {error}"))?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("a server has no output")?;
        let mut stdout = BufReader::new(stdout);
        let read = stdout.read_line(&mut line);
        let ready_after = SystemClock.monotonic().saturating_sub(began);
        // The rest of the output is not needed but is still read: a full or closed pipe would
        // disturb the server.
        std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        let mut server = Self { child, address: String::new(), ready_after };
        read.map_err(|error| format!("a server printed nothing: {error}"))?;
        let address = line.trim().strip_prefix("listening on http://");
        server.address = address.ok_or_else(|| format!("a server did not start: {line:?}"))?.to_owned();
        Ok(server)
    }

    /// The CPU time that all threads of the process have used.
    pub(super) fn cpu_time(&self) -> BenchResult<Duration> {
        self.cpu_time_where(|_| true)
    }

    /// The CPU time that the process's threads of this name have used. The system keeps 15 letters
    /// of a name.
    pub(super) fn cpu_time_of(&self, thread: &str) -> BenchResult<Duration> {
        let has_name = |name: String| name.trim_end() == thread;
        self.cpu_time_where(|task| fs::read_to_string(task.join("comm")).is_ok_and(has_name))
    }

    fn cpu_time_where(&self, counts: impl Fn(&Path) -> bool) -> BenchResult<Duration> {
        let tasks = format!("/proc/{}/task", self.child.id());
        let entries = fs::read_dir(&tasks).map_err(|error| format!("{tasks}: {error}"))?;
        let tasks = entries.flatten().map(|entry| entry.path()).filter(|task| counts(task));
        // A thread that ended meanwhile no longer has a file.
        Ok(tasks.map(|task| on_cpu(&task.join("schedstat")).unwrap_or_default()).sum())
    }

    /// The memory that the process uses, in bytes.
    pub(super) fn resident_bytes(&self) -> BenchResult<u64> {
        let status = format!("/proc/{}/status", self.child.id());
        let text = fs::read_to_string(&status).map_err(|error| format!("{status}: {error}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let kilobytes: u64 = kilobytes.and_then(|text| text.parse().ok()).ok_or("no VmRSS")?;
        Ok(kilobytes * 1_024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The server may have ended already, which is not a failure.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The CPU time of the calling thread.
pub(super) fn own_cpu_time() -> BenchResult<Duration> {
    on_cpu(Path::new("/proc/thread-self/schedstat"))
}

fn on_cpu(file: &Path) -> BenchResult<Duration> {
    let failed = |why: &dyn std::fmt::Display| format!("{}: {why}", file.display());
    let text = fs::read_to_string(file).map_err(|error| failed(&error))?;
    let nanoseconds = text.split_whitespace().next().and_then(|first| first.parse().ok());
    Ok(Duration::from_nanos(nanoseconds.ok_or_else(|| failed(&"it cannot be read"))?))
}
