/* Linux, a Cortex-M board that QEMU emulates, and Linux without its C library on Arm and RISC-V. */
#if defined(__linux__)
#define _POSIX_C_SOURCE 199309L
#endif
#include "machine.h"

#if defined(__linux__)
#include <stdio.h>
#include <time.h>

void put(const char *text)
{
    (void)fputs(text, stdout);
}

uint64_t now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

int main(void)
{
    return program();
}

#elif defined(__ARM_ARCH_PROFILE) && (__ARM_ARCH_PROFILE == 'M')
/* QEMU answers these calls; a real board would use its serial port. */
static int semihosting(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void put(const char *text)
{
    (void)semihosting(4, text);
}

/* The timer that every Cortex-M has counts down from 2^24. It has to be read at least once in that time. */
static volatile uint32_t *const timer = (volatile uint32_t *)0xE000E010u;

uint64_t now(void)
{
    static uint64_t ticks;
    static uint32_t last;
    const uint32_t count = 0xFFFFFFu - timer[2];
    ticks += (count - last) & 0xFFFFFFu;
    last = count;
    return ticks * 40u; /* it runs at 25 MHz */
}

extern uint32_t stack_top;
void start(void);

void start(void)
{
#if defined(__ARM_FP)
    *(volatile uint32_t *)0xE000ED88u |= 0xF00000u; /* let it use floats */
    __asm__ volatile("dsb\n isb");
#endif
    timer[1] = 0xFFFFFFu;
    timer[2] = 0u;
    timer[0] = 5u;
    (void)program();
    (void)semihosting(0x18, (const void *)0x20026);
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) static const struct {
    const uint32_t *stack;
    void (*start)(void);
} vectors = {&stack_top, start};

#else
#if defined(__riscv)
static long linux_call(long number, long a, long b, long c)
{
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a7 __asm__("a7") = number;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return a0;
}
#if __riscv_xlen == 64
enum { EXIT = 93, WRITE = 64, CLOCK = 113 };
#else
enum { EXIT = 93, WRITE = 64, CLOCK = 403 };
#endif
#else
static long linux_call(long number, long a, long b, long c)
{
    register long r0 __asm__("r0") = a;
    register long r1 __asm__("r1") = b;
    register long r2 __asm__("r2") = c;
    register long r7 __asm__("r7") = number;
    __asm__ volatile("svc 0" : "+r"(r0) : "r"(r1), "r"(r2), "r"(r7) : "memory");
    return r0;
}
enum { EXIT = 1, WRITE = 4, CLOCK = 403 };
#endif

void put(const char *text)
{
    long length = 0;
    while (text[length] != 0) {
        ++length;
    }
    (void)linux_call(WRITE, 1, (long)text, length);
}

uint64_t now(void)
{
    int64_t time[2] = {0, 0};
    (void)linux_call(CLOCK, 1, (long)time, 0);
    return (uint64_t)time[0] * 1000000000u + (uint64_t)time[1];
}

void *memcpy(void *restrict to, const void *restrict from, size_t count);
void *memset(void *to, int value, size_t count);
void _start(void);

void *memcpy(void *restrict to, const void *restrict from, size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        ((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
    }
    return to;
}

void *memset(void *to, int value, size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        ((uint8_t *)to)[i] = (uint8_t)value;
    }
    return to;
}

void _start(void)
{
    (void)program();
    (void)linux_call(EXIT, 0, 0, 0);
}
#endif

void put_bytes(const void *bytes, size_t count)
{
    static const char digits[] = "0123456789abcdef";
    char text[3] = {0, 0, 0};
    for (size_t i = 0; i < count; ++i) {
        text[0] = digits[((const uint8_t *)bytes)[i] >> 4];
        text[1] = digits[((const uint8_t *)bytes)[i] & 15u];
        put(text);
    }
    put("\n");
}
