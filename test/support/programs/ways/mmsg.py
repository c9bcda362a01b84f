"""sendmmsg(2) and recvmmsg(2), which Python's socket module lacks."""

import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
MSG_WAITFORONE = 0x10000


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class Header(ctypes.Structure):
    """struct msghdr."""

    _fields_ = [
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vector", ctypes.c_void_p),
        ("vector_length", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


class Message(ctypes.Structure):
    """struct mmsghdr: a msghdr, and how many bytes went."""

    _fields_ = [("header", Header), ("length", ctypes.c_uint32)]


def messages(buffers):
    """One message for each buffer, and what they point to: to be kept for as long as they are used."""
    vectors = (Iovec * len(buffers))(*[Iovec(ctypes.addressof(one), ctypes.sizeof(one)) for one in buffers])
    batch = (Message * len(buffers))()
    for message, vector in zip(batch, vectors):
        message.header.vector, message.header.vector_length = ctypes.addressof(vector), 1
    return batch, vectors


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def send(fd, payloads):
    """Sends all payloads through a connected socket, in as few calls as the kernel needs; the bytes sent."""
    buffers = [ctypes.create_string_buffer(payload, len(payload)) for payload in payloads]
    sent = 0
    while buffers:
        batch, _kept = messages(buffers)
        count = checked(libc.sendmmsg(fd, batch, len(batch), 0))
        sent += sum(message.length for message in batch[:count])
        buffers = buffers[count:]
    return sent


def receive(fd, count, size):
    """Waits for one datagram and takes up to `count`; the bytes received."""
    buffers = [ctypes.create_string_buffer(size) for _ in range(count)]
    batch, _kept = messages(buffers)
    taken = checked(libc.recvmmsg(fd, batch, count, MSG_WAITFORONE, None))
    return sum(message.length for message in batch[:taken])
