//! `[sync.NAME]`: a gallery that follows the list of an exchange.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use shadegrid::sync::{Credential, Exchange, SyncSource};

/// One list. Secrets stand in files or in the environment, and never here.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    exchange: String,
    url: String,
    /// Seconds between two rounds.
    every: Option<f64>,
    user: Option<String>,
    password_file: Option<PathBuf>,
    password_env: Option<String>,
    function_key_file: Option<PathBuf>,
    function_key_env: Option<String>,
    subscription_key_file: Option<PathBuf>,
    subscription_key_env: Option<String>,
    group: Option<String>,
    token_file: Option<PathBuf>,
    token_env: Option<String>,
}

/// Shortest time between two rounds.
const SHORTEST: f64 = 1.0;

impl Source {
    /// The source of this name; its paths are relative to `folder`.
    pub(super) fn source(self, name: &str, folder: &Path) -> Result<SyncSource, String> {
        self.only(name)?;
        let secret = |what: &str, file: Option<PathBuf>, variable: Option<String>| match (file, variable) {
            (Some(file), None) => Ok(Credential::File(folder.join(file))),
            (None, Some(variable)) => Ok(Credential::Environment(variable)),
            _ => Err(format!("sync.{name}.{what}_file, or sync.{name}.{what}_env, is needed, and not both")),
        };
        let text =
            |what: &str, text: Option<String>| text.ok_or_else(|| format!("sync.{name}.{what} is needed"));
        let exchange = match self.exchange.as_str() {
            "ncmec" => Exchange::Ncmec {
                user: text("user", self.user)?,
                password: secret("password", self.password_file, self.password_env)?,
            },
            "stopncii" => Exchange::StopNcii {
                function_key: secret("function_key", self.function_key_file, self.function_key_env)?,
                subscription_key: secret(
                    "subscription_key",
                    self.subscription_key_file,
                    self.subscription_key_env,
                )?,
            },
            _ => Exchange::ThreatExchange {
                group: text("group", self.group)?,
                token: secret("token", self.token_file, self.token_env)?,
            },
        };
        let source = SyncSource::new(name, &self.url, exchange);
        let source = source.map_err(|error| format!("sync.{name}: {error}"))?;
        let Some(seconds) = self.every else { return Ok(source) };
        let every = Duration::try_from_secs_f64(seconds).ok().filter(|_| seconds >= SHORTEST);
        Ok(source
            .every(every.ok_or_else(|| format!("sync.{name}.every: a number of seconds from {SHORTEST}"))?))
    }

    /// Refuses an exchange that is not known, and what belongs to another one: who wrote it meant something else.
    fn only(&self, name: &str) -> Result<(), String> {
        let of_ncmec = [
            ("user", self.user.is_some()),
            ("password_file", self.password_file.is_some()),
            ("password_env", self.password_env.is_some()),
        ];
        let of_stopncii = [
            ("function_key_file", self.function_key_file.is_some()),
            ("function_key_env", self.function_key_env.is_some()),
            ("subscription_key_file", self.subscription_key_file.is_some()),
            ("subscription_key_env", self.subscription_key_env.is_some()),
        ];
        let of_threatexchange = [
            ("group", self.group.is_some()),
            ("token_file", self.token_file.is_some()),
            ("token_env", self.token_env.is_some()),
        ];
        let all: [(&str, &[(&str, bool)]); 3] =
            [("ncmec", &of_ncmec), ("stopncii", &of_stopncii), ("threatexchange", &of_threatexchange)];
        if !all.iter().any(|(exchange, _)| *exchange == self.exchange) {
            return Err(format!("sync.{name}.exchange: the choice is ncmec, stopncii or threatexchange"));
        }
        let others = all.iter().filter(|(exchange, _)| *exchange != self.exchange);
        match others.flat_map(|(_, fields)| fields.iter()).find(|(_, is_there)| *is_there) {
            Some((field, _)) => {
                Err(format!("sync.{name}.{field} is nothing that {} asks for", self.exchange))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Result<SyncSource, String> {
        let source: Source = toml::from_str(text).map_err(|error| error.to_string())?;
        source.source("list", Path::new("/etc"))
    }

    #[test]
    fn every_exchange_has_its_own_fields() {
        let ncmec = source(
            "exchange = \"ncmec\"\nurl = \"https://a.example\"\nuser = \"u\"\npassword_file = \"p\"\nevery = 60",
        );
        let ncmec = ncmec.unwrap();
        let password = Credential::File("/etc/p".into());
        assert_eq!(ncmec.exchange, Exchange::Ncmec { user: "u".into(), password });
        assert_eq!((ncmec.name.as_str(), ncmec.every.as_secs()), ("list", 60));
        let stopncii = source(
            "exchange = \"stopncii\"\nurl = \"https://a.example\"\nfunction_key_env = \"F\"\nsubscription_key_file = \"/s\"",
        );
        assert_eq!(stopncii.unwrap().every.as_secs(), 300);
        let meta = "exchange = \"threatexchange\"\nurl = \"https://a.example/v26.0\"\n";
        assert!(source(&format!("{meta}group = \"7\"\ntoken_env = \"T\"")).is_ok());
        for wrong in [
            "group = \"x\"\ntoken_env = \"T\"",
            "group = \"7\"",
            "group = \"7\"\ntoken_env = \"T\"\nevery = 0.0",
            "group = \"7\"\ntoken_env = \"T\"\nuser = \"u\"",
        ] {
            assert!(source(&format!("{meta}{wrong}")).unwrap_err().contains("sync.list"), "{wrong}");
        }
    }
}
