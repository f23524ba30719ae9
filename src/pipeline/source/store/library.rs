//! The library of object stores: it knows their settings, credentials and signatures, and we send the requests that it signs.
//!
//! Its paths cannot represent every key, its listings fail at such a key, and it joins ranges by the entity tag alone. So for reading it only
//! makes the request, which is caught before it is sent and sent by us. Writes it sends itself.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder};
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientConfigKey, ClientOptions, GetOptions, ObjectStore, RetryConfig};
use reqwest::{Certificate, Client, ClientBuilder, NoProxy, Proxy, Request, Url};

use super::super::network::{Network, StoreOptions};
use super::failed;
use super::profile;
use super::trouble::Trouble;
use super::wire::{LONGEST_PAUSE, Outgoing, PAUSE, Wire};

/// How long the library may wait for an answer to what it sends itself, such as a whole file of records.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often it retries, and for how long.
const RETRY: RetryConfig = RetryConfig {
    backoff: BackoffConfig { init_backoff: PAUSE, max_backoff: LONGEST_PAUSE, base: 2.0 },
    max_retries: 10,
    retry_timeout: Duration::from_secs(120),
};

/// Says what to set if an endpoint has no encryption and nothing allows that: the client's own message would not.
fn check_endpoint(builder: &AmazonS3Builder) -> object_store::Result<()> {
    let value = |key: AmazonS3ConfigKey| builder.get_config_value(&key).unwrap_or_default();
    let named = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint].map(value);
    let endpoint = named.into_iter().find(|endpoint| !endpoint.is_empty()).unwrap_or_default();
    let allowed = value(AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp)).to_ascii_lowercase();
    if !endpoint.starts_with("http://") || ["1", "true", "on", "yes", "y"].contains(&&*allowed) {
        return Ok(());
    }
    let source = "the store's endpoint begins with http://, which is not encrypted; set AWS_ALLOW_HTTP=true to allow it";
    Err(object_store::Error::Generic { store: "S3", source: source.into() })
}

/// A builder with the options that its store knows.
fn set<B, K: FromStr>(builder: B, options: &StoreOptions, with: fn(B, K, String) -> B) -> B {
    let known = options.iter().filter_map(|(name, value)| Some((name.parse::<K>().ok()?, value.to_string())));
    known.fold(builder, |builder, (key, value)| with(builder, key, value))
}

const GOOGLE: &str = "GOOGLE_APPLICATION_CREDENTIALS, a key file's path, or GOOGLE_SERVICE_ACCOUNT_KEY, the key itself; \
                      GOOGLE_SKIP_SIGNATURE=true for public data";

const AZURE: &str = "AZURE_STORAGE_ACCOUNT_NAME, and AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_TOKEN, or AZURE_CLIENT_ID with AZURE_CLIENT_SECRET \
                     and AZURE_TENANT_ID; AZURE_SKIP_SIGNATURE=true for public data";

/// Says which variables to set where a client of Google's or Azure's cannot be made: the library's own message does not. S3's is made without any.
fn unset(base: &str, error: &object_store::Error) -> String {
    let variables = match base {
        _ if base.starts_with("gs://") => GOOGLE,
        _ if base.starts_with("az") || base.starts_with("abfs") => AZURE,
        _ => return error.to_string(),
    };
    format!("{}; the settings come from {variables}", why(error))
}

/// A client of a bucket.
#[derive(Debug)]
pub(super) enum Library {
    S3(AmazonS3),
    Google(GoogleCloudStorage),
    Azure(MicrosoftAzure),
}

impl Library {
    /// The client of a bucket, shared by all objects in it with the same settings.
    pub(super) fn of(base: &str, network: &Network) -> io::Result<Arc<Library>> {
        type Known = Mutex<HashMap<(String, Duration, StoreOptions), Arc<Library>>>;
        static KNOWN: LazyLock<Known> = LazyLock::new(Known::default);
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (base.to_string(), network.patience, network.store.clone());
        if let Some(library) = known.get(&key) {
            return Ok(library.clone());
        }
        let library = Library::build(base, network);
        let library =
            Arc::new(library.map_err(|error| failed(io::ErrorKind::InvalidInput, unset(base, &error)))?);
        known.insert(key, library.clone());
        Ok(library)
    }

    fn build(base: &str, network: &Network) -> object_store::Result<Library> {
        let connector = Connector { patience: network.patience };
        let options = &network.store;
        Ok(if base.starts_with("gs://") {
            let builder =
                set(GoogleCloudStorageBuilder::from_env(), options, GoogleCloudStorageBuilder::with_config);
            let builder = builder.with_url(base).with_retry(RETRY);
            Library::Google(builder.with_http_connector(connector).build()?)
        } else if base.starts_with("az") || base.starts_with("abfs") {
            let builder = set(MicrosoftAzureBuilder::from_env(), options, MicrosoftAzureBuilder::with_config);
            let builder = builder.with_url(base).with_retry(RETRY);
            Library::Azure(builder.with_http_connector(connector).build()?)
        } else {
            let builder = set(AmazonS3Builder::from_env(), options, AmazonS3Builder::with_config);
            let builder = profile::apply(builder)?.with_url(base).with_retry(RETRY);
            check_endpoint(&builder)?;
            Library::S3(builder.with_http_connector(connector).build()?)
        })
    }

    /// The variables that credentials come from.
    fn variables(&self) -> &'static str {
        match self {
            Library::S3(_) => {
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; AWS_SKIP_SIGNATURE=true for public data"
            }
            Library::Google(_) => GOOGLE,
            Library::Azure(_) => AZURE,
        }
    }

    /// The store for writing, and for reading what a writer wrote.
    #[cfg(feature = "job")]
    pub(super) fn objects(&self) -> Arc<dyn ObjectStore> {
        match self {
            Library::S3(store) => Arc::new(store.clone()),
            Library::Google(store) => Arc::new(store.clone()),
            Library::Azure(store) => Arc::new(store.clone()),
        }
    }

    /// A request for an object or its metadata, and the wire to send it by.
    pub(super) async fn object(&self, path: &Path, mut options: GetOptions) -> Result<Signed, Trouble> {
        let caught = Caught::default();
        options.extensions.insert(caught.clone());
        let got = match self {
            Library::S3(store) => store.get_opts(path, options).await,
            Library::Google(store) => store.get_opts(path, options).await,
            Library::Azure(store) => store.get_opts(path, options).await,
        };
        caught.taken(got.err(), self.variables())
    }

    /// A request for a page of a listing.
    pub(super) async fn page(
        &self,
        prefix: Option<&str>,
        mut options: PaginatedListOptions,
    ) -> Result<Outgoing, Trouble> {
        let caught = Caught::default();
        options.extensions.insert(caught.clone());
        let got = match self {
            Library::S3(store) => store.list_paginated(prefix, options).await,
            Library::Google(store) => store.list_paginated(prefix, options).await,
            Library::Azure(store) => store.list_paginated(prefix, options).await,
        };
        outgoing(caught.taken(got.err(), self.variables())?)
    }
}

/// A request as the library would send it, and the wire that it would take.
pub(super) type Signed = (HttpRequest, Arc<Wire>);

/// The same to be sent.
pub(super) fn outgoing((request, wire): Signed) -> Result<Outgoing, Trouble> {
    let url = request.uri().to_string();
    let url = Url::parse(&url).map_err(|_| Trouble::lasting("the store's address is no URL"))?;
    let mut outgoing = Request::new(request.method().clone(), url);
    *outgoing.headers_mut() = request.headers().clone();
    Ok((outgoing, wire))
}

/// Where a request is put that is not to be sent.
#[derive(Debug, Clone, Default)]
struct Caught(Arc<Mutex<Option<Signed>>>);

impl Caught {
    /// The request; the error says why there is none, since one that was caught ends with an error too.
    fn taken(&self, error: Option<object_store::Error>, variables: &str) -> Result<Signed, Trouble> {
        let signed = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        signed.ok_or_else(|| {
            let why = error.map(|error| why(&error)).unwrap_or_default();
            Trouble::lasting(format!(
                "the request cannot be signed, perhaps for want of credentials ({variables}): {why}"
            ))
        })
    }
}

/// The cause of a library's error, without the request's URL, the attempts and the server's page.
pub(super) fn why(error: &(dyn std::error::Error + 'static)) -> String {
    const STATUS: &str = "Server returned non-2xx status code: ";
    let last = std::iter::successors(Some(error), |error| error.source()).last().map(ToString::to_string);
    let last = last.unwrap_or_default();
    match last.strip_prefix(STATUS) {
        Some(answer) => {
            let status = answer.split(':').next().unwrap_or_default().trim();
            let code = super::trouble::code_in(answer.as_bytes()).map(|code| format!(" ({code})"));
            format!("the server answered {status}{}", code.unwrap_or_default())
        }
        None => last,
    }
}

/// Connects the library: its own requests go through a client of their own, the others are caught.
#[derive(Debug)]
struct Connector {
    patience: Duration,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        super::provide_tls();
        let wrong = |source| object_store::Error::Generic { store: "client", source };
        // Only what stays the same from now on may be left for later.
        let builder = configured(options).map_err(|error| wrong(error.into()))?;
        let client = builder.redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE).build();
        let client = client.map_err(|error| wrong(error.into()))?;
        let options = options.clone();
        let again = move || configured(&options).unwrap_or_default();
        Ok(HttpClient::new(Service { client, wire: Arc::new(Wire::new(again, self.patience)) }))
    }
}

/// What the environment says of proxies, certificates and the like.
fn configured(options: &ClientOptions) -> reqwest::Result<ClientBuilder> {
    let text = |key| options.get_config_value(&key);
    let is = |key| {
        text(key)
            .is_some_and(|value| matches!(&*value.to_ascii_lowercase(), "1" | "true" | "on" | "yes" | "y"))
    };
    let mut builder = ClientBuilder::new().pool_max_idle_per_host(512).user_agent(super::AGENT);
    if let Some(url) = text(ClientConfigKey::ProxyUrl) {
        let excluded = text(ClientConfigKey::ProxyExcludes).and_then(|names| NoProxy::from_string(&names));
        builder = builder.proxy(Proxy::all(url)?.no_proxy(excluded));
        if let Some(certificate) = text(ClientConfigKey::ProxyCaCertificate) {
            builder = builder.tls_certs_merge([Certificate::from_pem(certificate.as_bytes())?]);
        }
    }
    if is(ClientConfigKey::NoSystemCertificates) {
        builder = builder.tls_certs_only([]);
    }
    let builder = builder.default_headers(options.get_default_headers().cloned().unwrap_or_default());
    let builder = builder.tls_danger_accept_invalid_certs(is(ClientConfigKey::AllowInvalidCertificates));
    Ok(builder.https_only(!is(ClientConfigKey::AllowHttp)))
}

#[derive(Debug)]
struct Service {
    client: Client,
    wire: Arc<Wire>,
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'a>>;

impl HttpService for Service {
    fn call<'a, 'b>(&'a self, request: HttpRequest) -> Answer<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        if let Some(Caught(slot)) = request.extensions().get().cloned() {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some((request, self.wire.clone()));
            let error = HttpError::new(HttpErrorKind::Unknown, Trouble::lasting("it was caught"));
            return Box::pin(std::future::ready(Err(error)));
        }
        HttpService::call(&self.client, request)
    }
}
