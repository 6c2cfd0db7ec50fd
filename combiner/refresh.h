/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A zone's way in from its owner: timers, places among the transfers, what a
 * round of zone_fsm.h means for the zone, and its state for polyctl.  The
 * exchanges themselves are in refresh_xfr.c; refresh_init() and the other
 * calls that zones make stand in combiner.h.
 */
#ifndef COMBINER_REFRESH_H
#define COMBINER_REFRESH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "combiner/target.h"
#include "combiner/zone_fsm.h"

struct zone;

/* A NOTIFY came from this address; serial_hint or NULL. */
void refresh_on_notify(struct zone *z, const struct net_addr *from,
    const uint32_t *serial_hint);
/*
 * The zone's rules have been replaced: masters may be others.  A round under
 * way ends by the old ones (it holds that configuration); a check follows.
 */
void refresh_reload(struct zone *z);

struct refresh_status {
	const char *state;  /* name of the zone_fsm_state */
	int64_t next_sec;   /* IDLE: wall clock of the next check, else 0 */
	int64_t expire_sec; /* when our copy expires; 0: no copy */
	unsigned fails;     /* rounds in a row without success */
	bool is_running;    /* a transfer: */
	uint64_t records, octets, dur_us;
};
void refresh_status(const struct zone *z, struct refresh_status *out);

/* Targets of the zone's rules, in order of configuration. */
size_t refresh_target_count(const struct zone *z);
struct refresh_target_status {
	struct target target;
	bool is_preferred; /* the next round starts here */
	bool is_current;   /* being asked now */
	/* last result: kept from the zone's first failure on; 0: none kept */
	int64_t sec;
	int err;           /* E_OK, … */
	unsigned rcode;    /* when err is E_RCODE */
	uint32_t serial;   /* when err is E_OK */
};
int refresh_target_status(const struct zone *z, size_t k,
    struct refresh_target_status *out);

#endif
