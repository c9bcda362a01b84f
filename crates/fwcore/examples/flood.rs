//! Floods a host with new flows, a bounded number of them: the other side of the tests that ruled flows keep passing.
//!
//! usage: flood syn|udp ADDRESS COUNT        SYNs or datagrams with forged sources (10.0.0.0/8), through a raw socket
//!        flood datagrams ADDRESS COUNT SIZE  datagrams of an ordinary user, from many sockets to many ports
//!
//! It says `flooding` when it begins and `sent COUNT` at its end.

#![allow(clippy::unwrap_used, reason = "a tool of the tests ends where it cannot go on")]

use std::env;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};

use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, ipproto, sendto, socket_with};

/// Ports that the flood goes to.
const PORTS: u32 = 20_000;
const SOCKETS: usize = 256;

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let [kind, address, count, rest @ ..] = &words[..] else {
        panic!("usage: flood syn|udp|datagrams ADDRESS COUNT [SIZE]")
    };
    let address: Ipv4Addr = address.parse().unwrap();
    let count: u32 = count.parse().unwrap();
    println!("flooding");
    match kind.as_str() {
        "syn" => forged(address, count, 6),
        "udp" => forged(address, count, 17),
        "datagrams" => datagrams(address, count, rest.first().map_or(32, |size| size.parse().unwrap())),
        other => panic!("{other} is no kind of flood"),
    }
    println!("sent {count}");
}

fn datagrams(address: Ipv4Addr, count: u32, size: usize) {
    let sockets: Vec<UdpSocket> = (0..SOCKETS)
        .map(|_| {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        })
        .collect();
    let payload = vec![0; size];
    for number in 0..count {
        let port = 1024 + (number % PORTS) as u16;
        // A full socket buffer drops it: that is the sender's loss.
        let _ = sockets[number as usize % SOCKETS].send_to(&payload, (address, port));
    }
}

fn forged(address: Ipv4Addr, count: u32, protocol: u8) {
    let socket = socket_with(AddressFamily::INET, SocketType::RAW, SocketFlags::CLOEXEC, Some(ipproto::RAW)).unwrap();
    let to = SocketAddr::V4(SocketAddrV4::new(address, 0));
    for number in 0..count {
        let source = Ipv4Addr::from(0x0a00_0000 | (number.wrapping_mul(2_654_435_761) & 0x00ff_ffff));
        let packet = packet(protocol, source, address, number);
        // A full buffer drops it.
        let _ = sendto(&socket, &packet, SendFlags::empty(), &to);
    }
}

fn packet(protocol: u8, source: Ipv4Addr, destination: Ipv4Addr, number: u32) -> Vec<u8> {
    let transport = if protocol == 6 { 20 } else { 8 };
    // The kernel fills in the identification and the header's checksum.
    let mut packet = vec![0x45, 0, 0, 20 + transport, 0, 0, 0, 0, 64, protocol, 0, 0];
    packet.extend(source.octets());
    packet.extend(destination.octets());
    packet.extend((1024 + (number >> 16) as u16).to_be_bytes());
    packet.extend((1024 + (number % PORTS) as u16).to_be_bytes());
    if protocol == 6 {
        packet.extend(number.to_be_bytes());
        packet.extend([0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0]);
        let sum = checksum(source, destination, &packet[20..]);
        packet[36..38].copy_from_slice(&sum.to_be_bytes());
    } else {
        packet.extend([0, 8, 0, 0]);
    }
    packet
}

/// TCP's checksum with its pseudo header (RFC 9293).
fn checksum(source: Ipv4Addr, destination: Ipv4Addr, segment: &[u8]) -> u16 {
    let pseudo = [&source.octets()[..], &destination.octets(), &[0, 6, 0, segment.len() as u8], segment].concat();
    let mut sum: u32 =
        pseudo.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
