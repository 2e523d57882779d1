//! Fetching a registry over HTTP(S). What arrives is judged by [`crate::sync`], so the transport needs no trust.

use std::{io::Read, sync::Arc, time::Duration};

use ureq::{
    Agent,
    tls::{RootCerts, TlsConfig},
};

use crate::MAX_REGISTRY_BYTES;

/// Why nothing could be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The server answered, but not with a registry. Its operator is at fault.
    #[error("{url}: the server answered with status {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// More bytes than were asked for.
    #[error("{url}: more bytes than are read")]
    TooLarge {
        /// What was asked for.
        url: String,
    },
    /// The connection failed or took too long.
    #[error("{url}: {detail}")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// What went wrong.
        detail: String,
    },
    /// Neither `http://` nor `https://`.
    #[error("`{0}` is not an http:// or https:// address")]
    UnsupportedScheme(String),
}

impl FetchError {
    /// Whether the same request may succeed later.
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Status { status, .. } => *status >= 500 || *status == 429,
            Self::TooLarge { .. } | Self::UnsupportedScheme(_) => false,
        }
    }
}

/// Fetches the bytes behind `url`, at most [`MAX_REGISTRY_BYTES`] and within `timeout`.
///
/// # Errors
/// If the address is no HTTP(S) one, the server does not answer in time, answers with an error, or sends
/// too much.
pub fn fetch(url: &str, timeout: Duration) -> Result<Vec<u8>, FetchError> {
    fetch_within(url, timeout, MAX_REGISTRY_BYTES)
}

/// Fetches the bytes behind `url`, at most `most` and within `timeout`.
///
/// # Errors
/// As [`fetch`].
pub fn fetch_within(url: &str, timeout: Duration, most: usize) -> Result<Vec<u8>, FetchError> {
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Err(FetchError::UnsupportedScheme(url.into()));
    }
    let unreachable = |detail: &dyn std::fmt::Display| FetchError::Unreachable {
        url: url.into(),
        detail: detail.to_string(),
    };
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let agent: Agent =
        Agent::config_builder().timeout_global(Some(timeout)).max_redirects(5).tls_config(tls).build().into();
    let mut response = agent.get(url).call().map_err(|e| match e {
        ureq::Error::StatusCode(status) => FetchError::Status { url: url.into(), status },
        other => unreachable(&other),
    })?;
    let mut bytes = Vec::new();
    let limit = most as u64 + 1;
    response.body_mut().as_reader().take(limit).read_to_end(&mut bytes).map_err(|e| unreachable(&e))?;
    if bytes.len() > most {
        return Err(FetchError::TooLarge { url: url.into() });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Write, net::TcpListener, thread};

    fn serve(answer: Vec<u8>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        thread::spawn(move || {
            if let Ok((mut stream, _)) = listener.accept() {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                let _ = stream.write_all(&answer);
            }
        });
        format!("http://{address}/registry.json")
    }

    #[test]
    fn answers_are_limited() {
        let short = Duration::from_secs(10);
        let url = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".to_vec());
        assert_eq!(fetch(&url, short).expect("served"), b"{}");

        let url = serve(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec());
        let error = fetch(&url, short).expect_err("an error status");
        assert!(matches!(error, FetchError::Status { status: 404, .. }) && !error.is_retryable());

        let mut endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
        endless.resize(MAX_REGISTRY_BYTES + 4096, b' ');
        let error = fetch(&serve(endless), short).expect_err("too long");
        assert!(matches!(error, FetchError::TooLarge { .. }), "{error}");

        let error = fetch("file:///etc/passwd", short).expect_err("no HTTP");
        assert!(matches!(error, FetchError::UnsupportedScheme(_)));
    }

    #[test]
    fn a_silent_server_is_given_up_on() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("bound"));
        let error = fetch(&url, Duration::from_millis(200)).expect_err("nobody answers");
        assert!(error.is_retryable(), "{error}");
    }
}
