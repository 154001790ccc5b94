//! The guides do what they say. Their commands run in order, in one shell and in one more for each
//! terminal that a guide names, and their output is compared with what the guide shows. The pages
//! in the storefront's guide are the pages that its server serves; the browser suite checks that
//! the button pays.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

const SHOP: &str = include_str!("../../../../docs/guide/shop.md");
const STOREFRONT: &str = include_str!("../../../../docs/guide/storefront.md");

/// The ports that the guides name. They may be taken on the machine that runs the tests.
const PORTS: [&str; 4] = ["8100", "8200", "8300", "8400"];

/// Marks where the page leaves something out.
const LEFT_OUT: char = '…';

/// Commands, and what the page shows of their output.
struct Step {
    commands: String,
    shown: String,
    /// The port, if the commands start a server. It keeps running during the steps that follow, in a separate
    /// shell.
    terminal: Option<&'static str>,
}

/// The blocks of a guide: the kind and the text of each.
fn blocks(guide: &'static str) -> Vec<(&'static str, &'static str)> {
    let fences = guide.split("\n```").skip(1).step_by(2);
    fences.map(|block| block.split_once('\n').unwrap()).collect()
}

fn steps(guide: &'static str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (kind, text) in blocks(guide) {
        let step = |terminal| Step { commands: text.to_owned(), shown: String::new(), terminal };
        match kind.split_once(" terminal ") {
            Some(("bash", port)) if PORTS.contains(&port) => steps.push(step(Some(port))),
            None if kind == "bash" => steps.push(step(None)),
            None if kind == "text" => text.clone_into(&mut steps.last_mut().unwrap().shown),
            // These blocks are not run: how to build, and pages that a host elsewhere would serve.
            None if ["sh", "html", "http"].contains(&kind) => {}
            _ => panic!("a block of an unknown kind: {kind:?}"),
        }
    }
    steps
}

/// Ports that were free a moment ago. None of them contains the digits of a named port, because the
/// named ports are replaced one after another, and a replacement must not be replaced again.
fn free_ports() -> [String; 4] {
    loop {
        let listeners = PORTS.map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = listeners.map(|listener| listener.local_addr().unwrap().port().to_string());
        if !ports.iter().any(|port| PORTS.iter().any(|named| port.contains(named))) {
            return ports;
        }
    }
}

/// All steps as one script, which stops at the first step that fails. The output of step `n` goes to the file `n`.
fn script(steps: &[Step]) -> String {
    let mut script = "set -e -o pipefail\nout=$PWD\nfresh=$PATH\ntrap 'kill $(jobs -p)' EXIT\n".to_owned();
    let mut started: Vec<&str> = Vec::new();
    for (number, Step { commands, terminal, .. }) in steps.iter().enumerate() {
        if let Some(port) = *terminal {
            if started.contains(&port) {
                write!(script, "kill $server_{port}\nwait $server_{port} || true\n").unwrap();
            }
            started.push(port);
            // With `exec`, the process that the first shell started is the server itself, not a
            // shell around it.
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
                 server_{port}=$!\n\
                 until (: < /dev/tcp/127.0.0.1/{port}) 2> /dev/null; do kill -0 $!; sleep 0.05; done\n"
            )
        } else {
            write!(script, "{{\n{commands}\n}} > \"$out/{number}\"\n")
        }
        .unwrap();
    }
    script
}

/// Whether the text has everything that is shown, in the same order.
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

fn with_ports(text: &str, ports: &[String; 4]) -> String {
    let replace = |text: String, (from, to): (&str, &String)| text.replace(from, to);
    PORTS.into_iter().zip(ports).fold(text.to_owned(), replace)
}

/// Puts the binary where the guide's commands expect it. It is not on the `PATH` until they add it.
fn clone_in(directory: &Path) {
    let built = directory.join("target/release");
    std::fs::create_dir_all(&built).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_countersign"), built.join("countersign")).unwrap();
}

fn run(directory: &Path, script: &str) -> (bool, String) {
    clone_in(directory);
    let path = std::env::join_paths(["/usr/local/bin", "/usr/bin", "/bin"]);
    // A step that waits forever must not hold up every other test.
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

/// Runs a guide in an empty directory, and `then` after its last step.
fn check(guide: &'static str, then: &str) -> (TempDir, [String; 4]) {
    let directory = tempfile::tempdir().unwrap();
    let (steps, ports) = (steps(guide), free_ports());
    let script = script(&steps) + then;
    let (succeeded, told) = run(directory.path(), &with_ports(&script, &ports));
    for (number, step) in steps.iter().enumerate() {
        let printed = std::fs::read_to_string(directory.path().join(number.to_string())).unwrap_or_default();
        let shown = with_ports(&step.shown, &ports);
        assert!(
            is_as_shown(&printed, &shown),
            "the guide has\n{}\nand shows\n{shown}\nbut the output is\n{printed}\n{told}",
            step.commands
        );
    }
    assert!(succeeded, "{told}");
    (directory, ports)
}

#[test]
fn every_command_of_the_guide_prints_what_the_guide_shows() {
    check(SHOP, "");
}

/// The text of a file that the storefront guide's commands write with a here-document.
fn file(name: &str) -> &'static str {
    let (_, behind) = STOREFRONT.split_once(&format!("cat > {name} <<'")).unwrap();
    let (mark, text) = behind.split_once("'\n").unwrap();
    let (text, _) = text.split_once(&format!("\n{mark}\n")).unwrap();
    text
}

/// Each text between `before` and `after`, for every place where they occur.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    text.split(before).skip(1).map(|rest| rest.split(after).next().unwrap()).collect()
}

/// The addresses of a page's scripts.
fn scripts(page: &'static str) -> Vec<&'static str> {
    between(page, "<script src=\"", "\"")
}

#[test]
fn the_storefront_guide_prints_what_it_shows_and_its_page_is_the_one_that_is_served() {
    let (page, mount) = (file("public/index.html"), file("public/mount.js"));
    let scripts = scripts(page);
    let absolute = |address: &str| {
        if address.contains("://") { address.to_owned() } else { format!("http://127.0.0.1:8300/{address}") }
    };
    let fetched = [("page", absolute("")), ("registration", absolute("registration.json"))];
    let numbered = scripts.iter().enumerate().map(|(at, address)| (at.to_string(), absolute(address)));
    let then = fetched.map(|(name, address)| (name.to_owned(), address)).into_iter().chain(numbered);
    let then = then.fold(String::new(), |then, (name, address)| {
        then + &format!("curl -s -f -D \"$out/headers-{name}\" -o \"$out/served-{name}\" {address}\n")
    });
    let (directory, ports) = check(STOREFRONT, &then);
    let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap();

    assert_eq!(read("served-page"), with_ports(page, &ports) + "\n");
    assert!(read("headers-page").to_ascii_lowercase().contains("content-type: text/html"));
    let texts: Vec<String> = (0..scripts.len()).map(|at| read(&format!("served-{at}"))).collect();
    let own = with_ports(mount, &ports) + "\n";
    assert_eq!(texts, [include_str!("../../../../web/checkout.js"), BUTTON, &own]);
    for at in 0..scripts.len() {
        assert!(
            read(&format!("headers-{at}")).to_ascii_lowercase().contains("content-type: text/javascript")
        );
    }
    // The page has the place that the script mounts into, and the registration has the members that
    // the script reads.
    let [call] = between(mount, "countersign.mount('#", ")")[..] else { panic!("{mount}") };
    let (place, members) = call.split_once("', {").unwrap();
    assert!(page.contains(&format!("<div id=\"{place}\"></div>")));
    let registration: serde_json::Value = serde_json::from_str(&read("served-registration")).unwrap();
    let members: Vec<&str> = members.trim_end_matches('}').split(',').map(str::trim).collect();
    assert_eq!(members, ["browserToken", "resultUrl", "button"]);
    assert!(members.iter().all(|member| registration.get(member).is_some()), "{registration}");
}

/// A directive of a policy.
fn directive(policy: &str, name: &str) -> Vec<String> {
    let directives = policy.split(';').map(|directive| directive.split_whitespace().collect::<Vec<_>>());
    let mut named = directives.filter(|words| words.first() == Some(&name));
    named.next().unwrap_or_default().into_iter().skip(1).map(str::to_owned).collect()
}

/// The origin of an address; `'self'` for a path, which is at the page's own origin.
fn origin(address: &str) -> String {
    match address.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", rest.split('/').next().unwrap_or_default()),
        None => "'self'".to_owned(),
    }
}

#[test]
fn the_guides_policies_let_each_script_of_their_page_load_and_no_other() {
    let (page, amazon) = (file("public/index.html"), amazon_page());
    let [policy] = between(page, "http-equiv=\"Content-Security-Policy\" content=\"", "\"")[..] else {
        panic!("{page}")
    };
    let [(_, reported)] =
        blocks(STOREFRONT).into_iter().filter(|(kind, _)| *kind == "http").collect::<Vec<_>>()[..]
    else {
        panic!("the guide shows one policy for Amazon's page")
    };
    let reported = reported.strip_prefix("Content-Security-Policy-Report-Only: ").unwrap();
    for (policy, page) in [(policy, page), (reported, amazon)] {
        let mut loaded: Vec<String> = scripts(page).into_iter().map(origin).collect();
        let mut allowed = directive(policy, "script-src");
        loaded.sort();
        allowed.sort();
        assert_eq!(allowed, loaded);
        assert_eq!(directive(policy, "default-src"), ["'none'"]);
        assert_eq!(directive(policy, "connect-src"), ["'self'".to_owned(), origin(scripts(page)[1])]);
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        assert!(!page.contains("<script>") && !page.contains("style="), "{page}");
    }
    // The button's form is sent to the sandbox. Where popups are blocked, its frame comes from there, too.
    for name in ["form-action", "frame-src"] {
        assert_eq!(directive(policy, name), [origin(scripts(page)[0])], "{name}");
    }
}

/// The page that the guide shows for Amazon's own script.
fn amazon_page() -> &'static str {
    let [(_, page)] =
        blocks(STOREFRONT).into_iter().filter(|(kind, _)| *kind == "html").collect::<Vec<_>>()[..]
    else {
        panic!("the guide shows one page for Amazon")
    };
    page
}

#[test]
fn amazons_page_is_the_sandboxs_page_except_for_two_addresses_and_the_policy() {
    let page = file("public/index.html");
    let without_policy = page.lines().filter(|line| !line.contains("Content-Security-Policy"));
    let expected = without_policy
        .collect::<Vec<_>>()
        .join("\n")
        .replace("http://127.0.0.1:8100/checkout.js", "https://static-na.payments-amazon.com/checkout.js")
        .replace("http://127.0.0.1:8200/countersign.js", "https://pay.shop.example/countersign.js");
    assert_eq!(amazon_page(), expected);
    for (region, host) in [("na", "static-na"), ("eu", "static-eu"), ("jp", "static-fe")] {
        let row = format!("| `{region}` | `https://{host}.payments-amazon.com/checkout.js` |");
        assert!(STOREFRONT.contains(&row), "{row}");
    }
}

/// The storefront's script.
const BUTTON: &str = include_str!("../../../../web/countersign.js");

#[test]
fn the_storefront_guide_quotes_the_scripts_and_the_log() {
    let amazon = include_str!("../../../../web/checkout.js");
    let hook = include_str!("../../../countersign-merchant/src/gateway/quote_hook.rs");
    for (said, by) in [
        ("the script of Amazon Pay is not there", BUTTON),
        ("there is no element ", BUTTON),
        ("the registration has no ", BUTTON),
        ("The value provided for ", amazon),
        ("Amazon Pay sandbox: ", amazon),
        ("the hook did not answer in time", hook),
        ("too many questions are already waiting for the shop", hook),
        ("the hook could not be reached", hook),
        ("the hook answered with status ", hook),
        ("the shop refused a quote", hook),
    ] {
        assert!(STOREFRONT.contains(said) && by.contains(said), "{said}");
    }
    for name in between(STOREFRONT, "`on", "`").into_iter().chain(["Outcome", "Cancel", "Error"]) {
        let name = name.split('(').next().unwrap();
        assert!(BUTTON.contains(&format!("on{name}")), "on{name}");
    }
    for option in ["api", "script"] {
        assert!(STOREFRONT.contains(&format!("`{option}`")) && BUTTON.contains(&format!("options.{option}")));
    }
}

#[test]
fn what_is_shown_is_compared_with_what_is_printed() {
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
