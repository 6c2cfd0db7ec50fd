/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The effects of a zone's refresh, with loop, DNS client, ingest and zone
 * replaced by what stands at the top here.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "combiner/combiner.h"
#include "combiner/ingest.h"
#include "combiner/owner_change.h"
#include "combiner/refresh.h"
#include "combiner/refresh_run.h"
#include "combiner/service.h"
#include "common/buf.h"
#include "common/dns_pack.h"
#include "common/errcode.h"

/* ---- the world ---- */

struct dns_exchange {
	struct dns_exchange_opts opts;
	uint8_t msg[2048];
	size_t len;
	dns_exchange_fn cb;
	void *arg;
	bool is_paused;
	struct tsig_state tsig;
};

struct ingest {
	struct ingest_opts opts;
	ingest_done_fn done;
	void *arg;
	void (*on_room)(void *arg);
	unsigned messages;
};

static uint64_t now_ms;
static int64_t wall;
static struct dns_exchange *last; /* the newest exchange */
static unsigned open_exchanges, open_ingests, ended_complete, free_changes;
static int start_err;             /* what dns_exchange_start returns */
static struct ingest *last_ingest;
static int ingest_ret;
static bool ingest_is_busy; /* with what came last */
static zone_done_fn take_done;
static int take_ret;
static unsigned taken;
static char alert_text[512];

uint64_t
loop_now_ms(const struct loop *loop)
{
	(void)loop;
	return now_ms;
}

uint64_t
loop_now_us(const struct loop *loop)
{
	(void)loop;
	return now_ms * 1000;
}

int64_t
loop_wall_sec(const struct loop *loop)
{
	(void)loop;
	return wall + (int64_t)(now_ms / 1000);
}

int
loop_timer_start(struct loop *loop, struct loop_timer *t, uint64_t ms)
{
	(void)loop;
	t->due_ms = now_ms + ms;
	t->slot = 1;
	return E_OK;
}

void
loop_timer_stop(struct loop_timer *t)
{
	t->slot = 0;
}

/* Lets time pass up to this zone's timer. */
static void
fire(struct zone *z)
{
	struct loop_timer *t = &z->refresh->timer;

	assert_int_equal(t->slot, 1);
	if (t->due_ms > now_ms) {
		now_ms = t->due_ms;
	}
	t->slot = 0;
	t->cb(t, t->arg);
}

int
dns_exchange_start(struct dns_client *c, const struct dns_exchange_opts *opts,
    const void *msg, size_t len, dns_exchange_fn cb, void *arg,
    struct dns_exchange **out)
{
	struct dns_exchange *x;

	(void)c;
	if (start_err != E_OK) {
		return start_err;
	}
	x = calloc(1, sizeof(*x));
	assert_non_null(x);
	x->opts = *opts;
	memcpy(x->msg, msg, len);
	x->len = len;
	x->cb = cb;
	x->arg = arg;
	x->tsig.key = opts->peer.key;
	open_exchanges++;
	last = x;
	*out = x;
	return E_OK;
}

const char *
dns_exchange_why(const struct dns_exchange *x)
{
	(void)x;
	return NULL;
}

const struct tsig_state *
dns_exchange_tsig(const struct dns_exchange *x)
{
	return &x->tsig;
}

void
dns_exchange_end(struct dns_exchange *x, bool complete)
{
	ended_complete += complete;
	open_exchanges--;
	free(x);
}

void
dns_exchange_pause(struct dns_exchange *x)
{
	x->is_paused = true;
}

void
dns_exchange_resume(struct dns_exchange *x)
{
	x->is_paused = false;
}

int
ingest_new(struct zone *z, const struct ingest_opts *opts,
    const struct tsig_state *tsig, ingest_done_fn done, void *arg,
    struct ingest **out)
{
	struct ingest *g = calloc(1, sizeof(*g));

	(void)z;
	(void)tsig;
	assert_non_null(g);
	g->opts = *opts;
	g->done = done;
	g->arg = arg;
	open_ingests++;
	last_ingest = g;
	*out = g;
	return E_OK;
}

int
ingest_message(struct ingest *g, const uint8_t *msg, size_t len)
{
	(void)msg;
	(void)len;
	g->messages++;
	return ingest_ret;
}

void
ingest_on_room(struct ingest *g, void (*fn)(void *arg), void *arg)
{
	assert_ptr_equal(arg, g->arg);
	g->on_room = fn;
}

void
ingest_progress(const struct ingest *g, uint64_t *records, uint64_t *octets)
{
	*records = g->messages;
	*octets = 100;
}

bool
ingest_end(struct ingest *g, int err)
{
	(void)g;
	(void)err;
	return ingest_is_busy;
}

void
ingest_abort(struct ingest *g)
{
	open_ingests--;
	free(g);
}

void
owner_change_free(struct owner_change *c)
{
	(void)c;
	free_changes++;
}

int
zone_take_owner(struct zone *z, struct owner_change *change, zone_done_fn done,
    void *arg)
{
	(void)z;
	(void)arg;
	assert_non_null(change);
	take_done = done;
	taken++;
	return take_ret;
}

void
zone_checked(struct zone *z)
{
	z->checked_sec = loop_wall_sec(z->combiner->loop);
}

void
service_tell_failed(const struct zone *z, const char *why)
{
	(void)z;
	(void)why;
}

void
zone_alert_set(struct zone *z, enum zone_alert a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(alert_text, sizeof(alert_text), fmt, ap);
	va_end(ap);
	z->alerts |= a;
}

void
zone_alert_clear(struct zone *z, enum zone_alert a)
{
	z->alerts &= ~(uint32_t)a;
}

struct combiner_conf *
combiner_conf_ref(struct combiner_conf *c)
{
	c->refs++;
	return c;
}

void
combiner_conf_unref(struct combiner_conf *c)
{
	c->refs--;
}

/* ---- a zone with two masters, the first with two keys ---- */

static const uint8_t name[] = "\4zone\7example";

struct setup {
	struct combiner c;
	struct combiner_conf conf;
	struct acl_key keys[2];
	const struct acl_key *key_list[2];
	struct net_addr addrs[2];
	struct acl_remote remotes[2];
	const struct acl_remote *masters[2];
	struct combiner_rules rules;
	struct zone z[3];
	uint8_t soa[3][64];
	uint8_t zname[3][sizeof(name)];
};

static uint16_t
put_soa(uint8_t *soa, uint32_t serial)
{
	/* refresh 1000, retry 100, expire 5000, minimum 60 */
	static const uint32_t numbers[] = {1000, 100, 5000, 60};
	size_t i;

	memset(soa, 0, 2);
	put_be32(soa + 2, serial);
	for (i = 0; i < 4; i++) {
		put_be32(soa + 6 + 4 * i, numbers[i]);
	}
	return 22;
}

static void
set_serial(struct zone *z, uint8_t *soa, uint32_t serial)
{
	z->soa = soa;
	z->soa_len = put_soa(soa, serial);
	z->owner_serial = serial;
}

static void
setup(struct setup *s)
{
	size_t i;

	memset(s, 0, sizeof(*s));
	now_ms = 1000;
	wall = 1800000000;
	start_err = ingest_ret = take_ret = E_OK;
	ingest_is_busy = false;
	last = NULL;
	open_exchanges = open_ingests = 0;
	ended_complete = free_changes = taken = 0;
	s->c.conf = &s->conf;
	s->conf.refs = 1;
	s->conf.transfers_in = 2;
	net_addr_parse("192.0.2.1", 53, &s->addrs[0]);
	net_addr_parse("192.0.2.2", 53, &s->addrs[1]);
	memcpy(s->keys[0].tsig.name, "\2k0", 4);
	memcpy(s->keys[1].tsig.name, "\2k1", 4);
	for (i = 0; i < 2; i++) {
		s->key_list[i] = &s->keys[i];
		s->remotes[i].addrs = &s->addrs[i];
		s->remotes[i].naddrs = 1;
		s->masters[i] = &s->remotes[i];
	}
	s->remotes[0].id = "one";
	s->remotes[0].keys = s->key_list;
	s->remotes[0].nkeys = 2;
	s->remotes[1].id = "two";
	s->rules.masters = s->masters;
	s->rules.nmasters = 2;
	s->rules.refresh_max_ms = 86400000;
	s->rules.retry_max_ms = 3600000;
	s->rules.idle_ms = 60000;
	s->rules.total_ms = 600000;
	for (i = 0; i < 3; i++) {
		memcpy(s->zname[i], name, sizeof(name));
		s->zname[i][1] = (uint8_t)('a' + i);
		s->z[i].combiner = &s->c;
		s->z[i].name = s->zname[i];
		s->z[i].rules = &s->rules;
	}
}

static void
teardown(struct setup *s)
{
	size_t i;

	for (i = 0; i < 3; i++) {
		refresh_free(&s->z[i]);
	}
	assert_int_equal(open_exchanges, 0);
	assert_int_equal(open_ingests, 0);
	assert_int_equal(s->c.transfers_in, 0);
	assert_null(s->c.xfr_wait);
	assert_int_equal(s->conf.refs, 1);
}

/* A zone that holds serial 10 and has been confirmed. */
static struct zone *
held(struct setup *s, size_t i)
{
	set_serial(&s->z[i], s->soa[i], 10);
	assert_int_equal(refresh_init(&s->z[i]), E_OK);
	return &s->z[i];
}

static unsigned
qtype(const struct dns_exchange *x)
{
	return get_be16(x->msg + 12 + sizeof(name));
}

static void
fail_last(int err)
{
	struct dns_exchange *x = last;

	open_exchanges--;
	x->cb(x, err, NULL, 0, x->arg);
	free(x);
}

/* Answers a SOA query. */
static void
answer_soa(uint32_t serial, uint16_t flags)
{
	struct dns_exchange *x = last;
	uint8_t msg[512], soa[64];
	struct dns_pack p;
	size_t len;

	assert_int_equal(qtype(x), DNS_SOA);
	dns_pack_init(&p, msg, sizeof(msg), 1, (uint16_t)(0x8000 | flags));
	dns_pack_question(&p, x->msg + 12, DNS_SOA, DNS_IN);
	if ((flags & 15) == 0) {
		dns_pack_section(&p, 1);
		dns_pack_rr(&p, x->msg + 12, DNS_SOA, DNS_IN, 60, soa,
		    put_soa(soa, serial));
	}
	len = dns_pack_finish(&p);
	open_exchanges--;
	x->cb(x, E_OK, msg, len, x->arg);
	free(x);
}

static void
message(void)
{
	uint8_t msg[12] = {0, 1, 0x84, 0, 0, 0, 0, 2, 0, 0, 0, 0};

	last->cb(last, E_OK, msg, sizeof(msg), last->arg);
}

static void
ingested(int err, unsigned rcode, uint32_t serial)
{
	static struct owner_change change;
	ingest_done_fn done = last_ingest->done;
	void *arg = last_ingest->arg;

	change.serial = serial;
	open_ingests--;
	free(last_ingest); /* as ingest.c does: gone before it tells */
	done(arg, err, err == E_OK ? &change : NULL, rcode, serial, NULL);
}

/* ---- tests ---- */

static void
test_first_load(void **state)
{
	struct setup s;
	struct zone *z = &s.z[0];
	struct refresh_status st;

	(void)state;
	setup(&s);
	assert_int_equal(refresh_init(z), E_OK);
	assert_true(sizeof(struct refresh) < 300);
	assert_null(last); /* nothing before the next turn */
	fire(z);
	assert_int_equal(qtype(last), DNS_AXFR);
	assert_true(last->opts.tcp && last->opts.stream);
	assert_int_equal(last->opts.timeout_ms, 60000);
	assert_ptr_equal(last->opts.peer.key, &s.keys[0].tsig);
	message();
	message();
	refresh_status(z, &st);
	assert_string_equal(st.state, "axfr");
	assert_true(st.is_running);
	assert_int_equal(st.records, 2);
	assert_int_equal(open_ingests, 1);
	ingested(E_OK, 0, 10);
	assert_int_equal(open_exchanges, 0);
	assert_int_equal(ended_complete, 1);
	assert_int_equal(taken, 1);
	assert_int_equal(s.c.transfers_in, 1);
	set_serial(z, s.soa[0], 10);
	take_done(z, E_OK, NULL);
	assert_int_equal(s.c.transfers_in, 0);
	assert_int_equal(z->checked_sec, loop_wall_sec(NULL));
	assert_true(z->refresh->timer.due_ms - now_ms <= 1000000);
	assert_true(z->refresh->timer.due_ms - now_ms >= 900000);
	assert_int_equal(s.c.stats.axfr_in, 1);
	teardown(&s);
}

static void
test_check_and_ixfr(void **state)
{
	struct setup s;
	struct zone *z;

	(void)state;
	setup(&s);
	z = held(&s, 0);
	fire(z);
	assert_false(last->opts.tcp);
	answer_soa(10, 0x400);
	assert_int_equal(z->refresh->fsm.state, ZONE_FSM_IDLE);
	fire(z);
	answer_soa(11, 0x400);
	assert_int_equal(qtype(last), DNS_IXFR);
	/* our SOA stands in the authority section */
	assert_int_equal(get_be16(last->msg + 8), 1);
	assert_int_equal(get_be32(last->msg + last->len - 20), 10);
	message();
	assert_true(last_ingest->opts.is_ixfr);
	ingested(E_MISFIT, 0, 11);
	assert_int_equal(qtype(last), DNS_AXFR);
	assert_ptr_equal(last->opts.peer.key, &s.keys[0].tsig);
	message();
	ingested(E_OK, 0, 11);
	/* found only when it is applied: again AXFR, but not for an AXFR */
	take_done(z, E_MISFIT, NULL);
	assert_int_equal(z->refresh->fsm.state, ZONE_FSM_IDLE);
	assert_int_equal(z->refresh->fsm.fails, 1);
	/* not even queued: the change stays ours to free */
	take_ret = E_NOMEM;
	fire(z);
	answer_soa(12, 0x400);
	message();
	ingested(E_OK, 0, 12);
	assert_int_equal(z->refresh->fsm.state, ZONE_FSM_IDLE);
	assert_int_equal(z->refresh->fsm.fails, 2);
	assert_int_equal(free_changes, 1);
	teardown(&s);
}

static void
test_ixfr_refused(void **state)
{
	static const unsigned rcodes[] = {1, 4, 5, 9};
	struct setup s;
	struct zone *z;
	uint32_t hint = 12;
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		setup(&s);
		z = held(&s, 0);
		refresh_on_notify(z, &s.addrs[1], &hint);
		assert_int_equal(qtype(last), DNS_IXFR);
		/* the one that sent the NOTIFY; it has no key */
		assert_true(net_addr_equal(&last->opts.peer.addr, &s.addrs[1]));
		assert_null(last->opts.peer.key);
		message();
		ingested(E_RCODE, rcodes[i], 0);
		assert_int_equal(qtype(last), DNS_AXFR);
		message();
		ingested(E_RCODE, 2, 0);
		assert_true(net_addr_equal(&last->opts.peer.addr, &s.addrs[0]));
		teardown(&s);
	}
}

static void
test_failover_and_alert(void **state)
{
	struct setup s;
	struct zone *z;
	struct refresh_target_status t;

	(void)state;
	setup(&s);
	z = held(&s, 0);
	fire(z);
	assert_null(z->refresh->results);
	fail_last(E_TIMEOUT);
	assert_true(net_addr_equal(&last->opts.peer.addr, &s.addrs[1]));
	answer_soa(0, 5); /* REFUSED */
	assert_true((z->alerts & ZONE_ALERT_TRANSFER) != 0);
	assert_non_null(strstr(alert_text, "one 192.0.2.1@53: "));
	assert_non_null(strstr(alert_text, "two 192.0.2.2@53: REFUSED"));
	assert_int_equal(refresh_target_count(z), 2);
	assert_int_equal(refresh_target_status(z, 0, &t), E_OK);
	assert_int_equal(t.err, E_TIMEOUT);
	assert_true(t.is_preferred);
	assert_int_equal(refresh_target_status(z, 1, &t), E_OK);
	assert_int_equal(t.err, E_RCODE);
	assert_int_equal(t.rcode, 5);
	assert_int_equal(refresh_target_status(z, 2, &t), E_NOENT);
	/* the pause is SOA retry */
	assert_true(z->refresh->timer.due_ms - now_ms <= 100000);
	fire(z);
	fail_last(-ECONNREFUSED);
	answer_soa(10, 0x400);
	assert_int_equal(z->alerts, 0);
	assert_int_equal(refresh_target_status(z, 1, &t), E_OK);
	assert_int_equal(t.err, E_OK);
	assert_int_equal(t.serial, 10);
	assert_true(t.is_preferred);
	/* not authoritative, or without SOA: no use */
	fire(z);
	answer_soa(11, 0);
	assert_true(net_addr_equal(&last->opts.peer.addr, &s.addrs[0]));
	teardown(&s);
}

static void
test_keys(void **state)
{
	uint8_t badkey[] = {0, 1, 0x80, 9, 0, 0, 0, 0, 0, 0, 0, 1, 2, 'k', '0',
	    0, 0, 250, 0, 255, 0, 0, 0, 0, 0, 29, 11, 'h', 'm', 'a', 'c', '-',
	    's', 'h', 'a', '2', '5', '6', 0, 0, 0, 0, 0, 0, 0, 1, 44, 0, 0, 0,
	    1, 0, 17, 0, 0};
	struct setup s;
	struct zone *z;

	(void)state;
	setup(&s);
	z = held(&s, 0);
	fire(z);
	fail_last(E_BADKEY);
	assert_ptr_equal(last->opts.peer.key, &s.keys[1].tsig);
	answer_soa(11, 0x400);
	/* the transfer goes on with the key that was good */
	assert_ptr_equal(last->opts.peer.key, &s.keys[1].tsig);
	last->cb(last, E_OK, badkey, sizeof(badkey), last->arg);
	/* both keys are used up now: the other master */
	assert_int_equal(open_exchanges, 1);
	assert_int_equal(qtype(last), DNS_SOA);
	assert_true(net_addr_equal(&last->opts.peer.addr, &s.addrs[1]));
	assert_null(last->opts.peer.key);
	teardown(&s);
}

static void
test_serial_back(void **state)
{
	struct setup s;
	struct zone *z;

	(void)state;
	setup(&s);
	z = held(&s, 0);
	fire(z);
	answer_soa(9, 0x400);
	answer_soa(9, 0x400);
	assert_int_equal(z->alerts, ZONE_ALERT_SERIAL_BACK);
	assert_non_null(strstr(alert_text, "9 is not ahead of 10"));
	refresh_retransfer(z, true);
	assert_int_equal(qtype(last), DNS_AXFR);
	message();
	assert_true(last_ingest->opts.force);
	ingested(E_OK, 0, 9);
	set_serial(z, s.soa[0], 9);
	take_done(z, E_OK, NULL);
	assert_int_equal(z->alerts, 0);
	/* by rule */
	s.rules.owner_serial_reset = true;
	fire(z);
	answer_soa(8, 0x400);
	assert_int_equal(qtype(last), DNS_AXFR);
	/* without force it is stale for ingest: the same alert */
	teardown(&s);
	setup(&s);
	z = held(&s, 0);
	refresh_retransfer(z, false);
	message();
	assert_false(last_ingest->opts.force);
	ingested(E_STALE, 0, 7);
	message();
	ingested(E_STALE, 0, 7);
	assert_int_equal(z->alerts, ZONE_ALERT_SERIAL_BACK);
	teardown(&s);
}

static void
test_places(void **state)
{
	struct setup s;
	struct dns_exchange *first;
	uint32_t hint = 11;
	size_t i;

	(void)state;
	setup(&s);
	s.conf.transfers_in = 1;
	for (i = 0; i < 3; i++) {
		held(&s, i);
	}
	fire(&s.z[0]);
	first = last;
	fire(&s.z[1]);
	assert_ptr_equal(last, first);
	assert_int_equal(s.z[1].refresh->fsm.state, ZONE_FSM_QUEUED);
	/* a NOTIFY goes before what is only due */
	refresh_now(&s.z[2], &hint);
	answer_soa(10, 0x400);
	assert_ptr_equal(last->arg, &s.z[2]);
	assert_int_equal(s.c.transfers_in, 1);
	/* a zone that goes away leaves the queue */
	fire(&s.z[0]);
	refresh_free(&s.z[1]);
	message();
	ingested(E_STALE, 0, 10);
	message();
	ingested(E_STALE, 0, 10);
	assert_ptr_equal(last->arg, &s.z[0]);
	/* one that goes away while it is asking gives its place on */
	refresh_now(&s.z[2], NULL);
	refresh_free(&s.z[0]);
	assert_ptr_equal(last->arg, &s.z[2]);
	teardown(&s);
}

static void
test_start_fails(void **state)
{
	struct setup s;
	struct zone *z;

	(void)state;
	setup(&s);
	z = held(&s, 0);
	start_err = -ENETUNREACH;
	fire(z);
	assert_int_equal(z->refresh->fsm.state, ZONE_FSM_IDLE);
	assert_true((z->alerts & ZONE_ALERT_TRANSFER) != 0);
	assert_int_equal(s.c.transfers_in, 0);
	start_err = E_OK;
	fire(z);
	answer_soa(10, 0x400);
	assert_int_equal(z->alerts, 0);
	teardown(&s);
}

static void
test_limits(void **state)
{
	struct setup s;
	struct zone *z;
	uint64_t start;

	(void)state;
	setup(&s);
	z = held(&s, 0);
	refresh_retransfer(z, false);
	start = now_ms;
	/* full: paused until there is room */
	ingest_ret = E_AGAIN;
	message();
	assert_true(last->is_paused);
	last_ingest->on_room(last_ingest->arg);
	assert_false(last->is_paused);
	ingest_ret = E_OK;
	message();
	/* longer than allowed in all: the next master */
	fire(z);
	assert_int_equal(now_ms - start, 600000);
	assert_int_equal(open_ingests, 0);
	assert_int_equal(open_exchanges, 1);
	assert_true(net_addr_equal(&last->opts.peer.addr, &s.addrs[1]));
	/* the connection ends in the middle */
	message();
	fail_last(E_CLOSED);
	assert_int_equal(open_ingests, 0);
	assert_int_equal(z->refresh->fsm.state, ZONE_FSM_IDLE);
	/* it ends behind the last message, which ingest has yet to look at */
	refresh_retransfer(z, false);
	message();
	ingest_is_busy = true;
	fail_last(E_CLOSED);
	assert_int_equal(open_ingests, 1);
	ingested(E_OK, 0, 7);
	assert_int_equal(z->refresh->fsm.state, ZONE_FSM_STORE);
	take_done(z, E_OK, NULL);
	assert_int_equal(z->refresh->fsm.state, ZONE_FSM_IDLE);
	/* ingest refuses a message */
	refresh_retransfer(z, false);
	ingest_ret = E_NOMEM;
	message();
	message();
	assert_int_equal(open_ingests, 0);
	assert_int_equal(z->refresh->fsm.state, ZONE_FSM_IDLE);
	teardown(&s);
}

static void
test_expire(void **state)
{
	struct setup s;
	struct zone *z;
	struct refresh_status st;
	int64_t at;
	unsigned i;

	(void)state;
	setup(&s);
	s.rules.expire = COMBINER_EXPIRE_STOP;
	z = held(&s, 0);
	refresh_status(z, &st);
	at = st.expire_sec;
	assert_int_equal(at, z->checked_sec + 5000);
	start_err = E_TIMEOUT;
	for (i = 0; i < 100 && (z->alerts & ZONE_ALERT_EXPIRED) == 0; i++) {
		assert_false(z->expired_stop);
		fire(z);
	}
	/* at its second, not at some later check */
	assert_int_equal(loop_wall_sec(NULL), at);
	assert_true(z->expired_stop);
	start_err = E_OK;
	fire(z);
	answer_soa(10, 0x400);
	assert_int_equal(z->alerts, 0);
	assert_false(z->expired_stop);
	teardown(&s);
}

static void
test_reload_and_end(void **state)
{
	struct setup s;
	struct combiner_rules other;
	struct zone *z;

	(void)state;
	setup(&s);
	z = held(&s, 0);
	fire(z);
	other = s.rules;
	other.nmasters = 1;
	z->rules = &other;
	refresh_reload(z);
	assert_int_equal(s.conf.refs, 2);
	/* the round ends by the old rules, the next one goes by the new */
	fail_last(E_TIMEOUT);
	assert_true(net_addr_equal(&last->opts.peer.addr, &s.addrs[1]));
	fail_last(E_TIMEOUT);
	assert_int_equal(qtype(last), DNS_SOA);
	assert_true(net_addr_equal(&last->opts.peer.addr, &s.addrs[0]));
	fail_last(E_TIMEOUT);
	assert_int_equal(z->refresh->fsm.state, ZONE_FSM_IDLE);
	assert_int_equal(refresh_target_count(z), 1);
	/* taken while the zone is on its way out */
	refresh_retransfer(z, false);
	message();
	ingested(E_OK, 0, 11);
	refresh_free(z);
	take_done(z, E_OK, NULL);
	/* the client ends everything when the daemon stops */
	refresh_init(z);
	refresh_retransfer(z, false);
	message();
	s.c.stopping = true;
	fail_last(E_CANCEL);
	teardown(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_first_load),
	    cmocka_unit_test(test_check_and_ixfr),
	    cmocka_unit_test(test_ixfr_refused),
	    cmocka_unit_test(test_failover_and_alert),
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_serial_back),
	    cmocka_unit_test(test_places),
	    cmocka_unit_test(test_start_fails),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_expire),
	    cmocka_unit_test(test_reload_and_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
