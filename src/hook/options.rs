//! `[hooks]` of `reports.toml` and `serve.toml`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::HookKind;
use crate::credential::Credential;

/// For one delivery.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// After a first failure.
pub(super) const PAUSE: Duration = Duration::from_secs(10);

/// Where events go, and what signs them.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(try_from = "Table")]
#[non_exhaustive]
pub struct HookOptions {
    /// The address of every kind that has none of its own.
    pub url: Option<String>,
    /// Addresses of single kinds.
    pub urls: BTreeMap<HookKind, String>,
    /// The secret that signs: the receiver has it too.
    pub secret: Credential,
    /// Whether an address that is not on this machine may be `http://`.
    pub plain: bool,
    /// Whether every match is an event, and not only those that open an item for review.
    pub all_matches: bool,
    /// How long one delivery may take. 10 s by default.
    pub timeout: Duration,
    /// The first pause after a failure; each is twice as long, up to 30 minutes. 10 s by default.
    pub pause: Duration,
}

setters!(HookOptions {
    url: Option<String>,
    urls: BTreeMap<HookKind, String>,
    plain: bool,
    all_matches: bool,
    timeout: Duration,
    pause: Duration,
});

/// Without addresses, which may hold what only their owner knows.
impl fmt::Debug for HookOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<&HookKind> = self.urls.keys().collect();
        formatter.debug_struct("HookOptions").field("kinds", &kinds).finish_non_exhaustive()
    }
}

impl HookOptions {
    /// Choices that post nothing: a secret, and no address.
    pub fn new(secret: Credential) -> HookOptions {
        HookOptions {
            url: None,
            urls: BTreeMap::new(),
            secret,
            plain: false,
            all_matches: false,
            timeout: TIMEOUT,
            pause: PAUSE,
        }
    }

    /// The same with its file relative to this folder.
    #[must_use]
    pub fn in_folder(self, folder: &Path) -> HookOptions {
        let secret = match self.secret {
            Credential::File(path) => Credential::File(folder.join(path)),
            secret => secret,
        };
        HookOptions { secret, ..self }
    }
}

/// The table of a file; times in seconds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    url: Option<String>,
    #[serde(default)]
    urls: BTreeMap<String, String>,
    secret_file: Option<PathBuf>,
    secret_env: Option<String>,
    #[serde(default)]
    plain: bool,
    #[serde(default)]
    all_matches: bool,
    timeout: Option<f64>,
    pause: Option<f64>,
}

impl TryFrom<Table> for HookOptions {
    type Error = String;

    fn try_from(table: Table) -> Result<HookOptions, String> {
        let secret = match (table.secret_file, table.secret_env) {
            (Some(file), None) => Credential::File(file),
            (None, Some(variable)) => Credential::Environment(variable),
            _ => return Err("hooks: one of secret_file and secret_env is needed".into()),
        };
        let urls = table.urls.into_iter().map(|(kind, url)| Ok((kind.parse::<HookKind>()?, url)));
        let urls = urls
            .collect::<crate::Result<BTreeMap<_, _>>>()
            .map_err(|error| format!("hooks.urls: {error}"))?;
        if table.url.is_none() && urls.is_empty() {
            return Err("hooks: url, or an address in hooks.urls is needed".into());
        }
        let time = |name: &str, given: Option<f64>, usual: Duration| match given {
            None => Ok(usual),
            Some(seconds) => Duration::try_from_secs_f64(seconds)
                .ok()
                .filter(|time| !time.is_zero())
                .ok_or_else(|| format!("hooks.{name}: no time")),
        };
        Ok(HookOptions {
            url: table.url,
            urls,
            secret,
            plain: table.plain,
            all_matches: table.all_matches,
            timeout: time("timeout", table.timeout, TIMEOUT)?,
            pause: time("pause", table.pause, PAUSE)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<HookOptions, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_table_names_addresses_and_a_secret() {
        let text = "url = \"https://a.example/x\"\nsecret_file = \"s\"\ntimeout = 2.5\nall_matches = true\n\
                    [urls]\n\"report.finished\" = \"https://b.example\"";
        let options = read(text).unwrap().in_folder(Path::new("/etc"));
        assert_eq!(options.secret, Credential::File("/etc/s".into()));
        assert_eq!((options.timeout.as_millis(), options.pause, options.all_matches), (2500, PAUSE, true));
        assert_eq!(options.urls[&HookKind::ReportFinished], "https://b.example");
        assert!(!format!("{options:?}").contains("example"), "an address may hold a secret");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, named) in [
            ("url = \"https://a.example\"", "secret_file"),
            ("url = \"https://a.example\"\nsecret_file = \"a\"\nsecret_env = \"b\"", "secret_env"),
            ("secret_env = \"A\"", "hooks.urls"),
            ("secret_env = \"A\"\n[urls]\nfinished = \"https://a.example\"", "report.finished"),
            ("url = \"https://a.example\"\nsecret_env = \"A\"\ntimeout = 0.0", "hooks.timeout"),
            ("url = \"https://a.example\"\nsecret_env = \"A\"\npause = -1.0", "hooks.pause"),
            ("url = \"https://a.example\"\nsecret = \"hush\"", "secret"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}
