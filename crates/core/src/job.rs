//! Jobs: what a buyer asks for.

use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
};
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::{Digest, Tier, json};

/// The longest job, in bytes, that is read.
pub const MAX_JOB_BYTES: usize = 64 << 10;

/// One request for work. Identified by its [digest](Job::digest).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Job {
    /// Version of this format: [`Job::VERSION`].
    pub version: u32,
    /// What is asked for, in one line.
    pub title: String,
    /// What is asked for, at length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The plan that must be executed. Without it the provider chooses one, and the buyer judges it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Digest>,
    /// The lowest tier that the buyer accepts.
    pub tier: Tier,
    /// When the result is needed, as an RFC 3339 date and time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
    /// What the buyer pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// Whatever else buyer and provider agreed on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "crate::strict::map")]
    pub parameters: BTreeMap<String, String>,
}

/// An exact amount of one asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Price {
    /// A decimal number as text, such as `12.50`: never a binary fraction.
    pub amount: String,
    /// The asset's name, such as `EUR` or `SAT`.
    pub asset: String,
}

impl Job {
    /// The version that this library writes, and the only one that it reads.
    pub const VERSION: u32 = 1;

    /// Reads a job from JSON.
    ///
    /// # Errors
    /// If the text is too long, is not JSON, has unknown, repeated or empty members, or values out of their
    /// range. Whoever wrote the job is at fault.
    pub fn parse(bytes: &[u8]) -> Result<Self, JobError> {
        if bytes.len() > MAX_JOB_BYTES {
            return Err(JobError::TooLarge { limit: MAX_JOB_BYTES, actual: bytes.len() });
        }
        let malformed = |e: serde_json::Error| JobError::Malformed(e.to_string());
        let job: Self = serde_json::from_slice(bytes).map_err(malformed)?;
        job.check()?;
        // The digest is taken over the job as it is written. So the text may hold nothing that this type
        // drops: a `null`, an empty map, or a tier written as a number.
        let written: serde_json::Value = serde_json::from_slice(bytes).map_err(malformed)?;
        match json::canonical(&written) {
            Ok(written) if written == job.canonical() => Ok(job),
            _ => Err(JobError::Invalid {
                field: "job",
                detail:
                    "leave empty members out instead of writing null or {}, and write the tier as a string"
                        .into(),
            }),
        }
    }

    /// Checks the ranges that the types do not: lengths, the deadline, the price.
    ///
    /// # Errors
    /// Names the first field that is out of range.
    pub fn check(&self) -> Result<(), JobError> {
        let invalid = |field, detail: &str| Err(JobError::Invalid { field, detail: detail.into() });
        let text = |text: &str, most: usize| !text.trim().is_empty() && text.len() <= most;
        if self.version != Self::VERSION {
            return Err(JobError::UnsupportedVersion(self.version));
        }
        if !text(&self.title, 200) {
            return invalid("title", "1 to 200 bytes of text");
        }
        if self.description.as_deref().is_some_and(|description| !text(description, 32 << 10)) {
            return invalid("description", "1 to 32768 bytes of text");
        }
        if self.deadline.as_deref().is_some_and(|deadline| !is_rfc3339(deadline)) {
            return invalid("deadline", "an RFC 3339 date and time such as 2027-01-31T12:00:00Z");
        }
        if let Some(price) = &self.price {
            if !is_decimal(&price.amount) {
                return invalid("price.amount", "a decimal number such as \"12.50\", at most 38 + 18 digits");
            }
            if !text(&price.asset, 64) {
                return invalid("price.asset", "1 to 64 bytes of text");
            }
        }
        let short = |(name, value): (&String, &String)| text(name, 64) && value.len() <= 4096;
        if self.parameters.len() > 64 || !self.parameters.iter().all(short) {
            return invalid("parameters", "at most 64, with names of 1 to 64 and values of up to 4096 bytes");
        }
        Ok(())
    }

    /// SHA-256 of the job's canonical JSON (RFC 8785), under no domain, so that public tools can
    /// recompute it from the file.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.canonical())
    }

    /// The JSON form, indented, with a line feed at its end.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("jobs hold strings and small integers only");
        text.push('\n');
        text
    }

    fn canonical(&self) -> alloc::vec::Vec<u8> {
        let value = serde_json::to_value(self).expect("jobs hold strings and small integers only");
        json::canonical(&value).expect("a job's only number is its version")
    }
}

/// Why bytes are not a job.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobError {
    /// A field is out of its range.
    Invalid {
        /// The field.
        field: &'static str,
        /// What it must be.
        detail: String,
    },
    /// Not the JSON of a job; the text says where.
    Malformed(String),
    /// Longer than [`MAX_JOB_BYTES`].
    TooLarge {
        /// The most that is read.
        limit: usize,
        /// What was given.
        actual: usize,
    },
    /// Another format version than [`Job::VERSION`].
    UnsupportedVersion(u32),
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { field, detail } => write!(f, "not a job: `{field}`: {detail}"),
            Self::Malformed(detail) => write!(f, "not a job: {detail}"),
            Self::TooLarge { limit, actual } => write!(f, "a job has at most {limit} bytes, found {actual}"),
            Self::UnsupportedVersion(version) => {
                write!(f, "job format version {version}; this software reads {}", Job::VERSION)
            }
        }
    }
}

impl core::error::Error for JobError {}

/// `0` or digits without a leading zero, then perhaps a point and up to 18 digits.
fn is_decimal(text: &str) -> bool {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let digits = |text: &str, most: usize| {
        !text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    digits(whole, 38)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(|fraction| digits(fraction, 18))
}

/// RFC 3339 section 5.6 `date-time`, upper case, with the days of the month checked; no leap seconds.
fn is_rfc3339(text: &str) -> bool {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<u32> {
        let digits = bytes.get(from..to)?;
        digits
            .iter()
            .all(u8::is_ascii_digit)
            .then(|| digits.iter().fold(0, |n, d| n * 10 + u32::from(d - b'0')))
    };
    let at = |index: usize, byte: u8| bytes.get(index) == Some(&byte);
    let date = || -> Option<bool> {
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 => 28 + u32::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        Some(at(4, b'-') && at(7, b'-') && (1..=12).contains(&month) && (1..=days).contains(&day))
    };
    let time = || -> Option<bool> {
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        Some(at(10, b'T') && at(13, b':') && at(16, b':') && hour < 24 && minute < 60 && second < 60)
    };
    let zone = || -> Option<bool> {
        let mut next = 19;
        if at(next, b'.') {
            let digits = bytes.get(20..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if !(1..=9).contains(&digits) {
                return Some(false);
            }
            next = 20 + digits;
        }
        if at(next, b'Z') {
            return Some(bytes.len() == next + 1);
        }
        let (hour, minute) = (number(next + 1, next + 3)?, number(next + 4, next + 6)?);
        let sign = at(next, b'+') || at(next, b'-');
        Some(sign && at(next + 3, b':') && hour < 24 && minute < 60 && bytes.len() == next + 6)
    };
    date() == Some(true) && time() == Some(true) && zone() == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const JOB: &str = r#"{
        "version": 1, "title": "Mean price per company", "tier": "2",
        "deadline": "2027-02-28T12:00:00Z", "price": {"amount": "12.50", "asset": "EUR"},
        "parameters": {"language": "en"}
    }"#;

    #[test]
    fn a_job_has_the_digest_of_its_canonical_text() {
        let job = Job::parse(JOB.as_bytes()).expect("valid");
        let canonical = r#"{"deadline":"2027-02-28T12:00:00Z","parameters":{"language":"en"},"price":{"amount":"12.50","asset":"EUR"},"tier":"2","title":"Mean price per company","version":1}"#;
        assert_eq!(job.digest(), Digest::of(canonical.as_bytes()));
        assert_eq!(Job::parse(job.to_json().as_bytes()), Ok(job));
    }

    #[test]
    fn what_a_digest_could_miss_is_refused() {
        let bad = [
            ("\"tier\": \"2\"", "\"tier\": 2"),
            ("\"tier\": \"2\"", "\"tier\": \"2\", \"plan\": null"),
            ("{\"language\": \"en\"}", "{}"),
            ("{\"language\": \"en\"}", "{\"language\": \"en\", \"language\": \"de\"}"),
            ("\"version\": 1", "\"version\": 1, \"version\": 1"),
            ("\"version\": 1", "\"version\": 1, \"note\": \"x\""),
            ("\"version\": 1", "\"version\": 3"),
            ("Mean price per company", "  "),
            ("2027-02-28", "2027-02-29"),
            ("12:00:00Z", "24:00:00Z"),
            ("12:00:00Z", "12:00:00"),
            ("12.50", "1e3"),
            ("12.50", "012"),
            ("12.50", "-1"),
            ("12.50", "1."),
        ];
        for (from, to) in bad {
            let text = JOB.replacen(from, to, 1);
            assert_ne!(text, JOB);
            assert!(Job::parse(text.as_bytes()).is_err(), "{text}");
        }
        let long: Vec<u8> = alloc::vec![b' '; MAX_JOB_BYTES + 1];
        assert!(matches!(Job::parse(&long), Err(JobError::TooLarge { .. })));
        for good in ["2028-02-29T23:59:59.123456789+05:30", "2000-02-29T00:00:00-00:00"] {
            assert!(is_rfc3339(good), "{good}");
        }
        for bad in [
            "",
            "2027-1-01T00:00:00Z",
            "2027-01-01 00:00:00Z",
            "2027-01-01T00:00:00.Z",
            "2100-02-29T00:00:00Z",
        ] {
            assert!(!is_rfc3339(bad), "{bad}");
        }
    }
}
