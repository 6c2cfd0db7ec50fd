/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "combiner/zone_fsm.h"

#define REFRESH 3600000u
#define RETRY 600000u

struct world {
	struct zone_fsm f;
	struct zone_fsm_in in;
	struct zone_fsm_out out;
};

static void
start(struct world *w, bool has_copy, unsigned ntargets)
{
	memset(w, 0, sizeof(*w));
	zone_fsm_init(&w->f);
	w->in.has_copy = has_copy;
	w->in.serial = 10;
	w->in.ntargets = ntargets;
	w->in.nkeys = 1;
	w->in.from = -1;
	w->in.refresh_ms = REFRESH;
	w->in.retry_ms = RETRY;
	w->in.first_max_ms = 60000;
}

static enum zone_fsm_action
feed(struct world *w, enum zone_fsm_event event)
{
	w->in.event = event;
	zone_fsm_step(&w->f, &w->in, &w->out);
	w->in.has_hint = false;
	w->in.from = -1;
	w->in.force = false;
	return w->out.action;
}

static enum zone_fsm_action
notify(struct world *w, uint32_t hint, int from)
{
	w->in.has_hint = true;
	w->in.hint = hint;
	w->in.from = from;
	return feed(w, ZONE_FSM_CHECK);
}

/* Brings a zone with a copy and two targets into a state. */
static void
bring(struct world *w, enum zone_fsm_state state)
{
	start(w, true, 2);
	if (state == ZONE_FSM_IDLE) {
		return;
	}
	if (state == ZONE_FSM_AXFR) {
		feed(w, ZONE_FSM_RETRANSFER);
	} else {
		feed(w, ZONE_FSM_DUE);
	}
	if (state == ZONE_FSM_QUEUED) {
		return;
	}
	feed(w, ZONE_FSM_PLACE);
	if (state == ZONE_FSM_IXFR || state == ZONE_FSM_STORE) {
		feed(w, ZONE_FSM_NEWER);
	}
	if (state == ZONE_FSM_STORE) {
		feed(w, ZONE_FSM_COMPLETE);
	}
	assert_int_equal(w->f.state, state);
}

/* ---- all states x all events ---- */

struct cell {
	enum zone_fsm_state to;
	enum zone_fsm_action action;
	enum zone_fsm_outcome outcome;
};

#define STAY(s) {ZONE_FSM_##s, ZONE_FSM_NOTHING, ZONE_FSM_NONE}
#define TO(s, a) {ZONE_FSM_##s, ZONE_FSM_##a, ZONE_FSM_NONE}
#define END(o) {ZONE_FSM_IDLE, ZONE_FSM_NOTHING, ZONE_FSM_##o}

/* Two targets, one key: the second target is asked after a first failure. */
static const struct cell cells[ZONE_FSM_NSTATES][ZONE_FSM_NEVENTS] = {
	[ZONE_FSM_IDLE] = {
		TO(QUEUED, WAIT_PLACE), TO(QUEUED, WAIT_PLACE),
		TO(QUEUED, WAIT_PLACE), STAY(IDLE), STAY(IDLE), STAY(IDLE),
		STAY(IDLE), STAY(IDLE), STAY(IDLE), STAY(IDLE), STAY(IDLE),
		STAY(IDLE), STAY(IDLE),
	},
	[ZONE_FSM_QUEUED] = {
		STAY(QUEUED), STAY(QUEUED), STAY(QUEUED), TO(SOA, SEND_SOA),
		STAY(QUEUED), STAY(QUEUED), STAY(QUEUED), STAY(QUEUED),
		STAY(QUEUED), STAY(QUEUED), STAY(QUEUED), STAY(QUEUED),
		STAY(QUEUED),
	},
	[ZONE_FSM_SOA] = {
		STAY(SOA), STAY(SOA), STAY(SOA), STAY(SOA), END(OK),
		TO(IXFR, SEND_IXFR), TO(SOA, SEND_SOA), TO(SOA, SEND_SOA),
		TO(SOA, SEND_SOA), STAY(SOA), STAY(SOA), STAY(SOA), STAY(SOA),
	},
	[ZONE_FSM_IXFR] = {
		STAY(IXFR), STAY(IXFR), STAY(IXFR), STAY(IXFR), END(OK),
		STAY(IXFR), TO(SOA, SEND_SOA), TO(SOA, SEND_SOA),
		TO(SOA, SEND_SOA), TO(AXFR, SEND_AXFR), TO(STORE, TAKE),
		STAY(IXFR), STAY(IXFR),
	},
	[ZONE_FSM_AXFR] = {
		STAY(AXFR), STAY(AXFR), STAY(AXFR), STAY(AXFR), END(OK),
		STAY(AXFR), TO(AXFR, SEND_AXFR), TO(AXFR, SEND_AXFR),
		TO(AXFR, SEND_AXFR), TO(AXFR, SEND_AXFR), TO(STORE, TAKE),
		STAY(AXFR), STAY(AXFR),
	},
	[ZONE_FSM_STORE] = {
		STAY(STORE), STAY(STORE), STAY(STORE), STAY(STORE),
		STAY(STORE), STAY(STORE), STAY(STORE), STAY(STORE),
		STAY(STORE), TO(AXFR, SEND_AXFR), STAY(STORE), END(OK),
		END(REFUSED),
	},
};

static void
test_all_cells(void **state)
{
	struct world w;
	unsigned s, e;

	(void)state;
	for (s = 0; s < ZONE_FSM_NSTATES; s++) {
		for (e = 0; e < ZONE_FSM_NEVENTS; e++) {
			const struct cell *c = &cells[s][e];

			bring(&w, (enum zone_fsm_state)s);
			feed(&w, (enum zone_fsm_event)e);
			if (w.f.state != c->to || w.out.action != c->action ||
			    w.out.outcome != c->outcome) {
				fail_msg("%s x %s: %s action %d outcome %d",
				    zone_fsm_state_str(s),
				    zone_fsm_event_str(e),
				    zone_fsm_state_str(w.f.state),
				    (int)w.out.action, (int)w.out.outcome);
			}
			/* The timer runs exactly when a round ended in IDLE. */
			assert_int_equal(w.out.has_delay,
			    w.f.state == ZONE_FSM_IDLE &&
				w.out.outcome != ZONE_FSM_NONE);
		}
	}
	bring(&w, ZONE_FSM_IDLE);
	assert_int_equal(feed(&w, ZONE_FSM_NEVENTS), ZONE_FSM_NOTHING);
}

static void
test_names(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < ZONE_FSM_NSTATES; i++) {
		assert_string_not_equal(zone_fsm_state_str(i), "?");
	}
	for (i = 0; i < ZONE_FSM_NEVENTS; i++) {
		assert_string_not_equal(zone_fsm_event_str(i), "?");
	}
	assert_string_equal(zone_fsm_state_str(i), "?");
	assert_string_equal(zone_fsm_event_str(i), "?");
}

/* ---- stories ---- */

static void
test_no_copy_goes_to_axfr(void **state)
{
	struct world w;

	(void)state;
	start(&w, false, 1);
	assert_int_equal(feed(&w, ZONE_FSM_DUE), ZONE_FSM_WAIT_PLACE);
	assert_false(w.out.is_urgent);
	assert_int_equal(feed(&w, ZONE_FSM_PLACE), ZONE_FSM_SEND_AXFR);
	assert_int_equal(feed(&w, ZONE_FSM_COMPLETE), ZONE_FSM_TAKE);
	w.in.has_copy = true;
	feed(&w, ZONE_FSM_STORED);
	assert_int_equal(w.out.outcome, ZONE_FSM_OK);
	assert_int_equal(w.out.delay_ms, REFRESH);
}

static void
test_hint(void **state)
{
	struct world w;

	(void)state;
	/* The same serial: nothing to do, unless the last round failed. */
	start(&w, true, 1);
	assert_int_equal(notify(&w, 10, -1), ZONE_FSM_NOTHING);
	w.f.fails = 1;
	assert_int_equal(notify(&w, 10, -1), ZONE_FSM_WAIT_PLACE);
	assert_int_equal(feed(&w, ZONE_FSM_PLACE), ZONE_FSM_SEND_SOA);
	/* A lower one is a doubt: look. */
	start(&w, true, 1);
	assert_int_equal(notify(&w, 9, -1), ZONE_FSM_WAIT_PLACE);
	assert_int_equal(feed(&w, ZONE_FSM_PLACE), ZONE_FSM_SEND_SOA);
	/* A greater one: IXFR without asking first, across the wrap too. */
	start(&w, true, 1);
	w.in.serial = 4294967295u;
	assert_int_equal(notify(&w, 1, -1), ZONE_FSM_WAIT_PLACE);
	assert_true(w.out.is_urgent);
	assert_int_equal(feed(&w, ZONE_FSM_PLACE), ZONE_FSM_SEND_IXFR);
	/* A hint without a copy changes nothing. */
	start(&w, false, 1);
	assert_int_equal(notify(&w, 10, -1), ZONE_FSM_WAIT_PLACE);
	assert_int_equal(feed(&w, ZONE_FSM_PLACE), ZONE_FSM_SEND_AXFR);
}

static void
test_lagging_master_is_passed(void **state)
{
	struct world w;

	(void)state;
	start(&w, true, 3);
	notify(&w, 11, 2);
	assert_int_equal(feed(&w, ZONE_FSM_PLACE), ZONE_FSM_SEND_IXFR);
	assert_int_equal(w.f.target, 2);
	assert_int_equal(feed(&w, ZONE_FSM_SAME), ZONE_FSM_SEND_IXFR);
	assert_int_equal(w.f.target, 0);
	assert_int_equal(feed(&w, ZONE_FSM_COMPLETE), ZONE_FSM_TAKE);
	w.in.serial = 11;
	feed(&w, ZONE_FSM_STORED);
	assert_int_equal(w.out.outcome, ZONE_FSM_OK);
	assert_int_equal(w.f.first, 0);
	/* A lie in a NOTIFY: all say the same, which is fine. */
	notify(&w, 12, 1);
	feed(&w, ZONE_FSM_PLACE);
	feed(&w, ZONE_FSM_SAME);
	feed(&w, ZONE_FSM_FAILED);
	assert_int_equal(feed(&w, ZONE_FSM_SAME), ZONE_FSM_NOTHING);
	assert_int_equal(w.out.outcome, ZONE_FSM_OK);
	assert_int_equal(w.f.first, 1);
}

/* NSD sends NOTIFY a moment before it answers with the new version. */
static void
test_notify_before_its_version(void **state)
{
	struct world w;

	(void)state;
	start(&w, true, 1);
	w.in.random = 0;
	w.in.look_ms = 2000;
	notify(&w, 11, 0);
	for (unsigned i = 0; i < ZONE_FSM_LOOKS; i++) {
		assert_int_equal(feed(&w, ZONE_FSM_PLACE), ZONE_FSM_SEND_IXFR);
		feed(&w, ZONE_FSM_SAME);
		assert_int_equal(w.out.outcome, ZONE_FSM_OK);
		assert_int_equal(w.out.delay_ms, 2000 << i);
		assert_int_equal(feed(&w, ZONE_FSM_DUE), ZONE_FSM_WAIT_PLACE);
	}
	/* it was a lie: back to the refresh timer, and to asking for the SOA */
	assert_int_equal(feed(&w, ZONE_FSM_PLACE), ZONE_FSM_SEND_IXFR);
	feed(&w, ZONE_FSM_SAME);
	assert_int_equal(w.out.delay_ms, w.in.refresh_ms);
	feed(&w, ZONE_FSM_DUE);
	assert_int_equal(feed(&w, ZONE_FSM_PLACE), ZONE_FSM_SEND_SOA);
	feed(&w, ZONE_FSM_SAME);
	/* a master that closes the connection while it reloads */
	notify(&w, 11, 0);
	feed(&w, ZONE_FSM_PLACE);
	feed(&w, ZONE_FSM_FAILED);
	assert_int_equal(w.out.outcome, ZONE_FSM_NO_TARGET);
	assert_int_equal(w.out.delay_ms, 2000);
	feed(&w, ZONE_FSM_DUE);
	feed(&w, ZONE_FSM_PLACE);
	feed(&w, ZONE_FSM_SAME);
	/* the next time it comes late, and then it is there */
	notify(&w, 12, 0);
	feed(&w, ZONE_FSM_PLACE);
	feed(&w, ZONE_FSM_SAME);
	assert_int_equal(w.out.delay_ms, 2000);
	feed(&w, ZONE_FSM_DUE);
	assert_int_equal(feed(&w, ZONE_FSM_PLACE), ZONE_FSM_SEND_IXFR);
	assert_int_equal(feed(&w, ZONE_FSM_COMPLETE), ZONE_FSM_TAKE);
	w.in.serial = 12;
	feed(&w, ZONE_FSM_STORED);
	assert_int_equal(w.out.delay_ms, w.in.refresh_ms);
}

static void
test_exactly_one_more(void **state)
{
	static const enum zone_fsm_state busy[] = {
	    ZONE_FSM_SOA, ZONE_FSM_IXFR, ZONE_FSM_AXFR};
	struct world w;
	unsigned i, k;

	(void)state;
	for (i = 0; i < 3; i++) {
		bring(&w, busy[i]);
		for (k = 0; k < 5; k++) {
			assert_int_equal(
			    notify(&w, 20 + k, -1), ZONE_FSM_NOTHING);
		}
		assert_int_equal(feed(&w, ZONE_FSM_SAME), ZONE_FSM_WAIT_PLACE);
		assert_int_equal(w.out.outcome, ZONE_FSM_OK);
		assert_false(w.out.has_delay);
		assert_int_equal(feed(&w, ZONE_FSM_PLACE), ZONE_FSM_SEND_IXFR);
		assert_int_equal(w.f.wanted, 24);
		feed(&w, ZONE_FSM_COMPLETE);
		w.in.serial = 24;
		assert_int_equal(feed(&w, ZONE_FSM_STORED), ZONE_FSM_NOTHING);
		assert_int_equal(w.f.state, ZONE_FSM_IDLE);
		assert_true(w.out.has_delay);
	}
}

static void
test_hint_met_by_running_round(void **state)
{
	struct world w;

	(void)state;
	/* What the NOTIFY told of is what this transfer brought: no more. */
	bring(&w, ZONE_FSM_STORE);
	notify(&w, 12, -1);
	w.in.serial = 12;
	assert_int_equal(feed(&w, ZONE_FSM_STORED), ZONE_FSM_NOTHING);
	/* One NOTIFY without serial: look. */
	bring(&w, ZONE_FSM_STORE);
	notify(&w, 12, -1);
	feed(&w, ZONE_FSM_CHECK);
	w.in.serial = 12;
	assert_int_equal(feed(&w, ZONE_FSM_STORED), ZONE_FSM_WAIT_PLACE);
	assert_int_equal(feed(&w, ZONE_FSM_PLACE), ZONE_FSM_SEND_SOA);
}

static void
test_keys_in_turn(void **state)
{
	struct world w;

	(void)state;
	start(&w, true, 2);
	w.in.nkeys = 3;
	feed(&w, ZONE_FSM_DUE);
	feed(&w, ZONE_FSM_PLACE);
	assert_int_equal(w.f.key, 0);
	assert_int_equal(feed(&w, ZONE_FSM_BADKEY), ZONE_FSM_SEND_SOA);
	assert_int_equal(w.f.key, 1);
	feed(&w, ZONE_FSM_SAME);
	/* The next round starts with the key that was good … */
	feed(&w, ZONE_FSM_DUE);
	feed(&w, ZONE_FSM_PLACE);
	assert_int_equal(w.f.key, 1);
	/* … and tries all three before it leaves the target. */
	feed(&w, ZONE_FSM_BADKEY);
	feed(&w, ZONE_FSM_BADKEY);
	assert_int_equal(w.f.key, 0);
	assert_int_equal(w.f.target, 0);
	assert_int_equal(feed(&w, ZONE_FSM_BADKEY), ZONE_FSM_SEND_SOA);
	assert_int_equal(w.f.target, 1);
	assert_int_equal(w.f.key, 0);
}

static void
test_serial_back(void **state)
{
	struct world w;

	(void)state;
	/* Both masters are behind: not taken, and said. */
	bring(&w, ZONE_FSM_SOA);
	assert_int_equal(feed(&w, ZONE_FSM_BACK), ZONE_FSM_SEND_SOA);
	feed(&w, ZONE_FSM_BACK);
	assert_int_equal(w.out.outcome, ZONE_FSM_WENT_BACK);
	assert_int_equal(w.out.delay_ms, RETRY);
	/* One is behind, the other has ours: all is well. */
	bring(&w, ZONE_FSM_SOA);
	feed(&w, ZONE_FSM_BACK);
	feed(&w, ZONE_FSM_SAME);
	assert_int_equal(w.out.outcome, ZONE_FSM_OK);
	/* One is behind, the other is dead. */
	bring(&w, ZONE_FSM_SOA);
	feed(&w, ZONE_FSM_BACK);
	feed(&w, ZONE_FSM_FAILED);
	assert_int_equal(w.out.outcome, ZONE_FSM_WENT_BACK);
	/* Configured to follow. */
	start(&w, true, 2);
	w.in.serial_reset = true;
	feed(&w, ZONE_FSM_DUE);
	feed(&w, ZONE_FSM_PLACE);
	assert_int_equal(feed(&w, ZONE_FSM_BACK), ZONE_FSM_SEND_AXFR);
	assert_true(w.out.is_forced);
	/* By command, once. */
	start(&w, true, 1);
	w.in.force = true;
	assert_int_equal(feed(&w, ZONE_FSM_RETRANSFER), ZONE_FSM_WAIT_PLACE);
	assert_int_equal(feed(&w, ZONE_FSM_PLACE), ZONE_FSM_SEND_AXFR);
	assert_true(w.out.is_forced);
	feed(&w, ZONE_FSM_COMPLETE);
	feed(&w, ZONE_FSM_STORED);
	feed(&w, ZONE_FSM_RETRANSFER);
	assert_int_equal(feed(&w, ZONE_FSM_PLACE), ZONE_FSM_SEND_AXFR);
	assert_false(w.out.is_forced);
}

static void
test_retransfer_while_busy(void **state)
{
	struct world w;

	(void)state;
	bring(&w, ZONE_FSM_SOA);
	w.in.force = true;
	feed(&w, ZONE_FSM_RETRANSFER);
	assert_int_equal(feed(&w, ZONE_FSM_SAME), ZONE_FSM_WAIT_PLACE);
	assert_int_equal(feed(&w, ZONE_FSM_PLACE), ZONE_FSM_SEND_AXFR);
	assert_true(w.out.is_forced);
}

static void
test_backoff(void **state)
{
	static const uint64_t held[] = {
	    RETRY, 2 * RETRY, 4 * RETRY, REFRESH, REFRESH};
	static const uint64_t none[] = {
	    1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
	struct world w;
	unsigned i;

	(void)state;
	start(&w, true, 1);
	for (i = 0; i < 5; i++) {
		feed(&w, ZONE_FSM_DUE);
		feed(&w, ZONE_FSM_PLACE);
		feed(&w, ZONE_FSM_FAILED);
		assert_int_equal(w.out.outcome, ZONE_FSM_NO_TARGET);
		assert_int_equal(w.out.delay_ms, held[i]);
	}
	start(&w, false, 1);
	for (i = 0; i < 8; i++) {
		feed(&w, ZONE_FSM_DUE);
		feed(&w, ZONE_FSM_PLACE);
		feed(&w, ZONE_FSM_FAILED);
		assert_int_equal(w.out.delay_ms, none[i]);
	}
	/* An owner with retry above refresh gets what he asks for. */
	start(&w, true, 1);
	w.in.retry_ms = 2 * REFRESH;
	for (i = 0; i < 3; i++) {
		feed(&w, ZONE_FSM_DUE);
		feed(&w, ZONE_FSM_PLACE);
		feed(&w, ZONE_FSM_FAILED);
		assert_int_equal(w.out.delay_ms, 2 * REFRESH);
	}
	/* Jitter only ever shortens, by a tenth at the most. */
	start(&w, true, 1);
	for (i = 0; i < 1000; i++) {
		w.in.random = i * 2654435761u;
		feed(&w, ZONE_FSM_DUE);
		feed(&w, ZONE_FSM_PLACE);
		feed(&w, ZONE_FSM_SAME);
		assert_true(w.out.delay_ms <= REFRESH);
		assert_true(w.out.delay_ms >= REFRESH - REFRESH / 10);
	}
}

static void
test_no_targets(void **state)
{
	struct world w;

	(void)state;
	start(&w, true, 0);
	feed(&w, ZONE_FSM_DUE);
	assert_int_equal(feed(&w, ZONE_FSM_PLACE), ZONE_FSM_NOTHING);
	assert_int_equal(w.out.outcome, ZONE_FSM_NO_TARGET);
	assert_true(w.out.has_delay);
	/* Fewer targets than before. */
	start(&w, true, 3);
	w.f.first = 2;
	w.in.ntargets = 1;
	feed(&w, ZONE_FSM_DUE);
	assert_int_equal(feed(&w, ZONE_FSM_PLACE), ZONE_FSM_SEND_SOA);
	assert_int_equal(w.f.target, 0);
}

/* Whatever comes in whatever order, a round always comes to an end. */
static void
test_every_order_ends(void **state)
{
	struct world w;
	uint32_t x = 1;
	unsigned i, steps = 0;

	(void)state;
	start(&w, true, 3);
	w.in.nkeys = 2;
	for (i = 0; i < 200000; i++) {
		x = x * 1664525u + 1013904223u;
		w.in.has_copy = (x >> 8) % 5 != 0;
		w.in.has_hint = (x >> 12) % 2;
		w.in.hint = 8 + (x >> 16) % 5;
		w.in.from = (int)((x >> 20) % 5) - 1;
		/* Only what a master can do: no one asks again. */
		feed(&w, w.f.state == ZONE_FSM_IDLE ? ZONE_FSM_DUE :
			w.f.state == ZONE_FSM_QUEUED ?
						      ZONE_FSM_PLACE :
						      (enum zone_fsm_event)(
							  ZONE_FSM_SAME +
							  (x >> 24) % 9));
		steps = w.out.outcome != ZONE_FSM_NONE ? 0 : steps + 1;
		assert_true(steps < 1000);
		assert_true(w.f.target < 3 && w.f.key < 2);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_all_cells),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_no_copy_goes_to_axfr),
	    cmocka_unit_test(test_hint),
	    cmocka_unit_test(test_lagging_master_is_passed),
	    cmocka_unit_test(test_notify_before_its_version),
	    cmocka_unit_test(test_exactly_one_more),
	    cmocka_unit_test(test_hint_met_by_running_round),
	    cmocka_unit_test(test_keys_in_turn),
	    cmocka_unit_test(test_serial_back),
	    cmocka_unit_test(test_retransfer_while_busy),
	    cmocka_unit_test(test_backoff),
	    cmocka_unit_test(test_no_targets),
	    cmocka_unit_test(test_every_order_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
