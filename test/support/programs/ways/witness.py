"""Tells what arrives at an interface, whatever sockets see of it, and serves those who send. usage: witness.py DEVICE

Prints `watching`. When a datagram of each CPU of a fence has come (fence.py), it prints one line of JSON: for each end
that sent and each that was sent to, as `SOURCE DESTINATION`, the packets and the bytes of payload since the last such line.
Neighbour discovery and the fence itself are left out. TCP port 9200 takes, 9201 sends back; UDP 53, 443 and 9202
take, and so does SCTP port 9203 where the kernel has it.
"""

import collections
import errno
import json
import selectors
import socket
import struct
import sys
import threading

TAKES, SENDS_BACK, DATAGRAMS, SCTP, FENCE = 9200, 9201, (53, 443, 9202), 9203, 9999
SO_RCVBUFFORCE, SOL_PACKET, PACKET_STATISTICS, ETH_P_ALL = 33, 263, 6, 3
NEIGHBOURS = range(133, 138)


def serve(port, answer, protocol=socket.IPPROTO_TCP):
    listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("::", port))
    listener.listen(512)

    def connection(sock):
        try:
            while data := sock.recv(65536):
                answer(sock, data)
        except OSError:
            pass
        sock.close()

    def loop():
        while True:
            threading.Thread(target=connection, args=listener.accept()[:1], daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()


def bound(port):
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind(("::", port))
    return sock


def transport(head):
    """Source, destination, protocol, and where the transport header is."""
    if head[0] >> 4 == 4:
        ends = [socket.inet_ntoa(head[at : at + 4]) for at in (12, 16)]
        return (*ends, head[9], (head[0] & 15) * 4)
    ends = [socket.inet_ntop(socket.AF_INET6, head[at : at + 16]) for at in (8, 24)]
    return (*ends, head[6], 40)


def header_length(protocol, head):
    if protocol == socket.IPPROTO_TCP:
        return (head[12] >> 4) * 4
    return 8 if protocol in (socket.IPPROTO_UDP, socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6) else 0


def note(arrived, frame, length):
    source, destination, protocol, offset = transport(frame)
    head = frame[offset:]
    if protocol == socket.IPPROTO_ICMPV6 and head[0] in NEIGHBOURS:
        return
    if protocol == socket.IPPROTO_UDP and struct.unpack_from("!H", head, 2)[0] == FENCE:
        return
    total = arrived[f"{source} {destination}"]
    total["packets"] += 1
    total["bytes"] += length - offset - header_length(protocol, head)


def length_of(frame, size):
    """The packet's own word, as a short frame is padded; a large one of the kernel's may leave it empty."""
    named = struct.unpack_from("!H", frame, 2)[0] if frame[0] >> 4 == 4 else struct.unpack_from("!H", frame, 4)[0] + 40
    return min(named, size) if named not in (0, 40) else size


def drain(wire, arrived):
    while True:
        frame = bytearray(128)
        try:
            size, _, _, (_, kind, packet_type, _, _) = wire.recvmsg_into([frame], 0, socket.MSG_TRUNC)
        except BlockingIOError:
            return
        if kind in (0x0800, 0x86DD) and packet_type != socket.PACKET_OUTGOING:
            note(arrived, frame, length_of(frame, size))


serve(TAKES, lambda sock, data: None)
serve(SENDS_BACK, lambda sock, data: sock.sendall(data))
try:
    serve(SCTP, lambda sock, data: None, socket.IPPROTO_SCTP)
except OSError as error:
    if error.errno != errno.EPROTONOSUPPORT:
        raise
# Open, so that nobody is told that nobody is there; what they take is counted on the wire.
open_ports = [bound(port) for port in DATAGRAMS]
fence = bound(FENCE)
wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
wire.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 27)
wire.bind((sys.argv[1], ETH_P_ALL))
wire.setblocking(False)
either = selectors.DefaultSelector()
either.register(wire, selectors.EVENT_READ)
either.register(fence, selectors.EVENT_READ)
print("watching", flush=True)

arrived = collections.defaultdict(lambda: {"packets": 0, "bytes": 0})
passed = set()
while True:
    ready = [key.fileobj for key, _ in either.select()]
    drain(wire, arrived)
    if fence not in ready:
        continue
    cpu, cpus = struct.unpack("!HH", fence.recv(64))
    passed.add(cpu)
    if len(passed) < cpus:
        continue
    drain(wire, arrived)
    _, lost = struct.unpack("II", wire.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
    if lost:
        sys.exit(f"the witness missed {lost} packets")
    print(json.dumps(arrived), flush=True)
    arrived.clear()
    passed.clear()
