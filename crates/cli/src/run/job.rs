//! The job that a run answers.

use std::path::Path;

use proofmark_core::{Digest, Job, MAX_JOB_BYTES, Tier};

use crate::{error::Error, files};

/// Reads a job.
pub(crate) fn read(path: &Path) -> Result<Job, Error> {
    let text = files::read(path, MAX_JOB_BYTES as u64)?;
    Job::parse(&text).map_err(|e| Error::File {
        path: path.to_path_buf(),
        message: e.to_string(),
        hint: Some("a job is JSON with version, title and tier; see docs/src/command-line.md".to_string()),
    })
}

/// The digest for the claim, and the tier to run at.
///
/// # Errors
/// If plan, job and the tier that was asked for do not go together.
pub(crate) fn reconcile(
    job: Option<&Job>,
    plan: &Digest,
    named: Option<Digest>,
    asked: Option<Tier>,
) -> Result<(Option<Digest>, Tier), Error> {
    let Some(job) = job else {
        return Ok((named, asked.unwrap_or(Tier::Proof)));
    };
    let digest = job.digest();
    if let Some(named) = named.filter(|named| *named != digest) {
        return Err(Error::Refused {
            code: "wrong-job",
            message: format!(
                "the plan answers another job: its jobRequestHash is {named}, this job is {digest}"
            ),
            hint: Some("give the job that the plan was made for, or change jobRequestHash".to_string()),
        });
    }
    if let Some(wanted) = job.plan.filter(|wanted| wanted != plan) {
        return Err(Error::Refused {
            code: "wrong-plan",
            message: format!("the job asks for the plan {wanted}, this one is {plan}"),
            hint: Some("`proofmark plan hash` tells the hash of a plan".to_string()),
        });
    }
    match asked {
        Some(tier) if tier < job.tier => Err(Error::usage(
            format!("the job demands tier {}, --tier {tier} is less", job.tier),
            "leave --tier away to take the job's",
        )),
        asked => Ok((Some(digest), asked.unwrap_or(job.tier))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_decides_unless_more_is_asked_for() {
        let job = Job::parse(br#"{"version": 1, "title": "x", "tier": "1"}"#).expect("is a job");
        let plan = Digest::of(b"plan");
        let digest = job.digest();
        assert_eq!(reconcile(None, &plan, None, None).expect("fits"), (None, Tier::Proof));
        let fits = |named, asked| reconcile(Some(&job), &plan, named, asked);
        assert_eq!(fits(None, None).expect("fits"), (Some(digest), Tier::Commitment));
        assert_eq!(fits(Some(digest), Some(Tier::Proof)).expect("fits"), (Some(digest), Tier::Proof));
        assert!(fits(None, Some(Tier::None)).is_err());
        assert!(fits(Some(plan), None).is_err());
        let other = Job { plan: Some(digest), ..job.clone() };
        assert!(reconcile(Some(&other), &plan, None, None).is_err());
    }
}
