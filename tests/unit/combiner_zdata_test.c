/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "combiner/zdata.h"
#include "tests/lib/dns_build.h"
#include "tests/lib/temp_dir.h"

static const uint8_t zone[] = "\x04zone\x07" "example";
static const struct dns_hash_key key = {3, 4};
static char dir[TEMP_DIR_MAX];

/* ---- the naive model: a universe of records, each there with a TTL or not -- */

#define UNIVERSE 300
#define TTLS 3 /* 0 = not there, else TTL 100 * n */

struct model {
	uint8_t ttl[UNIVERSE];
};

static size_t
record(unsigned i, unsigned ttl, uint8_t rr[BUILD_RR_MAX])
{
	char text[200];

	/* some owners have several types, and compression has work to do */
	(void)snprintf(text, sizeof(text),
	    i % 3 == 0 ? "h%u.sub.zone.example. %u A 192.0.2.%u" :
	    i % 3 == 1 ? "H%u.sub.zone.example. %u NS ns%u.Zone.example." :
	                 "h%u.sub.zone.example. %u TXT \"text %u\"",
	    i / 3, ttl * 100, i % 256);
	return build_rr(rr, text);
}

/* Which record of the universe is this? */
static unsigned
number_of(const uint8_t *owner, uint16_t type)
{
	unsigned n = 0;

	for (unsigned k = 2; k <= owner[0]; k++) {
		n = n * 10 + (owner[k] - '0');
	}
	return 3 * n + (type == DNS_A ? 0 : type == DNS_NS ? 1 : 2);
}

static int
collect(const uint8_t *owner, uint16_t type, uint16_t class, uint32_t ttl,
    const uint8_t *rdata, uint16_t rdlen, void *arg)
{
	static uint8_t want[BUILD_RR_MAX];
	struct model *m = arg;
	unsigned i = number_of(owner, type);

	assert_int_equal(class, DNS_IN);
	assert_true(i < UNIVERSE);
	assert_int_equal(m->ttl[i], 0); /* each once */
	m->ttl[i] = (uint8_t)(ttl / 100);
	size_t len = record(i, m->ttl[i], want), n = name_len(want);
	assert_memory_equal(owner, want, n);
	assert_int_equal(rdlen, len - n - DNS_RR_FIXED);
	assert_memory_equal(rdata, want + n + DNS_RR_FIXED, rdlen);
	return E_OK;
}

/* What a transfer out at this version reads: as in xfr_out. */
static void
read_version(const struct zdata *d, uint32_t version, struct model *m)
{
	memset(m, 0, sizeof(*m));
	for (uint32_t k = 0; k < d->base->nmsgs; k++) {
		if (zdata_is_touched(d, k, version)) {
			assert_int_equal(zdata_each_in_message(d, k, version,
			    collect, m), E_OK);
			continue;
		}
		/* passed on whole: nothing of it may be gone */
		struct dns_walk w;
		struct dns_rr rr;
		size_t len;
		const uint8_t *msg = base_message(d->base, k, &len);
		assert_int_equal(dns_walk_init(&w, msg, len), E_OK);
		while (dns_walk_next(&w, &rr) == E_OK) {
			assert_true(zdata_base_visible(d,
			    (uint32_t)(msg - d->base->data) + rr.owner,
			    version));
		}
		assert_int_equal(zdata_each_in_message(d, k, version, collect,
		    m), E_OK);
	}
	for (const struct zrec *r = d->first; r != NULL; r = r->next) {
		struct dns_rr rr;
		if (zrec_visible(r, version)) {
			assert_true(zrec_parse(r->rr, r->len, &rr));
			(void)collect(r->rr, rr.type, rr.class, rr.ttl,
			    r->rr + rr.rdata, rr.rdlen, m);
		}
	}
}

static unsigned
model_count(const struct model *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < UNIVERSE; i++) {
		n += m->ttl[i] != 0;
	}
	return n;
}

static struct zdata *
build(const struct model *m, uint32_t version, uint32_t *seed)
{
	static uint8_t rr[BUILD_RR_MAX];
	struct base_builder *bb;
	struct base *b;
	struct zdata *d;
	uint32_t *dups;
	size_t ndups;
	unsigned start = build_random(seed) % UNIVERSE;

	assert_int_equal(base_builder_new(dir, &key, &bb), E_OK);
	for (unsigned k = 0; k < UNIVERSE; k++) {
		unsigned i = (start + k) % UNIVERSE;
		if (m->ttl[i] == 0) {
			continue;
		}
		size_t len = record(i, m->ttl[i], rr), n = name_len(rr);
		assert_int_equal(base_builder_rr(bb, zone, rr,
		    get_be16(rr + n), DNS_IN, get_be32(rr + n + 4),
		    rr + n + DNS_RR_FIXED,
		    (uint16_t)(len - n - DNS_RR_FIXED)), E_OK);
	}
	assert_int_equal(base_builder_finish(bb, &b, &dups, &ndups), E_OK);
	assert_int_equal(ndups, 0);
	free(dups);
	assert_int_equal(zdata_new(b, version, &d), E_OK);
	assert_int_equal(base_need_index(d->base), E_OK);
	return d;
}

/* ---- the model test ---- */

struct diff {
	struct model gone, come;
	unsigned ndel, nadd;
};

static int
note_del(const uint8_t *rr, size_t len, void *arg)
{
	struct diff *x = arg;
	struct dns_rr r;

	assert_true(zrec_parse(rr, len, &r));
	(void)collect(rr, r.type, r.class, r.ttl, rr + r.rdata, r.rdlen,
	    &x->gone);
	x->ndel++;
	return E_OK;
}

static int
note_add(const uint8_t *rr, size_t len, void *arg)
{
	struct diff *x = arg;
	struct dns_rr r;

	assert_true(zrec_parse(rr, len, &r));
	(void)collect(rr, r.type, r.class, r.ttl, rr + r.rdata, r.rdlen,
	    &x->come);
	x->nadd++;
	return E_OK;
}

static void
check_diff(const struct diff *x, const struct model *from,
    const struct model *to)
{
	for (unsigned i = 0; i < UNIVERSE; i++) {
		bool same = from->ttl[i] == to->ttl[i];
		assert_int_equal(x->gone.ttl[i], same ? 0 : from->ttl[i]);
		assert_int_equal(x->come.ttl[i], same ? 0 : to->ttl[i]);
	}
}

/* Some steps against d, right ones and misfits; next: how it will be. */
static struct delta *
random_delta(struct zdata *d, struct model *next, uint32_t *seed)
{
	static uint8_t rr[BUILD_RR_MAX];
	struct delta *x = NULL;
	unsigned n = build_random(seed) % 12;

	assert_int_equal(delta_new(d, &x), E_OK);
	for (unsigned k = 0; k < n; k++) {
		/* few records, so that one is changed again and again */
		unsigned i = build_random(seed) % (k % 2 ? UNIVERSE : 8);
		unsigned ttl = 1 + build_random(seed) % (TTLS - 1);
		size_t len = record(i, ttl, rr);
		bool there = next->ttl[i] != 0;
		if (build_random(seed) % 2) {
			assert_int_equal(delta_add(x, rr, len),
			    there ? E_MISFIT : E_OK);
			next->ttl[i] = there ? next->ttl[i] : (uint8_t)ttl;
		} else {
			/* TTLs are not compared */
			assert_int_equal(delta_del(x, rr, len),
			    there ? E_OK : E_MISFIT);
			next->ttl[i] = 0;
		}
	}
	return x;
}

#define READERS 6

struct reader { /* a transfer out that takes long */
	struct zdata *d;
	uint32_t version;
	struct model m;
};

static void
check_reader(const struct reader *r)
{
	struct model seen;

	if (r->d != NULL) {
		read_version(r->d, r->version, &seen);
		assert_memory_equal(&seen, &r->m, sizeof(seen));
	}
}

static struct zdata *
end_merge(struct zdata *d, struct zmerge *m)
{
	struct zdata *fresh;

	assert_true(zmerge_is_of(m, d));
	assert_int_equal(zmerge_finish(m, &fresh), E_OK);
	assert_int_equal(fresh->version, d->version);
	assert_int_equal(fresh->count, d->count);
	zdata_unref(d);
	zmerge_free(m);
	return fresh;
}

static void
check_now(struct zdata *d, const struct model *m, uint32_t *seed)
{
	struct model seen = {{0}};
	struct diff x = {{{0}}, {{0}}, 0, 0};
	struct model other = *m;

	assert_int_equal(d->count, model_count(m));
	assert_int_equal(zdata_each(d, collect, &seen), E_OK);
	assert_memory_equal(&seen, m, sizeof(seen));
	/* against an unlike zone, both ways, and with too low a limit */
	for (unsigned k = 0; k < 10; k++) {
		other.ttl[build_random(seed) % UNIVERSE] =
		    (uint8_t)(build_random(seed) % TTLS);
	}
	struct zdata *o = build(&other, 1, seed);
	assert_int_equal(zdata_diff(d, o, 1000, note_del, note_add, &x), E_OK);
	check_diff(&x, m, &other);
	unsigned total = x.ndel + x.nadd;
	memset(&x, 0, sizeof(x));
	assert_int_equal(zdata_diff(o, d, total, note_del, note_add, &x), E_OK);
	check_diff(&x, &other, m);
	memset(&x, 0, sizeof(x));
	if (total > 0) {
		assert_int_equal(zdata_diff(o, d, total - 1, note_del, note_add,
		    &x), E_LIMIT);
	}
	zdata_unref(o);
}

static void
run_model(uint32_t seed)
{
	struct reader readers[READERS] = {{0}};
	struct model now = {{0}};
	struct zmerge *merge = NULL;
	bool has_run = false;
	uint32_t version = 7;

	for (unsigned i = 0; i < UNIVERSE; i++) {
		now.ttl[i] = (uint8_t)(build_random(&seed) % TTLS);
	}
	struct zdata *d = build(&now, version, &seed);
	for (unsigned round = 0; round < 120; round++) {
		struct model next = now;
		struct diff x = {{{0}}, {{0}}, 0, 0};
		struct delta *delta = random_delta(d, &next, &seed);
		assert_int_equal(delta_is_empty(delta),
		    memcmp(&next, &now, sizeof(now)) == 0);
		assert_int_equal(delta_each_del(delta, note_del, &x), E_OK);
		assert_int_equal(delta_each_add(delta, note_add, &x), E_OK);
		check_diff(&x, &now, &next);
		assert_int_equal(delta_reserve(delta), E_OK);
		if (build_random(&seed) % 5 == 0) {
			delta_free(delta); /* a failure: all as it was */
		} else {
			delta_apply(delta, ++version);
			now = next;
		}
		struct reader *r = &readers[build_random(&seed) % READERS];
		check_reader(r);
		zdata_unref(r->d);
		*r = (struct reader){zdata_ref(d), version, now};
		unsigned what = build_random(&seed) % 6;
		if (merge == NULL && what == 0) {
			assert_int_equal(zmerge_new(d, zone, dir, &merge),
			    E_OK);
			has_run = false;
		} else if (merge != NULL && !has_run && what == 1) {
			assert_int_equal(zmerge_run(merge), E_OK);
			has_run = true;
		} else if (merge != NULL && has_run && what == 2) {
			d = end_merge(d, merge);
			merge = NULL;
		}
		if (round % 10 == 0) {
			check_now(d, &now, &seed);
		}
	}
	for (unsigned i = 0; i < READERS; i++) {
		check_reader(&readers[i]);
		zdata_unref(readers[i].d);
	}
	zmerge_free(merge);
	zdata_unref(d);
}

static void
test_model(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 8; seed++) {
		run_model(seed);
	}
}

/* ---- single rules ---- */

static void
test_trace(void **state)
{
	static uint8_t rr[BUILD_RR_MAX];
	struct model m = {{0}};
	struct delta *x;
	uint32_t seed = 1;

	(void)state;
	m.ttl[3] = 1;
	struct zdata *d = build(&m, 1, &seed);
	assert_int_equal(delta_new(d, &x), E_OK);
	size_t len = record(3, 1, rr);
	assert_int_equal(delta_del(x, rr, len), E_OK);
	assert_int_equal(delta_del(x, rr, len), E_MISFIT);
	assert_int_equal(delta_add(x, rr, len), E_OK);
	assert_true(delta_is_empty(x)); /* same TTL: no trace */
	assert_int_equal(delta_del(x, rr, len), E_OK);
	len = record(3, 2, rr);
	assert_int_equal(delta_add(x, rr, len), E_OK);
	assert_false(delta_is_empty(x));
	assert_int_equal(delta_add(x, rr, len), E_MISFIT);
	for (size_t n = 0; n < len; n++) {
		assert_int_equal(delta_add(x, rr, n), E_MALF);
		assert_int_equal(delta_del(x, rr, n), E_MALF);
	}
	assert_int_equal(delta_reserve(x), E_OK);
	delta_apply(x, 2);
	m.ttl[3] = 2;
	check_now(d, &m, &seed);
	zdata_unref(d);
	delta_free(NULL);
	zdata_unref(NULL);
	zmerge_free(NULL);
}

/* A merge that writes a file, from a file. */
static void
test_file_merge(void **state)
{
	static uint8_t rr[BUILD_RR_MAX];
	struct base_builder *bb;
	struct base *b;
	struct zdata *d, *fresh;
	struct delta *x;
	struct zmerge *m;
	uint32_t *dups, version;
	size_t ndups;
	char text[100];

	(void)state;
	assert_int_equal(base_builder_new(dir, &key, &bb), E_OK);
	for (unsigned i = 0; i < 20000; i++) {
		(void)snprintf(text, sizeof(text), "h%u.zone.example. 1 A "
		    "192.0.2.1", i);
		size_t len = build_rr(rr, text), n = name_len(rr);
		assert_int_equal(base_builder_rr(bb, zone, rr, DNS_A, DNS_IN,
		    1, rr + n + DNS_RR_FIXED,
		    (uint16_t)(len - n - DNS_RR_FIXED)), E_OK);
	}
	assert_int_equal(base_builder_finish(bb, &b, &dups, &ndups), E_OK);
	free(dups);
	assert_true(b->is_mapped);
	assert_int_equal(zdata_new(b, 1, &d), E_OK);
	assert_int_equal(delta_new(d, &x), E_OK);
	assert_false(zdata_wants_merge(d));
	for (unsigned i = 0; i < 6000; i += 2) {
		(void)snprintf(text, sizeof(text), "h%u.zone.example. 1 A "
		    "192.0.2.1", i);
		assert_int_equal(delta_del(x, rr, build_rr(rr, text)), E_OK);
	}
	assert_int_equal(delta_reserve(x), E_OK);
	delta_apply(x, 2);
	assert_true(zdata_wants_merge(d));
	assert_int_equal(zmerge_new(d, zone, dir, &m), E_OK);
	assert_int_equal(zmerge_run(m), E_OK);
	assert_int_equal(temp_dir_count(dir, ".base", 0), 2);
	assert_int_equal(zmerge_base(m, &version)->nrecords, 17000);
	assert_int_equal(version, 2);
	assert_int_equal(zmerge_finish(m, &fresh), E_OK);
	assert_int_equal(fresh->count, 17000);
	base_discard(base_ref(d->base), dir);
	zdata_unref(d);
	zmerge_free(m);
	base_discard(base_ref(fresh->base), dir);
	zdata_unref(fresh);
	assert_int_equal(temp_dir_count(dir, "", 0), 0);
}

/* A merge cannot hold a record twice; its file does not stay. */
static void
test_merge_of_doubles(void **state)
{
	static uint8_t rdata[40000];
	struct base_builder *bb;
	struct base *b;
	struct zdata *d;
	struct zmerge *m;
	uint32_t *dups;
	size_t ndups;

	(void)state;
	assert_int_equal(base_builder_new(dir, &key, &bb), E_OK);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(base_builder_rr(bb, zone, zone, 65280, DNS_IN,
		    1, rdata, sizeof(rdata)), E_OK);
	}
	assert_int_equal(base_builder_finish(bb, &b, &dups, &ndups), E_OK);
	assert_int_equal(ndups, 1);
	assert_int_equal(zdata_new(b, 1, &d), E_OK);
	assert_int_equal(zmerge_new(d, zone, dir, &m), E_OK);
	assert_int_equal(zmerge_run(m), E_STORE);
	zmerge_free(m);
	assert_int_equal(temp_dir_count(dir, ".base", 0), 1);
	/* without the second one all is well */
	assert_int_equal(zdata_drop(d, dups, ndups, 1), E_OK);
	assert_int_equal(d->count, 1);
	assert_int_equal(zmerge_new(d, zone, dir, &m), E_OK);
	assert_int_equal(zmerge_run(m), E_OK);
	zmerge_free(m);
	free(dups);
	base_discard(base_ref(d->base), dir);
	zdata_unref(d);
}

static int
setup(void **state)
{
	(void)state;
	temp_dir_new(dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	temp_dir_remove(dir);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_model),
	    cmocka_unit_test(test_trace),
	    cmocka_unit_test(test_file_merge),
	    cmocka_unit_test(test_merge_of_doubles),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
