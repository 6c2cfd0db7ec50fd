/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The exchanges of a zone with one master: SOA query, IXFR, AXFR.
 *
 * A transfer's messages go dns_client -> on_message -> ingest (which works in
 * the pool) -> on_ingested, which ends the exchange.  When ingest is full, the
 * exchange's connection is paused until it has room.
 */
#include <stdlib.h>
#include <string.h>

#include "combiner/combiner.h"
#include "combiner/ingest.h"
#include "combiner/owner_change.h"
#include "combiner/refresh_run.h"
#include "combiner/target.h"
#include "common/buf.h"
#include "common/dns_client.h"
#include "common/dns_pack.h"
#include "common/errcode.h"
#include "common/log.h"

/* A dead master costs three times this before the next one is asked. */
#define SOA_TRY_MS 1500
#define SOA_TRIES 3
#define SOA_TLS_MS 10000
/* Question, SOA with two names and OPT. */
#define REQUEST_MAX 1500
#define SOA_RDATA_MAX (2 * NAME_MAX_LEN + 20)
#define OPT_KEEPALIVE 11 /* RFC 7828 */
#define OPT_PADDING 12   /* RFC 7830 */
#define OPT_UDP_SIZE 1232

static int
build(const struct zone *z, uint16_t qtype, bool is_tls, uint8_t *msg,
    size_t *len)
{
	/* Both empty: "we understand keepalive", "pad your answer". */
	static const uint8_t options[] = {
	    0, OPT_KEEPALIVE, 0, 0, 0, OPT_PADDING, 0, 0};
	struct dns_pack p;
	int err;

	dns_pack_init(&p, msg, REQUEST_MAX, 0, 0);
	err = dns_pack_question(&p, z->name, qtype, DNS_IN);
	if (err == E_OK && qtype == DNS_IXFR) {
		dns_pack_section(&p, 2);
		err = dns_pack_rr(&p, z->name, DNS_SOA, DNS_IN, z->soa_ttl,
		    z->soa, z->soa_len);
	}
	if (err == E_OK && is_tls) {
		dns_pack_section(&p, 3);
		err = dns_pack_opt(&p, OPT_UDP_SIZE, 0, false, options,
		    sizeof(options));
	}
	if (err == E_OK) {
		*len = dns_pack_finish(&p);
	}
	return err;
}

/* Sends a request of this type to the current target. */
static int
ask(struct zone *z, uint16_t qtype, struct dns_exchange_opts *opts,
    dns_exchange_fn cb)
{
	struct refresh *r = z->refresh;
	struct refresh_run *run = r->run;
	uint8_t msg[REQUEST_MAX];
	struct target t;
	size_t len;
	int err;

	err = target_get(run->rules->masters, run->rules->nmasters,
	    r->fsm.target, &t);
	if (err != E_OK) {
		return err;
	}
	target_peer(&t, r->fsm.key, &opts->peer);
	if (opts->peer.tls != NULL) {
		opts->tcp = true;
		if (!opts->stream) {
			opts->timeout_ms = SOA_TLS_MS;
		}
	}
	err = build(z, qtype, opts->peer.tls != NULL, msg, &len);
	if (err != E_OK) {
		return err;
	}
	return dns_exchange_start(z->combiner->client, opts, msg, len, cb, z,
	    &run->x);
}

/* ---- SOA query ---- */

/* The serial in a SOA answer; *rcode is set with E_RCODE. */
static int
read_answer(const uint8_t *msg, size_t len, const uint8_t *zone,
    uint32_t *serial, unsigned *rcode, const char **why)
{
	uint8_t name[NAME_MAX_LEN], rdata[SOA_RDATA_MAX];
	struct dns_walk w;
	struct dns_rr rr;
	struct dns_soa soa;
	int err, n;

	err = dns_walk_init(&w, msg, len);
	if (err != E_OK) {
		return err;
	}
	*rcode = dns_flags_rcode(w.h.flags);
	if (*rcode != DNS_NOERROR) {
		return E_RCODE;
	}
	if ((w.h.flags & DNS_FLAG_AA) == 0) {
		*why = "answer is not authoritative";
		return E_PROTO;
	}
	while ((err = dns_walk_next(&w, &rr)) == E_OK && rr.section == 1) {
		if (rr.type != DNS_SOA || rr.class != DNS_IN ||
		    name_from_msg(msg, len, rr.owner, name, NULL) < 0 ||
		    !name_equal(name, zone)) {
			continue;
		}
		n = dns_rdata_expand(msg, len, &rr, false, rdata,
		    sizeof(rdata));
		if (n < 0 || dns_soa_read(rdata, (size_t)n, &soa) != E_OK) {
			return E_MALF;
		}
		*serial = soa.serial;
		return E_OK;
	}
	*why = "answer without SOA";
	return err == E_MALF ? E_MALF : E_PROTO;
}

/* What a target's serial means when it gave no new version. */
static enum zone_fsm_event
compare(struct zone *z, uint32_t serial)
{
	refresh_note_good(z, serial);
	if (serial == z->owner_serial) {
		return ZONE_FSM_SAME;
	}
	if (serial_gt(serial, z->owner_serial)) {
		return ZONE_FSM_NEWER;
	}
	z->refresh->run->back_serial = serial;
	return ZONE_FSM_BACK;
}

static void
on_soa(struct dns_exchange *x, int err, uint8_t *msg, size_t len, void *arg)
{
	struct zone *z = arg;
	const char *why = NULL;
	unsigned rcode = 0;
	uint32_t serial = 0;

	z->refresh->run->x = NULL;
	if (err == E_CANCEL) {
		return; /* the client is being freed: the daemon ends */
	}
	if (err == E_OK) {
		err = read_answer(msg, len, z->name, &serial, &rcode, &why);
	} else {
		why = dns_exchange_why(x);
	}
	if (err != E_OK) {
		refresh_fail(z, err, rcode, why);
	} else {
		refresh_event(z, compare(z, serial));
	}
}

int
refresh_xfr_soa(struct zone *z)
{
	struct dns_exchange_opts opts = {
	    .timeout_ms = SOA_TRY_MS, .tries = SOA_TRIES};

	return ask(z, DNS_SOA, &opts, on_soa);
}

/* ---- transfers ---- */

/* One line for each finished transfer. */
static void
log_done(struct zone *z, const struct owner_change *change)
{
	const struct refresh *r = z->refresh;
	const struct refresh_run *run = r->run;
	char name[NAME_STRLEN], peer[TARGET_STRLEN] = "?";
	const struct tsig_key *key = NULL;
	struct target t;
	char key_name[NAME_STRLEN];

	if (target_get(run->rules->masters, run->rules->nmasters,
		r->fsm.target, &t) == E_OK) {
		target_str(&t, peer);
		key = target_key(&t, r->fsm.key);
	}
	log_info(F(.zone = name_to_str(z->name, name),
		     .op = run->is_ixfr ? "ixfr-in" : "axfr-in", .peer = peer,
		     .key = key != NULL ? name_to_str(key->name, key_name) : NULL,
		     .serial = log_serial(change->serial),
		     .dur_us = (int64_t)(loop_now_us(z->combiner->loop) -
			 run->started_us)),
	    "transferred: records=%llu octets=%llu messages=%u",
	    (unsigned long long)change->records,
	    (unsigned long long)change->octets, (unsigned)run->messages);
}

/* Is an IXFR that failed like this worth an AXFR from the same master? */
static bool
axfr_may_help(int err, unsigned rcode)
{
	switch (err) {
	case E_AGAIN:
	case E_MISFIT:
	case E_MALF:
	case E_PROTO:
		return true;
	case E_RCODE:
		return rcode == DNS_FORMERR || rcode == DNS_NOTIMP ||
		    rcode == DNS_REFUSED || rcode == DNS_NOTAUTH;
	default:
		return false;
	}
}

static void
on_ingested(void *arg, int err, struct owner_change *change, unsigned rcode,
    uint32_t serial, const char *why)
{
	struct zone *z = arg;
	struct combiner *c = z->combiner;
	struct refresh_run *run = z->refresh->run;

	run->ingest = NULL; /* gone by itself */
	loop_timer_stop(&z->refresh->timer);
	if (run->x != NULL) {
		/* An answer that ended as it should leaves its connection. */
		dns_exchange_end(run->x, err == E_OK || err == E_RCODE ||
			(run->is_ixfr && run->is_one_rr && run->messages == 1));
		run->x = NULL;
	}
	if (err == E_OK) {
		if (run->is_ixfr) {
			c->stats.ixfr_in++;
		} else {
			c->stats.axfr_in++;
		}
		run->change = change;
		log_done(z, change);
		refresh_note_good(z, serial);
		refresh_event(z, ZONE_FSM_COMPLETE);
		return;
	}
	if (err == E_STALE && z->soa != NULL &&
	    !serial_gt(serial, z->owner_serial)) {
		refresh_event(z, compare(z, serial));
		return;
	}
	c->stats.xfr_in_failed++;
	if (zone_is_store_error(err)) {
		run->store_err = err;
	}
	if (err == E_BADKEY) {
		refresh_fail(z, err, 0, NULL);
	} else if (run->is_ixfr && axfr_may_help(err, rcode)) {
		log_debug(F(.op = "ixfr-in", .err = err), "asking for AXFR: %s",
		    why != NULL ? why : "");
		refresh_event(z, ZONE_FSM_NO_IXFR);
	} else {
		refresh_fail(z, err, rcode, why);
	}
}

static void
on_room(void *arg)
{
	struct zone *z = arg;

	if (z->refresh != NULL && z->refresh->run != NULL &&
	    z->refresh->run->x != NULL) {
		dns_exchange_resume(z->refresh->run->x);
	}
}

static int
begin_ingest(struct zone *z, struct dns_exchange *x)
{
	struct refresh_run *run = z->refresh->run;
	const struct tsig_state *tsig = dns_exchange_tsig(x);
	const struct ingest_opts opts = {
	    .is_ixfr = run->is_ixfr,
	    .max_records = run->rules->max_records,
	    .max_octets = run->rules->max_octets,
	    .force = run->is_forced,
	    .conf = run->conf,
	    .again = !run->is_ixfr && z->refresh->fsm.is_axfr,
	};
	int err;

	if (tsig != NULL && tsig->key == NULL) {
		tsig = NULL;
	}
	err = ingest_new(z, &opts, tsig, on_ingested, z, &run->ingest);
	if (err == E_OK) {
		ingest_on_room(run->ingest, on_room, z);
	}
	return err;
}

/* The key is not known there?  Such an answer cannot be signed. */
static bool
is_badkey(const uint8_t *msg, size_t len)
{
	struct tsig_rr rr;

	return len >= DNS_HEADER_LEN &&
	    dns_flags_rcode(get_be16(msg + 2)) == DNS_NOTAUTH &&
	    tsig_find(msg, len, &rr) == E_OK && rr.error == DNS_BADKEY;
}

static void
on_message(struct dns_exchange *x, int err, uint8_t *msg, size_t len, void *arg)
{
	struct zone *z = arg;
	struct refresh_run *run = z->refresh->run;
	const char *why = NULL;

	if (err != E_OK) {
		why = dns_exchange_why(x);
		run->x = NULL; /* gone by itself */
		if (err == E_CANCEL) {
			refresh_xfr_abort(z);
			return; /* as above */
		}
		/* a master may hang up behind its last message */
		if (run->ingest != NULL && ingest_end(run->ingest, err)) {
			return;
		}
		goto failed;
	}
	run->messages++;
	if (run->messages == 1) {
		if (is_badkey(msg, len)) {
			err = E_BADKEY;
			goto failed;
		}
		run->is_one_rr = len >= DNS_HEADER_LEN && get_be16(msg + 6) == 1;
		err = begin_ingest(z, x);
		if (err != E_OK) {
			goto failed;
		}
	}
	err = ingest_message(run->ingest, msg, len);
	if (err == E_AGAIN) {
		dns_exchange_pause(x);
		err = E_OK;
	}
	if (err == E_OK) {
		return;
	}
failed:
	z->combiner->stats.xfr_in_failed++;
	refresh_xfr_abort(z);
	refresh_fail(z, err, 0, why);
}

int
refresh_xfr_start(struct zone *z, bool is_ixfr, bool is_forced)
{
	struct refresh_run *run = z->refresh->run;
	struct dns_exchange_opts opts = {.tcp = true, .stream = true};
	uint64_t idle_ms = run->rules->idle_ms, total_ms = run->rules->total_ms;
	int err;

	run->is_ixfr = is_ixfr;
	run->is_forced = is_forced;
	run->messages = 0;
	run->is_one_rr = false;
	run->started_us = loop_now_us(z->combiner->loop);
	opts.timeout_ms = idle_ms < UINT32_MAX ? (unsigned)idle_ms : UINT32_MAX;
	if (total_ms != 0) {
		err = loop_timer_start(z->combiner->loop, &z->refresh->timer,
		    total_ms);
		if (err != E_OK) {
			return err;
		}
	}
	err = ask(z, is_ixfr ? DNS_IXFR : DNS_AXFR, &opts, on_message);
	if (err != E_OK) {
		loop_timer_stop(&z->refresh->timer);
	}
	return err;
}

void
refresh_xfr_abort(struct zone *z)
{
	struct refresh_run *run = z->refresh->run;

	if (run == NULL) {
		return;
	}
	loop_timer_stop(&z->refresh->timer);
	if (run->ingest != NULL) {
		ingest_abort(run->ingest);
		run->ingest = NULL;
	}
	if (run->x != NULL) {
		dns_exchange_end(run->x, false);
		run->x = NULL;
	}
}
