//! The least that a firewall in user space can do: accepts every packet of queues FIRST .. FIRST + COUNT - 1, one pinned
//! thread for each. The benchmark measures desktopfw against it.
//!
//! `accept_all FIRST COUNT`; says `accepting` once every queue is bound, and ends by a signal.

use std::error::Error;
use std::thread;

use nfq::{Queue, Verdict};
use rustix::thread::{CpuSet, sched_setaffinity};

/// The same length and range as the firewall's own queues.
const QUEUE_LENGTH: u32 = 8192;
const COPY_RANGE: u16 = 256;

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u16>());
    let (Some(first), Some(count)) = (numbers.next(), numbers.next()) else {
        return Err("usage: accept_all FIRST COUNT".into());
    };
    let (first, count) = (first?, count?);
    let queues = (first..first + count).map(open).collect::<Result<Vec<_>, _>>()?;
    println!("accepting");
    let threads: Vec<_> =
        queues.into_iter().enumerate().map(|(cpu, queue)| thread::spawn(move || accept(queue, cpu))).collect();
    for thread in threads {
        thread.join().expect("a queue's thread never panics")?;
    }
    Ok(())
}

fn open(number: u16) -> std::io::Result<Queue> {
    let mut queue = Queue::open()?;
    queue.bind(number)?;
    queue.set_queue_max_len(number, QUEUE_LENGTH)?;
    queue.set_copy_range(number, COPY_RANGE)?;
    queue.set_recv_gso(number, true)?;
    Ok(queue)
}

fn accept(mut queue: Queue, cpu: usize) -> std::io::Result<()> {
    let mut cpus = CpuSet::new();
    cpus.set(cpu);
    sched_setaffinity(None, &cpus)?;
    loop {
        let mut message = queue.recv()?;
        message.set_verdict(Verdict::Accept);
        queue.verdict(message)?;
    }
}
