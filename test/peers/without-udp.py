"""Runs a program whose UDP packets are refused as by a firewall: `python3 without-udp.py PROGRAM ARGUMENT…`.

Needs no privileges, on Linux. A seccomp filter answers EPERM, as a dropping output chain does, to sendmsg, sendmmsg, and
sendto with an address as long as one of IPv4 or IPv6; TCP goes by write, and netlink has shorter addresses.
"""
import ctypes
import os
import platform
import struct
import sys

# AUDIT_ARCH, and the numbers of sendto, sendmsg and sendmmsg.
MACHINES = {"x86_64": (0xC000003E, 44, 46, 307), "aarch64": (0xC00000B7, 206, 211, 269)}
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | 1
NUMBER, ARCHITECTURE, ADDRESS_LENGTH = 0, 4, 56
IPV4, IPV6 = 16, 28

architecture, sendto, sendmsg, sendmmsg = MACHINES[platform.machine()]
# Each: code, jump if true, jump if false, value. Jumps count the instructions that are left out.
program = [
    (LOAD, 0, 0, ARCHITECTURE),
    (JUMP_IF_EQUAL, 0, 7, architecture),
    (LOAD, 0, 0, NUMBER),
    (JUMP_IF_EQUAL, 6, 0, sendmsg),
    (JUMP_IF_EQUAL, 5, 0, sendmmsg),
    (JUMP_IF_EQUAL, 0, 3, sendto),
    (LOAD, 0, 0, ADDRESS_LENGTH),
    (JUMP_IF_EQUAL, 2, 0, IPV4),
    (JUMP_IF_EQUAL, 1, 0, IPV6),
    (RETURN, 0, 0, ALLOW),
    (RETURN, 0, 0, REFUSE),
]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in program))
table = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
libc = ctypes.CDLL(None, use_errno=True)
for call in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, table, 0, 0)):
    if libc.prctl(*call) != 0:
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
os.execvp(sys.argv[1], sys.argv[1:])
