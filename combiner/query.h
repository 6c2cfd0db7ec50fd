/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Answers to ordinary queries at the apex (spec/combiner.md 3, last paragraph):
 * SOA and the six types that are managed, from the combined zone or from the
 * store of one source.  This is no public name server:
 *
 *   apex, SOA or one of the six   the RRset, or NODATA with SOA
 *   apex, ANY                     SOA (RFC 8482)
 *   apex, any other type          NODATA with SOA, whatever the zone holds
 *   any other name                REFUSED
 *
 * Pure; who may ask what is decided in service_dns.c.
 */
#ifndef COMBINER_QUERY_H
#define COMBINER_QUERY_H

#include <stddef.h>
#include <stdint.h>

#include "combiner/apex.h"
#include "common/dns_reply.h"

struct query_view {	     /* what is answered from; all lent */
	const uint8_t *zone; /* lower case */
	const uint8_t *soa;  /* RDATA, NULL: nothing is published yet */
	uint16_t soa_len;
	uint32_t soa_ttl;
	const struct apex *sets; /* NULL: none */
};

/*
 * The question of to->msg must be there.  Writes to mem[REPLY_ROOM], returns
 * the length.
 */
size_t
query_answer(const struct reply_to *to, const struct query_view *v, void *mem);

#endif
