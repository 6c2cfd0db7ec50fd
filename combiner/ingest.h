/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One transfer coming in: messages in, a change of the owner's zone out.
 * TSIG, grammar (RFC 5936, RFC 1995), scanning, hashing and writing happen in
 * the thread pool; the loop only copies what it read.
 */
#ifndef COMBINER_INGEST_H
#define COMBINER_INGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/dns_tsig.h"

struct combiner_conf;
struct loop;
struct zone;
struct ingest;
struct owner_change; /* what zone_take_owner() takes over */

struct ingest_opts {
	bool is_ixfr;       /* what was asked */
	uint64_t max_records, max_octets;
	bool force;         /* take a serial that is not greater (reset) */
	bool again;         /* take the serial that we have (retransfer) */
	struct combiner_conf *conf; /* that the TSIG key is of, or NULL */
};

/*
 * Called once, in the loop:
 * E_OK: *change to be handed to zone_take_owner() (or owner_change_free).
 * E_STALE: nothing new (serial equal, or one SOA in answer to IXFR).
 * E_MISFIT: the differences do not fit; ask for AXFR.
 * E_AGAIN: a single newer SOA came in answer to IXFR: ask for AXFR.
 * E_RCODE: *rcode says which.
 * else: transfer failed as a whole (E_MALF, E_PROTO, E_BADSIG, E_NOTSIGNED,
 * E_LIMIT, E_STORE …).
 * serial: of the owner's newest SOA seen.  why: static or ingest's text.
 */
typedef void (*ingest_done_fn)(void *arg, int err, struct owner_change *change,
    unsigned rcode, uint32_t serial, const char *why);

/*
 * tsig: state of the signed request, or NULL (then the transfer is unsigned).
 */
int ingest_new(struct zone *z, const struct ingest_opts *opts,
    const struct tsig_state *tsig, ingest_done_fn done, void *arg,
    struct ingest **out);
/*
 * The next message (copied).  E_AGAIN: taken, but stop reading until
 * on_room is called.
 */
int ingest_message(struct ingest *g, const uint8_t *msg, size_t len);
void ingest_on_room(struct ingest *g, void (*fn)(void *arg), void *arg);
/*
 * No more messages come: those that are here may be all there is, else done is
 * called with err.  false: they are worked off already, and are not.
 */
bool ingest_end(struct ingest *g, int err);
/* Records and octets so far, for progress. */
void ingest_progress(const struct ingest *g, uint64_t *records,
    uint64_t *octets);
/* Ends it; done is not called. */
void ingest_abort(struct ingest *g);

void owner_change_free(struct owner_change *c);
/* The same for one that never came into use: its base's file goes, too. */
void owner_change_discard(struct owner_change *c, const char *dir);

#endif
