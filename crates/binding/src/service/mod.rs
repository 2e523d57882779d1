//! Proving for many callers: a bounded queue, workers, a cache, and equal requests proved once.
//!
//! A request is answered from the cache, joins an equal request that is under way, or waits in the queue. The queue has a
//! bound: beyond it [`Service::submit`] refuses at once with [`Error::Busy`] instead of taking memory. Whoever no longer wants a
//! result drops its [`Ticket`]; a request without tickets is not proved.
//!
//! Events go to the `log` facade: keys taken into use (info), proofs (debug), what failed (warn), what should be impossible (error).
//! They name jobs and keys, never models, inputs or outputs, which sealed receipts hide.

mod cache;
pub mod metrics;

use std::{
    collections::{HashMap, VecDeque},
    num::NonZero,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use proofmark_core::{BindingEvidence, Claim, Digest, InferenceClaim};

use self::{cache::Cache, metrics::Metrics};
use crate::{
    error::Error,
    evidence::{self, EvidenceError},
    manager::{KeyManager, LoadedKey},
    receipt::{Bound, bind},
    settings::DEFAULT_CACHE_BYTES,
};

/// What a request is known by. Proof bytes are in no key: anybody can re-randomise them.
type Request = (InferenceClaim, Digest);
/// What comes of a request; shared by all who asked.
pub type Outcome = Result<Arc<Bound>, Arc<Error>>;

/// Sizes of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Threads that prove. A proof itself runs on up to two cores.
    pub workers: usize,
    /// Requests that may wait.
    pub queue: usize,
    /// Memory of the cache in bytes; 0: none.
    pub cache_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        Self { workers, queue: 1024, cache_bytes: DEFAULT_CACHE_BYTES }
    }
}

/// Proves for many callers. Dropping it ends its threads; requests that still wait fail with [`Error::Stopped`].
#[derive(Debug)]
pub struct Service {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

struct Shared {
    keys: Arc<KeyManager>,
    capacity: usize,
    metrics: Metrics,
    cache: Mutex<Cache<Request, Arc<Bound>>>,
    state: Mutex<State>,
    /// Tells workers of work.
    work: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Arc<Flight>>,
    /// Requests that wait or are being proved.
    flights: HashMap<Request, Arc<Flight>>,
    stopped: bool,
}

/// A request under way.
struct Flight {
    request: Request,
    key: Arc<LoadedKey>,
    since: Instant,
    /// Tickets that still want the result. Changed only while the state is locked.
    wanted: AtomicUsize,
    outcome: Mutex<Option<Outcome>>,
    done: Condvar,
}

impl Service {
    /// Starts the workers.
    pub fn start(keys: Arc<KeyManager>, options: Options) -> Self {
        let metrics = Metrics::new(options.queue);
        let key = keys.current();
        metrics.key(&key, false);
        log::info!(
            "binding prover: {} worker(s), queue of {}, {} form, key {}{}",
            options.workers.max(1),
            options.queue,
            key.form().name(),
            key.id,
            if key.is_dev() { " (development: its receipts are rejected)" } else { "" }
        );
        let shared = Arc::new(Shared {
            keys,
            capacity: options.queue,
            metrics,
            cache: Mutex::new(Cache::new(options.cache_bytes)),
            state: Mutex::default(),
            work: Condvar::new(),
        });
        let workers = (0..options.workers.max(1))
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.serve())
            })
            .collect();
        Self { shared, workers }
    }

    /// Asks for a proof.
    ///
    /// # Errors
    /// [`Error::Busy`] if the queue is full, [`Error::Stopped`] if the service ends.
    pub fn submit(&self, facts: &InferenceClaim) -> Result<Ticket, Error> {
        self.shared.submit(facts).inspect_err(|error| {
            self.shared.metrics.failed(error);
            // No warning: under load there is one for each request, and the metric counts them.
            log::debug!("binding proof for job {} refused [{}]: {error}", facts.job, error.code());
        })
    }

    /// Asks for a proof and waits for it.
    ///
    /// # Errors
    /// As [`Service::submit`], and whatever goes wrong while proving.
    pub fn prove(&self, facts: &InferenceClaim) -> Outcome {
        self.submit(facts)?.wait()
    }

    /// Checks evidence and notes how it went.
    ///
    /// # Errors
    /// What is wrong with the evidence.
    pub fn verify(&self, claim: &Claim, proof: &BindingEvidence) -> Result<(), EvidenceError> {
        let start = Instant::now();
        let result = evidence::check(claim, proof);
        metrics::verified(&result, start.elapsed());
        result
    }

    /// Takes a new key into use, after its files were replaced; see [`KeyManager::reload`]. Proofs under way keep the old one.
    ///
    /// # Errors
    /// If the new files cannot be used. The old key stays in use.
    pub fn reload_key(&self) -> Result<Digest, Error> {
        let old = self.shared.keys.current().id;
        let key = self.shared.keys.reload().inspect_err(|error| {
            self.shared.metrics.failed(error);
            log::warn!(
                "binding prover: the key was not exchanged [{}]: {error}; {old} stays in use",
                error.code()
            );
        })?;
        self.shared.metrics.key(&key, key.id != old);
        log::info!("binding prover: key {} in use, before it {old}", key.id);
        Ok(key.id)
    }

    /// Requests that wait.
    pub fn queue_depth(&self) -> usize {
        self.shared.state().queue.len()
    }

    /// Memory of the cache in bytes.
    pub fn cache_bytes(&self) -> usize {
        self.shared.cache().bytes()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let waiting = {
            let mut state = self.shared.state();
            state.stopped = true;
            std::mem::take(&mut state.queue)
        };
        self.shared.work.notify_all();
        for flight in waiting {
            self.shared.finish(&flight, Err(Arc::new(Error::Stopped)));
        }
        for worker in self.workers.drain(..) {
            let _ = worker.join(); // a worker catches the panics of its work
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

impl Shared {
    fn submit(self: &Arc<Self>, facts: &InferenceClaim) -> Result<Ticket, Error> {
        let key = self.keys.current();
        let request = (*facts, key.id);
        if let Some(bound) = self.cache().get(&request) {
            self.metrics.hits.increment(1);
            return Ok(Ticket(Inner::Ready(bound)));
        }
        let mut state = self.state();
        if state.stopped {
            return Err(Error::Stopped);
        }
        if let Some(flight) = state.flights.get(&request) {
            flight.wanted.fetch_add(1, Ordering::Relaxed);
            self.metrics.joined.increment(1);
            return Ok(self.ticket(flight));
        }
        // It may have been finished between the two looks.
        if let Some(bound) = self.cache().get(&request) {
            self.metrics.hits.increment(1);
            return Ok(Ticket(Inner::Ready(bound)));
        }
        if state.queue.len() >= self.capacity {
            return Err(Error::Busy { capacity: self.capacity });
        }
        self.metrics.misses.increment(1);
        let flight = Arc::new(Flight {
            request,
            key,
            since: Instant::now(),
            wanted: AtomicUsize::new(1),
            outcome: Mutex::new(None),
            done: Condvar::new(),
        });
        state.flights.insert(request, Arc::clone(&flight));
        state.queue.push_back(Arc::clone(&flight));
        self.metrics.queue_depth.set(state.queue.len() as f64);
        drop(state);
        self.work.notify_one();
        Ok(self.ticket(&flight))
    }

    fn ticket(self: &Arc<Self>, flight: &Arc<Flight>) -> Ticket {
        Ticket(Inner::Waiting { shared: Arc::clone(self), flight: Arc::clone(flight) })
    }

    /// A worker's life.
    fn serve(&self) {
        while let Some(flight) = self.next() {
            self.metrics.waited(flight.since.elapsed());
            let start = Instant::now();
            // A panic would leave callers waiting for ever. None is known; bad memory could cause one.
            let result = catch_unwind(AssertUnwindSafe(|| bind(&flight.key, &flight.request.0)))
                .unwrap_or(Err(Error::SelfCheck));
            let outcome = match result {
                Ok(bound) => {
                    let time = start.elapsed();
                    self.metrics.proved(&flight.key, time);
                    log::debug!("binding proof for job {} in {} µs", flight.request.0.job, time.as_micros());
                    let bound = Arc::new(bound);
                    let mut cache = self.cache();
                    cache.put(flight.request, Arc::clone(&bound), bound.size());
                    self.metrics.cache_bytes.set(cache.bytes() as f64);
                    Ok(bound)
                }
                Err(error) => {
                    log::error!("binding proof for job {} [{}]: {error}", flight.request.0.job, error.code());
                    Err(Arc::new(error))
                }
            };
            self.finish(&flight, outcome);
        }
    }

    /// The next request that somebody still wants; `None` when the service ends.
    fn next(&self) -> Option<Arc<Flight>> {
        let mut state = self.state();
        loop {
            if state.stopped {
                return None;
            }
            let Some(flight) = state.queue.pop_front() else {
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            self.metrics.queue_depth.set(state.queue.len() as f64);
            return Some(flight);
        }
    }

    fn finish(&self, flight: &Arc<Flight>, outcome: Outcome) {
        if let Err(error) = &outcome {
            self.metrics.failed(error);
        }
        self.state().flights.remove(&flight.request);
        *flight.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        flight.done.notify_all();
    }

    /// One ticket less. The last one takes a request that still waits out of the queue.
    fn leave(&self, flight: &Arc<Flight>) {
        let mut state = self.state();
        if flight.wanted.fetch_sub(1, Ordering::Relaxed) > 1 {
            return;
        }
        let Some(at) = state.queue.iter().position(|waiting| Arc::ptr_eq(waiting, flight)) else { return };
        state.queue.remove(at);
        state.flights.remove(&flight.request);
        self.metrics.queue_depth.set(state.queue.len() as f64);
        self.metrics.failed(&Error::Cancelled);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cache(&self) -> MutexGuard<'_, Cache<Request, Arc<Bound>>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the queue. Dropping it cancels the request, if nobody else asked for the same.
#[derive(Debug)]
#[must_use = "a ticket that is dropped cancels its request"]
pub struct Ticket(Inner);

enum Inner {
    Ready(Arc<Bound>),
    Waiting { shared: Arc<Shared>, flight: Arc<Flight> },
}

impl Ticket {
    /// Waits for the proof.
    ///
    /// # Errors
    /// Whatever goes wrong while proving.
    pub fn wait(self) -> Outcome {
        loop {
            if let Some(outcome) = self.wait_for(Duration::from_secs(3600)) {
                return outcome;
            }
        }
    }

    /// Waits for the proof at most so long; `None` if it is not there by then, and the ticket is still good.
    pub fn wait_for(&self, time: Duration) -> Option<Outcome> {
        let flight = match &self.0 {
            Inner::Ready(bound) => return Some(Ok(Arc::clone(bound))),
            Inner::Waiting { flight, .. } => flight,
        };
        let outcome = flight.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        let (outcome, _) = flight
            .done
            .wait_timeout_while(outcome, time, |outcome| outcome.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        outcome.clone()
    }

    /// Gives the request up. As dropping, in a word.
    pub fn cancel(self) {}
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Inner::Waiting { shared, flight } = &self.0 {
            shared.leave(flight);
        }
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ready(_) => "Ready",
            Self::Waiting { .. } => "Waiting",
        })
    }
}
