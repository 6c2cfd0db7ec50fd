/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "combiner/refresh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "combiner/combiner.h"
#include "combiner/ingest.h"
#include "combiner/refresh_run.h"
#include "combiner/service.h"
#include "combiner/store.h"
#include "common/errcode.h"
#include "common/log.h"

static void step(struct zone *z, struct zone_fsm_in *in);

/* ---- timers of the owner's SOA ---- */

static uint64_t
bounded(uint64_t ms, uint64_t min, uint64_t max)
{
	if (max != 0 && ms > max) {
		ms = max;
	}
	return ms < min ? min : ms;
}

static bool
read_soa(const struct zone *z, struct dns_soa *soa)
{
	return z->soa != NULL && dns_soa_read(z->soa, z->soa_len, soa) == E_OK;
}

static uint64_t
refresh_ms(const struct zone *z, const struct dns_soa *soa)
{
	return bounded((uint64_t)soa->refresh * 1000, z->rules->refresh_min_ms,
	    z->rules->refresh_max_ms);
}

static uint64_t
retry_ms(const struct zone *z, const struct dns_soa *soa)
{
	return bounded((uint64_t)soa->retry * 1000, z->rules->retry_min_ms,
	    z->rules->retry_max_ms);
}

int64_t
refresh_expire_sec(const struct zone *z)
{
	struct dns_soa soa;
	uint64_t sec, least;

	if (!read_soa(z, &soa)) {
		return 0;
	}
	/* Shorter would expire between two checks that both succeed. */
	least = (refresh_ms(z, &soa) + retry_ms(z, &soa)) / 1000 + 1;
	sec = soa.expire > least ? soa.expire : least;
	return z->checked_sec + (int64_t)sec;
}

static void
check_expired(struct zone *z)
{
	int64_t at = refresh_expire_sec(z);

	if (at == 0 || loop_wall_sec(z->combiner->loop) < at ||
	    (z->alerts & ZONE_ALERT_EXPIRED) != 0) {
		return;
	}
	z->expired_stop = z->rules->expire == COMBINER_EXPIRE_STOP;
	zone_alert_set(z, ZONE_ALERT_EXPIRED,
	    "no master has confirmed our copy for longer than its expire; %s",
	    z->expired_stop ? "not served any more" : "still served");
}

/* Starts the timer to the next check, or to the moment of expiry before it. */
static void
arm(struct zone *z)
{
	struct refresh *r = z->refresh;
	struct loop *loop = z->combiner->loop;
	uint64_t now = loop_now_ms(loop), ms, left;
	int64_t at = refresh_expire_sec(z), wall = loop_wall_sec(loop);

	ms = r->next_ms > now ? r->next_ms - now : 0;
	if (at > wall && (z->alerts & ZONE_ALERT_EXPIRED) == 0) {
		left = (uint64_t)(at - wall) * 1000;
		ms = left < ms ? left : ms;
	}
	if (loop_timer_start(loop, &r->timer, ms) != E_OK) {
		char name[NAME_STRLEN];

		log_err(F(.zone = name_to_str(z->name, name), .op = "refresh",
			    .err = E_NOMEM),
		    "no timer: the zone is checked at its next NOTIFY only");
	}
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	struct zone *z = arg;
	struct refresh *r = z->refresh;

	(void)t;
	if (r->fsm.state != ZONE_FSM_IDLE) {
		refresh_xfr_abort(z);
		refresh_fail(z, E_TIMEOUT, 0, "longer than allowed in all");
		return;
	}
	check_expired(z);
	if (loop_now_ms(z->combiner->loop) >= r->next_ms) {
		refresh_event(z, ZONE_FSM_DUE);
	} else {
		arm(z);
	}
}

/* ---- places among the transfers ---- */

static void
place_wait(struct zone *z, bool is_urgent)
{
	struct combiner *c = z->combiner;
	struct refresh *r = z->refresh;

	if (r->is_waiting) {
		return;
	}
	if (c->xfr_wait == NULL) {
		c->xfr_wait_tail = &c->xfr_wait;
	}
	r->is_waiting = true;
	if (is_urgent) {
		/* Somebody saw a change: before ten thousand mere timers. */
		r->wait_next = c->xfr_wait;
		c->xfr_wait = z;
		if (r->wait_next == NULL) {
			c->xfr_wait_tail = &r->wait_next;
		}
		return;
	}
	r->wait_next = NULL;
	*c->xfr_wait_tail = z;
	c->xfr_wait_tail = &r->wait_next;
}

static void
place_unwait(struct zone *z)
{
	struct combiner *c = z->combiner;
	struct zone **p = &c->xfr_wait;

	if (!z->refresh->is_waiting) {
		return;
	}
	while (*p != z) {
		p = &(*p)->refresh->wait_next;
	}
	*p = z->refresh->wait_next;
	if (c->xfr_wait_tail == &z->refresh->wait_next) {
		c->xfr_wait_tail = p;
	}
	z->refresh->is_waiting = false;
}

static void
place_release(struct zone *z)
{
	if (z->refresh->has_place) {
		z->refresh->has_place = false;
		z->combiner->transfers_in--;
	}
}

/* Targets of other rules: what was remembered by number means nothing now. */
static void
meet_rules(struct zone *z)
{
	struct refresh *r = z->refresh;

	if (r->rules == z->rules) {
		return;
	}
	r->rules = z->rules;
	zone_fsm_forget_targets(&r->fsm);
	free(r->results);
	r->results = NULL;
	r->nresults = 0;
}

static void
begin_round(struct zone *z)
{
	struct refresh_run *run = calloc(1, sizeof(*run));

	meet_rules(z);
	z->refresh->run = run; /* NULL: the machine sees no targets */
	if (run != NULL) {
		run->conf = combiner_conf_ref(z->combiner->conf);
		run->rules = z->rules;
	}
	refresh_event(z, ZONE_FSM_PLACE);
}

static void
place_give(struct combiner *c)
{
	unsigned most = c->conf->transfers_in;
	struct zone *z;

	if (c->xfr_giving) {
		return; /* the caller below us in the stack goes on */
	}
	c->xfr_giving = true;
	while (c->xfr_wait != NULL && !c->stopping &&
	    c->transfers_in < (most != 0 ? most : 1)) {
		z = c->xfr_wait;
		place_unwait(z);
		z->refresh->has_place = true;
		c->transfers_in++;
		begin_round(z);
	}
	c->xfr_giving = false;
}

/* ---- rounds ---- */

static void
free_run(struct zone *z)
{
	struct refresh_run *run = z->refresh->run;

	if (run == NULL) {
		return;
	}
	refresh_xfr_abort(z);
	if (run->change != NULL) {
		owner_change_discard(run->change,
		    store_dir(z->combiner->store));
	}
	combiner_conf_unref(run->conf);
	free(run);
	z->refresh->run = NULL;
}

static void
round_ended(struct zone *z, enum zone_fsm_outcome outcome)
{
	const struct refresh_run *run = z->refresh->run;

	switch (outcome) {
	case ZONE_FSM_OK:
		zone_checked(z);
		z->expired_stop = false;
		zone_alert_clear(z, ZONE_ALERT_EXPIRED);
		zone_alert_clear(z, ZONE_ALERT_SERIAL_BACK);
		zone_alert_clear(z, ZONE_ALERT_TRANSFER);
		break;
	case ZONE_FSM_WENT_BACK:
		zone_alert_clear(z, ZONE_ALERT_TRANSFER);
		zone_alert_set(z, ZONE_ALERT_SERIAL_BACK,
		    "the owner's serial %s is not ahead of %s, which we hold",
		    log_serial(run != NULL ? run->back_serial : 0),
		    log_serial(z->owner_serial));
		break;
	case ZONE_FSM_NO_TARGET:
		if (run != NULL && run->store_err != E_OK) {
			zone_alert_set(z, ZONE_ALERT_STORE,
			    "cannot write the owner's zone: %s",
			    err_text(run->store_err));
			break;
		}
		zone_alert_set(z, ZONE_ALERT_TRANSFER, "no master helped: %s",
		    run == NULL                ? "out of memory" :
			run->errors[0] != '\0' ? run->errors :
						 "none is configured");
		break;
	case ZONE_FSM_REFUSED: /* zone.c has said why */
	case ZONE_FSM_NONE:
		break;
	}
	if (outcome != ZONE_FSM_OK) {
		check_expired(z);
		service_tell_failed(z, zone_fsm_outcome_str(outcome));
	}
	loop_timer_stop(&z->refresh->timer);
	free_run(z);
	place_release(z);
}

static void
on_taken(struct zone *z, int err, void *arg)
{
	struct refresh *r = z->refresh;

	(void)arg;
	if (r == NULL || r->fsm.state != ZONE_FSM_STORE) {
		return;
	}
	if (err == E_OK) {
		refresh_event(z, ZONE_FSM_STORED);
	} else if (err == E_MISFIT && r->run != NULL && r->run->is_ixfr) {
		refresh_event(z, ZONE_FSM_NO_IXFR);
	} else {
		refresh_event(z, ZONE_FSM_NOT_STORED);
	}
}

static int
take(struct zone *z)
{
	struct owner_change *change = z->refresh->run->change;
	int err;

	z->refresh->run->change = NULL;
	err = zone_take_owner(z, change, on_taken, NULL);
	if (err != E_OK) {
		owner_change_free(change);
	}
	return err;
}

/* May call step() again from below: nothing is touched after it. */
static int
act(struct zone *z, const struct zone_fsm_out *out)
{
	switch (out->action) {
	case ZONE_FSM_NOTHING:
		break;
	case ZONE_FSM_WAIT_PLACE:
		loop_timer_stop(&z->refresh->timer);
		place_wait(z, out->is_urgent);
		break;
	case ZONE_FSM_SEND_SOA:
		return refresh_xfr_soa(z);
	case ZONE_FSM_SEND_IXFR:
		return refresh_xfr_start(z, true, out->is_forced);
	case ZONE_FSM_SEND_AXFR:
		return refresh_xfr_start(z, false, out->is_forced);
	case ZONE_FSM_TAKE:
		return take(z);
	}
	return E_OK;
}

/* The world as the machine sees it. */
static void
fill(const struct zone *z, struct zone_fsm_in *in)
{
	const struct refresh *r = z->refresh;
	const struct combiner_rules *rules =
	    r->run != NULL ? r->run->rules : z->rules;
	struct dns_soa soa;

	in->has_copy = read_soa(z, &soa);
	in->serial = z->owner_serial;
	in->serial_reset = rules->owner_serial_reset;
	in->ntargets = (unsigned)target_count(rules->masters, rules->nmasters);
	if (in->event == ZONE_FSM_PLACE && r->run == NULL) {
		in->ntargets = 0;
	}
	in->nkeys = target_nkeys(rules->masters, rules->nmasters, r->fsm.target);
	if (in->has_copy) {
		in->refresh_ms = refresh_ms(z, &soa);
		in->retry_ms = retry_ms(z, &soa);
	} else {
		in->refresh_ms = in->retry_ms = ZONE_FSM_FIRST_MS;
	}
	in->first_max_ms = rules->retry_max_ms;
	in->look_ms = rules->retry_min_ms;
	if (getrandom(&in->random, sizeof(in->random), GRND_NONBLOCK) !=
	    (ssize_t)sizeof(in->random)) {
		in->random = (uint32_t)loop_now_us(z->combiner->loop);
	}
}

/* Remembers the current target's result, once anything has failed. */
static void
note_result(struct zone *z, int err, unsigned rcode, uint32_t serial)
{
	struct refresh *r = z->refresh;
	const struct combiner_rules *rules = r->run->rules;
	size_t n = target_count(rules->masters, rules->nmasters);
	struct refresh_result *res;

	if (rules != r->rules || (r->results == NULL && err == E_OK)) {
		return;
	}
	if (r->results == NULL) {
		r->results = calloc(n, sizeof(*r->results));
		if (r->results == NULL) {
			return;
		}
		r->nresults = (uint16_t)n;
	}
	if (r->fsm.target < r->nresults) {
		res = &r->results[r->fsm.target];
		res->sec = loop_wall_sec(z->combiner->loop);
		res->err = err;
		res->rcode = (uint16_t)rcode;
		res->serial = serial;
	}
}

void
refresh_note_good(struct zone *z, uint32_t serial)
{
	note_result(z, E_OK, 0, serial);
}

/* Logs one target's failure and keeps it for the alert's text. */
static void
note_failure(struct zone *z, int err, unsigned rcode, const char *why)
{
	struct refresh *r = z->refresh;
	struct refresh_run *run = r->run;
	char name[NAME_STRLEN], peer[TARGET_STRLEN] = "?";
	const char *text = err == E_RCODE ? dns_rcode_str(rcode) :
	    why != NULL                   ? why : err_text(err);
	size_t used = strlen(run->errors);
	struct target t;

	if (target_get(run->rules->masters, run->rules->nmasters,
		r->fsm.target, &t) == E_OK) {
		target_str(&t, peer);
	}
	note_result(z, err, rcode, 0);
	snprintf(run->errors + used, sizeof(run->errors) - used, "%s%s: %s",
	    used > 0 ? "; " : "", peer, text);
	/* The alert says it once; repeats are for those who look for them. */
	log_line(r->fsm.fails == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG,
	    F(.zone = name_to_str(z->name, name),
		.op = r->fsm.state == ZONE_FSM_SOA  ? "soa-query" :
		    r->fsm.state == ZONE_FSM_IXFR ? "ixfr-in" : "axfr-in",
		.peer = peer, .err = err), "failed: %s", text);
}

void
refresh_fail(struct zone *z, int err, unsigned rcode, const char *why)
{
	const struct combiner_rules *rules = z->refresh->run->rules;

	/* another key of the same target may help: nothing has failed yet */
	if (err != E_BADKEY || z->refresh->fsm.keys_tried + 1u >= target_nkeys(
		rules->masters, rules->nmasters, z->refresh->fsm.target)) {
		note_failure(z, err, rcode, why);
	}
	refresh_event(z, err == E_BADKEY ? ZONE_FSM_BADKEY : ZONE_FSM_FAILED);
}

static void
step(struct zone *z, struct zone_fsm_in *in)
{
	struct combiner *c = z->combiner;
	struct zone_fsm_out out;
	int err;

	do {
		fill(z, in);
		zone_fsm_step(&z->refresh->fsm, in, &out);
		if (out.outcome != ZONE_FSM_NONE) {
			round_ended(z, out.outcome);
		}
		if (out.has_delay) {
			z->refresh->next_ms =
			    loop_now_ms(c->loop) + out.delay_ms;
			arm(z);
		}
		err = act(z, &out);
		if (err != E_OK) {
			memset(in, 0, sizeof(*in));
			in->from = -1;
			in->event = ZONE_FSM_NOT_STORED;
			if (out.action != ZONE_FSM_TAKE) {
				note_failure(z, err, 0, NULL);
				in->event = ZONE_FSM_FAILED;
			}
		}
	} while (err != E_OK);
	place_give(c);
}

void
refresh_event(struct zone *z, enum zone_fsm_event event)
{
	struct zone_fsm_in in = {.event = event, .from = -1};

	step(z, &in);
}

/* ---- what zones call ---- */

int
refresh_init(struct zone *z)
{
	struct refresh *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		return E_NOMEM;
	}
	zone_fsm_init(&r->fsm);
	r->rules = z->rules;
	r->timer.cb = on_timer;
	r->timer.arg = z;
	r->next_ms = loop_now_ms(z->combiner->loop);
	z->refresh = r;
	if (z->checked_sec == 0) {
		z->checked_sec = loop_wall_sec(z->combiner->loop);
	}
	/* its signatures are there, but the rules want them no more */
	r->fsm.want_axfr = z->soa != NULL && z->owner_signed &&
	    z->rules->owner_signatures == COMBINER_SIG_STRIP;
	/* At the next turn, when the zone is complete. */
	arm(z);
	return E_OK;
}

void
refresh_free(struct zone *z)
{
	struct refresh *r = z->refresh;

	if (r == NULL) {
		return;
	}
	loop_timer_stop(&r->timer);
	place_unwait(z);
	free_run(z);
	place_release(z);
	free(r->results);
	free(r);
	z->refresh = NULL;
	place_give(z->combiner);
}

void
refresh_give_places(struct combiner *c)
{
	place_give(c);
}

static void
check(struct zone *z, const struct net_addr *from, const uint32_t *serial_hint)
{
	struct zone_fsm_in in = {.event = ZONE_FSM_CHECK, .from = -1};

	if (z->refresh == NULL) {
		return;
	}
	if (serial_hint != NULL) {
		in.has_hint = true;
		in.hint = *serial_hint;
	}
	if (from != NULL) {
		in.from = target_find_host(z->rules->masters,
		    z->rules->nmasters, from);
	}
	step(z, &in);
}

void
refresh_now(struct zone *z, const uint32_t *serial_hint)
{
	check(z, NULL, serial_hint);
}

void
refresh_on_notify(struct zone *z, const struct net_addr *from,
    const uint32_t *serial_hint)
{
	check(z, from, serial_hint);
}

void
refresh_retransfer(struct zone *z, bool force)
{
	struct zone_fsm_in in = {
	    .event = ZONE_FSM_RETRANSFER, .from = -1, .force = force};

	if (z->refresh != NULL) {
		step(z, &in);
	}
}

void
refresh_reload(struct zone *z)
{
	if (z->refresh != NULL) {
		meet_rules(z);
		refresh_now(z, NULL);
	}
}
