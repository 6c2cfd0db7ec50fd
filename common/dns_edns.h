/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * EDNS(0), RFC 6891: what an OPT record of a request says, and the options
 * that go into an answer.  Pure, no allocation.
 */
#ifndef COMMON_DNS_EDNS_H
#define COMMON_DNS_EDNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

#define EDNS_UDP_SIZE 1232 /* what we say, and the most we send over UDP */
#define EDNS_PAD_BLOCK 468 /* RFC 8467 4.1 */
#define EDNS_BADVERS 16	   /* RCODE with its upper part in OPT */

enum edns_option {
	EDNS_KEEPALIVE = 11, /* RFC 7828 */
	EDNS_PADDING = 12,   /* RFC 7830 */
	EDNS_EDE = 15,	     /* RFC 8914 */
};

struct edns {
	bool is_there; /* the rest is valid */
	bool dnssec_ok;
	bool wants_keepalive;
	uint8_t version;
	uint16_t udp_size; /* at least 512 */
};

/*
 * Finds OPT in a message whose TSIG is stripped.  E_MALF: the message or OPT
 * is malformed, stands in another section, or there are several (FORMERR).
 */
int edns_read(const uint8_t *msg, size_t len, struct edns *e);

/* One option each, to be given to dns_pack_opt(). */
void edns_put_keepalive(struct wbuf *b, unsigned idle_ms);
void edns_put_ede(struct wbuf *b, uint16_t code);
/*
 * Padding, such that a message of `len` octets without it (its OPT, and what
 * will follow, counted) becomes a multiple of `block`.
 */
void edns_put_padding(struct wbuf *b, size_t len, size_t block);

#endif
