"""Frames of functions, read off instructions that assemblers of these machines wrote."""

from __future__ import annotations

import pytest

from eerie_dsl.compile.stack import frame

ARM, X86_64, AARCH64, RISCV = 40, 62, 183, 243


@pytest.mark.parametrize(
    ("machine", "code", "size"),
    [
        # push {r4, r6, r7, lr}; sub sp, #28; push.w {r4-r11, lr}; vpush {d8-d9}; sub.w sp, sp, #4096;
        # subw sp, sp, #1300; str r3, [sp, #-4]!; add sp, #28
        (ARM, "d0b587b02de9f04f2ded048badf5805dadf2145d4df8043d07b0", 16 + 28 + 36 + 16 + 4096 + 1300 + 4),
        # ldr r6, 1f; add sp, r6; bx lr; nop; 1: .word -2000
        (ARM, "014eb5447047c04630f8ffff", 2000),
        # addi sp, sp, -224; c.addi16sp sp, -64; c.addi sp, -16; lui t0, 2; addi t0, t0, -96; sub sp, sp, t0;
        # addi sp, sp, 224; andi sp, sp, -64
        (RISCV, "1571397141118962938202fa330151402d61137101fc", 224 + 64 + 16 + 8192 - 96 + 64),
        # stp x29, x30, [sp, #-16]!; stp d8, d9, [sp, #-32]!; str x19, [sp, #-16]!; stp q8, q9, [sp, #-64]!;
        # sub sp, sp, #16; sub sp, sp, #1, lsl #12; sub x9, sp, #256; and sp, x9, #-64; add sp, sp, #16;
        # ldp x29, x30, [sp], #16
        (
            AARCH64,
            "fd7bbfa9e827be6df30f1ff8e827beadff4300d1ff0740d1e90304d13fe57a92ff430091fd7bc1a8",
            16 + 32 + 16 + 64 + 16 + 4096 + 256 + 64,
        ),
        # push %rbp; mov %rsp, %rbp; push %r15; push %rbx; and $-64, %rsp; sub $0x40, %rsp; sub $0x1000, %rsp;
        # and back
        (X86_64, "554889e54157534883e4c04883ec404881ec001000005bc3", 8 + 8 + 8 + 8 + 64 + 64 + 4096),
    ],
)
def test_all_that_moves_the_stack_pointer_is_added_up(machine, code, size):
    assert frame(machine, bytes.fromhex(code)) == size


@pytest.mark.parametrize("machine", [ARM, AARCH64, RISCV])
def test_a_leaf_takes_nothing(machine):
    assert frame(machine, b"") == 0


def test_a_machine_that_is_not_known():
    assert frame(8, b"\0\0\0\0") is None
