//! Processes that each send one packet and exit at once, the hardest to name: the load of the attribution benchmark.
//!
//! usage: send_and_exit one udp|tcp ADDRESS PORT                        a datagram, or a SYN whose answer nobody awaits
//!        send_and_exit burst udp|tcp ADDRESS PORT COUNT PROGRAM ...    COUNT processes of the programs (copies of this
//!                                                                      one) in turn, the n-th to PORT + n

#![allow(clippy::unwrap_used, reason = "a tool of the benchmark ends where it cannot go on")]

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::process::{Child, Command};

use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};

const AT_A_TIME: usize = 8;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["one", protocol, address, port] => {
            send(protocol, SocketAddrV4::new(address.parse().unwrap(), port.parse().unwrap()));
        }
        ["burst", protocol, address, port, count, ref programs @ ..] if !programs.is_empty() => {
            burst(protocol, address.parse().unwrap(), port.parse().unwrap(), count.parse().unwrap(), programs);
        }
        _ => panic!("usage: send_and_exit one udp|tcp ADDRESS PORT | burst udp|tcp ADDRESS PORT COUNT PROGRAM ..."),
    }
}

fn send(protocol: &str, to: SocketAddrV4) {
    if protocol == "udp" {
        UdpSocket::bind("0.0.0.0:0").unwrap().send_to(b"x", to).unwrap();
    } else {
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::NONBLOCK, None).unwrap();
        // It is under way (EINPROGRESS), and that is enough.
        let _ = connect(&socket, &to);
    }
}

fn burst(protocol: &str, address: Ipv4Addr, port: u16, count: u16, programs: &[&str]) {
    let mut running: VecDeque<Child> = VecDeque::new();
    for number in 0..count {
        if running.len() == AT_A_TIME {
            running.pop_front().unwrap().wait().unwrap();
        }
        let program = programs[usize::from(number) % programs.len()];
        let arguments = ["one", protocol, &address.to_string(), &(port + number).to_string()];
        running.push_back(Command::new(program).args(arguments).spawn().unwrap());
    }
    for mut child in running {
        child.wait().unwrap();
    }
}
