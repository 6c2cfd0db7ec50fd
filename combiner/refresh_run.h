/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What refresh.c and refresh_xfr.c share.  struct refresh is there for each
 * zone and kept small; struct refresh_run lives for one round.
 */
#ifndef COMBINER_REFRESH_RUN_H
#define COMBINER_REFRESH_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "combiner/conf.h"
#include "combiner/zone_fsm.h"
#include "common/loop.h"

struct dns_exchange;
struct ingest;
struct owner_change;
struct zone;

struct refresh_run {
	/* Keys, TLS contexts and names are lent from here: one reference. */
	struct combiner_conf *conf;
	const struct combiner_rules *rules;
	struct dns_exchange *x;      /* under way, or NULL */
	struct ingest *ingest;       /* or NULL */
	struct owner_change *change; /* between COMPLETE and TAKE */
	bool is_ixfr, is_forced;
	bool is_one_rr;       /* the first message has one answer record */
	uint32_t messages;    /* of this transfer */
	uint32_t back_serial; /* the one seen that is not ahead */
	int store_err;        /* what came could not be written */
	uint64_t started_us;  /* of this transfer */
	char errors[256];     /* "target: error; target: error" */
};

struct refresh_result { /* of one target */
	int64_t sec;
	int32_t err;
	uint32_t serial;
	uint16_t rcode;
};

struct refresh {
	struct zone_fsm fsm;
	struct loop_timer timer; /* IDLE: next check; transfer: total limit */
	uint64_t next_ms;        /* IDLE: when the next check is due */
	struct zone *wait_next;  /* in combiner.xfr_wait */
	struct refresh_run *run; /* from place to end of round */
	struct refresh_result *results; /* by target; NULL: nothing failed */
	/* compared only: the rules that results and fsm.first were made for */
	const struct combiner_rules *rules;
	uint16_t nresults;
	bool has_place, is_waiting;
};

/* ---- refresh.c ---- */

/* Feeds the machine; may end the round, so that z->refresh->run is gone. */
void refresh_event(struct zone *z, enum zone_fsm_event event);
/* The current target answered, with this serial. */
void refresh_note_good(struct zone *z, uint32_t serial);
/* It is of no use: logs, remembers, and feeds FAILED. */
void refresh_fail(struct zone *z, int err, unsigned rcode, const char *why);
/* Wall clock at which our copy expires; 0: there is none. */
int64_t refresh_expire_sec(const struct zone *z);

/* ---- refresh_xfr.c ---- */

/* Each asks the current target; what comes of it arrives as event. */
int refresh_xfr_soa(struct zone *z);
int refresh_xfr_start(struct zone *z, bool is_ixfr, bool is_forced);
/* Ends what is under way, without event. */
void refresh_xfr_abort(struct zone *z);

#endif
