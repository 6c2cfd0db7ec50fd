/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One answer to one request: header and question of the request, records by
 * the caller, OPT with what the client may have (RFC 6891, 7828, 8467, 8914),
 * within the size that its transport takes.  TSIG comes after.  Pure.
 */
#ifndef COMMON_DNS_REPLY_H
#define COMMON_DNS_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "common/dns_edns.h"
#include "common/dns_pack.h"
#include "common/dns_server.h"

struct reply_to {	    /* the request and how it came; all lent */
	const uint8_t *msg; /* TSIG stripped */
	size_t len;
	enum dns_proto proto;
	const struct edns *edns; /* NULL: not read, as with none */
	size_t tsig_len;	 /* octets that TSIG will take; 0 = unsigned */
	unsigned idle_ms;	 /* of the connection, for edns-tcp-keepalive */
};

#define REPLY_ROOM 65535

struct reply {
	const struct reply_to *to;
	struct dns_pack pack;
	unsigned rcode; /* up to 12 bits; above 15 only with EDNS */
	uint16_t ede;	/* 0 = none */
};

/*
 * Starts it in mem[REPLY_ROOM].  flags: AA and so on; QR, opcode, RD come from
 * the request.  A request whose question cannot be read gets none back.
 */
void reply_begin(
    struct reply *r, const struct reply_to *to, void *mem, uint16_t flags);
/*
 * Adds a record to section 1 to 3.  Once one did not fit, all records are
 * taken out at the end and TC is set: half an RRset is no answer.  Returns
 * E_SPACE then, which need not be looked at.
 */
int reply_rr(struct reply *r, unsigned section, const uint8_t *owner,
    uint16_t type, uint32_t ttl, const uint8_t *rdata, uint16_t len);
/* Adds OPT, writes RCODE and counts; returns the length. */
size_t reply_finish(struct reply *r);
/* All in one: an answer that is nothing but an RCODE. */
size_t
reply_rcode(const struct reply_to *to, unsigned rcode, uint16_t ede, void *mem);

#endif
