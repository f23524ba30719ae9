//! Profiles of AWS's own tools: the credentials, region and endpoint of `~/.aws/credentials` and `~/.aws/config`.
//!
//! The environment comes first, as with those tools: only what it does not say is taken from here. The files' form is that of
//! <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::PathBuf;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};

/// What is taken from a profile, and what the client calls it.
const TAKEN: [(&str, Key); 5] = [
    ("aws_access_key_id", Key::AccessKeyId),
    ("aws_secret_access_key", Key::SecretAccessKey),
    ("aws_session_token", Key::Token),
    ("region", Key::Region),
    ("endpoint_url", Key::Endpoint),
];

/// Ways to credentials that need other programs or services, by a name in a profile.
const ELSEWHERE: [&str; 5] =
    ["credential_process", "credential_source", "role_arn", "sso_session", "sso_start_url"];

/// Variables that bring credentials, or say that none are needed: then no profile is looked for.
const ENOUGH: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_SKIP_SIGNATURE",
];

type Section = BTreeMap<String, String>;

/// The builder with what the profile says and nothing else did.
pub(super) fn apply(builder: AmazonS3Builder) -> object_store::Result<AmazonS3Builder> {
    let has_key = builder.get_config_value(&Key::AccessKeyId).is_some();
    let has_credentials = has_key || ENOUGH.iter().any(|name| variable(name).is_some());
    let asked = named();
    if has_credentials && asked.is_none() {
        return Ok(builder);
    }
    let profile = read(&files(), asked.as_deref(), !has_credentials);
    let wrong = |source: String| object_store::Error::Generic { store: "S3", source: source.into() };
    let Some(profile) = profile.map_err(wrong)? else { return Ok(builder) };
    let mut builder = builder;
    for (name, key) in TAKEN {
        let is_set = match key {
            Key::Region => variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")).is_some(),
            Key::Endpoint => {
                [Key::Endpoint, Key::S3Endpoint].iter().any(|key| builder.get_config_value(key).is_some())
            }
            _ => has_credentials,
        };
        if let Some(value) = profile.get(name).filter(|_| !is_set) {
            builder = builder.with_config(key, value);
        }
    }
    Ok(builder)
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The profile that was asked for.
fn named() -> Option<String> {
    variable("AWS_PROFILE").or_else(|| variable("AWS_DEFAULT_PROFILE"))
}

/// The file of credentials and that of settings.
fn files() -> [PathBuf; 2] {
    let home = env::home_dir().unwrap_or_default().join(".aws");
    let place = |name: &str, file: &str| variable(name).map_or_else(|| home.join(file), PathBuf::from);
    [place("AWS_SHARED_CREDENTIALS_FILE", "credentials"), place("AWS_CONFIG_FILE", "config")]
}

/// What both files say of a profile, credentials first; `None` where none was asked for and there is none. One that `needs_keys` has to have them.
fn read(
    [credentials, config]: &[PathBuf; 2],
    asked: Option<&str>,
    needs_keys: bool,
) -> Result<Option<Section>, String> {
    let name = asked.unwrap_or("default");
    let text = |file: &PathBuf| fs::read_to_string(file).unwrap_or_default();
    let mut of_config = sections(&text(config));
    let settings = of_config.remove(&format!("profile {name}")).or_else(|| match name {
        "default" => of_config.remove(name),
        _ => None,
    });
    let secrets = sections(&text(credentials)).remove(name);
    if settings.is_none() && secrets.is_none() {
        let (first, second) = (credentials.display(), config.display());
        return match asked {
            Some(name) => {
                Err(format!("AWS_PROFILE is {name}, and neither {first} nor {second} has that profile"))
            }
            None => Ok(None),
        };
    }
    let mut profile = settings.unwrap_or_default();
    profile.extend(secrets.unwrap_or_default());
    match ELSEWHERE.iter().find(|way| profile.contains_key(**way)) {
        Some(way) if needs_keys && !profile.contains_key("aws_access_key_id") => Err(format!(
            "the profile {name} gets its credentials by {way}, which is not done here; put what \
             `aws configure export-credentials --profile {name} --format env` prints into the environment"
        )),
        _ => Ok(Some(profile)),
    }
}

/// The sections of a file by their names. Nested settings, which are indented, and comments are left out.
fn sections(text: &str) -> BTreeMap<String, Section> {
    let mut sections = BTreeMap::new();
    let mut current: Option<&mut Section> = None;
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(name) =
            trimmed.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(name, _)| name)
        {
            let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
            current = Some(sections.entry(name).or_insert_with(Section::new));
            continue;
        }
        let is_plain = !line.starts_with([' ', '\t', '#', ';']);
        if let (true, Some(section), Some((name, value))) = (is_plain, &mut current, trimmed.split_once('='))
        {
            // A comment may stand behind a value, after a blank.
            let value =
                [" #", " ;"].iter().fold(value, |value, mark| value.split(mark).next().unwrap_or(value));
            section.insert(name.trim().to_ascii_lowercase(), value.trim().to_string());
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS: &str = "\
# ours\n[default]\naws_access_key_id = key-0\naws_secret_access_key=secret-0\n
[ team ]\naws_access_key_id=key-1 # old\naws_secret_access_key=se=cret\naws_session_token=token\n[empty]\n";
    const CONFIG: &str = "\
[default]\nregion=eu-west-1\n[profile team]\nregion = eu-north-1\ns3 =\n  endpoint_url = http://nested\nendpoint_url=http://store\n
[profile sso]\nsso_session = work\nregion = x\n[team]\nregion=none\n";

    fn profile(asked: Option<&str>) -> Result<Option<Section>, String> {
        let folder = tempfile::tempdir().unwrap();
        let files = ["credentials", "config"].map(|name| folder.path().join(name));
        fs::write(&files[0], CREDENTIALS).unwrap();
        fs::write(&files[1], CONFIG).unwrap();
        read(&files, asked, true)
    }

    #[test]
    fn a_profile_is_what_both_files_say_of_it() {
        let own = profile(None).unwrap().unwrap();
        assert_eq!((&*own["aws_access_key_id"], &*own["region"]), ("key-0", "eu-west-1"));
        let team = profile(Some("team")).unwrap().unwrap();
        assert_eq!((&*team["aws_access_key_id"], &*team["aws_secret_access_key"]), ("key-1", "se=cret"));
        assert_eq!((&*team["region"], &*team["endpoint_url"]), ("eu-north-1", "http://store"));
    }

    #[test]
    fn what_cannot_be_had_is_said_and_no_secret_with_it() {
        let why = profile(Some("nobody")).unwrap_err();
        assert!(why.starts_with("AWS_PROFILE is nobody, and neither ") && !why.contains("secret"), "{why}");
        let why = profile(Some("sso")).unwrap_err();
        assert!(why.contains("by sso_session") && why.contains("export-credentials --profile sso"), "{why}");
        let nowhere = ["nowhere/a", "nowhere/b"].map(PathBuf::from);
        assert_eq!(read(&nowhere, None, true), Ok(None));
    }
}
