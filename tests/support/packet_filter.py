"""What the kernel would make of a system call: the packet filter of seccomp, simulated."""

import struct

# Identifiers of architectures, from linux/audit.h.
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def verdict_of(program, architecture, number, *arguments):
    """What the kernel would make of a call: 0 for allowed, or the number of an error."""
    data = struct.pack("<iIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    here, register = 0, 0
    while True:
        code, then, else_, operand = struct.unpack("HBBI", program[here])
        here += 1
        if code == 0x20:
            (register,) = struct.unpack_from("<I", data, operand)
        elif code == 0x54:
            register &= operand
        elif code in (0x15, 0x35):
            here += (
                then if (register == operand if code == 0x15 else register >= operand) else else_
            )
        else:
            assert code == 0x06
            return operand & 0xFFFF if operand >> 16 == 5 else 0
