/* What a program needs of a machine: to print, and to tell how long something took. */
#ifndef MACHINE_H
#define MACHINE_H

#include <stddef.h>
#include <stdint.h>

/* What the machine runs when it starts. */
int program(void);

void put(const char *text);

/* Bytes as hexadecimal digits, and the end of a line. */
void put_bytes(const void *bytes, size_t count);

/* Nanoseconds. On the boards that QEMU emulates here, each instruction takes one. */
uint64_t now(void);

#endif
