//! `shadegrid key`: who may ask a service for what.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use serde_json::json;
use shadegrid::Error;
use shadegrid::service::{Key, KeyStore, NewKey, Scope};

use super::exit::Exit;
use super::{console, numbers};

/// Make, list and revoke the keys of a service
///
/// A key is sg_ID_SECRET. A client sends it as `Authorization: Bearer sg_…`, clients of PhotoDNA's cloud as `Ocp-Apim-Subscription-Key`,
/// those of Arachnid Shield and abyss as their password. It is shown once, when it is made; the folder holds its
/// SHA-256 alone. A service that runs follows within seconds.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  A key for a client that hashes and matches, and the service that asks for it:
      shadegrid key add --data keys --name uploads --scope hash,match
      shadegrid serve --gallery known.gallery --data keys
      curl -H 'Authorization: Bearer sg_…' --data-binary @photo.jpg localhost:8080/v1/match
  Who has keys, and one that is taken back by its ID:
      shadegrid key list --data keys
      shadegrid key revoke --data keys ID";

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key, and print it
    Add(Add),
    /// Print every key without its secret, one JSON line each
    List(Place),
    /// End a key: what is sent with it is refused from then on
    Revoke(Revoke),
}

/// Where the keys are.
#[derive(Debug, Args)]
struct Place {
    /// The folder of the service
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

#[derive(Debug, Args)]
struct Add {
    #[command(flatten)]
    place: Place,

    /// Whose it is
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    name: String,

    /// What it may do, with commas between: hash, match, lookup, galleries:read, galleries:write, report, review, admin
    #[arg(long, value_name = "LIST", value_delimiter = ',', required = true)]
    scope: Vec<Scope>,

    /// The galleries that it may see, with commas between [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    gallery: Vec<String>,

    /// Requests per second; each picture or query of a request counts as one [default: any number]
    #[arg(long, value_name = "N")]
    rate: Option<f64>,

    /// Keep from it how far apart signatures are: its answers have no distances, and it chooses no thresholds
    #[arg(long)]
    no_distances: bool,

    /// Let its pictures wait in the bulk lane, behind those that somebody waits for
    #[arg(long)]
    bulk: bool,

    /// Days until it ends [default: never]
    #[arg(long, value_name = "N", value_parser = numbers::positive_u32)]
    days: Option<u32>,
}

#[derive(Debug, Args)]
struct Revoke {
    #[command(flatten)]
    place: Place,

    /// The key's id: the part between the first two underscores
    #[arg(value_name = "ID")]
    id: String,
}

/// Runs the subcommand.
pub(crate) fn run(arguments: Arguments) -> Result<Exit, Error> {
    match arguments.command {
        Command::Add(add) => {
            let store = KeyStore::open(&add.place.data)?;
            console::print(&format!("{}\n", store.add(&add.new_key())?))?;
        }
        Command::List(place) => {
            let keys = KeyStore::open(&place.data)?.list()?;
            console::print(&keys.iter().map(line).collect::<String>())?;
        }
        Command::Revoke(Revoke { place, id }) => {
            if !KeyStore::open(&place.data)?.revoke(&id)? {
                return Err(Error::Input(format!("there is no key with the id {id:?}")));
            }
        }
    }
    Ok(Exit::Done)
}

impl Add {
    fn new_key(self) -> NewKey {
        let end = |days: u32| SystemTime::now() + Duration::from_secs(u64::from(days) * 86_400);
        NewKey::default()
            .name(self.name)
            .scopes(self.scope)
            .galleries((!self.gallery.is_empty()).then_some(self.gallery))
            .rate(self.rate)
            .no_distances(self.no_distances)
            .bulk(self.bulk)
            .expires(self.days.map(end))
    }
}

fn line(key: &Key) -> String {
    let seconds =
        |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.name()).collect();
    let (distances, lane) =
        (if key.no_distances { "none" } else { "exact" }, if key.bulk { "bulk" } else { "interactive" });
    let line = json!({ "id": key.id, "name": key.name, "scopes": scopes, "galleries": key.galleries, "rate": key.rate,
        "distances": distances, "lane": lane,
        "created": seconds(key.created), "expires": key.expires.map(seconds), "revoked": key.revoked.map(seconds),
        "valid": key.is_valid() });
    format!("{line}\n")
}
