/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Zones for measurements: a mix like a registry's zone.  After SOA, NS come
 * delegations of five records each (two NS, DS, two glue A), hosts to make the
 * number of records even, and the address of the name server, in canonical
 * order.  The zone is kept as the octets of its AXFR over TCP; a change is
 * made in place.
 */
#ifndef TESTS_BENCH_GEN_H
#define TESTS_BENCH_GEN_H

#include <stddef.h>
#include <stdint.h>

#define GEN_NAME_LEN 64
#define GEN_FIRST_SERIAL 1000
#define GEN_SOA_RDATA 31 /* with both names compressed */

struct gen_change {
	uint32_t deleg;
	uint32_t from, to; /* the address of ns1 of this delegation */
};

struct gen_zone {
	uint8_t name[GEN_NAME_LEN]; /* wire form */
	size_t name_len;
	uint32_t records, ndelegs, nhosts;
	uint32_t serial;
	uint8_t *stream; /* AXFR: messages with their lengths before them */
	size_t len, cap;
	uint32_t *msgs; /* where each message's length is in stream */
	uint32_t nmsgs, msgs_cap;
	uint32_t *addrs;	/* where the address of each ns1 is in stream */
	uint32_t serial_at[2];	/* where the serial is in the two SOAs */
	struct gen_change *log; /* log[i] led to GEN_FIRST_SERIAL + i + 1 */
	uint32_t nlog, log_cap;
};

/* A zone of so many records, 20 at least; exits when out of memory. */
void gen_zone_init(struct gen_zone *z, const char *name, uint32_t records);
/* Master file text to standard output. */
void gen_zone_print(const char *name, uint32_t records);
/* One record has another address now, and the serial is one more. */
const struct gen_change *gen_zone_change(struct gen_zone *z);
/* The transaction id and the question's type of each message. */
void gen_zone_address(
    const struct gen_zone *z, uint8_t *stream, uint16_t id, uint16_t qtype);
/* One SOA, NS or A record's parts; they return what follows. */
uint8_t *gen_put_soa(uint8_t *p, uint32_t serial);
uint8_t *gen_put_glue(
    uint8_t *p, const struct gen_zone *z, uint32_t deleg, uint32_t addr);
uint8_t *gen_put16(uint8_t *p, uint16_t v);
uint8_t *gen_put32(uint8_t *p, uint32_t v);

#endif
