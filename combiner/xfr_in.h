/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The grammar of a transfer stream (AXFR: RFC 5936; IXFR: RFC 1995) and what
 * the combiner makes of each record.  Fed with messages one by one, writes
 * nothing but the base under construction; runs in the pool, ingest.c drives.
 */
#ifndef COMBINER_XFR_IN_H
#define COMBINER_XFR_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "combiner/owner_change.h"
#include "common/dns_wire.h"

enum xfr_in_state {
	XFR_IN_FIRST = 0,  /* wants the first SOA */
	XFR_IN_SECOND = 1, /* IXFR: what comes tells its form */
	XFR_IN_FULL = 2,
	XFR_IN_DEL = 3,
	XFR_IN_ADD = 4,
	XFR_IN_END = 5,
};

struct xfr_in_conf {
	uint8_t zone[NAME_MAX_LEN]; /* lower case */
	bool is_ixfr;      /* what was asked */
	bool has_copy;     /* we hold held_serial */
	bool force;        /* take any serial */
	bool again;        /* take held_serial, too: the same, fetched again */
	bool pass_sigs;    /* rules: a signed zone passes as it is */
	bool held_signed;  /* our copy is such a one */
	uint32_t held_serial;
	uint64_t max_records, max_octets;
	const char *dir;   /* for the base; borrowed */
	struct dns_hash_key key;
};

struct xfr_in {
	struct xfr_in_conf conf;
	enum xfr_in_state state;
	struct base_builder *bb;
	struct owner_change *change;
	struct apex *apex;
	uint64_t soa_hash;    /* of the first SOA; the last must be the same */
	uint32_t diff_serial; /* of the difference under way */
	bool has_sigs;        /* any RRSIG, NSEC … seen */
	bool soa_sig_gone;    /* by the differences, and none came since */
	unsigned rcode;
	const char *why;      /* static text for the log */
};

int xfr_in_init(struct xfr_in *x, const struct xfr_in_conf *conf);
void xfr_in_clear(struct xfr_in *x);
/*
 * The next message, TSIG stripped.  E_OK: go on.  E_DONE: the stream is
 * complete.  Else as in ingest_done_fn.
 */
int xfr_in_message(struct xfr_in *x, const uint8_t *msg, size_t len);
/* After E_DONE: builds the result (writes and syncs the base). */
int xfr_in_finish(struct xfr_in *x, struct owner_change **out);

#endif
