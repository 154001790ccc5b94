//! Runs the official clients and a buyer's browser against the real binary. Each suite starts its
//! own sandbox on a free port. The binary is built first, and the packages that a suite needs are
//! installed once per version of its lock file.

use std::fs;
use std::path::Path;

use super::step::{Part, Step, cargo, succeeds};
use super::tally::{self, Tally};
use crate::folders::target;

/// The variable that tells the suites where the binary is.
const BINARY: &str = "COUNTERSIGN_BINARY";

/// Debian's browser, which the browser's suite drives.
const CHROMIUM: &str = "/usr/bin/chromium";

pub(super) fn run(root: &Path) -> Tally {
    let binary = target(root).join("debug/countersign");
    build(root).then(|| {
        let mut total = storefront(root);
        total += node(root, &binary);
        total += python(root, &binary);
        total += browser(root, &binary);
        total += bench(root, &binary);
        total
    })
}

/// Measures a little of everything, to see that every part of the bench still works. Its figures say nothing.
fn bench(root: &Path, binary: &Path) -> Tally {
    let figures = target(root).join("bench-quick.json");
    let size = ["bench", "--quick", "--stored", "1000", "--objects", "1000", "--output"];
    Step::new("bench", binary, &[&size[..], &[&figures.to_string_lossy()]].concat()).run(root)
}

/// Builds only the binary, as it is shipped: without the features that other packages of the
/// workspace enable in its dependencies.
fn build(root: &Path) -> Tally {
    cargo("binary", &["build", "--package", "countersign"]).run(root)
}

/// `cargo xtask screenshots`: every page as a picture, in the folder `target/screenshots`.
pub(super) fn screenshots(root: &Path) -> Tally {
    build(root).then(|| install_browser(root)).then(|| {
        let folder = target(root).join("screenshots");
        let place = folder.to_string_lossy();
        let pictures = Step::new("pictures", "node", &["screenshots.mjs", &place]);
        let binary = target(root).join("debug/countersign");
        let total = pictures.with_variable(BINARY, binary).run(&root.join("interop/browser"));
        eprintln!("{place}");
        total
    })
}

/// Installs the packages of the Node suite, including Amazon's official client.
pub(super) fn install_node(root: &Path) -> Tally {
    install_packages(&root.join("interop/node"))
}

/// Installs exactly what a folder's lock file says.
fn install_packages(folder: &Path) -> Tally {
    let packages = folder.join("node_modules");
    let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    let install = Step::new("npm", "npm", &arguments);
    installed_once(&folder.join("package-lock.json"), &packages, || install.run(folder))
}

/// A buyer in Chromium: the button, the hosted page and the result page.
fn browser(root: &Path, binary: &Path) -> Tally {
    let suite = node_suite("browser", &["suite.mjs"]).with_variable(BINARY, binary);
    install_browser(root).then(|| suite.run(&root.join("interop/browser")))
}

/// Installs the packages that drive the browser, and the browser itself if it is missing.
pub(super) fn install_browser(root: &Path) -> Tally {
    install_chromium(root).then(|| install_packages(&root.join("interop/browser")))
}

/// Installs the browser, and a font for the Japanese pages. The command never asks, not even for a password.
fn install_chromium(root: &Path) -> Tally {
    if Path::new(CHROMIUM).exists() {
        return Tally::default();
    }
    const COMMAND: &str = "apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
                           apt-get install -y -qq chromium fonts-noto-cjk";
    let is_root = succeeds("test", &["-w", "/usr/bin"]);
    let step = if is_root {
        Step::new("chromium", "sh", &["-c", COMMAND])
    } else {
        Step::new("chromium", "sudo", &["-n", "sh", "-c", COMMAND])
    };
    let installed = step.run(root);
    if Path::new(CHROMIUM).exists() {
        return Tally::default();
    }
    let why = format!("the browser's suite needs {CHROMIUM}; as root: {COMMAND}");
    if installed.failed > 0 {
        eprintln!("{why}");
        return installed;
    }
    Part::start("chromium").failed(&why)
}

fn node(root: &Path, binary: &Path) -> Tally {
    let suite = node_suite("node sdk", &[]).with_variable(BINARY, binary);
    install_node(root).then(|| suite.run(&root.join("interop/node")))
}

/// Runs the browser's scripts against made-up pages. This needs no packages.
fn storefront(root: &Path) -> Tally {
    node_suite("storefront", &[]).run(&root.join("web/tests"))
}

/// The tests that Node's own test runner finds in a folder, or in these files of it.
fn node_suite(name: &'static str, files: &[&str]) -> Step {
    let runner = ["--test", "--test-reporter=tap"];
    Step::new(name, "node", &[runner.as_slice(), files].concat()).counted_by(tally::from_node)
}

fn python(root: &Path, binary: &Path) -> Tally {
    let folder = root.join("interop/python");
    let environment = target(root).join("interop/python");
    let program = environment.join("bin/python");
    let requirements = folder.join("requirements.txt");
    let installed = installed_once(&requirements, &environment, || {
        let place = environment.to_string_lossy();
        Step::new("venv", "python3", &["-m", "venv", "--clear", &place]).run(&folder).then(|| {
            let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"];
            let list = ["--requirement", "requirements.txt"];
            Step::new("pip", &program, &[pip.as_slice(), &list].concat()).run(&folder)
        })
    });
    let suite = Step::new("python sdk", &program, &["-B", "-m", "unittest", "--quiet"]);
    let suite = suite.counted_by(tally::from_unittest).with_variable(BINARY, binary);
    installed.then(|| suite.run(&folder))
}

/// Installs, unless `place` was already installed from the same lock file: a copy of the lock file
/// is kept there. Only a failure is counted, so that the first run and the next one have the same
/// number of checks.
fn installed_once(lock: &Path, place: &Path, install: impl FnOnce() -> Tally) -> Tally {
    let Ok(wanted) = fs::read(lock) else {
        return Part::start("install").failed(&format!("{} cannot be read", lock.display()));
    };
    let copy = place.join(".installed-lock");
    if fs::read(&copy).is_ok_and(|installed| installed == wanted) {
        return Tally::default();
    }
    let total = install();
    if total.failed > 0 {
        return total;
    }
    match fs::write(&copy, wanted) {
        Ok(()) => Tally::default(),
        Err(error) => Part::start("install").failed(&format!("{}: {error}", copy.display())),
    }
}
