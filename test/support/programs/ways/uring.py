"""io_uring (linux/io_uring.h) by its system calls alone: one operation at a time, waited for."""

import ctypes
import mmap
import os
import struct

SETUP, ENTER = 425, 426
SETUP_SQPOLL = 2
ENTER_GETEVENTS, ENTER_SQ_WAKEUP = 1, 2
OFF_RING, OFF_ENTRIES = 0, 0x10000000
OP_ACCEPT, OP_CONNECT, OP_SEND, OP_RECV = 13, 16, 26, 27
SQE_ASYNC = 1 << 4
ENTRIES = 8

libc = ctypes.CDLL(None, use_errno=True)


def call(number, *arguments):
    result = libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


class Ring:
    """Operations are done in the caller's own context, or by a thread of the kernel's: `polled` is one that takes them from
    the ring without a call, `by_worker` one that each is handed to.
    """

    def __init__(self, polled=False, by_worker=False):
        self.polled, self.sqe_flags = polled, SQE_ASYNC if by_worker else 0
        params = bytearray(120)
        struct.pack_into("II", params, 8, SETUP_SQPOLL if polled else 0, 0)
        buffer = (ctypes.c_char * 120).from_buffer(params)
        self.fd = call(SETUP, ENTRIES, buffer)
        sq_entries, cq_entries = struct.unpack_from("II", params, 0)
        _, self.sq_tail, mask, _, _, _, self.sq_array = struct.unpack_from("7I", params, 40)
        self.cq_head, _, cq_mask, _, _, self.cqes = struct.unpack_from("6I", params, 80)
        # IORING_FEAT_SINGLE_MMAP: both rings lie in one mapping.
        size = max(self.sq_array + sq_entries * 4, self.cqes + cq_entries * 16)
        self.ring = mmap.mmap(self.fd, size, offset=OFF_RING)
        self.entries = mmap.mmap(self.fd, sq_entries * 64, offset=OFF_ENTRIES)
        self.sq_mask, self.cq_mask = self.word(mask), self.word(cq_mask)

    def word(self, offset):
        return struct.unpack_from("I", self.ring, offset)[0]

    def do(self, opcode, fd, address=0, length=0, offset=0):
        """The result of one operation; a failed one is an OSError."""
        tail = self.word(self.sq_tail)
        slot = tail & self.sq_mask
        sqe = struct.pack("BBHiQQIIQ24x", opcode, self.sqe_flags, 0, fd, offset, address, length, 0, 1)
        self.entries[slot * 64 : slot * 64 + 64] = sqe
        struct.pack_into("I", self.ring, self.sq_array + slot * 4, slot)
        struct.pack_into("I", self.ring, self.sq_tail, tail + 1)
        if self.polled:
            call(ENTER, self.fd, 0, 1, ENTER_GETEVENTS | ENTER_SQ_WAKEUP, None, 0)
        else:
            call(ENTER, self.fd, 1, 1, ENTER_GETEVENTS, None, 0)
        head = self.word(self.cq_head)
        _, result, _ = struct.unpack_from("QiI", self.ring, self.cqes + (head & self.cq_mask) * 16)
        struct.pack_into("I", self.ring, self.cq_head, head + 1)
        if result < 0:
            raise OSError(-result, os.strerror(-result))
        return result

    def connect(self, fd, sockaddr):
        """`sockaddr` is the kernel's structure, as bytes."""
        buffer = ctypes.create_string_buffer(sockaddr, len(sockaddr))
        self.do(OP_CONNECT, fd, ctypes.addressof(buffer), 0, len(sockaddr))

    def send(self, fd, data):
        sent = 0
        while sent < len(data):
            part = ctypes.create_string_buffer(data[sent:], len(data) - sent)
            sent += self.do(OP_SEND, fd, ctypes.addressof(part), len(part))

    def accept(self, fd):
        return self.do(OP_ACCEPT, fd)

    def receive(self, fd, size):
        """How many bytes came; 0 at the end."""
        buffer = ctypes.create_string_buffer(size)
        return self.do(OP_RECV, fd, ctypes.addressof(buffer), size)
