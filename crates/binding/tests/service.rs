//! The prover service: queue, cache, single flight, cancellation, rotation, deadlines.

mod common;

use std::{
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use common::{Keys, facts, key_bytes};
use proofmark_binding::{
    circuit::Form,
    error::Error,
    evidence, keyfile,
    service::{Options, Service},
};

fn service(keys: &Keys, workers: usize, queue: usize, cache_bytes: usize) -> Service {
    Service::start(keys.manager(), Options { workers, queue, cache_bytes })
}

#[test]
fn ten_callers_at_once_each_get_their_own_proof() {
    let keys = Keys::new(Form::Open);
    let service = service(&keys, 2, 64, 1 << 20);
    thread::scope(|scope| {
        for caller in 0..12 {
            let service = &service;
            scope.spawn(move || {
                for round in 0..3 {
                    let facts = facts(caller * 100 + round);
                    let bound = service.prove(&facts).expect("proves");
                    assert_eq!(bound.claim, proofmark_core::Claim::Binding(facts));
                    assert_eq!(service.verify(&bound.claim, &bound.evidence), Ok(()));
                }
            });
        }
    });
}

#[test]
fn equal_requests_are_proved_once() {
    let keys = Keys::new(Form::Sealed);
    let service = service(&keys, 2, 64, 1 << 20);
    let barrier = Barrier::new(8);
    let bounds: Vec<_> = thread::scope(|scope| {
        let callers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    service.prove(&facts(7)).expect("proves")
                })
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().expect("no panic")).collect()
    });
    // Every proof has its own salt and randomness, so one proof means one value.
    assert!(bounds.iter().all(|bound| Arc::ptr_eq(bound, &bounds[0])));
    assert!(Arc::ptr_eq(&service.prove(&facts(7)).expect("from the cache"), &bounds[0]));
}

#[test]
fn a_full_queue_refuses_at_once() {
    let keys = Keys::new(Form::Open);
    let service = service(&keys, 1, 3, 0);
    let mut tickets = Vec::new();
    let mut refused = 0;
    for seed in 0..40 {
        match service.submit(&facts(seed)) {
            Ok(ticket) => tickets.push(ticket),
            Err(Error::Busy { capacity: 3 }) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(refused > 0 && service.queue_depth() <= 3, "{refused} refused");
    for ticket in tickets {
        ticket.wait().expect("what was accepted is proved");
    }
    assert!(service.prove(&facts(99)).is_ok(), "there is room again");
}

#[test]
fn a_dropped_ticket_cancels_and_a_shared_one_does_not() {
    let keys = Keys::new(Form::Open);
    let service = service(&keys, 1, 100, 1 << 20);
    let busy: Vec<_> = (0..20).map(|seed| service.submit(&facts(seed)).expect("room")).collect();
    let (wanted, twin) =
        (service.submit(&facts(500)).expect("room"), service.submit(&facts(500)).expect("room"));
    let unwanted = service.submit(&facts(501)).expect("room");
    let depth = service.queue_depth();
    unwanted.cancel();
    assert!(service.queue_depth() < depth, "nobody waits for it any more");
    drop(twin);
    let bound = wanted.wait().expect("one of two still waits");
    assert_eq!(evidence::check(&bound.claim, &bound.evidence), Ok(()));
    drop(busy);
    assert_eq!(service.queue_depth(), 0);
}

#[test]
fn a_service_that_ends_tells_who_waits() {
    let keys = Keys::new(Form::Open);
    let service = service(&keys, 1, 100, 0);
    let tickets: Vec<_> = (0..30).map(|seed| service.submit(&facts(seed)).expect("room")).collect();
    drop(service);
    let stopped = tickets
        .into_iter()
        .filter_map(|ticket| ticket.wait_for(Duration::from_secs(10)).expect("is told").err())
        .inspect(|error| assert!(matches!(**error, Error::Stopped)))
        .count();
    assert!(stopped > 0);
}

#[test]
fn a_cache_stays_within_its_bytes() {
    let keys = Keys::new(Form::Open);
    let room = 8 << 10;
    let service = service(&keys, 2, 64, room);
    for seed in 0..30 {
        service.prove(&facts(seed)).expect("proves");
        assert!(service.cache_bytes() <= room);
    }
    assert!(service.cache_bytes() > 0);
}

#[test]
fn a_new_key_proves_anew() {
    let keys = Keys::new(Form::Open);
    let service = service(&keys, 2, 64, 1 << 20);
    let old = service.prove(&facts(1)).expect("proves");
    keyfile::install(&keys.path("pk"), &key_bytes(Form::Open, 1).0).expect("writes");
    keyfile::install(&keys.path("vk"), &key_bytes(Form::Open, 1).1).expect("writes");
    service.reload_key().expect("a good pair");
    let new = service.prove(&facts(1)).expect("proves");
    assert_ne!(old.evidence.key, new.evidence.key, "the cache knows keys apart");
}

#[test]
fn a_deadline_passes_and_the_ticket_stays_good() {
    let keys = Keys::new(Form::Open);
    let service = service(&keys, 1, 100, 0);
    let busy: Vec<_> = (0..10).map(|seed| service.submit(&facts(seed)).expect("room")).collect();
    let last = service.submit(&facts(10)).expect("room");
    assert!(last.wait_for(Duration::ZERO).is_none(), "ten others are before it");
    drop(busy);
    let outcome = last.wait_for(Duration::from_secs(60)).expect("its turn came");
    assert!(outcome.is_ok());
    assert!(last.wait_for(Duration::ZERO).is_some(), "it can be asked again");
}

/// What earlier plans allowed for a single proof, machine and build of tests as they are.
#[test]
fn a_proof_takes_less_than_five_seconds() {
    for form in Form::ALL {
        let service = service(&Keys::new(form), 1, 1, 0);
        let ticket = service.submit(&facts(1)).expect("room");
        assert!(matches!(ticket.wait_for(Duration::from_secs(5)), Some(Ok(_))), "{form:?}");
    }
}
