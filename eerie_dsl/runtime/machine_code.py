"""The loop over the kernels of a program, as machine code: alone, or together with helping threads.

Python can call one function at a time, and a program is many: kernels in a row, each for all of its workgroups. For
x86-64, as Linux and macOS call functions. A job is a row of 128 bytes for each kernel, and a zero behind the last::

      0  kernel, environment, state of the dispatch, states of the workgroups (32 bytes each), how many these are
     64  the next workgroup to take, how many are done, the statuses that the kernel gave, or-ed

What threads share to work on a job together is the control::

      0  the job, zero when there is none; how many there were; threads that may be at it; threads that sleep

As in the runtime, subnormal numbers count as zero inside (0x8040 in MXCSR).
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
from functools import cache
from typing import Any

PAGE = mmap.PAGESIZE

# alone(job), lead(control, job) and serve(control, looks); `clear` keeps all registers but rdi.
_CODE = bytes.fromhex(
    "53"  # alone: push rbx
    "4889fb"  # mov rbx, rdi
    "e8e1000000"  # call clear
    "4889df"  # mov rdi, rbx
    "5b"  # pop rbx
    "e9fc000000"  # jmp work
    "53"  # lead: push rbx
    "55"  # push rbp
    "4154"  # push r12
    "4889fb"  # mov rbx, rdi
    "4889f5"  # mov rbp, rsi
    "4889f7"  # mov rdi, rsi
    "e8c6000000"  # call clear
    "4889e8"  # mov rax, rbp
    "488703"  # xchg [rbx], rax
    "f048ff4308"  # lock inc [rbx + 8]
    "48837b1800"  # cmp [rbx + 24], 0
    "7415"  # je awake
    "b8ca000000"  # mov eax, 202
    "488d7b08"  # lea rdi, [rbx + 8]
    "be81000000"  # mov esi, 129
    "baffffff7f"  # mov edx, 0x7fffffff
    "0f05"  # syscall: futex
    "4889ef"  # awake: mov rdi, rbp
    "e8bb000000"  # call work
    "4189c4"  # mov r12d, eax
    "31c0"  # xor eax, eax
    "488703"  # xchg [rbx], rax
    "48837b1000"  # left: cmp [rbx + 16], 0
    "7415"  # je closed
    "f390"  # pause
    "ffc5"  # inc ebp
    "f7c5ff070000"  # test ebp, 0x7ff
    "75ed"  # jne left
    "b818000000"  # mov eax, 24
    "0f05"  # syscall: sched_yield
    "ebe4"  # jmp left
    "4489e0"  # closed: mov eax, r12d
    "415c"  # pop r12
    "5d"  # pop rbp
    "5b"  # pop rbx
    "c3"  # ret
    "53"  # serve: push rbx
    "4889fb"  # mov rbx, rdi
    "4989f4"  # mov r12, rsi
    "4531ed"  # xor r13d, r13d
    "4c89e5"  # fresh: mov rbp, r12
    "48833b00"  # look: cmp [rbx], 0
    "7423"  # je rest
    "4c396b08"  # cmp [rbx + 8], r13
    "741d"  # je rest
    "f048ff4310"  # lock inc [rbx + 16]
    "488b3b"  # mov rdi, [rbx]
    "4885ff"  # test rdi, rdi
    "7409"  # je gone
    "4c8b6b08"  # mov r13, [rbx + 8]
    "e860000000"  # call work
    "f048ff4b10"  # gone: lock dec [rbx + 16]
    "ebd4"  # jmp fresh
    "f390"  # rest: pause
    "48ffcd"  # dec rbp
    "75d0"  # jne look
    "f048ff4318"  # lock inc [rbx + 24]
    "488b5308"  # mov rdx, [rbx + 8]
    "48833b00"  # cmp [rbx], 0
    "7405"  # je sleep
    "4c39ea"  # cmp rdx, r13
    "7513"  # jne woken
    "b8ca000000"  # sleep: mov eax, 202
    "488d7b08"  # lea rdi, [rbx + 8]
    "be80000000"  # mov esi, 128
    "4531d2"  # xor r10d, r10d
    "0f05"  # syscall: futex
    "f048ff4b18"  # woken: lock dec [rbx + 24]
    "eb9f"  # jmp fresh
    "48833f00"  # clear: cmp [rdi], 0
    "741d"  # je cleared
    "48c7474000000000"  # mov [rdi + 64], 0
    "48c7474800000000"  # mov [rdi + 72], 0
    "c7475000000000"  # mov [rdi + 80], 0
    "4883ef80"  # sub rdi, -128
    "ebdd"  # jmp clear
    "c3"  # cleared: ret
    "53"  # work: push rbx
    "55"  # push rbp
    "4154"  # push r12
    "4155"  # push r13
    "4156"  # push r14
    "4883ec10"  # sub rsp, 16
    "4889fb"  # mov rbx, rdi
    "31ed"  # xor ebp, ebp
    "0fae1c24"  # stmxcsr [rsp]
    "8b0424"  # mov eax, [rsp]
    "0d40800000"  # or eax, 0x8040
    "89442404"  # mov [rsp + 4], eax
    "0fae542404"  # ldmxcsr [rsp + 4]
    "4c8b23"  # row: mov r12, [rbx]
    "4d85e4"  # test r12, r12
    "745b"  # je done
    "4c8b6b20"  # mov r13, [rbx + 32]
    "b801000000"  # take: mov eax, 1
    "f0480fc14340"  # lock xadd [rbx + 64], rax
    "4c39e8"  # cmp rax, r13
    "7321"  # jae together
    "48c1e005"  # shl rax, 5
    "48034318"  # add rax, [rbx + 24]
    "488b7b08"  # mov rdi, [rbx + 8]
    "488b7310"  # mov rsi, [rbx + 16]
    "4889c2"  # mov rdx, rax
    "41ffd4"  # call r12
    "f0094350"  # lock or [rbx + 80], eax
    "f048ff4348"  # lock inc [rbx + 72]
    "ebcf"  # jmp take
    "4c396b48"  # together: cmp [rbx + 72], r13
    "7317"  # jae next
    "f390"  # pause
    "41ffc6"  # inc r14d
    "41f7c6ff070000"  # test r14d, 0x7ff
    "75ec"  # jne together
    "b818000000"  # mov eax, 24
    "0f05"  # syscall: sched_yield
    "ebe3"  # jmp together
    "0b6b50"  # next: or ebp, [rbx + 80]
    "4883eb80"  # sub rbx, -128
    "eb9d"  # jmp row
    "0fae1424"  # done: ldmxcsr [rsp]
    "89e8"  # mov eax, ebp
    "4883c410"  # add rsp, 16
    "415e"  # pop r14
    "415d"  # pop r13
    "415c"  # pop r12
    "5d"  # pop rbp
    "5b"  # pop rbx
    "c3"  # ret
)
_STARTS = {"alone": 0, "lead": 18, "serve": 127}


class Unsuitable(Exception):
    """Kernels cannot be called here in this way."""


def function(name: str, *, holding: bool = False) -> Any:
    """One of the three functions, which takes addresses.

    ``alone`` and ``lead`` give zero if all kernels did; ``lead`` is for one thread at a time, and the job is done when
    it returns. ``serve`` never returns: it helps with the jobs of a control, and sleeps when it has looked for one so
    many times in vain, without the interpreter lock. These two call Linux (futex).

    Args:
        name: ``alone``, ``lead`` or ``serve``.
        holding: whether Python's interpreter lock is held meanwhile: to give it up and take it back takes longer than
            a small kernel, and where eight threads do that, each call waits for all others.

    Raises:
        Unsuitable: another processor or system than this is written for.
    """
    if name != "alone" and sys.platform != "linux":
        raise Unsuitable(f"threads under {sys.platform}")
    count = 1 if name == "alone" else 2
    kind = ctypes.PYFUNCTYPE if holding else ctypes.CFUNCTYPE
    return kind(ctypes.c_int, *[ctypes.c_void_p] * count)(_code() + _STARTS[name])


@cache
def _code() -> int:
    if sys.platform not in ("linux", "darwin") or os.uname().machine != "x86_64":
        raise Unsuitable("no such machine")
    memory = mapped(PAGE)
    memory[: len(_CODE)] = _CODE
    make_executable(address_of(memory), PAGE)
    # Helping threads may be inside when the process ends.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(memory))
    return address_of(memory)


def mapped(size: int) -> mmap.mmap:
    """Fresh memory, zero; raises Unsuitable when the system gives none."""
    try:
        return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as error:
        raise Unsuitable(str(error)) from None


def address_of(memory: mmap.mmap) -> int:
    """Where it is."""
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def make_executable(address: int, size: int) -> None:
    """Make code of memory; raises Unsuitable when the system does not let a process do that."""
    protect = _system().mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    if protect(address, size, mmap.PROT_READ | mmap.PROT_EXEC):
        raise Unsuitable("the system lets no process make code")


@cache
def _system() -> ctypes.CDLL:
    return ctypes.CDLL(None)
