/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The combiner's context: everything hangs off this one struct. */
#ifndef COMBINER_COMBINER_H
#define COMBINER_COMBINER_H

#include <stdbool.h>
#include <stdint.h>

#include "combiner/conf.h"
#include "combiner/zone.h"
#include "common/daemon.h"
#include "common/dns_client.h"
#include "common/dns_server.h"
#include "common/ipc.h"
#include "common/log.h"

struct replay;
struct store;

struct combiner_stats {
	uint64_t axfr_in, ixfr_in, xfr_in_failed, axfr_out, ixfr_out, updates,
	    updates_refused, contributions, publishes, notify_in, notify_out,
	    notify_failed, queries, refused;
};

struct combiner {
	struct daemon *daemon;
	struct loop *loop;
	struct combiner_conf *conf;
	struct store *store;
	struct dns_server *server;
	struct dns_client *client;
	struct ipc_server *ipc;
	struct replay *replay; /* service_dns.c: what TSIG keys have done */
	struct zone **zones; /* sorted by name_cmp() */
	size_t nzones, zones_cap;
	struct removal *removals; /* zone.c: under way */
	unsigned transfers_in; /* under way */
	struct zone *xfr_wait, **xfr_wait_tail; /* waiting for a place */
	unsigned transfers_out; /* under way */
	bool xfr_giving; /* refresh.c is handing out places */
	unsigned notifies_out; /* exchanges under way */
	struct zone *notify_wait, **notify_wait_tail; /* waiting for a place */
	struct combiner_stats stats;
	struct log_limit refused_log, malformed_log;
	struct loop_timer stop_timer;
	bool stopping;
};

/* notify.c */
/* Tells all signers of the zone that there is a new serial. */
void notify_zone(struct zone *z);
void notify_free(struct zone *z);
/*
 * A NOTIFY came, its TSIG checked and stripped (tsig NULL: none).  Decides who
 * may, answers, and ends req->answer in any case.
 */
void notify_on_request(struct combiner *c, const struct dns_request *req,
    uint8_t *msg, size_t len, struct tsig_state *tsig);

/* refresh.c */
int refresh_init(struct zone *z);
void refresh_free(struct zone *z);
/* Look now (NOTIFY, command, start); serial_hint: from a NOTIFY, or NULL. */
void refresh_now(struct zone *z, const uint32_t *serial_hint);
/* Places among the transfers have become free, or more. */
void refresh_give_places(struct combiner *c);
/* Whole zone again; force: take whatever serial the owner has, once. */
void refresh_retransfer(struct zone *z, bool force);

#endif
