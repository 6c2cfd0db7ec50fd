/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two cursors over octets.  `struct rbuf` reads, `struct wbuf` writes; both
 * remember the first error, so a codec runs without an `if` a line and tests
 * `err` once at its end.  Neither allocates: the caller lends the memory.
 * After an error reads give zero and writes do nothing.
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stddef.h>
#include <stdint.h>

struct rbuf {
	const uint8_t *base;
	size_t len; /* octets at base */
	size_t pos; /* next octet to read, <= len */
	int err;    /* E_OK, or E_MALF after a read past the end */
};

struct wbuf {
	uint8_t *base;
	size_t cap; /* octets at base */
	size_t len; /* octets written, <= cap */
	int err;    /* E_OK, or E_SPACE after a write past the end */
};

void rbuf_init(struct rbuf *b, const void *data, size_t len);
size_t rbuf_left(const struct rbuf *b);
uint8_t rbuf_u8(struct rbuf *b);
uint16_t rbuf_u16(struct rbuf *b);
uint32_t rbuf_u32(struct rbuf *b);
uint64_t rbuf_u48(struct rbuf *b);
uint64_t rbuf_u64(struct rbuf *b);
/* Lends len octets of the buffer, NULL after an error. */
const uint8_t *rbuf_take(struct rbuf *b, size_t len);
void rbuf_skip(struct rbuf *b, size_t len);

void wbuf_init(struct wbuf *b, void *mem, size_t cap);
size_t wbuf_left(const struct wbuf *b);
void wbuf_u8(struct wbuf *b, uint8_t v);
void wbuf_u16(struct wbuf *b, uint16_t v);
void wbuf_u32(struct wbuf *b, uint32_t v);
void wbuf_u48(struct wbuf *b, uint64_t v);
void wbuf_u64(struct wbuf *b, uint64_t v);
void wbuf_put(struct wbuf *b, const void *data, size_t len);
/* Overwrites two octets written earlier, at pos. */
void wbuf_put_u16_at(struct wbuf *b, size_t pos, uint16_t v);

/* Unaligned big-endian access to octets known to be there. */
static inline uint16_t
get_be16(const uint8_t *p)
{
	return (uint16_t)((p[0] << 8) | p[1]);
}

static inline uint32_t
get_be32(const uint8_t *p)
{
	return ((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) |
	       ((uint32_t)p[2] << 8) | p[3];
}

static inline void
put_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void
put_be32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

#endif
