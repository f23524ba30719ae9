//! `reports.toml`: where reports are kept, who files them, and whether any may be filed at all.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::{Value, json};

use super::check::check_report;
use super::client::address;
use super::model::REPORT;
use super::model::words::Mode;
use super::pictures;
use crate::credential::{Credential, Secret};
use crate::error::{Error, Result};
use crate::hook::HookOptions;
use crate::signature::Algorithm;

/// Who we are at one of NCMEC's hosts, and where that is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// The user name.
    pub user: Credential,
    /// The password.
    pub password: Credential,
    /// What stands in for the host. For production only loopback can.
    pub url: Option<String>,
}

impl Account {
    /// An account at NCMEC's own host.
    pub fn new(user: Credential, password: Credential) -> Account {
        Account { user, password, url: None }
    }
}

setters!(Account { url: Option<String> });

/// The choices of an outbox.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ReportOptions {
    /// The folder, which a service may own: reports are in its `state.sqlite`, evidence in its `evidence/`.
    pub data: PathBuf,
    /// The file with the key of the evidence, 64 hexadecimal digits. It lies outside `data`.
    pub evidence_key: PathBuf,
    /// Whether reports may be filed. Each has to say so too.
    pub mode: Mode,
    /// Who we are at NCMEC's test host.
    pub test: Option<Account>,
    /// Who we are where reports are filed.
    pub production: Option<Account>,
    /// Who reports, where a report names nobody: members as in a report's JSON.
    pub reporter: Option<Value>,
    /// The signatures that are added to the hashes of files that are pictures: `pdq`, `photodna`. None by default.
    pub signatures: Vec<Algorithm>,
    /// The first pause after a failure; each is twice as long, up to 30 minutes. 10 s by default.
    pub pause: Duration,
    /// Addresses of one's own that learn what was filed.
    pub hooks: Option<HookOptions>,
}

setters!(ReportOptions {
    mode: Mode,
    test: Option<Account>,
    production: Option<Account>,
    reporter: Option<Value>,
    signatures: Vec<Algorithm>,
    pause: Duration,
    hooks: Option<HookOptions>,
});

/// User name and password: shown nowhere.
pub(crate) struct Login {
    user: Secret,
    password: Secret,
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Login(…)")
    }
}

impl Login {
    pub(crate) fn user(&self) -> &str {
        self.user.text()
    }

    pub(crate) fn password(&self) -> &str {
        self.password.text()
    }
}

impl Account {
    /// Reads user name and password.
    pub(crate) fn login(&self) -> Result<Login> {
        let user = self.user.read()?;
        if user.text().contains(':') {
            return Err(Error::Input("a user name holds no colon".into()));
        }
        Ok(Login { user, password: self.password.read()? })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    data: PathBuf,
    evidence_key: PathBuf,
    mode: Option<Mode>,
    test: Option<AccountTable>,
    production: Option<AccountTable>,
    reporter: Option<Value>,
    #[serde(default)]
    signatures: Vec<String>,
    pause: Option<f64>,
    hooks: Option<HookOptions>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountTable {
    user_file: Option<PathBuf>,
    user_env: Option<String>,
    password_file: Option<PathBuf>,
    password_env: Option<String>,
    url: Option<String>,
}

impl AccountTable {
    fn account(self, name: &str, folder: &Path) -> Result<Account, String> {
        let secret = |what: &str, file: Option<PathBuf>, variable: Option<String>| match (file, variable) {
            (Some(file), None) => Ok(Credential::File(folder.join(file))),
            (None, Some(variable)) => Ok(Credential::Environment(variable)),
            _ => Err(format!("{name}: one of {what}_file and {what}_env is needed")),
        };
        Ok(Account {
            user: secret("user", self.user_file, self.user_env)?,
            password: secret("password", self.password_file, self.password_env)?,
            url: self.url,
        })
    }
}

impl ReportOptions {
    /// Choices that file nothing: tests alone, and no account.
    pub fn new(data: impl Into<PathBuf>, evidence_key: impl Into<PathBuf>) -> ReportOptions {
        ReportOptions {
            data: data.into(),
            evidence_key: evidence_key.into(),
            mode: Mode::Test,
            test: None,
            production: None,
            reporter: None,
            signatures: Vec::new(),
            pause: Duration::from_secs(10),
            hooks: None,
        }
    }

    /// Reads a file. Its paths are relative to its folder.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where it cannot be read, [`Error::Input`] for what is wrong in it.
    pub fn read(path: &Path) -> Result<ReportOptions> {
        let cannot = |error| Error::io(format!("cannot read {}", path.display()), error);
        let text = fs::read_to_string(path).map_err(cannot)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        ReportOptions::parse(&text, folder).map_err(|why| Error::Input(format!("{}: {why}", path.display())))
    }

    fn parse(text: &str, folder: &Path) -> Result<ReportOptions, String> {
        let file: File = toml::from_str(text).map_err(|error| error.message().trim_end().to_string())?;
        let pause = match file.pause {
            None => Duration::from_secs(10),
            Some(seconds) => Duration::try_from_secs_f64(seconds).map_err(|_| "pause: no time")?,
        };
        let account = |name: &str, table: Option<AccountTable>| {
            table.map(|table| table.account(name, folder)).transpose()
        };
        let signature = |name: &String| match name.parse() {
            Ok(algorithm) if pictures::can_be_reported(algorithm) => Ok(algorithm),
            _ => Err(format!("signatures: {name:?} is none of \"pdq\" and \"photodna\"")),
        };
        let options = ReportOptions {
            data: folder.join(file.data),
            evidence_key: folder.join(file.evidence_key),
            mode: file.mode.unwrap_or(Mode::Test),
            test: account("test", file.test)?,
            production: account("production", file.production)?,
            reporter: file.reporter,
            signatures: file.signatures.iter().map(signature).collect::<Result<_, _>>()?,
            pause,
            hooks: file.hooks.map(|hooks| hooks.in_folder(folder)),
        };
        if options.mode == Mode::Production && options.production.is_none() {
            return Err("mode is production, and there is no account in [production]".into());
        }
        Ok(options)
    }

    /// Whether reports can be sent at all: there is an account for what the configuration allows, every account's address is one that reports may go to and
    /// its credentials can be read, and the reporter is one. The folder and the key are seen to by whoever opens them.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] for what is wrong, [`Error::Io`] where credentials cannot be read.
    pub fn check(&self) -> Result<()> {
        if self.account(self.mode).is_none() {
            let mode = self.mode.word();
            return Err(Error::Input(format!(
                "there is no account for {mode}: reports need one in [{mode}]"
            )));
        }
        for (mode, account) in [(Mode::Test, &self.test), (Mode::Production, &self.production)] {
            let Some(account) = account else { continue };
            address::address(mode, account.url.as_deref())?;
            account.login()?;
        }
        let Some(reporter) = &self.reporter else { return Ok(()) };
        let problems = check_report(&json!({ "reporter": reporter }), &REPORT, SystemTime::now().into());
        match problems.into_iter().find(|problem| problem.path.starts_with("reporter")) {
            Some(problem) => Err(Error::Input(problem.to_string())),
            None => Ok(()),
        }
    }

    /// The account of a mode.
    pub(crate) fn account(&self, mode: Mode) -> Option<&Account> {
        match mode {
            Mode::Test => self.test.as_ref(),
            Mode::Production => self.production.as_ref().filter(|_| self.allows(mode)),
        }
    }

    /// Whether the configuration lets a report of this mode be sent.
    pub(crate) fn allows(&self, mode: Mode) -> bool {
        mode == Mode::Test || self.mode == Mode::Production
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
        data = "data"
        evidence_key = "/keys/evidence.key"
        pause = 0.5
        [test]
        user_env = "NCMEC_USER"
        password_file = "test.password"
        url = "http://127.0.0.1:1/ispws"
        [production]
        user_file = "user"
        password_file = "password"
        [reporter]
        emails = [{ email = "a@b.example" }]
    "#;

    #[test]
    fn tests_are_the_default() {
        let options = ReportOptions::parse(WHOLE, Path::new("/etc/shadegrid")).unwrap();
        assert_eq!((options.mode, options.pause.as_millis()), (Mode::Test, 500));
        assert_eq!(options.data, Path::new("/etc/shadegrid/data"));
        assert!(options.allows(Mode::Test) && !options.allows(Mode::Production));
        assert!(options.account(Mode::Test).is_some() && options.account(Mode::Production).is_none());
        assert_eq!(options.reporter.unwrap()["emails"][0]["email"], "a@b.example");
        let text = format!("mode = \"production\"\n{WHOLE}");
        let options = ReportOptions::parse(&text, Path::new("")).unwrap();
        assert!(options.allows(Mode::Production) && options.account(Mode::Production).is_some());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let base = "data = \"d\"\nevidence_key = \"k\"\n";
        for (text, named) in [
            ("", "data"),
            ("data = \"d\"", "evidence_key"),
            (&format!("{base}mode = \"live\""), "production"),
            (&format!("{base}mode = \"production\""), "[production]"),
            (&format!("{base}other = 1"), "other"),
            (&format!("{base}pause = -1.0"), "pause"),
            (&format!("{base}signatures = [\"pdq\", \"md5\"]"), "md5"),
            (&format!("{base}[test]\nuser_env = \"A\""), "password_file"),
            (&format!("{base}[test]\nuser_env = \"A\"\nuser_file = \"b\"\npassword_env = \"C\""), "user_env"),
            (&format!("{base}[test]\npassword = \"secret\""), "password"),
        ] {
            let error = ReportOptions::parse(text, Path::new("")).unwrap_err();
            assert!(error.contains(named) && !error.contains("secret"), "{text}: {error}");
        }
    }

    #[test]
    fn a_login_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let account = Account::new(Credential::File(path.clone()), Credential::File(path.clone()));
        fs::write(&path, "hush\n").unwrap();
        let login = account.login().unwrap();
        assert!(login.password() == "hush" && !format!("{login:?}").contains("hush"));
        for text in ["", "\n", "a:b"] {
            fs::write(&path, text).unwrap();
            assert!(account.login().is_err(), "{text}");
        }
        assert!(Credential::Environment("SHADEGRID_NO_SUCH_VARIABLE".into()).read().is_err());
    }
}
