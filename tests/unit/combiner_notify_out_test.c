/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NOTIFY to the signers, with loop, DNS client and zone replaced. */
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
#include "combiner/notify.h"
#include "common/buf.h"
#include "common/errcode.h"

/* ---- the world ---- */

struct dns_exchange {
	struct dns_exchange *next;
	struct dns_exchange_opts opts;
	uint8_t msg[2048];
	size_t len;
	dns_exchange_fn cb;
	void *arg;
};

static uint64_t now_ms;
static struct loop_timer *timer; /* the one started last */
static struct dns_exchange *open_list; /* the newest first */
static int start_err;
static char alert_text[512];

uint64_t
loop_now_ms(const struct loop *loop)
{
	(void)loop;
	return now_ms;
}

int64_t
loop_wall_sec(const struct loop *loop)
{
	(void)loop;
	return 1800000000 + (int64_t)(now_ms / 1000);
}

int
loop_timer_start(struct loop *loop, struct loop_timer *t, uint64_t ms)
{
	(void)loop;
	t->due_ms = now_ms + ms;
	t->slot = 1;
	timer = t;
	return E_OK;
}

void
loop_timer_stop(struct loop_timer *t)
{
	t->slot = 0;
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
	x->next = open_list;
	open_list = x;
	*out = x;
	return E_OK;
}

static void
unlist(struct dns_exchange *x)
{
	struct dns_exchange **p = &open_list;

	while (*p != x) {
		p = &(*p)->next;
	}
	*p = x->next;
}

void
dns_exchange_end(struct dns_exchange *x, bool complete)
{
	(void)complete;
	unlist(x);
	free(x);
}

static unsigned
open_count(void)
{
	struct dns_exchange *x;
	unsigned n = 0;

	for (x = open_list; x != NULL; x = x->next) {
		n++;
	}
	return n;
}

/* Ends one: err, or an answer with this RCODE. */
static void
answer(struct dns_exchange *x, int err, unsigned rcode)
{
	uint8_t msg[12] = {0, 0, 0xa4, (uint8_t)rcode};

	unlist(x);
	x->cb(x, err, msg, sizeof(msg), x->arg);
	free(x);
}

int
zone_out_soa(const struct zone *z, uint8_t *rdata, uint32_t *ttl)
{
	memset(rdata, 0, 22);
	put_be32(rdata + 2, z->out_serial);
	*ttl = 60;
	return 22;
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
	if (c != NULL) {
		c->refs--;
	}
}

/* ---- a zone with two signers, the first with two keys ---- */

static uint8_t name[] = "\4zone\7example";

struct setup {
	struct combiner c;
	struct combiner_conf conf;
	struct acl_key keys[2];
	const struct acl_key *key_list[2];
	struct net_addr addrs[2];
	struct acl_remote remotes[2];
	const struct acl_remote *signers[2];
	struct combiner_rules rules;
	struct zone z;
};

static void
setup(struct setup *s)
{
	size_t i;

	memset(s, 0, sizeof(*s));
	now_ms = 1000;
	start_err = E_OK;
	s->c.conf = &s->conf;
	s->conf.refs = 1;
	net_addr_parse("192.0.2.1", 53, &s->addrs[0]);
	net_addr_parse("192.0.2.2@853", 53, &s->addrs[1]);
	for (i = 0; i < 2; i++) {
		s->key_list[i] = &s->keys[i];
		s->remotes[i].addrs = &s->addrs[i];
		s->remotes[i].naddrs = 1;
		s->signers[i] = &s->remotes[i];
	}
	s->remotes[0].id = "one";
	s->remotes[0].keys = s->key_list;
	s->remotes[0].nkeys = 2;
	s->remotes[1].id = "two";
	s->rules.notify = s->signers;
	s->rules.nnotify = 2;
	s->rules.notify_retry_ms = 60000;
	s->rules.notify_tries = 5;
	s->z.combiner = &s->c;
	s->z.name = name;
	s->z.rules = &s->rules;
	s->z.has_out = true;
	s->z.out_serial = 7;
}

static void
teardown(struct setup *s)
{
	notify_free(&s->z);
	assert_null(open_list);
	assert_int_equal(s->c.notifies_out, 0);
	assert_null(s->c.notify_wait);
	assert_int_equal(s->conf.refs, 1);
}

/* The exchange with this address. */
static struct dns_exchange *
to(const char *addr)
{
	struct net_addr a;
	struct dns_exchange *x;

	net_addr_parse(addr, 53, &a);
	for (x = open_list; x != NULL; x = x->next) {
		if (net_addr_equal(&x->opts.peer.addr, &a)) {
			return x;
		}
	}
	return NULL;
}

static uint32_t
serial_of(const struct dns_exchange *x)
{
	return get_be32(x->msg + x->len - 20);
}

static enum notify_state
state_of(const struct zone *z, size_t k)
{
	struct notify_status st;

	assert_int_equal(notify_status(z, k, &st), E_OK);
	return st.state;
}

/* ---- tests ---- */

static void
test_acked(void **state)
{
	struct setup s;
	struct notify_status st;

	(void)state;
	setup(&s);
	notify_zone(&s.z);
	assert_int_equal(open_count(), 2);
	assert_int_equal(serial_of(to("192.0.2.1")), 7);
	assert_ptr_equal(to("192.0.2.1")->opts.peer.key, &s.keys[0].tsig);
	assert_false(open_list->opts.tcp);
	answer(to("192.0.2.1"), E_OK, 0);
	assert_int_equal(state_of(&s.z, 0), NOTIFY_ACKED);
	assert_int_equal(state_of(&s.z, 1), NOTIFY_PENDING);
	answer(to("192.0.2.2@853"), E_OK, 0);
	/* nothing is kept but the serial */
	assert_null(s.z.notify);
	assert_int_equal(notify_target_count(&s.z), 2);
	assert_int_equal(notify_status(&s.z, 0, &st), E_OK);
	assert_int_equal(st.state, NOTIFY_QUIET);
	assert_true(st.has_acked);
	assert_int_equal(st.acked_serial, 7);
	assert_int_equal(notify_status(&s.z, 2, &st), E_NOENT);
	teardown(&s);
	/* nothing to tell, or nobody */
	s.z.has_out = false;
	notify_zone(&s.z);
	s.z.has_out = true;
	s.z.is_catalog = true;
	notify_zone(&s.z);
	s.z.is_catalog = false;
	s.rules.nnotify = 0;
	notify_zone(&s.z);
	assert_null(s.z.notify);
}

static void
test_silent(void **state)
{
	struct setup s;
	struct notify_status st;
	unsigned i;

	(void)state;
	setup(&s);
	notify_zone(&s.z);
	answer(to("192.0.2.2@853"), E_OK, 0);
	for (i = 0; i < 5; i++) {
		uint64_t sent = now_ms;

		assert_int_equal(s.z.alerts, 0);
		now_ms += 3000;
		answer(to("192.0.2.1"), E_TIMEOUT, 0);
		assert_null(open_list);
		if (i < 4) {
			assert_int_equal(notify_status(&s.z, 0, &st), E_OK);
			assert_int_equal(st.next_sec,
			    1800000000 + (int64_t)(sent + 60000) / 1000);
			now_ms = sent + 60000;
			assert_int_equal(timer->due_ms, now_ms);
			timer->cb(timer, timer->arg);
		}
	}
	assert_int_equal(s.z.alerts, ZONE_ALERT_SIGNER_SILENT);
	assert_non_null(strstr(alert_text, "one 192.0.2.1@53"));
	assert_int_equal(state_of(&s.z, 0), NOTIFY_SILENT);
	assert_int_equal(s.conf.refs, 1); /* no configuration is pinned */
	/* the next serial tries again; any answer clears */
	s.z.out_serial = 8;
	notify_zone(&s.z);
	assert_int_equal(s.z.alerts, ZONE_ALERT_SIGNER_SILENT);
	answer(to("192.0.2.1"), E_OK, 5);
	assert_int_equal(s.z.alerts, 0);
	assert_int_equal(state_of(&s.z, 0), NOTIFY_REFUSED);
	assert_int_equal(notify_status(&s.z, 0, &st), E_OK);
	assert_int_equal(st.rcode, 5);
	answer(to("192.0.2.2@853"), E_OK, 0);
	assert_non_null(s.z.notify); /* a refusal is to be seen */
	teardown(&s);
}

static void
test_newer_serial(void **state)
{
	struct setup s;

	(void)state;
	setup(&s);
	notify_zone(&s.z);
	/* sent just now: the next waits for its answer */
	s.z.out_serial = 8;
	notify_zone(&s.z);
	assert_int_equal(serial_of(to("192.0.2.1")), 7);
	answer(to("192.0.2.1"), E_OK, 0);
	assert_int_equal(serial_of(to("192.0.2.1")), 8);
	/* older: replaced */
	now_ms += 300;
	s.z.out_serial = 9;
	notify_zone(&s.z);
	assert_int_equal(open_count(), 2);
	assert_int_equal(serial_of(to("192.0.2.1")), 9);
	assert_int_equal(serial_of(to("192.0.2.2@853")), 9);
	answer(to("192.0.2.1"), E_OK, 0);
	answer(to("192.0.2.2@853"), E_OK, 0);
	assert_null(s.z.notify);
	assert_int_equal(s.z.notified_serial, 9);
	teardown(&s);
}

/* Changes come faster than the tries run out: said all the same. */
static void
test_silent_under_load(void **state)
{
	struct setup s;
	unsigned i;

	(void)state;
	setup(&s);
	s.rules.nnotify = 1;
	for (i = 0; i < 70; i++) {
		s.z.out_serial++;
		notify_zone(&s.z);
		now_ms += 5000;
		answer(to("192.0.2.1"), -ECONNREFUSED, 0);
	}
	assert_int_equal(s.z.alerts, ZONE_ALERT_SIGNER_SILENT);
	notify_zone(&s.z);
	answer(to("192.0.2.1"), E_OK, 0);
	assert_int_equal(s.z.alerts, 0);
	teardown(&s);
}

static void
test_keys(void **state)
{
	struct setup s;

	(void)state;
	setup(&s);
	s.rules.nnotify = 1;
	notify_zone(&s.z);
	answer(to("192.0.2.1"), E_BADKEY, 0);
	assert_ptr_equal(to("192.0.2.1")->opts.peer.key, &s.keys[1].tsig);
	/* both unknown: later again */
	answer(to("192.0.2.1"), E_BADKEY, 0);
	assert_null(open_list);
	assert_int_equal(state_of(&s.z, 0), NOTIFY_PENDING);
	/* a broken answer and SERVFAIL are no answer */
	timer->cb(timer, timer->arg);
	assert_null(open_list); /* not due yet */
	now_ms += 60000;
	timer->cb(timer, timer->arg);
	answer(to("192.0.2.1"), E_OK, 2);
	assert_int_equal(state_of(&s.z, 0), NOTIFY_PENDING);
	teardown(&s);
}

static void
test_xot_remote(void **state)
{
	struct setup s;

	(void)state;
	setup(&s);
	s.remotes[1].tls = (struct tls_ctx *)&s;
	notify_zone(&s.z);
	assert_non_null(to("192.0.2.2@53"));
	assert_null(to("192.0.2.2@53")->opts.peer.tls);
	teardown(&s);
}

static void
test_places(void **state)
{
	struct setup s;

	(void)state;
	setup(&s);
	s.c.notifies_out = 255;
	notify_zone(&s.z);
	assert_int_equal(open_count(), 1);
	assert_ptr_equal(s.c.notify_wait, &s.z);
	answer(to("192.0.2.1"), E_OK, 0);
	assert_int_equal(open_count(), 1);
	assert_non_null(to("192.0.2.2@853"));
	s.c.notifies_out = 256;
	now_ms += 1000;
	s.z.out_serial++;
	notify_zone(&s.z);
	notify_free(&s.z);
	assert_null(s.c.notify_wait);
	s.c.notifies_out = 0;
	teardown(&s);
}

static void
test_start_fails(void **state)
{
	struct setup s;
	unsigned i;

	(void)state;
	setup(&s);
	start_err = -ENETUNREACH;
	notify_zone(&s.z);
	for (i = 0; i < 4; i++) {
		now_ms += 60000;
		timer->cb(timer, timer->arg);
	}
	assert_int_equal(s.z.alerts, ZONE_ALERT_SIGNER_SILENT);
	teardown(&s);
}

static void
test_reload(void **state)
{
	struct setup s;
	struct combiner_rules other;

	(void)state;
	setup(&s);
	notify_zone(&s.z);
	other = s.rules;
	other.nnotify = 1;
	s.z.rules = &other;
	notify_reload(&s.z);
	assert_int_equal(open_count(), 1);
	answer(to("192.0.2.1"), E_OK, 0);
	assert_null(s.z.notify);
	/* the client ends everything when the daemon stops */
	notify_zone(&s.z);
	answer(to("192.0.2.1"), E_CANCEL, 0);
	teardown(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_acked),
	    cmocka_unit_test(test_silent),
	    cmocka_unit_test(test_newer_serial),
	    cmocka_unit_test(test_silent_under_load),
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_xot_remote),
	    cmocka_unit_test(test_places),
	    cmocka_unit_test(test_start_fails),
	    cmocka_unit_test(test_reload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
