"""Sends one datagram from each CPU: a firewall's queue for each CPU has then judged all that was sent before.

usage: fence.py ADDRESS
"""

import os
import socket
import struct
import sys

address = sys.argv[1]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
cpus = sorted(os.sched_getaffinity(0))
for cpu in cpus:
    os.sched_setaffinity(0, {cpu})
    socket.socket(family, socket.SOCK_DGRAM).sendto(struct.pack("!HH", cpu, len(cpus)), (address, 9999))
