//! Requests that nobody honest makes: an error or another journal, never a panic.

use std::sync::Arc;

use proofmark_plan::{
    exec::NoCustom,
    guest::{self, Outcome},
};

use crate::examples::{EXAMPLES, Job};

fn run(request: Vec<u8>) -> Option<Outcome> {
    guest::run(Arc::new(request), [1, 0, 0], &NoCustom).ok()
}

#[test]
fn a_changed_request_never_gives_the_same_journal_and_another_output() {
    for (plan, data, _) in [EXAMPLES[0], EXAMPLES[3]] {
        let request = Job::new(plan, data).request();
        let honest = run(request.clone()).unwrap();
        let mut accepted = 0;
        // Every byte of the head and the plan, and a few hundred of the data.
        let places = (0..1200).chain((1200..request.len()).step_by(97)).filter(|at| *at < request.len());
        for at in places {
            let mut changed = request.clone();
            changed[at] ^= 1 << (at % 8);
            if let Some(outcome) = run(changed) {
                accepted += 1;
                assert_ne!(outcome.journal, honest.journal, "{plan}: byte {at}");
            }
        }
        println!("{plan}: {accepted} changed requests gave another journal");
        assert!(accepted > 0);
    }
}

#[test]
fn a_request_cut_anywhere_is_refused() {
    let request = Job::new(EXAMPLES[0].0, EXAMPLES[0].1).request();
    for cut in (0..1500).chain((1500..request.len()).step_by(61)) {
        assert!(run(request[..cut].to_vec()).is_none(), "cut at {cut}");
    }
    let mut longer = request;
    longer.extend([0; 4]);
    assert!(run(longer).is_none());
}
