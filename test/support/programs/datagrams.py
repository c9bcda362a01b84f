"""Datagrams as the kernel cuts them. usage: datagrams.py echo ADDRESS PORT SIZE | segments ADDRESS PORT COUNT SIZE"""

import socket
import sys

UDP_SEGMENT = 103

way, address, port, *numbers = sys.argv[1:]
to = (address, int(port))
sender = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
sender.settimeout(5)


def echo(size):
    """Larger than the network's unit: it goes in fragments, and so does its echo."""
    sender.sendto(b"x" * size, to)
    print(len(sender.recv(65536)))


def segments(count, size):
    """One send that the kernel cuts into many datagrams."""
    sender.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, size)
    sender.sendto(b"x" * (size * count), to)
    print(sum(len(sender.recv(65536)) == size for _ in range(count)))


globals()[way](*map(int, numbers))
