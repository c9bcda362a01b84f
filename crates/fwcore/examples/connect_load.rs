//! Connects as fast as it can, and the server that it connects to; light, so that the firewall is what is measured.
//!
//! `connect_load serve ADDRESS:PORT` says `serving` and closes each connection that it accepts.
//! `connect_load run ADDRESS:PORT AT_A_TIME TOTAL` prints one line of JSON:
//! `{"connections":N,"failed":N,"seconds":S,"p50_us":N,"p99_us":N}`, the times those of connect().

use std::error::Error;
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const USAGE: &str = "usage: connect_load serve ADDRESS:PORT | connect_load run ADDRESS:PORT AT_A_TIME TOTAL";
/// The threads only wait in connect(): they need little stack.
const STACK: usize = 64 * 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", address] => serve(address.parse()?),
        ["run", address, at_a_time, total] => run(address.parse()?, at_a_time.parse()?, total.parse()?),
        _ => Err(USAGE.into()),
    }
}

fn serve(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(address)?;
    println!("serving");
    loop {
        drop(listener.accept());
    }
}

fn run(address: SocketAddr, at_a_time: usize, total: usize) -> Result<(), Box<dyn Error>> {
    let left = AtomicUsize::new(total);
    let failed = AtomicUsize::new(0);
    let began = Instant::now();
    let mut times: Vec<Duration> = thread::scope(|scope| {
        let threads = (0..at_a_time).map(|_| {
            thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || connect_while(&left, &failed, address))
        });
        let threads = threads.collect::<Result<Vec<_>, _>>()?;
        let times = threads.into_iter().flat_map(|thread| thread.join().expect("connecting never panics"));
        Ok::<_, std::io::Error>(times.collect())
    })?;
    let seconds = began.elapsed().as_secs_f64();
    times.sort_unstable();
    println!(
        r#"{{"connections":{},"failed":{},"seconds":{seconds:.6},"p50_us":{:.1},"p99_us":{:.1}}}"#,
        times.len(),
        failed.load(Ordering::Relaxed),
        percentile(&times, 50),
        percentile(&times, 99),
    );
    Ok(())
}

fn connect_while(left: &AtomicUsize, failed: &AtomicUsize, address: SocketAddr) -> Vec<Duration> {
    let mut times = Vec::new();
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
        let began = Instant::now();
        let connected = TcpStream::connect(address);
        let time = began.elapsed();
        // The server's close is waited for, or the connections would pile up before its accept().
        match connected.and_then(|mut stream| stream.read(&mut [0])) {
            Ok(_) => times.push(time),
            Err(_) => drop(failed.fetch_add(1, Ordering::Relaxed)),
        }
    }
    times
}

/// In microseconds; 0 when there are none.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    sorted.get(sorted.len() * percent / 100).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}
