//! docs/guide/shop.md does what it says: its commands are run in order, in one shell and one more for each
//! terminal of its own, and what they print is held against what the page shows.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

const GUIDE: &str = include_str!("../../../../docs/guide/shop.md");

/// The ports that the page names: on a machine where tests run they may be taken.
const PORTS: [&str; 3] = ["8100", "8200", "8300"];

/// Stands where the page has left something out.
const LEFT_OUT: char = '…';

/// Commands, and what the page shows of what they print.
struct Step {
    commands: String,
    shown: String,
    /// It is a server's, which runs on beside the steps that follow, in a shell that knows nothing of theirs.
    has_terminal: bool,
}

fn steps() -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut fences = GUIDE.split("\n```").skip(1);
    while let (Some(block), _) = (fences.next(), fences.next()) {
        let (kind, text) = block.split_once('\n').unwrap();
        let step = |has_terminal| Step { commands: text.to_owned(), shown: String::new(), has_terminal };
        match kind {
            "bash" => steps.push(step(false)),
            "bash terminal" => steps.push(step(true)),
            "text" => text.clone_into(&mut steps.last_mut().unwrap().shown),
            "sh" => {}
            other => panic!("a block of an unknown kind: {other:?}"),
        }
    }
    steps
}

/// Three ports that were free a moment ago.
fn free_ports() -> [String; 3] {
    let listeners = PORTS.map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port().to_string())
}

/// All steps as one script, which stops at the first that fails. What step `n` prints goes to the file `n`.
fn script(steps: &[Step]) -> String {
    let mut script = "set -e -o pipefail\nout=$PWD\nfresh=$PATH\ntrap 'kill $(jobs -p)' EXIT\n".to_owned();
    for (number, Step { commands, has_terminal, .. }) in steps.iter().enumerate() {
        if *has_terminal {
            let port = port_of(commands);
            // `exec` lets the first shell know the server itself, and not a shell around it.
            let with_exec =
                |text: String, name: &str| text.replace(&format!("\n{name} "), &format!("\nexec {name} "));
            let server = ["countersign", "python3"].into_iter().fold(commands.clone(), with_exec);
            assert!(server.contains("\nexec ") && !server.contains("TERMINAL"));
            let file = format!("\"$out/{number}.terminal\"");
            write!(
                script,
                "cat > {file} <<'TERMINAL'\nset -e\n{server}\nTERMINAL\n\
                 (cd \"$out\"; exec env -i PATH=\"$fresh\" bash {file}) \\\n\
                 > \"$out/{number}\" 2>> \"$out/logs\" &\n\
                 until (: < /dev/tcp/127.0.0.1/{port}) 2> /dev/null; do kill -0 $!; sleep 0.05; done\n"
            )
        } else {
            write!(script, "{{\n{commands}\n}} > \"$out/{number}\"\n")
        }
        .unwrap();
    }
    script
}

/// Where a server listens.
fn port_of(commands: &str) -> &'static str {
    let [sandbox, serve, receiver] = PORTS;
    match commands {
        _ if commands.contains("countersign sandbox") => sandbox,
        _ if commands.contains("countersign serve") => serve,
        _ => receiver,
    }
}

/// Whether the text has everything that is shown, in its order.
fn is_as_shown(text: &str, shown: &str) -> bool {
    let blank = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = blank(text);
    let mut rest = text.as_str();
    blank(shown).split(LEFT_OUT).all(|piece| {
        let piece = piece.trim();
        rest.find(piece).is_some_and(|at| {
            rest = &rest[at + piece.len()..];
            true
        })
    })
}

fn with_ports(text: &str, ports: &[String; 3]) -> String {
    let replace = |text: String, (from, to): (&str, &String)| text.replace(from, to);
    PORTS.into_iter().zip(ports).fold(text.to_owned(), replace)
}

/// Where the guide's own commands expect what was built. It stands on no path before they say so.
fn clone_in(directory: &Path) {
    let built = directory.join("target/release");
    std::fs::create_dir_all(&built).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_countersign"), built.join("countersign")).unwrap();
}

fn run(directory: &Path, script: &str) -> (bool, String) {
    clone_in(directory);
    let path = std::env::join_paths(["/usr/local/bin", "/usr/bin", "/bin"]);
    // A step that waits for what never comes must not hold up every other test.
    let ended = Command::new("timeout")
        .args(["--kill-after=5", "90", "bash", "-c", script])
        .current_dir(directory)
        .env_clear()
        .env("PATH", path.unwrap())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (ended.status.success(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

#[test]
fn every_command_of_the_guide_answers_as_it_shows() {
    let directory = tempfile::tempdir().unwrap();
    let (steps, ports) = (steps(), free_ports());
    let (succeeded, told) = run(directory.path(), &with_ports(&script(&steps), &ports));
    for (number, step) in steps.iter().enumerate() {
        let printed = std::fs::read_to_string(directory.path().join(number.to_string())).unwrap_or_default();
        let shown = with_ports(&step.shown, &ports);
        assert!(
            is_as_shown(&printed, &shown),
            "the guide has\n{}\nand shows\n{shown}\nbut it prints\n{printed}\n{told}",
            step.commands
        );
    }
    assert!(succeeded, "{told}");
}

#[test]
fn what_is_shown_is_held_against_what_is_printed() {
    for (printed, shown, is_as) in [
        ("{\"state\":\"Open\"} 200\n", "{\"state\":\"Open\"} 200", true),
        ("{\"a\":1,\"state\":\"Open\"} 200\n", "{…\"state\":\"Open\"} 200", true),
        ("{\"state\":\"Open\"} 409\n", "{\"state\":\"Open\"} 200", false),
        ("one\ntwo\n", "two\none\n", false),
        ("", "", true),
        ("", "one", false),
    ] {
        assert_eq!(is_as_shown(printed, shown), is_as, "{printed:?} {shown:?}");
    }
}
