/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Building DNS messages.  Names are compressed against all names written
 * before, and only where the octets are the same, so that letter case arrives
 * as it left (which is why libknot's writer is not used here: it lowers what
 * it parses).  Names inside RDATA are compressed for the types of RFC 1035
 * alone (RFC 3597 4).
 */
#ifndef COMMON_DNS_PACK_H
#define COMMON_DNS_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/dns_wire.h"

#define DNS_PACK_SLOTS 1024

struct dns_pack {
	uint8_t *msg;
	size_t cap; /* limit for the message, TSIG room already taken off */
	size_t len;
	uint16_t count[4];
	unsigned section;
	uint16_t nslots;
	uint16_t slot[DNS_PACK_SLOTS]; /* offsets of names, by hash */
};

/* Starts a message in mem[cap]; flags as in the header's second word. */
void dns_pack_init(struct dns_pack *p, void *mem, size_t cap, uint16_t id,
    uint16_t flags);
/* Question; name uncompressed. */
int dns_pack_question(struct dns_pack *p, const uint8_t *name, uint16_t type,
    uint16_t class);
/* section 1 … 3, never going back. */
void dns_pack_section(struct dns_pack *p, unsigned section);
/*
 * Adds a record.  rdata is uncompressed.  E_SPACE: does not fit, the message
 * is as before.
 */
int dns_pack_rr(struct dns_pack *p, const uint8_t *owner, uint16_t type,
    uint16_t class, uint32_t ttl, const uint8_t *rdata, uint16_t rdlen);
/* OPT record in the additional section, with octets of options (or NULL). */
int dns_pack_opt(struct dns_pack *p, uint16_t udp_size, uint8_t ext_rcode,
    bool dnssec_ok, const uint8_t *options, uint16_t optlen);
/* Writes the counts into the header; returns the length. */
size_t dns_pack_finish(struct dns_pack *p);

#endif
