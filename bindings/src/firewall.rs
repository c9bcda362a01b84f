//! The handle.

use std::sync::{Arc, PoisonError, RwLock};

use fwcore::firewall::{Firewall as Core, Options};
use fwcore::queue::Marks;
use napi::bindgen_prelude::{AsyncTask, Function};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi::{Env, Status, Task};
use napi_derive::napi;

use crate::convert::{epoch, verdict};
use crate::error::{CodedError, bad_input, coded, start, stopped};
use crate::event::{EventBatch, NativeQuery};
use crate::policy::NativePolicy;

/// How the queues are laid out.
#[napi(object)]
pub struct StartOptions {
    /// Number of the first NFQUEUE; the others follow it.
    pub first_queue: u32,
    /// 0: two for each CPU, one of each half of the queues.
    pub queue_count: u32,
    /// The bits of packet and connection marks that are ours; at least two.
    pub mark_mask: u32,
    /// The kernel lets pass what finds a queue full, instead of dropping it. Absent: no.
    pub fail_open: Option<bool>,
    /// Use the exact layer of attribution (BPF) if kernel and privileges allow it. Absent: yes.
    pub exact: Option<bool>,
}

/// The use of a rule.
#[napi(object)]
pub struct RuleUsage {
    pub id: u32,
    pub hits: f64,
    /// Milliseconds since the epoch; 0: never.
    pub last_used_ms: f64,
}

/// Counts since the start; `openQueries` and `generation` are of now.
#[napi(object)]
pub struct NativeStats {
    pub packets: f64,
    pub accepted: f64,
    pub dropped: f64,
    pub rejected: f64,
    pub asked: f64,
    pub unknown: f64,
    /// Outgoing flows whose sender the exact layer had not seen.
    pub exact_missed: f64,
    pub malformed: f64,
    pub overflowed: f64,
    pub panics: f64,
    pub cut: f64,
    /// Dropped by the kernel because a queue was full.
    pub queue_drops: f64,
    /// Dropped by the kernel because a socket's buffer was full.
    pub socket_drops: f64,
    /// Events lost because the ring was full.
    pub events_dropped: f64,
    pub open_queries: u32,
    pub generation: u32,
}

/// The running firewall. After `stop()` every call throws an error whose code is `Stopped`.
#[napi]
pub struct Firewall {
    /// Emptied by `stop`.
    core: RwLock<Option<Arc<Core>>>,
}

#[napi]
impl Firewall {
    /// Takes the queues and starts a pinned thread for each. `doorbell` is called, without arguments, when events wait.
    /// Error codes: `NotAllowed`, `QueueTaken`, `NoQueue`, `Kernel`, `BadInput`.
    #[napi(factory, js_name = "start")]
    pub fn launch(options: StartOptions, policy: NativePolicy, doorbell: Function<(), ()>) -> Result<Self, CodedError> {
        let bell = doorbell
            .build_threadsafe_function::<()>()
            .weak::<true>()
            .callee_handled::<false>()
            .max_queue_size::<1>()
            .build()
            .map_err(|error| coded("BadInput", error.reason))?;
        let options = Options {
            first_queue: queue_number(options.first_queue)?,
            queue_count: match queue_number(options.queue_count)? {
                0 => None,
                count => Some(count),
            },
            marks: match options.mark_mask.count_ones() {
                0 | 1 => return Err(bad_input("markMask has fewer than two bits")),
                _ => Marks { mask: options.mark_mask },
            },
            fail_open: options.fail_open.unwrap_or(false),
            exact: options.exact.unwrap_or(true),
        };
        let ring = move || {
            // A full queue means that a ring is on its way already.
            let _: Status = bell.call((), ThreadsafeFunctionCallMode::NonBlocking);
        };
        let core = Core::start(options, policy.draft()?, Box::new(ring)).map_err(|error| start(&error))?;
        Ok(Self { core: RwLock::new(Some(Arc::new(core))) })
    }

    /// Swaps the whole policy, judges what is parked again, and cuts live flows that the new policy forbids and the old
    /// one did not. Returns the generation.
    #[napi]
    pub fn replace_policy(&self, policy: NativePolicy) -> Result<u32, CodedError> {
        Ok(self.core()?.replace_policy(policy.draft()?))
    }

    /// How many clients would answer a question now.
    #[napi]
    pub fn set_attached(&self, clients: u32) -> Result<(), CodedError> {
        self.core()?.set_attached(clients);
        Ok(())
    }

    /// Whether each verdict shall make an event.
    #[napi]
    pub fn set_verdict_events(&self, wanted: bool) -> Result<(), CodedError> {
        self.core()?.want_verdict_events(wanted);
        Ok(())
    }

    /// Lets go what a query holds: how many packets, 0 if it is not open.
    #[napi]
    pub fn answer(
        &self,
        query_id: u32,
        #[napi(ts_arg_type = "'ACCEPT' | 'DROP' | 'REJECT'")] answer: String,
    ) -> Result<u32, CodedError> {
        Ok(self.core()?.answer(query_id, verdict(&answer)?) as u32)
    }

    /// The open queries, oldest first.
    #[napi]
    pub fn queries(&self) -> Result<Vec<NativeQuery>, CodedError> {
        Ok(self.core()?.queries().iter().map(Into::into).collect())
    }

    /// The use of every rule of the policy in force.
    #[napi]
    pub fn rule_usage(&self) -> Result<Vec<RuleUsage>, CodedError> {
        let usage = self.core()?.rule_usage().into_iter().map(|usage| RuleUsage {
            id: usage.id,
            hits: usage.hits as f64,
            last_used_ms: usage.last_used.map_or(0.0, epoch),
        });
        Ok(usage.collect())
    }

    /// Takes out at most `most` events.
    #[napi]
    pub fn drain_events(&self, most: u32) -> Result<EventBatch, CodedError> {
        Ok(self.core()?.drain_events(most as usize).into())
    }

    /// Counts since the start.
    #[napi]
    pub fn stats(&self) -> Result<NativeStats, CodedError> {
        let stats = self.core()?.stats();
        Ok(NativeStats {
            packets: stats.packets as f64,
            accepted: stats.accepted as f64,
            dropped: stats.dropped as f64,
            rejected: stats.rejected as f64,
            asked: stats.asked as f64,
            unknown: stats.unknown as f64,
            exact_missed: stats.exact_missed as f64,
            malformed: stats.malformed as f64,
            overflowed: stats.overflowed as f64,
            panics: stats.panics as f64,
            cut: stats.cut as f64,
            queue_drops: stats.drops.queue_full as f64,
            socket_drops: stats.drops.socket_full as f64,
            events_dropped: stats.events_dropped as f64,
            open_queries: stats.open_queries as u32,
            generation: stats.generation,
        })
    }

    /// Why the exact layer of attribution (BPF) is not at work; null if it is.
    #[napi(getter)]
    pub fn exact_layer_missing(&self) -> Result<Option<String>, CodedError> {
        Ok(self.core()?.exact_layer_missing().map(ToString::to_string))
    }

    /// Whether the kernel tells what becomes of processes, which is asked for where the exact layer is not at work.
    #[napi(getter)]
    pub fn follows_processes(&self) -> Result<bool, CodedError> {
        Ok(self.core()?.follows_processes())
    }

    /// How many queues are served.
    #[napi(getter)]
    pub fn queue_count(&self) -> Result<u32, CodedError> {
        Ok(self.core()?.queue_count().into())
    }

    /// Drops what is parked, ends the threads and closes the queues.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn stop(&self) -> Result<AsyncTask<Stop>, CodedError> {
        let core = self.core.write().unwrap_or_else(PoisonError::into_inner).take();
        Ok(AsyncTask::new(Stop { core: Some(core.ok_or_else(stopped)?) }))
    }

    fn core(&self) -> Result<Arc<Core>, CodedError> {
        self.core.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(stopped)
    }
}

/// Stops the firewall off the event loop: the threads finish their packet first.
pub struct Stop {
    core: Option<Arc<Core>>,
}

impl Task for Stop {
    type Output = ();
    type JsValue = ();

    fn compute(&mut self) -> napi::Result<()> {
        if let Some(core) = self.core.take() {
            core.stop();
        }
        Ok(())
    }

    fn resolve(&mut self, _env: Env, (): ()) -> napi::Result<()> {
        Ok(())
    }
}

fn queue_number(number: u32) -> Result<u16, CodedError> {
    number.try_into().map_err(|_| bad_input(format_args!("queue {number} is out of range; expected 0-65535")))
}
