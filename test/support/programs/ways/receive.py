"""Receives in one way what others send. usage: receive.py WAY ADDRESS PORT

Prints `listening`, and `got N` with all bytes so far whenever more came. For a line on standard input it prints
`in all N` and ends.
"""

import os
import select
import socket
import sys
import threading
import time

way, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
FAMILY = socket.AF_INET6 if ":" in address else socket.AF_INET
received = 0


def report(sock):
    sys.stdin.readline()
    while select.select([sock], [], [], 0)[0]:
        time.sleep(0.01)
    print(f"in all {received}", flush=True)
    os._exit(0)


def bound(kind):
    sock = socket.socket(FAMILY, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
    sock.bind((address, port))
    if kind == socket.SOCK_STREAM:
        sock.listen()
    threading.Thread(target=report, args=(sock,), daemon=True).start()
    print("listening", flush=True)
    return sock


def accept():
    listener = bound(socket.SOCK_STREAM)
    while True:
        connection, _ = listener.accept()
        yield from iter(lambda: len(connection.recv(65536)), 0)
        connection.close()


def datagrams():
    sock = bound(socket.SOCK_DGRAM)
    while True:
        yield len(sock.recv(65536))


def recvmmsg():
    import mmsg

    sock = bound(socket.SOCK_DGRAM)
    while True:
        yield mmsg.receive(sock.fileno(), 16, 2048)


def uring_recv():
    """The ring accepts, and the ring receives."""
    import uring

    listener, ring = bound(socket.SOCK_STREAM), uring.Ring()
    while True:
        connection = ring.accept(listener.fileno())
        yield from iter(lambda: ring.receive(connection, 65536), 0)
        os.close(connection)


for amount in globals()[way.replace("-", "_")]():
    received += amount
    print(f"got {received}", flush=True)
