//! Exchanges behind TLS, whose certificates an authority of one's own has signed.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::script::{answer, image, ncmec};
use super::{content, pdq};

/// Runs `openssl`; `false` where there is none.
fn openssl(folder: &Path, arguments: &str) -> bool {
    let Ok(made) = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output() else {
        return false;
    };
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    true
}

/// An authority, `ca.crt`, and a certificate for localhost that it has signed, `leaf.crt` and `leaf.key`.
fn certificates(folder: &Path) -> bool {
    const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    fs::write(folder.join("leaf.ext"), "subjectAltName=DNS:localhost\nbasicConstraints=critical,CA:FALSE\n")
        .unwrap();
    openssl(folder, &format!("req -x509 {KEY} -days 2 -subj /CN=authority -keyout ca.key -out ca.crt"))
        && openssl(folder, &format!("req {KEY} -subj /CN=localhost -keyout leaf.key -out leaf.csr"))
        && openssl(
            folder,
            "x509 -req -in leaf.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile leaf.ext -out leaf.crt",
        )
}

/// An exchange of 50 entries behind TLS; its port.
fn serve(folder: &Path) -> u16 {
    let chain = CertificateDer::from_pem_file(folder.join("leaf.crt")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("leaf.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(builder.with_no_client_auth().with_single_cert(vec![chain], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut reader = BufReader::new(StreamOwned::new(connection, stream));
            let mut head = String::new();
            // A client that does not trust it ends here.
            while reader.read_line(&mut head).is_ok_and(|read| read > 2) {}
            let Some(path) = head.split(' ').nth(1) else { continue };
            let is_first = path.contains("from=1970");
            let elements = (0..50).filter(|_| is_first);
            let elements: String =
                elements.map(|number| image(number, "2026-01-01T00:00:00Z", &pdq(number))).collect();
            let stream = reader.get_mut();
            let _ = stream.write_all(&answer(200, &ncmec("", &elements)));
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    port
}

#[test]
fn an_authority_of_ones_own_vouches_for_an_exchange() {
    let folder = tempfile::tempdir().unwrap();
    if !certificates(folder.path()) {
        println!("skipped: there is no openssl here");
        return;
    }
    let port = serve(folder.path());
    fs::write(folder.path().join("secret"), "hush").unwrap();
    let round = |host: &str, authority: Option<&str>| {
        let config = folder.path().join("serve.toml");
        let text = format!(
            "data = \"data\"\n[sync.list]\nexchange = \"ncmec\"\nurl = \"https://{host}:{port}/base\"\nuser = \"me\"\npassword_file = \"secret\"\n"
        );
        fs::write(&config, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
        command.args(["gallery", "sync", "list", "--config"]).arg(&config).env_remove("SSL_CERT_FILE");
        command.envs(authority.map(|name| ("SSL_CERT_FILE", folder.path().join(name))));
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    // Without it, with another one, and under a name that the certificate does not have, nothing is sent.
    openssl(
        folder.path(),
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=other -keyout other.key -out other.crt",
    );
    for (host, authority) in
        [("localhost", None), ("localhost", Some("other.crt")), ("127.0.0.1", Some("ca.crt"))]
    {
        let (is_done, said) = round(host, authority);
        assert!(!is_done && said.contains("no safe connection"), "{host} {authority:?}: {said}");
        assert!(!said.contains("hush") && !folder.path().join("data/galleries/list.gallery").exists());
    }
    let (is_done, said) = round("localhost", Some("ca.crt"));
    assert!(is_done && said.contains("50 entries"), "{said}");
    assert_eq!(content(&folder.path().join("data/galleries/list.gallery")).len(), 50);
}
