"""Sends one datagram or one SYN in a way that makes its sender hard to tell. usage: sender.py WAY ADDRESS PORT [PROGRAM]"""

import array
import os
import socket
import sys

way, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
program = sys.argv[4] if len(sys.argv) > 4 else ""
FAMILY = socket.AF_INET6 if ":" in address else socket.AF_INET
SHELL_SENDS = f"echo x > /dev/udp/{address}/{port}"


def udp(family=FAMILY):
    return socket.socket(family, socket.SOCK_DGRAM)


def send_and_exit():
    udp().sendto(b"x", (address, port))


def connect_and_exit():
    tcp = socket.socket(FAMILY, socket.SOCK_STREAM)
    tcp.setblocking(False)
    tcp.connect_ex((address, port))


def send_ipv4_through_an_ipv6_socket():
    udp(socket.AF_INET6).sendto(b"x", ("::ffff:" + address, port))


def child_of_another_program_inherits_it():
    sender = udp()
    sender.connect((address, port))
    os.dup2(sender.fileno(), 9)
    os.set_inheritable(9, True)
    if os.fork() == 0:
        os.execv("/bin/bash", ["bash", "-c", "echo x >&9"])
    os.wait()


def another_program_gets_it_over_a_unix_socket():
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    if os.fork() == 0:
        there.set_inheritable(True)
        os.execv(program, [program, __file__, "use-the-socket-that-comes", address, str(port), str(there.fileno())])
    sender = udp()
    here.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [sender.fileno()]))])
    os.wait()


def use_the_socket_that_comes():
    channel = socket.socket(fileno=int(program))
    _, ancillary, _, _ = channel.recvmsg(1, socket.CMSG_SPACE(4))
    sender = socket.socket(fileno=array.array("i", ancillary[0][2])[0])
    sender.sendto(b"x", (address, port))


def send_after_its_file_is_gone():
    os.unlink(os.readlink("/proc/self/exe"))
    udp().sendto(b"x", (address, port))


def send_after_its_file_is_another():
    own = os.readlink("/proc/self/exe")
    os.unlink(own)
    with open("/bin/true", "rb") as other, open(own, "wb") as file:
        file.write(other.read())
    udp().sendto(b"x", (address, port))


def run_from_memory():
    memory = os.memfd_create("hidden", 0)
    with open("/bin/bash", "rb") as file:
        os.write(memory, file.read())
    os.execv(f"/proc/self/fd/{memory}", ["bash", "-c", SHELL_SENDS])


def send_and_become_another_program():
    udp().sendto(b"x", (address, port))
    os.execv("/bin/sleep", ["sleep", "0.2"])


def become_another_program_that_sends():
    os.execv("/bin/bash", ["bash", "-c", SHELL_SENDS])


def take_over_a_pid():
    """The first child sends and ends; then bash gets the same pid and sends too."""
    first = os.fork()
    if first == 0:
        udp().sendto(b"x", (address, port))
        os._exit(0)
    os.waitpid(first, 0)
    for _ in range(200):
        with open("/proc/sys/kernel/ns_last_pid", "w") as last:
            last.write(str(first - 1))
        child = os.fork()
        if child == 0:
            if os.getpid() == first:
                os.execv("/bin/bash", ["bash", "-c", f"echo x > /dev/udp/{address}/{port + 1}"])
            os._exit(0)
        os.waitpid(child, 0)
        if child == first:
            return
    sys.exit("the pid was not given out again")


globals()[way.replace("-", "_")]()
