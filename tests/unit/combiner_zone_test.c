/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pipeline of a zone over a real store and loop; no network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "combiner/catalog.h"
#include "combiner/combiner.h"
#include "combiner/ingest.h"
#include "combiner/notify.h"
#include "combiner/refresh.h"
#include "combiner/store.h"
#include "combiner/zdata.h"
#include "combiner/zone_op.h"
#include "tests/lib/dns_build.h"
#include "tests/lib/temp_dir.h"

/* ---- what a zone talks to ---- */

static char events[4096];

static void
event(const char *what, uint32_t n)
{
	size_t at = strlen(events);

	(void)snprintf(events + at, sizeof(events) - at, "%s:%u ", what, n);
}

int
refresh_init(struct zone *z)
{
	(void)z;
	return E_OK;
}

void
refresh_free(struct zone *z)
{
	(void)z;
}

void
refresh_reload(struct zone *z)
{
	(void)z;
}

void
notify_zone(struct zone *z)
{
	event("notify", z->out_serial);
}

void
notify_free(struct zone *z)
{
	(void)z;
}

void
notify_reload(struct zone *z)
{
	(void)z;
}

void
catalog_on_change(struct zone *z)
{
	event("catalog", z->owner_serial);
}

const struct combiner_rules *
combiner_conf_template(const struct combiner_conf *conf, const char *id)
{
	(void)conf;
	(void)id;
	return NULL;
}

bool
zone_serial_must_ask(const struct zone *z)
{
	(void)z;
	return false;
}

int
zone_serial_ask(struct zone_op *op)
{
	(void)op;
	return E_NOENT;
}

void
ipc_event(struct ipc_server *s, const char *name, json_t *params)
{
	(void)s;
	(void)name;
	json_decref(params);
}

/* ---- the world ---- */

static char dir[TEMP_DIR_MAX];
static struct combiner c;
static struct combiner_conf conf;
static struct combiner_zone_conf zone_conf;
static uint8_t zone_name[] = "\x04zone\x07" "example";
static struct combiner_rules rules = {.guard = true,
    .journal_versions = 20, .journal_percent = 10};
static struct zone *z;

static void
drain(void)
{
	static const struct timespec tick = {0, 200000};

	for (unsigned i = 0; i < 50000; i++) {
		loop_poll(c.loop);
		if (store_pending(c.store) == 0 &&
		    loop_job_count(c.loop) == 0) {
			return;
		}
		(void)nanosleep(&tick, NULL);
	}
	fail_msg("still busy");
}

static void
start(void)
{
	char msg[256] = "";

	assert_int_equal(loop_new(&c.loop), E_OK);
	c.conf = &conf;
	assert_int_equal(
	    store_open(c.loop, dir, &c.store, msg, sizeof(msg)), E_OK);
	assert_int_equal(zone_load_all(&c, msg, sizeof(msg)), E_OK);
	z = zone_at(&c, 0);
	drain();
	events[0] = '\0';
}

static void
stop(void)
{
	drain();
	zone_free_all(&c);
	store_close(c.store);
	loop_free(c.loop);
	memset(&c, 0, sizeof(c));
}

static int
setup(void **state)
{
	(void)state;
	temp_dir_new(dir);
	zone_conf.name = zone_name;
	zone_conf.rules = &rules;
	conf.zones = &zone_conf;
	conf.nzones = 1;
	start();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	stop();
	temp_dir_remove(dir);
	return 0;
}

/* ---- requests ---- */

static unsigned ndone;
static int last_err;

static void
on_done(struct zone *zone, int err, void *arg)
{
	(void)zone;
	(void)arg;
	ndone++;
	last_err = err;
	event(err == E_OK ? "done" : "failed", ndone);
}

static void
set_soa(struct owner_change *x, uint32_t serial)
{
	static uint8_t rr[BUILD_RR_MAX];
	size_t len = build_rr(rr, "zone.example. 3600 SOA ns.zone.example. "
	    "h.zone.example. 1 2 3 4 5");
	size_t n = name_len(rr) + DNS_RR_FIXED;

	x->soa_len = (uint16_t)(len - n);
	memcpy(x->soa, rr + n, x->soa_len);
	put_be32(x->soa + x->soa_len - 20, serial);
	x->soa_ttl = 3600;
	x->serial = serial;
}

/* A version of h0 … h(n-1), and NS if told; big: large enough for a file. */
static struct owner_change *
full(uint32_t serial, unsigned n, bool with_ns, bool big)
{
	static uint8_t rr[BUILD_RR_MAX], large[2000];
	struct owner_change *x = calloc(1, sizeof(*x));
	struct base_builder *bb;
	uint32_t *dups;
	size_t ndups;
	char text[100];

	assert_non_null(x);
	set_soa(x, serial);
	x->is_full = true;
	x->apex = apex_new();
	if (with_ns) {
		struct rrset *s = apex_edit(x->apex, DNS_NS);
		s->ttl = 60;
		assert_int_equal(rrset_add(s, (const uint8_t *)"\x01n", 3),
		    E_OK);
	}
	assert_int_equal(
	    base_builder_new(dir, store_hash_key(c.store), &bb), E_OK);
	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(text, sizeof(text), "h%u.zone.example. 1 A "
		    "192.0.2.1", i);
		size_t len = build_rr(rr, text), k = name_len(rr);
		assert_int_equal(base_builder_rr(bb, z->name, rr, DNS_A, DNS_IN,
		    1, rr + k + DNS_RR_FIXED,
		    (uint16_t)(len - k - DNS_RR_FIXED)), E_OK);
	}
	for (unsigned i = 0; big && i < 60; i++) {
		put_be32(large, i);
		assert_int_equal(base_builder_rr(bb, z->name, z->name, 65280,
		    DNS_IN, 1, large, sizeof(large)), E_OK);
	}
	assert_int_equal(base_builder_finish(bb, &x->base, &dups, &ndups),
	    E_OK);
	free(dups);
	return x;
}

static void
step(struct owner_change *x, const char *text, bool is_add)
{
	static uint8_t rr[BUILD_RR_MAX];
	struct owner_step s = {.is_add = is_add};

	s.len = (uint32_t)build_rr(rr, text);
	s.at_apex = name_equal(rr, z->name);
	size_t size = owner_step_size(s.len);
	uint8_t *fresh = realloc(x->steps, x->steps_len + size);
	assert_non_null(fresh);
	x->steps = fresh;
	memcpy(fresh + x->steps_len, &s, sizeof(s));
	memcpy(fresh + x->steps_len + sizeof(s), rr, s.len);
	x->steps_len += size;
}

static struct owner_change *
difference(uint32_t from, uint32_t to)
{
	struct owner_change *x = calloc(1, sizeof(*x));

	assert_non_null(x);
	set_soa(x, to);
	x->from_serial = from;
	return x;
}

static int
take(struct owner_change *x)
{
	unsigned before = ndone;
	int ret = zone_take_owner(z, x, on_done, NULL);

	if (ret != E_OK) {
		owner_change_free(x);
		return ret;
	}
	drain();
	assert_int_equal(ndone, before + 1);
	return last_err;
}

/* The source's DNSKEY becomes {n}, or goes with n = 0; a CSYNC with csync. */
struct wish {
	unsigned key, csync, again;
};

static int
edit(struct zone *zone, struct apex *copy, void *arg)
{
	const struct wish *w = arg;
	uint8_t rdata[6] = {1, 1, 3, 13, 0, 0};

	(void)zone;
	apex_drop(copy, DNS_DNSKEY);
	apex_drop(copy, DNS_CSYNC);
	if (w->key != 0) {
		struct rrset *s = apex_edit(copy, DNS_DNSKEY);
		s->ttl = 60;
		rdata[5] = (uint8_t)w->key;
		assert_int_equal(rrset_add(s, rdata, 6), E_OK);
	}
	if (w->csync != 0) {
		struct rrset *s = apex_edit(copy, DNS_CSYNC);
		s->ttl = 60;
		memset(rdata, (int)w->csync, sizeof(rdata));
		assert_int_equal(rrset_add(s, rdata, 6), E_OK);
	}
	return E_OK;
}

static int
contribute(const char *source, unsigned key, unsigned csync)
{
	struct wish w = {key, csync, 0};
	unsigned before = ndone;

	assert_int_equal(zone_contribute(z, source, edit, on_done, &w), E_OK);
	drain();
	assert_int_equal(ndone, before + 1);
	return last_err;
}

/* ---- what is there, as sorted text ---- */

struct picture {
	char lines[700][64];
	size_t n;
};

static int
draw(const uint8_t *owner, uint16_t type, uint16_t class, uint32_t ttl,
    const uint8_t *rdata, uint16_t rdlen, void *arg)
{
	struct picture *p = arg;
	struct dns_hash_key key = {5, 6};
	char name[NAME_STRLEN];

	assert_int_equal(class, DNS_IN);
	assert_true(p->n < 700);
	(void)snprintf(p->lines[p->n++], 64, "%.30s %u %u %016llx",
	    name_to_str(owner, name), type, ttl,
	    (unsigned long long)dns_hash(&key, rdata, rdlen));
	return E_OK;
}

static int
line_cmp(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
picture(struct picture *p)
{
	memset(p, 0, sizeof(*p));
	for (unsigned i = 0; z->out_apex && i < z->out_apex->count; i++) {
		const struct rrset *s = &z->out_apex->sets[i];
		for (uint16_t k = 0; k < s->count; k++) {
			uint16_t len;
			const uint8_t *rdata = rrset_rdata(s, k, &len);
			(void)draw(z->name, s->type, DNS_IN, s->ttl, rdata, len,
			    p);
		}
	}
	if (z->data != NULL) {
		assert_int_equal(zdata_each(z->data, draw, p), E_OK);
		assert_int_equal(z->data->version, z->seq);
	}
	qsort(p->lines, p->n, sizeof(p->lines[0]), line_cmp);
	assert_true(p->n < 700);
	(void)snprintf(p->lines[p->n++], 64, "serials %u %u seq %u",
	    z->owner_serial, z->out_serial, z->seq);
}

static void
check_reload(void)
{
	static struct picture before, after;

	drain();
	picture(&before);
	stop();
	start();
	picture(&after);
	assert_memory_equal(&before, &after, sizeof(before));
}

static int
sql(const char *text)
{
	char path[TEMP_DIR_MAX + 16];
	sqlite3 *db = NULL;

	(void)snprintf(path, sizeof(path), "%s/state.db", dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	int rc = sqlite3_exec(db, text, NULL, NULL, NULL);
	(void)sqlite3_close(db);
	return rc;
}

/* ---- tests ---- */

static void
test_serials(void **state)
{
	static const struct {
		uint32_t owner, out; /* out 0: refused */
		unsigned n;
	} t[] = {
	    {100, 100, 5},
	    {101, 101, 6},        /* follows */
	    {50, 102, 7},         /* reset: grows */
	    {90, 103, 8},
	    {103, 104, 9},        /* equal to out */
	    {200, 200, 9},        /* nothing but the serial, and ahead */
	    {150, 200, 9},        /* … and not ahead: nothing */
	    {201, 201, 8},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		assert_int_equal(take(full(t[i].owner, t[i].n, true, false)),
		    E_OK);
		assert_int_equal(z->owner_serial, t[i].owner);
		assert_int_equal(z->out_serial, t[i].out);
		check_reload();
	}
	/* a contribution moves our line alone */
	assert_int_equal(contribute("a", 1, 0), E_OK);
	assert_int_equal(z->out_serial, 202);
	assert_int_equal(z->owner_serial, 201);
	check_reload();
	/* undefined: as not greater; a step later it is ahead by 2^31 - 1 */
	assert_int_equal(take(full(202 + (1u << 31), 8, true, false)), E_OK);
	assert_int_equal(z->out_serial, 202);
	assert_int_equal(contribute("a", 2, 0), E_OK);
	assert_int_equal(z->out_serial, 203);
	assert_int_equal(contribute("a", 3, 0), E_OK);
	assert_int_equal(z->out_serial, 202 + (1u << 31));
	check_reload();
}

static void
test_order_of_calls(void **state)
{
	(void)state;
	ndone = 0;
	assert_int_equal(contribute("a", 1, 0), E_OK); /* no copy yet */
	assert_int_equal(take(full(7, 3, true, false)), E_OK);
	assert_int_equal(take(full(7, 3, true, false)), E_OK);
	assert_int_equal(contribute("a", 1, 0), E_OK); /* the same again */
	assert_int_equal(contribute("a", 2, 0), E_OK);
	assert_int_equal(contribute("b", 2, 0), E_OK); /* adds nothing new */
	assert_string_equal(events, "done:1 notify:7 done:2 done:3 done:4 "
	    "notify:8 done:5 done:6 ");
	assert_non_null(contrib_find(z->contribs, "b"));
	check_reload();
	assert_non_null(contrib_find(z->contribs, "b"));
	assert_int_equal(contribute("b", 0, 0), E_OK);
	assert_null(contrib_find(z->contribs, "b"));
	check_reload();
	assert_null(contrib_find(z->contribs, "b"));
}

/* A version that publishes nothing must not end a reader's version. */
static void
test_version_without_publish(void **state)
{
	(void)state;
	assert_int_equal(take(full(7, 3, true, false)), E_OK);
	assert_int_equal(take(full(6, 3, true, false)), E_OK);
	assert_int_equal(z->data->version, z->seq);
	uint32_t version = z->seq;
	struct zdata *d = zdata_ref(z->data);
	struct owner_change *x = difference(6, 9);
	step(x, "h0.zone.example. 1 A 192.0.2.1", false);
	assert_int_equal(take(x), E_OK);
	assert_false(zdata_is_touched(d, 0, version));
	assert_true(zdata_is_touched(d, 0, z->seq));
	zdata_unref(d);
	check_reload();
}

static void
test_alerts_stay(void **state)
{
	(void)state;
	assert_int_equal(take(full(7, 3, true, false)), E_OK);
	assert_int_equal(contribute("a", 0, 1), E_OK);
	assert_int_equal(contribute("b", 0, 2), E_OK);
	assert_true(z->alerts & ZONE_ALERT_CSYNC_MANY);
	assert_null(apex_get(z->out_apex, DNS_CSYNC));
	assert_int_equal(contribute("b", 0, 2), E_OK); /* nothing changes */
	assert_true(z->alerts & ZONE_ALERT_CSYNC_MANY);
	assert_int_equal(contribute("b", 0, 0), E_OK);
	assert_false(z->alerts & ZONE_ALERT_CSYNC_MANY);
}

/* Who is not configured any more keeps what is published, and is named. */
static void
test_source_unknown(void **state)
{
	struct combiner_source a = {.id = (char[]){"a"}};
	const struct combiner_source *sources[] = {&a};
	const struct combiner_rules *held = z->rules;
	struct combiner_rules with_a = *held;

	(void)state;
	with_a.sources = sources;
	with_a.nsources = 1;
	assert_int_equal(take(full(7, 3, true, false)), E_OK);
	assert_int_equal(contribute("a", 1, 0), E_OK);
	assert_int_equal(contribute("b", 2, 0), E_OK);
	z->rules = &with_a;
	zone_check_sources(z);
	assert_true(z->alerts & ZONE_ALERT_SOURCE);
	assert_string_equal(zone_alert_name(ZONE_ALERT_SOURCE),
	    "source-unknown");
	assert_non_null(contrib_find(z->contribs, "b"));
	assert_int_equal(contribute("b", 0, 0), E_OK);
	assert_false(z->alerts & ZONE_ALERT_SOURCE);
	z->rules = held;
}

static void
again(struct zone *zone, int err, void *arg)
{
	struct wish *w = arg;

	on_done(zone, err, NULL);
	if (w->again-- > 0) {
		w->key++;
		assert_int_equal(
		    zone_contribute(zone, "a", edit, again, w), E_OK);
	}
}

/* What a callback queues is done once. */
static void
test_change_from_callback(void **state)
{
	struct wish w = {1, 0, 20};

	(void)state;
	assert_int_equal(take(full(7, 3, true, false)), E_OK);
	ndone = 0;
	assert_int_equal(zone_contribute(z, "a", edit, again, &w), E_OK);
	drain();
	assert_int_equal(ndone, 21);
	assert_int_equal(z->out_serial, 28);
	assert_null(z->ops);
	check_reload();
}

static void
test_misfit(void **state)
{
	static struct picture before, after;
	static const char *const bad[] = {"h9.zone.example. 1 A 192.0.2.1",
	    "zone.example. 1 NS other."};

	(void)state;
	assert_int_equal(take(full(7, 3, true, false)), E_OK);
	picture(&before);
	for (unsigned i = 0; i < 3; i++) {
		struct owner_change *x = difference(i == 2 ? 6 : 7, 8);
		step(x, "h0.zone.example. 1 A 192.0.2.1", false);
		step(x, "zone.example. 1 NS n2.", true);
		if (i < 2) {
			step(x, bad[i], false);
		}
		assert_int_equal(take(x), E_MISFIT);
		picture(&after);
		assert_memory_equal(&before, &after, sizeof(before));
	}
	assert_int_equal(take(full(8, 3, false, true)), E_DENIED); /* no NS */
	assert_true(z->alerts & ZONE_ALERT_BAD_ZONE);
	picture(&after);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(temp_dir_count(dir, ".base", 0), 0);
	check_reload();
}

static void
test_store_failure(void **state)
{
	static struct picture before, after;

	(void)state;
	assert_int_equal(take(full(7, 3, true, true)), E_OK);
	assert_int_equal(temp_dir_count(dir, ".base", 0), 1);
	assert_int_equal(contribute("a", 1, 0), E_OK);
	picture(&before);
	events[0] = '\0';
	assert_int_equal(sql("ALTER TABLE zone RENAME TO gone"), SQLITE_OK);
	assert_int_equal(take(full(9, 5, true, true)), E_STORE);
	assert_int_equal(contribute("a", 2, 0), E_STORE);
	assert_true(z->alerts & ZONE_ALERT_STORE);
	assert_null(strstr(events, "notify"));
	picture(&after);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(temp_dir_count(dir, ".base", 0), 1);
	assert_int_equal(sql("ALTER TABLE gone RENAME TO zone"), SQLITE_OK);
	check_reload();
	assert_int_equal(contribute("a", 2, 0), E_OK);
	/* its row has gone: nothing can be promised */
	assert_int_equal(sql("DELETE FROM zone"), SQLITE_OK);
	assert_int_equal(contribute("a", 3, 0), E_STORE);
	assert_int_equal(z->out_serial, 9);
}

static void
test_merges_meanwhile(void **state)
{
	static struct picture now;
	bool there[200] = {0};
	unsigned merges = 0, count = 0;
	uint32_t seed = 9, serial = 7;
	char text[100];

	(void)state;
	assert_int_equal(take(full(serial, 0, true, false)), E_OK);
	for (unsigned round = 0; round < 60; round++) {
		const struct base *b = z->data->base;
		for (unsigned k = 0; k < 5; k++) { /* queued at once */
			struct owner_change *x =
			    difference(serial, serial + 1);
			for (unsigned s = 0; s < 3; s++) {
				unsigned i = build_random(&seed) % 200;
				(void)snprintf(text, sizeof(text), "m%u.zone."
				    "example. 1 A 192.0.2.7", i);
				step(x, text, !there[i]);
				count += there[i] ? -1u : 1u;
				there[i] = !there[i];
			}
			serial++;
			assert_int_equal(
			    zone_take_owner(z, x, on_done, NULL), E_OK);
		}
		if (round % 3 == 0) {
			drain();
			assert_int_equal(last_err, E_OK);
			assert_int_equal(z->owner_serial, serial);
			assert_int_equal(z->data->count, count);
		} else {
			loop_poll(c.loop);
		}
		merges += z->data->base != b;
		if (round % 20 == 0) {
			check_reload();
		}
	}
	assert_true(merges > 1);
	check_reload();
	picture(&now);
	assert_int_equal(now.n, count + 2); /* NS, and the line of serials */
}

struct chain {
	int err;
	size_t count;
	bool called;
};

static void
on_entries(void *arg, int err, struct blob *const *entries, size_t count)
{
	struct chain *x = arg;
	struct journal_reader r;

	x->err = err;
	x->count = count;
	x->called = true;
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(journal_open(&r, entries[i]->data,
		    entries[i]->len), E_OK);
	}
}

static void
expect_chain(uint32_t from, int err, size_t count)
{
	struct chain x = {0};

	assert_int_equal(store_entries(c.store, z->id, from, z->seq, 1u << 20,
	    on_entries, &x), E_OK);
	drain();
	assert_true(x.called);
	assert_int_equal(x.err, err);
	assert_int_equal(x.count, count);
}

static void
test_journal(void **state)
{
	(void)state;
	assert_int_equal(take(full(7, 3, true, false)), E_OK);
	expect_chain(7, E_NOENT, 0);
	for (unsigned i = 1; i <= 5; i++) {
		assert_int_equal(contribute("a", i, 0), E_OK);
	}
	expect_chain(7, E_OK, 5);
	expect_chain(11, E_OK, 1);
	expect_chain(12, E_NOENT, 0);
	expect_chain(3, E_NOENT, 0);
	check_reload();
	expect_chain(8, E_OK, 4);
	/* a whole new version that is like the old one has its difference */
	assert_int_equal(take(full(20, 4, true, false)), E_OK);
	expect_chain(7, E_OK, 6);
	/* one that is not ends the chain */
	assert_int_equal(take(full(21, 600, true, false)), E_OK);
	expect_chain(20, E_NOENT, 0);
	check_reload();
}

static void
test_damaged_copy(void **state)
{
	(void)state;
	assert_int_equal(take(full(7, 3, true, false)), E_OK);
	assert_int_equal(contribute("a", 1, 0), E_OK);
	assert_int_equal(contribute("a", 2, 0), E_OK);
	assert_int_equal(z->out_serial, 9);
	/* an entry that the base needs is missing */
	stop();
	assert_int_equal(sql("DELETE FROM journal WHERE serial_from=8"),
	    SQLITE_OK);
	start();
	assert_null(z->soa);
	assert_null(z->data);
	assert_non_null(contrib_find(z->contribs, "a"));
	/* serials go on; what came before leads nowhere */
	assert_int_equal(take(full(7, 3, true, false)), E_OK);
	assert_int_equal(z->out_serial, 10);
	expect_chain(7, E_NOENT, 0);
	check_reload();
}

static void
test_removal(void **state)
{
	struct wish w[5] = {{1, 0, 0}, {2, 0, 0}, {3, 0, 0}, {4, 0, 0},
	    {5, 0, 0}};

	(void)state;
	assert_int_equal(take(full(7, 3, true, true)), E_OK);
	ndone = 0;
	zone_hold(z);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(
		    zone_contribute(z, "a", edit, on_done, &w[i]), E_OK);
	}
	assert_int_equal(zone_remove(z, true), E_OK);
	assert_int_equal(zone_contribute(z, "a", edit, on_done, w), E_CANCEL);
	struct owner_change *x = full(8, 3, true, true);
	assert_int_equal(zone_take_owner(z, x, on_done, NULL), E_CANCEL);
	owner_change_free(x);
	drain();
	assert_int_equal(ndone, 5);
	assert_int_equal(last_err, E_CANCEL);
	assert_int_equal(temp_dir_count(dir, ".base", 0), 0);
	char sub[TEMP_DIR_MAX + 16];
	(void)snprintf(sub, sizeof(sub), "%s/archive", dir);
	assert_int_equal(temp_dir_count(sub, ".zone", 0), 1);
	zone_release(z);
	stop();
	start();
	assert_null(z->soa);
	assert_null(z->contribs);
	assert_int_equal(z->id, 0);
}

/* Another catalog's, while a row is on its way to the disk. */
static void
test_assign_meanwhile(void **state)
{
	struct wish w = {1, 0, 0};

	(void)state;
	assert_int_equal(take(full(7, 3, true, false)), E_OK);
	assert_int_equal(zone_assign(z, &rules, NULL, "first-id"), E_OK);
	assert_true(z->row_stale);
	assert_int_equal(zone_contribute(z, "a", edit, on_done, &w), E_OK);
	assert_int_equal(zone_assign(z, &rules, NULL, "second-id"), E_OK);
	drain();
	assert_true(z->row_stale);
	assert_int_equal(zone_recombine(z, on_done, NULL), E_OK);
	drain();
	assert_false(z->row_stale);
	/* anything but one such row breaks the check */
	assert_int_equal(sql("CREATE TABLE t (x CHECK (x = 1)); INSERT INTO t "
	    "SELECT count(*) FROM zone WHERE member_id='second-id'"),
	    SQLITE_OK);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_serials),
	    TEST(test_order_of_calls),
	    TEST(test_version_without_publish),
	    TEST(test_alerts_stay),
	    TEST(test_source_unknown),
	    TEST(test_change_from_callback),
	    TEST(test_misfit),
	    TEST(test_store_failure),
	    TEST(test_merges_meanwhile),
	    TEST(test_journal),
	    TEST(test_damaged_copy),
	    TEST(test_removal),
	    TEST(test_assign_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
