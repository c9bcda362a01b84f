"""Sends known traffic in one way. usage: send.py WAY ADDRESS PORT

Prints `sent N`, the bytes of payload, once the kernel has taken all of it (TCP: once the peer has). Ends with 3 and the
error when the network does not let it.
"""

import os
import selectors
import socket
import struct
import sys
import tempfile
import threading
import time

way, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
FAMILY = socket.AF_INET6 if ":" in address else socket.AF_INET
# Longer than the second after which a SYN is sent again; a connection that stands may take its time.
PATIENCE, CALM = 1.3, 30
if "FWTEST_SLOWNESS" in os.environ:
    PATIENCE = 6
BLOCK = os.urandom(65536)
BULK = 16
OWN_PORT = 40000
ETH_P_IP = 0x0800
EXPERIMENTAL = 253  # RFC 3692
BROADCAST = b"\xff" * 6


def tcp(protocol=socket.IPPROTO_TCP, own_port=0):
    sock = socket.socket(FAMILY, socket.SOCK_STREAM, protocol)
    sock.settimeout(PATIENCE)
    if own_port:
        sock.bind(("", own_port))
    sock.connect((address, port))
    sock.settimeout(CALM)
    return sock


def udp():
    sock = socket.socket(FAMILY, socket.SOCK_DGRAM)
    sock.connect((address, port))
    return sock


def finish(sock):
    """The peer ends when it has taken everything."""
    sock.shutdown(socket.SHUT_WR)
    while sock.recv(65536):
        pass


def bulk(protocol=socket.IPPROTO_TCP):
    sock = tcp(protocol)
    for _ in range(BULK):
        sock.sendall(BLOCK)
    finish(sock)
    return BULK * len(BLOCK)


def multipath():
    return bulk(262)  # IPPROTO_MPTCP


def duplex():
    """The peer sends back all it gets, while we send."""
    sock = tcp()

    def feed():
        for _ in range(BULK):
            sock.sendall(BLOCK)
        sock.shutdown(socket.SHUT_WR)

    feeder = threading.Thread(target=feed)
    feeder.start()
    back = 0
    while data := sock.recv(65536):
        back += len(data)
    feeder.join()
    if back != BULK * len(BLOCK):
        raise OSError(f"{back} bytes came back")
    return back


def datagrams(count=64, size=1000):
    sock = udp()
    return sum(sock.send(BLOCK[:size]) for _ in range(count))


def quic():
    """The first byte and version of a QUIC Initial packet (RFC 9000), padded to 1,200 bytes as they are."""
    sock = udp()
    return sum(sock.send(b"\xc3\0\0\0\1" + BLOCK[:1195]) for _ in range(8))


def dns():
    return udp().send(b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\4host\4test\0\0\1\0\1")


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def echo(kind=socket.SOCK_DGRAM):
    """Echoes that are answered; the kernel writes the identifier of a ping socket."""
    is_v6 = FAMILY == socket.AF_INET6
    sock = socket.socket(FAMILY, kind, socket.IPPROTO_ICMPV6 if is_v6 else socket.IPPROTO_ICMP)
    sock.settimeout(PATIENCE)
    sock.connect((address, 0))
    payload = BLOCK[:56]
    for sequence in range(4):
        head = struct.pack("!BBHHH", 128 if is_v6 else 8, 0, 0, os.getpid() & 0xFFFF, sequence)
        if kind == socket.SOCK_RAW:
            head = head[:2] + struct.pack("!H", checksum(head + payload)) + head[4:]
        sock.send(head + payload)
        while payload not in sock.recv(2048):
            pass
    return 4 * len(payload)


def raw_echo():
    return echo(socket.SOCK_RAW)


def raw():
    sock = socket.socket(FAMILY, socket.SOCK_RAW, EXPERIMENTAL)
    return sum(sock.sendto(BLOCK[:500], (address, 0)) for _ in range(4))


def ip_packet(payload):
    """IPv4 and UDP, written by hand."""
    own = udp().getsockname()[0]
    ends = socket.inet_aton(own) + socket.inet_aton(address)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 28 + len(payload), 1, 0, 64, socket.IPPROTO_UDP, 0)
    head = head[:10] + struct.pack("!H", checksum(head + ends))
    return head + ends + struct.pack("!HHHH", OWN_PORT, port, 8 + len(payload), 0) + payload


def raw_header():
    """A raw socket that writes the IP header itself, and in it UDP."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    for _ in range(4):
        sock.sendto(ip_packet(BLOCK[:500]), (address, 0))
    return 4 * 500


def first_of_raw_tcp():
    """A connection of the kernel's with the ends that raw_tcp writes first; it is reset, so that they are free again."""
    sock = tcp(own_port=OWN_PORT)
    sent = sock.send(b"x")
    # The answer acknowledges it, so the reset is the last word.
    sock.recv(1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
    return sent


def hold():
    """The same, but it stays open until it is ended."""
    sock = tcp(own_port=OWN_PORT)
    print("connected", flush=True)
    sock.settimeout(None)
    sock.recv(1)
    return 1


def raw_tcp():
    """SYNs that carry data, written by hand: no connection of the kernel's stands behind them."""
    sock = socket.socket(FAMILY, socket.SOCK_RAW, socket.IPPROTO_TCP)
    for attempt in range(4):
        head = struct.pack("!HHIIBBHHH", OWN_PORT + attempt, port, 1, 0, 0x50, 2, 1000, 0, 0)
        sock.sendto(head + BLOCK[:500], (address, 0))
    return 4 * 500


def packet():
    """AF_PACKET: below IP."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
    for _ in range(4):
        sock.sendto(ip_packet(BLOCK[:500]), ("eth0", ETH_P_IP, 0, 0, BROADCAST))
    return 4 * 500


def short_lived():
    """Each datagram has a process of its own, started anew, that has ended when it arrives."""
    own = os.readlink("/proc/self/exe")
    once = f"import socket as s; s.socket(s.AF_INET, s.SOCK_DGRAM).sendto(b'x' * 100, ('{address}', {port}))"
    for _ in range(12):
        child = os.posix_spawn(own, [own, "-I", "-S", "-c", once], os.environ)
        if os.waitpid(child, 0)[1] != 0:
            raise OSError("a process could not send")
    return 12 * 100


def sendfile():
    with tempfile.TemporaryFile() as file:
        for _ in range(BULK):
            file.write(BLOCK)
        file.flush()
        sock = tcp()
        sock.settimeout(None)
        offset = 0
        while sent := os.sendfile(sock.fileno(), file.fileno(), offset, BULK * len(BLOCK)):
            offset += sent
    finish(sock)
    return offset


def splice():
    sock = tcp()
    sock.settimeout(None)
    out, into = os.pipe()
    sent = 0
    for _ in range(BULK):
        left = os.write(into, BLOCK)
        while left:
            moved = os.splice(out, sock.fileno(), left)
            left, sent = left - moved, sent + moved
    finish(sock)
    return sent


def sendmmsg():
    import mmsg

    sock = udp()
    return mmsg.send(sock.fileno(), [BLOCK[:1000]] * 64)


def slow_drip():
    sock = tcp()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(10):
        sock.sendall(b"x")
        time.sleep(0.05)
    finish(sock)
    return 10


def many_small():
    """One connection after the other."""
    for _ in range(100):
        sock = tcp()
        sock.sendall(b"x")
        finish(sock)
    return 100


def burst(count=64, size=1000):
    """All connections at once."""
    waiting = selectors.DefaultSelector()
    for _ in range(count):
        sock = socket.socket(FAMILY, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.connect_ex((address, port))
        waiting.register(sock, selectors.EVENT_WRITE)
    while waiting.get_map():
        ready = waiting.select(PATIENCE)
        if not ready:
            raise TimeoutError(f"{len(waiting.get_map())} of {count} connections do not stand")
        for key, _ in ready:
            sock = waiting.unregister(key.fileobj).fileobj
            sock.setblocking(True)
            sock.sendall(BLOCK[:size])
            finish(sock)
    return count * size


def ring_sends(**options):
    """The ring connects, and the ring sends."""
    import uring

    sock = socket.socket(FAMILY, socket.SOCK_STREAM)
    # The kernel gives up by itself, so that no operation is left when this ends.
    sock.setsockopt(socket.IPPROTO_TCP, 18, int(PATIENCE * 1000))  # TCP_USER_TIMEOUT
    ring = uring.Ring(**options)
    sockaddr = struct.pack("=H", FAMILY) + struct.pack("!H", port) + socket.inet_aton(address) + bytes(8)
    ring.connect(sock.fileno(), sockaddr)
    ring.send(sock.fileno(), BLOCK * 4)
    finish(sock)
    return 4 * len(BLOCK)


def uring_send():
    return ring_sends()


def uring_worker():
    return ring_sends(by_worker=True)


def uring_polled():
    return ring_sends(polled=True)


def uring_datagram():
    import uring

    sock, ring = udp(), uring.Ring()
    for _ in range(16):
        ring.send(sock.fileno(), BLOCK[:1000])
    return 16 * 1000


def sctp():
    sock = socket.socket(FAMILY, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
    sock.settimeout(PATIENCE)
    sock.connect((address, port))
    sock.settimeout(CALM)
    sock.sendall(BLOCK[:1000])
    # There is no end of one way alone: closing waits until the peer has taken everything and the association is down.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, CALM))
    sock.close()
    return 1000


try:
    print(f"sent {globals()[way.replace('-', '_')]()}")
except OSError as error:
    print(f"{way} to {address}: {error}", file=sys.stderr)
    sys.exit(3)
