//! Galleries that follow lists: real sockets, real files, the real command killed.

#![expect(clippy::print_stdout, reason = "tests say how much they compared")]

use std::path::Path;

use shadegrid::gallery::Gallery;
use shadegrid::sync::{Credential, Exchange, Follower, Outcome, SyncSource};
use shadegrid::{Pdq, PhotoDna};

#[path = "service/client.rs"]
#[allow(dead_code, unreachable_pub, reason = "what tests share")]
mod client;
#[path = "sync/faults.rs"]
mod faults;
#[path = "sync/hostile.rs"]
mod hostile;
#[path = "sync/killed.rs"]
mod killed;
#[path = "sync/script.rs"]
mod script;
#[path = "sync/served.rs"]
mod served;
#[path = "sync/tls.rs"]
mod tls;

/// What a gallery knows of each entry, sorted: key, label, position, signatures.
type Content = Vec<(String, String, u64, Option<PhotoDna>, Option<Pdq>)>;

/// The content of a gallery, every byte of which is checked.
fn content(path: &Path) -> Content {
    let gallery = Gallery::open(path).unwrap();
    gallery.verify().unwrap();
    let of = |id| {
        let entry = gallery.entry(id);
        (entry.key.into(), entry.label.into(), entry.position, gallery.photodna(id), gallery.pdq(id))
    };
    let mut all: Content = gallery.ids().map(of).collect();
    all.sort_by(|one, other| {
        one.0.cmp(&other.0).then_with(|| one.4.map(|of| of.0).cmp(&other.4.map(|of| of.0)))
    });
    all
}

/// A source with short pauses, whose credentials lie in `folder`.
fn source(folder: &Path, url: &str, exchange: &str) -> SyncSource {
    let path = folder.join("secret");
    std::fs::write(&path, "hush\n").unwrap();
    let secret = Credential::File(path);
    let exchange = match exchange {
        "ncmec" => Exchange::Ncmec { user: "user".into(), password: secret },
        "stopncii" => Exchange::StopNcii { function_key: secret.clone(), subscription_key: secret },
        _ => Exchange::ThreatExchange { group: "77".into(), token: secret },
    };
    SyncSource::new("list", url, exchange).unwrap().pause(std::time::Duration::from_millis(2))
}

fn follower(folder: &Path, url: &str, exchange: &str) -> Follower {
    Follower::new(source(folder, url, exchange), folder.join("galleries")).unwrap()
}

fn round(follower: &Follower) -> Outcome {
    follower.round_by_itself(false).unwrap()
}

/// A PDQ signature as pictures have them: half of its bits are set.
fn pdq(number: u64) -> String {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678);
    let mut half = [0u8; 16];
    for byte in &mut half {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        *byte = (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8;
    }
    half.iter().copied().chain(half.iter().map(|byte| !byte)).map(|byte| format!("{byte:02x}")).collect()
}
