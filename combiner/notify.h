/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * NOTIFY in (from the owner) and out (to the signers).  notify_zone(),
 * notify_free() and notify_on_request() stand in combiner.h.
 *
 * Out: each publish tells every address of every signer, over UDP, until it
 * answers.  A zone whose signers have all answered holds no memory for this
 * but two fields of struct zone.
 */
#ifndef COMBINER_NOTIFY_H
#define COMBINER_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "combiner/target.h"

struct zone;

/* The zone's rules have been replaced: signers may be others. */
void notify_reload(struct zone *z);

enum notify_state {
	NOTIFY_QUIET = 0, /* nothing sent since start, or all have answered */
	NOTIFY_PENDING,   /* sent or about to be sent again */
	NOTIFY_ACKED,
	NOTIFY_REFUSED,   /* answered with an RCODE: not sent again */
	NOTIFY_SILENT,    /* all tries used up */
};
const char *notify_state_str(enum notify_state s);

/* Signers' addresses in order of configuration. */
size_t notify_target_count(const struct zone *z);
struct notify_status {
	struct target target;
	enum notify_state state;
	bool has_acked;
	uint32_t acked_serial; /* last serial it answered for */
	int64_t since_sec;     /* PENDING, SILENT: unanswered since; else 0 */
	int64_t next_sec;      /* PENDING: next try; 0 = under way */
	unsigned tries;        /* for the current serial */
	int err;               /* of the last try; E_OK: none failed */
	unsigned rcode;        /* REFUSED */
};
int notify_status(const struct zone *z, size_t k, struct notify_status *out);

#endif
