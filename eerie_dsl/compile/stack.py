"""How much stack machine code takes: the instructions that move the stack pointer, read and added up.

Nothing else tells: kernels keep a frame pointer, and their unwind tables stop there. What is added up is a bound, as
no instruction of a function runs twice before it returns its frame.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

_ALIGNING = 64
_ARM, _X86_64, _AARCH64, _RISCV = 40, 62, 183, 243


def frame(machine: int, code: bytes) -> int | None:
    """Bytes of stack that a function takes, at most; None for a machine that is not known.

    Args:
        machine: the number that ELF gives to the architecture; of Arm, Thumb code.
        code: of the function.
    """
    reader = _READERS.get(machine)
    return None if reader is None else reader(code)


def _thumb(code: bytes) -> int:
    total = 0
    registers: dict[int, int] = {}
    for place, first, second in _halves(code):
        if first & 0xFE00 == 0xB400:  # push
            total += 4 * (first & 0x1FF).bit_count()
        elif first & 0xFF80 == 0xB080:  # sub sp, #
            total += 4 * (first & 0x7F)
        elif first & 0xF800 == 0x4800:  # ldr r, [pc, #]
            at = (place & ~3) + 4 + 4 * (first & 0xFF)
            if at + 4 <= len(code):
                registers[first >> 8 & 7] = int.from_bytes(code[at : at + 4], "little", signed=True)
        elif first & 0xFF87 == 0x4485:  # add sp, r
            total += max(0, -registers.get(first >> 3 & 15, 0))
        elif first & 0xFF87 == 0x4685:  # mov sp, r: aligned, or given back
            total += _ALIGNING
        elif first == 0xE92D:  # push.w
            total += 4 * second.bit_count()
        elif first == 0xF84D and second & 0x0FFF == 0x0D04:  # str r, [sp, #-4]!
            total += 4
        elif first & 0xFFBF == 0xED2D:  # vpush
            total += 4 * (second & 0xFF)
        elif first & 0xFBF0 == 0xF1A0 and second & 0x8F00 == 0x0D00:  # sub.w sp, r, #
            total += _thumb_number((first >> 10 & 1) << 11 | (second >> 12 & 7) << 8 | second & 0xFF)
        elif first & 0xFBF0 == 0xF2A0 and second & 0x8F00 == 0x0D00:  # subw sp, r, #
            total += (first >> 10 & 1) << 11 | (second >> 12 & 7) << 8 | second & 0xFF
    return total


def _thumb_number(bits: int) -> int:
    low = bits & 0xFF
    if bits >> 10 == 0:
        return (low, low | low << 16, low << 8 | low << 24, low * 0x01010101)[bits >> 8 & 3]
    turn = bits >> 7
    value = 0x80 | bits & 0x7F
    return (value >> turn | value << (32 - turn)) & 0xFFFFFFFF


def _riscv(code: bytes) -> int:
    total = 0
    registers: dict[int, int] = {}
    for _, first, second in _halves(code, wide=lambda half: half & 3 == 3):
        word = first | second << 16
        if first & 3 != 3:
            if first & 0xEF83 == 0x6101:  # c.addi16sp
                low = (first >> 6 & 1) << 4 | (first >> 2 & 1) << 5 | (first >> 5 & 1) << 6 | (first >> 3 & 3) << 7
                total += max(0, 512 * (first >> 12 & 1) - low)
            elif first & 0xEF83 == 0x0101:  # c.addi sp
                total += max(0, 32 * (first >> 12 & 1) - (first >> 2 & 31))
            elif first & 0xE003 == 0x6001:  # c.lui
                registers[first >> 7 & 31] = ((first >> 2 & 31) - 32 * (first >> 12 & 1)) << 12
            elif first & 0xE003 == 0x0001:  # c.addi
                registers[first >> 7 & 31] = (
                    registers.get(first >> 7 & 31, 0) + (first >> 2 & 31) - 32 * (first >> 12 & 1)
                )
        elif word & 0xFFFFF == 0x10113:  # addi sp, sp
            total += max(0, -_signed(word >> 20, 12))
        elif word & 0xFFFFF == 0x17113:  # andi sp, sp
            total += _ALIGNING
        elif word & 0x7F == 0x37:  # lui
            registers[word >> 7 & 31] = _signed(word >> 12, 20) << 12
        elif word & 0x707F == 0x13 and word >> 7 & 31 == word >> 15 & 31:  # addi r, r
            registers[word >> 7 & 31] = registers.get(word >> 7 & 31, 0) + _signed(word >> 20, 12)
        elif word & 0xFE0FFFFF in (0x40010133, 0x00010133):  # sub or add sp, sp, r
            change = registers.get(word >> 20 & 31, 0)
            total += max(0, change if word >> 30 else -change)
    return total


def _aarch64(code: bytes) -> int:
    total = 0
    for (word,) in struct.iter_unpack("<I", code[: len(code) & ~3]):
        if word & 0xFF8003E0 == 0xD10003E0:  # sub r, sp, #
            total += (word >> 10 & 0xFFF) << (12 if word >> 22 & 1 else 0)
        elif word & 0xFF80001F == 0x9200001F:  # and sp, r, #
            total += _ALIGNING
        elif word & 0x3BC003E0 == 0x298003E0:  # stp r, r, [sp, #]!
            kind, vector = word >> 30, word >> 26 & 1
            size = 4 << kind if vector else 4 << (kind >> 1)
            total += max(0, -_signed(word >> 15 & 0x7F, 7) * size)
        elif word & 0x3BE00FE0 == 0x38000FE0:  # str r, [sp, #]!
            total += max(0, -_signed(word >> 12 & 0x1FF, 9))
    return total


def _x86_64(code: bytes) -> int:
    total, place = 8, 0  # the address to return to
    while place < len(code):
        if 0x50 <= code[place] <= 0x57:  # push
            total, place = total + 8, place + 1
        elif code[place] == 0x41 and 0x50 <= code[place + 1] <= 0x57:
            total, place = total + 8, place + 2
        elif code[place : place + 3] in (b"\x48\x89\xe5", b"\x48\x83\xe4"):  # mov rbp, rsp; and rsp
            aligning = code[place + 2] == 0xE4
            total, place = total + _ALIGNING * aligning, place + 3 + aligning
        else:
            break
    for place in range(len(code) - 7):
        if code[place : place + 3] == b"\x48\x83\xec":  # sub rsp, a byte
            total += max(0, _signed(code[place + 3], 8))
        elif (
            code[place : place + 3] == b"\x48\x81\xec"
            and (size := int.from_bytes(code[place + 3 : place + 7], "little")) < 1 << 24
        ):
            total += size
    return total


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _halves(
    code: bytes, wide: Callable[[int], bool] = lambda half: half >> 11 in (0b11101, 0b11110, 0b11111)
) -> Iterator[tuple[int, int, int]]:
    """Instructions of one or two halfwords: where, the first, and the second or 0."""
    place = 0
    while place + 2 <= len(code):
        first = int.from_bytes(code[place : place + 2], "little")
        second = int.from_bytes(code[place + 2 : place + 4], "little") if wide(first) else 0
        yield place, first, second
        place += 4 if wide(first) else 2


_READERS: dict[int, Callable[[bytes], int]] = {_ARM: _thumb, _X86_64: _x86_64, _AARCH64: _aarch64, _RISCV: _riscv}
