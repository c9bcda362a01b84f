//! ICMP echo: the kernel lists ping sockets (socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP)) with their identifier. Who sent
//! through a raw socket it does not tell.

use std::fs;

use super::sock_diag::{Found, Socket};
use crate::app::Unknown;
use crate::flow::{Direction, Flow, Protocol};

/// The ping socket whose identifier is the echo's.
pub(super) fn find(flow: &Flow) -> Found {
    if flow.direction == Direction::Incoming || flow.key.source_port == 0 {
        return Found::Nothing(Unknown::Protocol);
    }
    let table = if flow.key.protocol == Protocol::ICMP { "icmp" } else { "icmp6" };
    match fs::read_to_string(format!("/proc/thread-self/net/{table}")) {
        Ok(text) => match parse(&text, flow.key.source_port) {
            sockets if sockets.is_empty() => Found::Nothing(Unknown::Protocol),
            sockets => Found::Sockets(sockets),
        },
        Err(_) => Found::Nothing(Unknown::Failed),
    }
}

/// Lines of /proc/net/icmp: `sl local:port remote:port st tx:rx tr:when retrnsmt uid timeout inode …`, port in hexadecimal.
fn parse(text: &str, identifier: u16) -> Vec<Socket> {
    text.lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace().skip(1);
            let port = fields.next()?.rsplit_once(':')?.1;
            let mut fields = fields.skip(5);
            let uid = fields.next()?.parse().ok()?;
            let inode = fields.nth(1)?.parse().ok()?;
            (u16::from_str_radix(port, 16).ok()? == identifier).then_some(Socket { inode, cookie: None, uid })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_of_an_identifier_is_read_from_the_table() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
             1: 00000000:0005 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 24680 2 0000000000000000 0\n\
             9: 0100000A:1234 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 13579 2 0000000000000000 0\n";
        assert_eq!(parse(table, 5), [Socket { inode: 24680, cookie: None, uid: 1000 }]);
        assert_eq!(parse(table, 0x1234), [Socket { inode: 13579, cookie: None, uid: 0 }]);
        assert_eq!(parse(table, 6), []);
        assert_eq!(parse("", 6), []);
        assert_eq!(parse("header\ntorn line\n", 6), []);
    }
}
