/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/dns_edns.h"

#include <string.h>

#include "common/dns_wire.h"
#include "common/errcode.h"

#define UDP_SIZE_LEAST 512 /* smaller values count as this (RFC 6891 6.2.3) */
#define OPTION_HEAD 4

static int
read_options(const uint8_t *data, size_t len, struct edns *e)
{
	struct rbuf b;

	rbuf_init(&b, data, len);
	while (rbuf_left(&b) > 0) {
		uint16_t code = rbuf_u16(&b);
		rbuf_skip(&b, rbuf_u16(&b));
		if (code == EDNS_KEEPALIVE) {
			e->wants_keepalive = true;
		}
	}
	return b.err;
}

static int
read_opt(const uint8_t *msg, const struct dns_rr *rr, struct edns *e)
{
	if (e->is_there || rr->section != 3 || msg[rr->owner] != 0) {
		return E_MALF;
	}
	e->is_there = true;
	e->udp_size = rr->class < UDP_SIZE_LEAST ? UDP_SIZE_LEAST : rr->class;
	e->version = (uint8_t)(rr->ttl >> 16);
	e->dnssec_ok = (rr->ttl & 0x8000u) != 0;
	/* what stands in another version's OPT is not for us to read */
	return e->version != 0 ? E_OK
			       : read_options(msg + rr->rdata, rr->rdlen, e);
}

int
edns_read(const uint8_t *msg, size_t len, struct edns *e)
{
	struct dns_walk w;
	struct dns_rr rr;
	int r = dns_walk_init(&w, msg, len);

	memset(e, 0, sizeof(*e));
	while (r == E_OK) {
		r = dns_walk_next(&w, &rr);
		if (r == E_OK && rr.type == DNS_OPT) {
			r = read_opt(msg, &rr, e);
		}
	}
	return r == E_DONE ? E_OK : r;
}

void
edns_put_keepalive(struct wbuf *b, unsigned idle_ms)
{
	unsigned units = idle_ms / 100;

	wbuf_u16(b, EDNS_KEEPALIVE);
	wbuf_u16(b, 2);
	wbuf_u16(b, units > UINT16_MAX ? UINT16_MAX : (uint16_t)units);
}

void
edns_put_ede(struct wbuf *b, uint16_t code)
{
	wbuf_u16(b, EDNS_EDE);
	wbuf_u16(b, 2);
	wbuf_u16(b, code);
}

void
edns_put_padding(struct wbuf *b, size_t len, size_t block)
{
	static const uint8_t zeros[64];
	size_t over = (len + OPTION_HEAD) % block;
	size_t n = over == 0 ? 0 : block - over;

	wbuf_u16(b, EDNS_PADDING);
	wbuf_u16(b, (uint16_t)n);
	while (n > 0) {
		size_t part = n < sizeof(zeros) ? n : sizeof(zeros);
		wbuf_put(b, zeros, part);
		n -= part;
	}
}
