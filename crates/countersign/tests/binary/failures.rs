//! Every failure ends in exit code 1 and in one line on standard error that says what to do.

use std::net::TcpListener;
use std::path::Path;

use crate::process::{ProcessOutput, Server, run, run_with};

/// Writes a configuration that works, with its keys and its token next to it.
pub(crate) fn configure(directory: &Path) {
    let ProcessOutput { code, stderr, .. } = run(directory, &["keys"]);
    assert_eq!(code, Some(0), "{stderr}");
    std::fs::write(directory.join("token"), "open-sesame-open-sesame\n").unwrap();
    std::fs::write(directory.join("countersign.toml"), CONFIGURATION).unwrap();
}

const CONFIGURATION: &str = r#"listen = "127.0.0.1:0"
store = "memory"

[amazon]
endpoint = "http://127.0.0.1:9"
region = "na"
merchant_id = "ASHOP"
store_id = "amzn1.application-oa2-client.shop"
public_key_id = "SANDBOX-SHOP"
private_key_file = "merchant.pem"

[shop]
token_file = "token"
"#;

#[track_caller]
fn fails(directory: &Path, args: &[&str], told: &str) {
    let ProcessOutput { code, stdout, stderr } = run(directory, args);
    assert_eq!(stderr, format!("countersign: {told}\n"), "{args:?}");
    assert_eq!((code, stdout.as_str()), (Some(1), ""), "{args:?}");
}

#[test]
fn a_port_in_use_is_named_by_both_servers() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let told = format!("cannot listen on {address}: another program is already listening there");
    fails(directory.path(), &["sandbox", "--listen", &address, "--key-out", "new.pem"], &told);
    assert!(!directory.path().join("new.pem").exists(), "a start that failed left a key behind");
    let serve = ["serve", "--config", "countersign.toml", "--log", "off", "--listen", &address];
    fails(directory.path(), &serve, &told);
}

#[test]
fn a_file_that_is_not_a_key_is_named_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    configure(path);
    std::fs::write(path.join("notes.txt"), "do not forget the milk").unwrap();
    let not_pem = "it is not a key in PEM form: no -----BEGIN …----- and -----END …----- lines";
    for (args, told) in [
        (&["sandbox", "--key-out", "notes.txt"] as &[&str], format!("notes.txt cannot be used: {not_pem}")),
        (
            &["sandbox", "--public-key-id", "A", "--public-key", "notes.txt"],
            format!("notes.txt cannot be used: {not_pem}"),
        ),
        (
            &["sandbox", "--public-key-id", "A", "--public-key", "merchant.pem"],
            "merchant.pem cannot be used: it is not a public key: its first line must be BEGIN PUBLIC KEY \
             or BEGIN RSA PUBLIC KEY"
                .to_owned(),
        ),
        (
            &["sandbox", "--public-key-id", "A", "--public-key", "absent.pem"],
            "absent.pem cannot be read: No such file or directory (os error 2)".to_owned(),
        ),
        (
            &["serve", "--config", "countersign.toml", "--amazon-private-key-file", "notes.txt"],
            format!("amazon.private_key_file: notes.txt cannot be used: {not_pem}"),
        ),
        (
            &["serve", "--config", "countersign.toml", "--shop-token-file", "notes.txt"],
            "shop.token_file: notes.txt cannot be used: a token must be one word of visible ASCII characters"
                .to_owned(),
        ),
        (
            &[
                "sandbox",
                "--public-key-id",
                "A",
                "--public-key",
                "merchant-public.pem",
                "--key-out",
                "new.pem",
            ],
            "--key-out new.pem: with --public-key no merchant is created, so there is no private key to \
             write"
                .to_owned(),
        ),
        (&["keys"], "merchant.pem already exists and was not overwritten: name another file".to_owned()),
        (
            &["keys", "--key-out", "new.pem"],
            "merchant-public.pem already exists and was not overwritten: name another file".to_owned(),
        ),
    ] {
        fails(path, args, &told);
    }
    assert_eq!(std::fs::read_to_string(path.join("notes.txt")).unwrap(), "do not forget the milk");
    assert!(!path.join("new.pem").exists(), "half a pair is not written");
}

#[test]
fn a_directory_that_cannot_hold_data_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    std::fs::write(path.join("file"), "").unwrap();
    let told = "the directory file cannot be used: File exists (os error 17)";
    fails(path, &["sandbox", "--data-dir", "file"], told);
    configure(path);
    let serve = ["serve", "--config", "countersign.toml", "--store", "sqlite:absent/countersign.db"];
    fails(path, &serve, "absent/countersign.db cannot be opened: No such file or directory (os error 2)");
}

#[test]
fn a_bad_line_of_the_configuration_is_named_by_file_line_and_key() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    configure(path);
    std::fs::write(path.join("bad.toml"), CONFIGURATION.replace("region", "regoin")).unwrap();
    fails(
        path,
        &["serve", "--config", "bad.toml"],
        "bad.toml:6: there is no key amazon.regoin; the keys of [amazon] are endpoint, region, environment, \
         merchant_id, store_id, public_key_id, private_key_file, algorithm, \
         allow_absent_reference, sole_integration",
    );
    fails(
        path,
        &["serve", "--config", "countersign.toml", "--amazon-region", "mars"],
        "--amazon-region must be na, eu or jp",
    );
    fails(
        path,
        &["serve", "--config", "countersign.toml", "--amazon-environment", "live"],
        "amazon.environment: the public key id names a different environment from the one that is set",
    );
    fails(
        path,
        &["serve", "--config", "absent.toml"],
        "absent.toml cannot be read: No such file or directory (os error 2)",
    );
    let from_environment = run_with(
        path,
        &["serve", "--config", "countersign.toml"],
        &[("COUNTERSIGN_DEADLINES_FINALIZE", "1s")],
    );
    assert_eq!(
        from_environment.stderr,
        "countersign: COUNTERSIGN_DEADLINES_FINALIZE must be at least 20s: Amazon asks the buyer's bank, and a \
         call given up earlier leaves paid orders in doubt\n"
    );
    fails(
        path,
        &["sandbox", "--set", "address-match=fuzzy"],
        "--set address-match=fuzzy: the flag address-match must be one of canonical, exact",
    );
    for levels in ["loud", "info,loud", "countersign_store=loud", ""] {
        let told = format!("--log {levels}: it must be levels such as info, or info,countersign_store=debug");
        fails(path, &["sandbox", "--log", levels], &told);
    }
}

#[test]
fn a_secret_that_can_be_guessed_or_read_wrongly_is_named_by_its_key() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    configure(path);
    let live = CONFIGURATION.replace("endpoint = \"http://127.0.0.1:9\"\n", "");
    std::fs::write(path.join("live.toml"), live).unwrap();
    std::fs::write(path.join("empty"), "\n").unwrap();
    std::fs::write(path.join("short"), "open-sesame-now\n").unwrap();
    std::fs::write(path.join("operators"), "alice a-0123456789abc\n").unwrap();
    std::fs::write(path.join("tokens"), "leipzig cook w-0123456789abcdef\n").unwrap();
    std::fs::write(path.join("secret"), "whsec_MTIz\n").unwrap();
    let serve = |config: &str, args: &[&str], told: &str| {
        let args = [&["serve", "--config", config, "--log", "off"], args].concat();
        fails(path, &args, told);
    };
    let config = "countersign.toml";
    serve(
        "live.toml",
        &["--shop-token-file", "short"],
        "shop.token_file: the token in short has fewer than 16 characters and can be guessed: make one with \
         `head -c 24 /dev/urandom | base64`",
    );
    serve(config, &["--shop-token-file", "empty"], "shop.token_file: empty cannot be used: it is empty");
    serve(
        config,
        &["--operator-tokens-file", "operators"],
        "operator.tokens_file: operators cannot be used: line 1 is a token of fewer than 16 characters",
    );
    serve(
        config,
        &["--shop-tokens-file", "tokens"],
        "shop.tokens_file: tokens cannot be used: line 1 is without one of the roles shop, warehouse and read",
    );
    serve(
        config,
        &["--shop-webhook-url", "https://shop.example/", "--shop-webhook-secret-file", "secret"],
        "shop.webhook_secret_file: secret cannot be used: line 1 is not whsec_ and 24 to 64 bytes in Base64",
    );
    serve(
        config,
        &["--amazon-private-key-file", "merchant-public.pem"],
        "amazon.private_key_file: merchant-public.pem cannot be used: it is not a private key: its first line \
         must be BEGIN PRIVATE KEY or BEGIN RSA PRIVATE KEY",
    );
    serve(
        config,
        &["--snapshot-key-file", "empty"],
        "snapshot.key_file: empty cannot be used: it has no key",
    );
    // Against an endpoint of the developer's own a short token is enough.
    let running = Server::start(path, &["serve", "--config", config, "--shop-token-file", "short"]);
    assert_eq!(running.terminate(), Some(0));
}

#[test]
fn a_store_that_is_in_use_or_newer_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    configure(path);
    let serve = ["serve", "--config", "countersign.toml", "--store", "sqlite:shop.db"];
    let running = Server::start(path, &serve);
    fails(path, &serve, "shop.db is in use by another process");
    assert_eq!(running.terminate(), Some(0));

    let sandbox = ["sandbox", "--listen", "127.0.0.1:0", "--data-dir", "amazon"];
    let running = Server::start(path, &sandbox);
    fails(path, &sandbox, "amazon/sandbox.db is in use by another process");
    running.kill();

    // The schema's version is at offset 60 of SQLite's header, big-endian.
    let mut file = std::fs::read(path.join("shop.db")).unwrap();
    file[60..64].copy_from_slice(&99_u32.to_be_bytes());
    std::fs::write(path.join("shop.db"), file).unwrap();
    let ProcessOutput { code, stderr, .. } = run(path, &serve);
    let told =
        stderr.strip_prefix("countersign: shop.db has schema version 99; this program knows versions up to ");
    let told = told.and_then(|told| told.strip_suffix(": run a newer one\n"));
    assert!(told.is_some_and(|known| known.parse::<u32>().is_ok()), "{stderr}");
    assert_eq!(code, Some(1));
}
