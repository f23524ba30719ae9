//! What is in `packaging/`: the container's commands and the unit's, run here as they stand there.

use std::fs;
use std::process::Command;

use super::client::{Server, gallery};

fn text(name: &str) -> String {
    fs::read_to_string(format!("{}/packaging/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The words of the container's instruction, which is JSON.
fn words(instruction: &str) -> Vec<String> {
    let text = text("Dockerfile");
    let line = text
        .lines()
        .filter(|line| line.starts_with(instruction))
        .find_map(|line| line.find('[').map(|at| &line[at..]));
    serde_json::from_str(line.unwrap_or_else(|| panic!("no {instruction}"))).unwrap()
}

#[test]
fn the_container_serves_and_says_whether_it_is_healthy() {
    let folder = tempfile::tempdir().unwrap();
    gallery(&folder.path().join("known.gallery"), &["coast-broken.jpg"]);
    let galleries = folder.path().to_str().unwrap();
    let replaced = words("CMD").into_iter().map(|word| match word.as_str() {
        "0.0.0.0:8080" => "127.0.0.1:0".to_string(),
        "/galleries" => galleries.to_string(),
        _ => word,
    });
    let arguments: Vec<String> = replaced.collect();
    assert_eq!(arguments[0], "serve");
    let arguments: Vec<&str> = arguments[1..].iter().map(String::as_str).collect();
    let mut server = Server::bare(&arguments);
    assert!(server.get("/v1/galleries").text().contains("known"));
    let port = server.address.port();
    let check: Vec<String> =
        words("HEALTHCHECK").into_iter().map(|word| word.replace("8080", &port.to_string())).collect();
    let is_healthy = || Command::new(&check[0]).args(&check[1..]).output().unwrap().status.success();
    assert!(is_healthy());
    server.terminate();
    assert!(server.wait().success());
    assert!(!is_healthy());
}

#[test]
fn the_container_builds_features_that_there_are() {
    let (file, manifest) =
        (text("Dockerfile"), fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap());
    let features = file.split("--features ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
    for feature in features.split(',') {
        // One of a dependency is named with that.
        let known = match feature.split_once('/') {
            Some((dependency, _)) => format!("\n{dependency} = {{"),
            None => format!("\n{feature} = ["),
        };
        assert!(manifest.contains(&known), "{feature}");
    }
}

#[test]
fn the_unit_checks_its_configuration_and_serves_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("serve.toml");
    fs::write(&config, "listen = \"127.0.0.1:0\"\ndata = \"data\"\nno_keys = true\n").unwrap();
    let unit = text("shadegrid.service");
    let command = |name: &str| -> Vec<String> {
        let line = unit.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let words =
            line.split(' ').map(|word| word.replace("/etc/shadegrid/serve.toml", config.to_str().unwrap()));
        words.collect()
    };
    let check = command("ExecStartPre=");
    let done = Command::new(env!("CARGO_BIN_EXE_shadegrid")).args(&check[1..]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let start = command("ExecStart=");
    assert_eq!(start[1], "serve");
    let start: Vec<&str> = start[2..].iter().map(String::as_str).collect();
    let mut server = Server::bare(&start);
    assert_eq!(server.get("/healthz").status, 200);
    server.terminate();
    assert!(server.wait().success());
}

#[test]
fn systemd_reads_the_unit() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        println!("skipped: there is no systemd-analyze");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("shadegrid.service");
    let program = env!("CARGO_BIN_EXE_shadegrid");
    fs::write(&unit, text("shadegrid.service").replace("/usr/local/bin/shadegrid", program)).unwrap();
    let read = Command::new("systemd-analyze").arg("verify").arg(&unit).output().unwrap();
    let said = String::from_utf8_lossy(&read.stderr);
    let about_it: Vec<&str> = said.lines().filter(|line| line.contains("shadegrid.service")).collect();
    assert!(about_it.is_empty(), "{about_it:#?}");
}
