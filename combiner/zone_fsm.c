/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "combiner/zone_fsm.h"

#include <string.h>

#include "common/dns_wire.h"

/* Timers are shortened by up to this part, so that zones spread out. */
#define JITTER_DIV 10

struct ctx {
	struct zone_fsm *f;
	const struct zone_fsm_in *in;
	struct zone_fsm_out *out;
};

typedef void (*handler_fn)(const struct ctx *c);

static const char *const state_names[ZONE_FSM_NSTATES] = {
	"idle", "queued", "soa", "ixfr", "axfr", "store",
};

static const char *const event_names[ZONE_FSM_NEVENTS] = {
	"due", "check", "retransfer", "place", "same", "newer", "back",
	"failed", "badkey", "no-ixfr", "complete", "stored", "not-stored",
};

static uint64_t
jittered(uint64_t ms, uint32_t random)
{
	uint64_t span = ms / JITTER_DIV;

	return span == 0 ? ms : ms - random % (span + 1);
}

/* The pause after `fails` rounds without success. */
static uint64_t
backoff(const struct ctx *c)
{
	uint64_t ms = c->in->has_copy ? c->in->retry_ms : ZONE_FSM_FIRST_MS;
	uint64_t max =
	    c->in->has_copy ? c->in->refresh_ms : c->in->first_max_ms;
	uint32_t i;

	for (i = 1; i < c->f->fails && ms < max; i++) {
		ms *= 2;
	}
	/* A retry above refresh is the owner's wish: no doubling, no cut. */
	if (ms > max && i > 1) {
		ms = max;
	}
	return ms;
}

/* Is what was asked for since the round began still unknown to us? */
static bool
is_still_wanted(const struct ctx *c, enum zone_fsm_outcome outcome)
{
	const struct zone_fsm *f = c->f;

	if (!f->again) {
		return false;
	}
	if (f->want_axfr || f->no_hint || outcome != ZONE_FSM_OK) {
		return true;
	}
	return !(f->has_hint && c->in->has_copy && f->hint == c->in->serial);
}

static void
forget_hints(struct zone_fsm *f)
{
	f->has_hint = false;
	f->no_hint = false;
	f->hint = 0;
}

/*
 * Nobody gave the serial that a NOTIFY told of: some servers send it a moment
 * before they answer with it, or close their connections while they reload.  A
 * few more looks then, at growing distance, or the version would wait for the
 * refresh or retry timer of the SOA.
 */
static bool
looks_again(const struct ctx *c, enum zone_fsm_outcome outcome)
{
	struct zone_fsm *f = c->f;

	if ((outcome != ZONE_FSM_OK && outcome != ZONE_FSM_NO_TARGET) ||
	    !f->is_hinted || !c->in->has_copy ||
	    !serial_gt(f->wanted, c->in->serial) ||
	    f->behind >= ZONE_FSM_LOOKS) {
		f->behind = 0;
		return false;
	}
	c->out->has_delay = true;
	c->out->delay_ms = c->in->look_ms << f->behind;
	if (c->out->delay_ms > c->in->refresh_ms) {
		c->out->delay_ms = c->in->refresh_ms;
	}
	c->out->delay_ms = jittered(c->out->delay_ms, c->in->random);
	f->behind++;
	f->has_hint = true;
	f->hint = f->wanted;
	return true;
}

static void
queue(const struct ctx *c, bool is_urgent)
{
	c->f->state = ZONE_FSM_QUEUED;
	c->out->action = ZONE_FSM_WAIT_PLACE;
	c->out->is_urgent = is_urgent;
}

static void
end_round(const struct ctx *c, enum zone_fsm_outcome outcome)
{
	struct zone_fsm *f = c->f;

	c->out->outcome = outcome;
	f->state = ZONE_FSM_IDLE;
	if (outcome == ZONE_FSM_OK) {
		f->fails = 0;
	} else if (f->fails < UINT32_MAX) {
		f->fails++;
	}
	if (is_still_wanted(c, outcome)) {
		f->again = false;
		queue(c, true);
		return;
	}
	f->again = false;
	forget_hints(f);
	if (looks_again(c, outcome)) {
		return;
	}
	c->out->has_delay = true;
	c->out->delay_ms = jittered(outcome == ZONE_FSM_OK ?
	    c->in->refresh_ms : backoff(c), c->in->random);
}

/* Asks the current target for what this round needs. */
static void
ask(const struct ctx *c)
{
	struct zone_fsm *f = c->f;

	c->out->is_forced = f->is_forced;
	if (!c->in->has_copy || f->is_axfr) {
		f->state = ZONE_FSM_AXFR;
		c->out->action = ZONE_FSM_SEND_AXFR;
	} else if (f->is_hinted && serial_gt(f->wanted, c->in->serial)) {
		/*
		 * Saves the SOA query's round trip; if the hint was wrong, the
		 * answer is one SOA and nothing is lost.
		 */
		f->state = ZONE_FSM_IXFR;
		c->out->action = ZONE_FSM_SEND_IXFR;
	} else {
		f->state = ZONE_FSM_SOA;
		c->out->action = ZONE_FSM_SEND_SOA;
	}
}

static void
end_tried(const struct ctx *c)
{
	if (c->f->saw_same) {
		end_round(c, ZONE_FSM_OK);
	} else if (c->f->saw_back) {
		end_round(c, ZONE_FSM_WENT_BACK);
	} else {
		end_round(c, ZONE_FSM_NO_TARGET);
	}
}

static void
next_target(const struct ctx *c)
{
	struct zone_fsm *f = c->f;

	f->tried++;
	if (f->tried >= c->in->ntargets) {
		end_tried(c);
		return;
	}
	f->target = (uint16_t)((f->target + 1u) % c->in->ntargets);
	f->key = 0;
	f->keys_tried = 0;
	ask(c);
}

static void
remember_good(struct zone_fsm *f)
{
	f->first = f->target;
	f->first_key = f->key;
}

/* Takes a NOTIFY's or command's wish into the next round. */
static void
note_check(const struct ctx *c)
{
	struct zone_fsm *f = c->f;

	if (!c->in->has_hint) {
		f->no_hint = true;
	} else if (!f->has_hint || serial_gt(c->in->hint, f->hint)) {
		f->has_hint = true;
		f->hint = c->in->hint;
		f->behind = 0;
	}
	if (c->in->from >= 0 && (unsigned)c->in->from < c->in->ntargets &&
	    f->first != c->in->from) {
		f->first = (uint16_t)c->in->from;
		f->first_key = 0;
	}
}

static void
note_retransfer(const struct ctx *c)
{
	c->f->want_axfr = true;
	c->f->want_force = c->f->want_force || c->in->force;
}

/* ---- the handlers, one for each cell of the table that does anything ---- */

static void
ignore(const struct ctx *c)
{
	(void)c;
}

static void
idle_due(const struct ctx *c)
{
	queue(c, false);
}

static void
idle_check(const struct ctx *c)
{
	if (c->in->has_hint && c->in->has_copy && c->f->fails == 0 &&
	    c->in->hint == c->in->serial) {
		return; /* we have it, and no doubt about it */
	}
	forget_hints(c->f); /* of a look to come: this one is fresher */
	note_check(c);
	queue(c, true);
}

static void
idle_retransfer(const struct ctx *c)
{
	note_retransfer(c);
	queue(c, true);
}

static void
queued_check(const struct ctx *c)
{
	note_check(c);
}

static void
queued_retransfer(const struct ctx *c)
{
	note_retransfer(c);
}

static void
queued_place(const struct ctx *c)
{
	struct zone_fsm *f = c->f;

	f->again = false;
	f->is_axfr = f->want_axfr;
	f->is_forced = f->want_force || c->in->serial_reset;
	f->is_hinted = f->has_hint;
	f->wanted = f->hint;
	f->want_axfr = f->want_force = false;
	forget_hints(f);
	f->saw_same = f->saw_back = false;
	f->tried = f->keys_tried = 0;
	if (c->in->ntargets == 0) {
		end_round(c, ZONE_FSM_NO_TARGET);
		return;
	}
	if (f->first >= c->in->ntargets) {
		f->first = f->first_key = 0;
	}
	f->target = f->first;
	f->key = f->first_key;
	ask(c);
}

static void
busy_check(const struct ctx *c)
{
	c->f->again = true;
	note_check(c);
}

static void
busy_retransfer(const struct ctx *c)
{
	c->f->again = true;
	note_retransfer(c);
}

static void
busy_same(const struct ctx *c)
{
	struct zone_fsm *f = c->f;

	if (!f->saw_same) {
		remember_good(f);
	}
	f->saw_same = true;
	/* A NOTIFY told of more: maybe another master is ahead of this one. */
	if (f->is_hinted && c->in->has_copy &&
	    serial_gt(f->wanted, c->in->serial)) {
		next_target(c);
		return;
	}
	end_round(c, ZONE_FSM_OK);
}

static void
soa_newer(const struct ctx *c)
{
	c->f->state = ZONE_FSM_IXFR;
	c->out->action = ZONE_FSM_SEND_IXFR;
	c->out->is_forced = c->f->is_forced;
}

static void
ask_axfr(const struct ctx *c)
{
	c->f->state = ZONE_FSM_AXFR;
	c->out->action = ZONE_FSM_SEND_AXFR;
	c->out->is_forced = c->f->is_forced;
}

static void
query_back(const struct ctx *c)
{
	if (c->f->is_forced) {
		ask_axfr(c);
		return;
	}
	c->f->saw_back = true;
	next_target(c);
}

static void
axfr_back(const struct ctx *c)
{
	c->f->saw_back = true;
	next_target(c);
}

static void
busy_badkey(const struct ctx *c)
{
	struct zone_fsm *f = c->f;

	f->keys_tried++;
	if (f->keys_tried >= c->in->nkeys) {
		next_target(c);
		return;
	}
	f->key = (uint16_t)((f->key + 1u) % c->in->nkeys);
	c->out->is_forced = f->is_forced;
	c->out->action = f->state == ZONE_FSM_SOA ? ZONE_FSM_SEND_SOA :
	    f->state == ZONE_FSM_IXFR             ? ZONE_FSM_SEND_IXFR :
						    ZONE_FSM_SEND_AXFR;
}

static void
xfr_complete(const struct ctx *c)
{
	remember_good(c->f);
	c->f->state = ZONE_FSM_STORE;
	c->out->action = ZONE_FSM_TAKE;
}

static void
store_stored(const struct ctx *c)
{
	end_round(c, ZONE_FSM_OK);
}

/* The fault is ours or the zone's: the other masters have the same zone. */
static void
store_not_stored(const struct ctx *c)
{
	end_round(c, ZONE_FSM_REFUSED);
}

static const handler_fn table[ZONE_FSM_NSTATES][ZONE_FSM_NEVENTS] = {
	[ZONE_FSM_IDLE] = {
		[ZONE_FSM_DUE] = idle_due,
		[ZONE_FSM_CHECK] = idle_check,
		[ZONE_FSM_RETRANSFER] = idle_retransfer,
		[ZONE_FSM_PLACE] = ignore,
		[ZONE_FSM_SAME] = ignore,
		[ZONE_FSM_NEWER] = ignore,
		[ZONE_FSM_BACK] = ignore,
		[ZONE_FSM_FAILED] = ignore,
		[ZONE_FSM_BADKEY] = ignore,
		[ZONE_FSM_NO_IXFR] = ignore,
		[ZONE_FSM_COMPLETE] = ignore,
		[ZONE_FSM_STORED] = ignore,
		[ZONE_FSM_NOT_STORED] = ignore,
	},
	[ZONE_FSM_QUEUED] = {
		[ZONE_FSM_DUE] = ignore,
		[ZONE_FSM_CHECK] = queued_check,
		[ZONE_FSM_RETRANSFER] = queued_retransfer,
		[ZONE_FSM_PLACE] = queued_place,
		[ZONE_FSM_SAME] = ignore,
		[ZONE_FSM_NEWER] = ignore,
		[ZONE_FSM_BACK] = ignore,
		[ZONE_FSM_FAILED] = ignore,
		[ZONE_FSM_BADKEY] = ignore,
		[ZONE_FSM_NO_IXFR] = ignore,
		[ZONE_FSM_COMPLETE] = ignore,
		[ZONE_FSM_STORED] = ignore,
		[ZONE_FSM_NOT_STORED] = ignore,
	},
	[ZONE_FSM_SOA] = {
		[ZONE_FSM_DUE] = ignore,
		[ZONE_FSM_CHECK] = busy_check,
		[ZONE_FSM_RETRANSFER] = busy_retransfer,
		[ZONE_FSM_PLACE] = ignore,
		[ZONE_FSM_SAME] = busy_same,
		[ZONE_FSM_NEWER] = soa_newer,
		[ZONE_FSM_BACK] = query_back,
		[ZONE_FSM_FAILED] = next_target,
		[ZONE_FSM_BADKEY] = busy_badkey,
		[ZONE_FSM_NO_IXFR] = ignore,
		[ZONE_FSM_COMPLETE] = ignore,
		[ZONE_FSM_STORED] = ignore,
		[ZONE_FSM_NOT_STORED] = ignore,
	},
	[ZONE_FSM_IXFR] = {
		[ZONE_FSM_DUE] = ignore,
		[ZONE_FSM_CHECK] = busy_check,
		[ZONE_FSM_RETRANSFER] = busy_retransfer,
		[ZONE_FSM_PLACE] = ignore,
		[ZONE_FSM_SAME] = busy_same,
		[ZONE_FSM_NEWER] = ignore,
		[ZONE_FSM_BACK] = query_back,
		[ZONE_FSM_FAILED] = next_target,
		[ZONE_FSM_BADKEY] = busy_badkey,
		[ZONE_FSM_NO_IXFR] = ask_axfr,
		[ZONE_FSM_COMPLETE] = xfr_complete,
		[ZONE_FSM_STORED] = ignore,
		[ZONE_FSM_NOT_STORED] = ignore,
	},
	[ZONE_FSM_AXFR] = {
		[ZONE_FSM_DUE] = ignore,
		[ZONE_FSM_CHECK] = busy_check,
		[ZONE_FSM_RETRANSFER] = busy_retransfer,
		[ZONE_FSM_PLACE] = ignore,
		[ZONE_FSM_SAME] = busy_same,
		[ZONE_FSM_NEWER] = ignore,
		[ZONE_FSM_BACK] = axfr_back,
		[ZONE_FSM_FAILED] = next_target,
		[ZONE_FSM_BADKEY] = busy_badkey,
		[ZONE_FSM_NO_IXFR] = next_target,
		[ZONE_FSM_COMPLETE] = xfr_complete,
		[ZONE_FSM_STORED] = ignore,
		[ZONE_FSM_NOT_STORED] = ignore,
	},
	[ZONE_FSM_STORE] = {
		[ZONE_FSM_DUE] = ignore,
		[ZONE_FSM_CHECK] = busy_check,
		[ZONE_FSM_RETRANSFER] = busy_retransfer,
		[ZONE_FSM_PLACE] = ignore,
		[ZONE_FSM_SAME] = ignore,
		[ZONE_FSM_NEWER] = ignore,
		[ZONE_FSM_BACK] = ignore,
		[ZONE_FSM_FAILED] = ignore,
		[ZONE_FSM_BADKEY] = ignore,
		[ZONE_FSM_NO_IXFR] = ask_axfr,
		[ZONE_FSM_COMPLETE] = ignore,
		[ZONE_FSM_STORED] = store_stored,
		[ZONE_FSM_NOT_STORED] = store_not_stored,
	},
};

void
zone_fsm_init(struct zone_fsm *f)
{
	memset(f, 0, sizeof(*f));
}

void
zone_fsm_step(struct zone_fsm *f, const struct zone_fsm_in *in,
    struct zone_fsm_out *out)
{
	const struct ctx c = {f, in, out};

	memset(out, 0, sizeof(*out));
	if ((unsigned)in->event < ZONE_FSM_NEVENTS &&
	    f->state < ZONE_FSM_NSTATES) {
		table[f->state][in->event](&c);
	}
}

void
zone_fsm_forget_targets(struct zone_fsm *f)
{
	f->first = f->first_key = 0;
}

const char *
zone_fsm_state_str(unsigned state)
{
	return state < ZONE_FSM_NSTATES ? state_names[state] : "?";
}

const char *
zone_fsm_event_str(unsigned event)
{
	return event < ZONE_FSM_NEVENTS ? event_names[event] : "?";
}

const char *
zone_fsm_outcome_str(enum zone_fsm_outcome outcome)
{
	return outcome == ZONE_FSM_WENT_BACK ? "the owner's serial is behind" :
	    outcome == ZONE_FSM_NO_TARGET    ? "no master helped" :
					       "the owner's version was refused";
}
