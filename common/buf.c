/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/buf.h"

#include <string.h>

#include "common/errcode.h"

void
rbuf_init(struct rbuf *b, const void *data, size_t len)
{
	b->base = data;
	b->len = len;
	b->pos = 0;
	b->err = E_OK;
}

size_t
rbuf_left(const struct rbuf *b)
{
	return b->err == E_OK ? b->len - b->pos : 0;
}

const uint8_t *
rbuf_take(struct rbuf *b, size_t len)
{
	static const uint8_t none;
	const uint8_t *p;

	if (b->err != E_OK) {
		return NULL;
	}
	if (len > b->len - b->pos) {
		b->err = E_MALF;
		return NULL;
	}
	if (b->base == NULL) {
		/* nothing taken from an empty buffer is no error */
		return &none;
	}
	p = b->base + b->pos;
	b->pos += len;
	return p;
}

void
rbuf_skip(struct rbuf *b, size_t len)
{
	(void)rbuf_take(b, len); /* the error stays in b */
}

static uint64_t
read_be(struct rbuf *b, size_t len)
{
	const uint8_t *p = rbuf_take(b, len);
	uint64_t v = 0;

	if (p == NULL) {
		return 0;
	}
	for (size_t i = 0; i < len; i++) {
		v = (v << 8) | p[i];
	}
	return v;
}

uint8_t
rbuf_u8(struct rbuf *b)
{
	return (uint8_t)read_be(b, 1);
}

uint16_t
rbuf_u16(struct rbuf *b)
{
	return (uint16_t)read_be(b, 2);
}

uint32_t
rbuf_u32(struct rbuf *b)
{
	return (uint32_t)read_be(b, 4);
}

uint64_t
rbuf_u48(struct rbuf *b)
{
	return read_be(b, 6);
}

uint64_t
rbuf_u64(struct rbuf *b)
{
	return read_be(b, 8);
}

void
wbuf_init(struct wbuf *b, void *mem, size_t cap)
{
	b->base = mem;
	b->cap = cap;
	b->len = 0;
	b->err = E_OK;
}

size_t
wbuf_left(const struct wbuf *b)
{
	return b->err == E_OK ? b->cap - b->len : 0;
}

void
wbuf_put(struct wbuf *b, const void *data, size_t len)
{
	if (b->err != E_OK) {
		return;
	}
	if (len > b->cap - b->len) {
		b->err = E_SPACE;
		return;
	}
	if (len > 0) {
		memcpy(b->base + b->len, data, len);
		b->len += len;
	}
}

static void
write_be(struct wbuf *b, uint64_t v, size_t len)
{
	uint8_t octets[8];

	for (size_t i = len; i > 0; i--) {
		octets[i - 1] = (uint8_t)v;
		v >>= 8;
	}
	wbuf_put(b, octets, len);
}

void
wbuf_u8(struct wbuf *b, uint8_t v)
{
	write_be(b, v, 1);
}

void
wbuf_u16(struct wbuf *b, uint16_t v)
{
	write_be(b, v, 2);
}

void
wbuf_u32(struct wbuf *b, uint32_t v)
{
	write_be(b, v, 4);
}

void
wbuf_u48(struct wbuf *b, uint64_t v)
{
	write_be(b, v, 6);
}

void
wbuf_u64(struct wbuf *b, uint64_t v)
{
	write_be(b, v, 8);
}

void
wbuf_put_u16_at(struct wbuf *b, size_t pos, uint16_t v)
{
	if (b->err != E_OK) {
		return;
	}
	if (b->len < 2 || pos > b->len - 2) {
		b->err = E_SPACE;
		return;
	}
	put_be16(b->base + pos, v);
}
