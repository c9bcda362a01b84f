//! Packets are written as RFC diagrams read: hexadecimal, blanks between fields.

use proptest::prelude::*;

use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn summary(bytes: &[u8]) -> String {
    match parse(bytes) {
        Ok(Packet { key, transport }) => {
            let transport = match transport {
                Transport::Tcp(head) => format!(" seq={} opens={}", head.sequence, head.opens()),
                Transport::Icmp { kind, code } => format!(" type={kind} code={code}"),
                Transport::Other => String::new(),
            };
            format!(
                "{} {} {} > {} {}{transport}",
                key.protocol.0, key.source, key.source_port, key.destination, key.destination_port
            )
        }
        Err(error) => error.to_string(),
    }
}

const V4: &str = "45 00 0028 0000 4000 40";
const V4_ADDRESSES: &str = "0000 0a4d0001 0a4d0002";
const V6_ADDRESSES: &str = "40 fd770000000000000000000000000001 fd770000000000000000000000000002";
const SYN: &str = "c350 0050 0000002a 00000000 5002 ffff 0000 0000";
const ACK: &str = "c350 0050 0000002b 00000001 5010 ffff 0000 0000";
const UDP: &str = "c350 0035 0008 0000";

#[test]
fn headers_are_read_as_the_specifications_say() {
    let table = [
        (format!("{V4} 06 {V4_ADDRESSES} {SYN}"), "6 10.77.0.1 50000 > 10.77.0.2 80 seq=42 opens=true"),
        (format!("{V4} 06 {V4_ADDRESSES} {ACK}"), "6 10.77.0.1 50000 > 10.77.0.2 80 seq=43 opens=false"),
        (
            format!("46 00 0028 0000 4000 40 06 {V4_ADDRESSES} 94040000 {SYN}"),
            "6 10.77.0.1 50000 > 10.77.0.2 80 seq=42 opens=true",
        ),
        (format!("{V4} 11 {V4_ADDRESSES} {UDP}"), "17 10.77.0.1 50000 > 10.77.0.2 53"),
        (format!("{V4} 01 {V4_ADDRESSES} 0800 0000 1234 0001"), "1 10.77.0.1 4660 > 10.77.0.2 0 type=8 code=0"),
        (format!("{V4} 01 {V4_ADDRESSES} 0301 0000 0000 0000"), "1 10.77.0.1 0 > 10.77.0.2 0 type=3 code=1"),
        (format!("{V4} 84 {V4_ADDRESSES} 0bb8 0fa0 00000000 00000000"), "132 10.77.0.1 3000 > 10.77.0.2 4000"),
        (format!("{V4} 2f {V4_ADDRESSES}"), "47 10.77.0.1 0 > 10.77.0.2 0"),
        (format!("45 00 0028 0000 2000 40 11 {V4_ADDRESSES} {UDP}"), "17 10.77.0.1 50000 > 10.77.0.2 53"),
        (format!("45 00 0028 0000 0003 40 11 {V4_ADDRESSES} ffff"), "17 10.77.0.1 0 > 10.77.0.2 0"),
        (format!("60000000 0014 06 {V6_ADDRESSES} {SYN}"), "6 fd77::1 50000 > fd77::2 80 seq=42 opens=true"),
        (format!("60000000 0014 3a {V6_ADDRESSES} 8000 0000 0007 0001"), "58 fd77::1 7 > fd77::2 0 type=128 code=0"),
        (
            format!("60000000 0020 00 {V6_ADDRESSES} 3c00 000000000000 1100 000000000000 {UDP}"),
            "17 fd77::1 50000 > fd77::2 53",
        ),
        (format!("60000000 0020 2c {V6_ADDRESSES} 1100 0001 00000001 {UDP}"), "17 fd77::1 50000 > fd77::2 53"),
        (format!("60000000 0020 2c {V6_ADDRESSES} 1100 0008 00000001 ffff"), "17 fd77::1 0 > fd77::2 0"),
        (format!("60000000 0020 33 {V6_ADDRESSES} 1101 0000 00000000 00000000 {UDP}"), "17 fd77::1 50000 > fd77::2 53"),
        (format!("60000000 0000 3b {V6_ADDRESSES}"), "59 fd77::1 0 > fd77::2 0"),
    ];
    for (packet, expected) in table {
        assert_eq!(summary(&hex(&packet)), expected, "{packet}");
    }
}

#[test]
fn what_contradicts_itself_is_named() {
    let table = [
        (String::new(), "the packet ends within its IP header"),
        ("55".into(), "IP version 5 is neither 4 nor 6"),
        ("45 00 0028".into(), "the packet ends within its IPv4 header"),
        (format!("44 00 0028 0000 4000 40 06 {V4_ADDRESSES} {SYN}"), "the IPv4 header's length is impossible"),
        (format!("4f 00 0028 0000 4000 40 06 {V4_ADDRESSES} {SYN}"), "the packet ends within its IPv4 header"),
        (format!("{V4} 06 {V4_ADDRESSES} c350 0050"), "the packet ends within its TCP header"),
        (
            format!("{V4} 06 {V4_ADDRESSES} c350 0050 0000002a 00000000 4002 ffff 0000 0000"),
            "the TCP header's length is impossible",
        ),
        (format!("{V4} 11 {V4_ADDRESSES} c3"), "the packet ends within its UDP header"),
        ("60000000 0014 06".into(), "the packet ends within its IPv6 header"),
        (format!("60000000 0020 00 {V6_ADDRESSES} 11"), "the packet ends within its IPv6 extension header"),
        (
            format!("60000000 0020 00 {V6_ADDRESSES} 11ff 000000000000"),
            "the packet ends within its IPv6 extension header",
        ),
    ];
    for (packet, expected) in table {
        assert_eq!(summary(&hex(&packet)), expected, "{packet}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn no_bytes_behind_a_sound_version_make_it_panic(version in prop_oneof![Just(0x45u8), Just(0x4f), Just(0x60)], mut bytes in proptest::collection::vec(any::<u8>(), 1..400)) {
        bytes[0] = version;
        let _ = parse(&bytes);
    }

    #[test]
    fn a_cut_packet_is_the_same_packet_or_malformed(cut in 0usize..64) {
        let whole = hex(&format!("60000000 0020 00 {V6_ADDRESSES} 3c00 000000000000 1100 000000000000 {UDP}"));
        let cut = cut.min(whole.len());
        if let Ok(packet) = parse(&whole[..cut]) {
            prop_assert_eq!(Ok(packet), parse(&whole));
        }
    }
}
