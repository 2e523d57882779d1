//! Fetching a witness over HTTP(S). What arrives is judged, so the transport needs no trust.

use std::time::Duration;

use proofmark_registry::http::{FetchError, fetch_within};

use crate::error::Error;

const TIMEOUT: Duration = Duration::from_secs(60);

/// The bytes behind a URL, at most `limit` of them.
pub(super) fn get(url: &str, limit: usize) -> Result<Vec<u8>, Error> {
    fetch_within(url, TIMEOUT, limit).map_err(|error| Error::Refused {
        code: "unreachable",
        hint: error.is_retryable().then(|| "try again later".to_owned()),
        message: match error {
            FetchError::TooLarge { url } => format!("{url}: more than {limit} bytes"),
            other => other.to_string(),
        },
    })
}
