/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <endian.h>
#include <errno.h>

#include "combiner/base_format.h"
#include "tests/lib/dns_build.h"
#include "tests/lib/temp_dir.h"

static const uint8_t zone[] = "\x04zone\x07" "example";
static const struct dns_hash_key key = {0x1234, 0x5678};
static char dir[TEMP_DIR_MAX];
static uint8_t rr_buf[BUILD_RR_MAX], other_buf[BUILD_RR_MAX];

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
	assert_int_equal(temp_dir_count(dir, "", 0), 0); /* nothing left */
	temp_dir_remove(dir);
	return 0;
}

static void
add(struct base_builder *bb, const char *text)
{
	size_t len = build_rr(rr_buf, text), n = name_len(rr_buf);

	assert_int_equal(base_builder_rr(bb, zone, rr_buf,
	    get_be16(rr_buf + n), DNS_IN, get_be32(rr_buf + n + 4),
	    rr_buf + n + DNS_RR_FIXED, (uint16_t)(len - n - DNS_RR_FIXED)),
	    E_OK);
}

static struct base_builder *
builder(void)
{
	struct base_builder *bb = NULL;

	assert_int_equal(base_builder_new(dir, &key, &bb), E_OK);
	return bb;
}

static struct base *
finish(struct base_builder *bb, size_t want_dups)
{
	struct base *b = NULL;
	uint32_t *dups;
	size_t ndups;

	assert_int_equal(base_builder_finish(bb, &b, &dups, &ndups), E_OK);
	assert_int_equal(ndups, want_dups);
	free(dups);
	assert_int_equal(base_need_index(b), E_OK);
	return b;
}

/* How often does the base hold this record? */
static unsigned
holds(const struct base *b, const char *text)
{
	struct dns_rr rr = {.class = DNS_IN}, found;
	size_t len = build_rr(other_buf, text), mlen, pos = 0;
	const uint8_t *msg;
	unsigned count = 0;
	uint32_t at;
	uint64_t hash;

	rr.type = get_be16(other_buf + name_len(other_buf));
	rr.rdata = (uint32_t)name_len(other_buf) + DNS_RR_FIXED;
	rr.rdlen = (uint16_t)(len - rr.rdata);
	assert_int_equal(
	    dns_rr_hash(&b->key, other_buf, len, &rr, &hash), E_OK);
	while ((at = base_find(b, hash, &pos)) != 0) {
		assert_true(base_record(b, at, &msg, &mlen, &found));
		count += dns_rr_same(msg, mlen, &found, other_buf, len, &rr);
	}
	return count;
}

static void
test_small(void **state)
{
	struct base_builder *bb = builder();
	char text[128];

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		(void)snprintf(text, sizeof(text), "h%u.zone.example. 5 A "
		    "192.0.2.%u", i, i % 256);
		add(bb, text);
	}
	assert_int_equal(base_builder_count(bb), 500);
	struct base *b = finish(bb, 0);
	assert_null(b->file);
	assert_int_equal(b->nrecords, 500);
	assert_int_equal(holds(b, "H7.zone.example. 9 A 192.0.2.7"), 1);
	assert_int_equal(holds(b, "h7.zone.example. 9 A 192.0.2.8"), 0);
	for (unsigned i = 0; i < 500; i++) {
		(void)snprintf(text, sizeof(text), "h%u.zone.example. 5 A "
		    "192.0.2.%u", i, i % 256);
		assert_int_equal(holds(b, text), 1);
	}
	/* messages: their own question, answers alone */
	for (uint32_t k = 0; k < b->nmsgs; k++) {
		struct dns_walk w;
		size_t len;
		const uint8_t *msg = base_message(b, k, &len);
		assert_true(len <= 16384);
		assert_int_equal(dns_walk_init(&w, msg, len), E_OK);
		assert_int_equal(w.h.id, 0);
		assert_int_equal(w.qtype, DNS_AXFR);
	}
	base_unref(base_ref(b));
	base_unref(b);
}

static void
test_empty(void **state)
{
	struct base *b = finish(builder(), 0);

	(void)state;
	assert_int_equal(b->nrecords, 0);
	assert_int_equal(b->nmsgs, 0);
	assert_int_equal(holds(b, "a.zone.example. 1 A 192.0.2.1"), 0);
	base_discard(b, dir);
	base_unref(NULL);
	base_discard(NULL, dir);
}

/* Large enough for a file, a flush in between and the radix sort. */
static void
test_file(void **state)
{
	struct base_builder *bb = builder();
	struct base *b, *again;
	char text[128];

	(void)state;
	for (unsigned i = 0; i < 40000; i++) {
		(void)snprintf(text, sizeof(text), "h%u.zone.example. 5 TXT "
		    "\"some text of number %u\"", i, i);
		add(bb, text);
	}
	add(bb, "h5.zone.example. 6 TXT \"some text of number 5\"");
	add(bb, "H5.zone.example. 7 TXT \"some text of number 5\"");
	assert_int_equal(temp_dir_count(dir, ".base", 0), 1);
	b = finish(bb, 2);
	assert_non_null(b->file);
	assert_int_equal(b->nrecords, 40002);
	for (uint32_t i = 1; i < b->nrecords; i++) {
		const struct base_entry *e = &b->index[i];
		assert_true(le32toh(e[-1].hash) < le32toh(e->hash) ||
		    (e[-1].hash == e->hash &&
		        le32toh(e[-1].offset) < le32toh(e->offset)));
	}
	assert_int_equal(base_open(dir, b->file, &again), E_OK);
	assert_int_equal(holds(again, "h5.zone.example. 5 TXT "
	    "\"some text of number 5\""), 3);
	for (unsigned i = 6; i < 40000; i += 97) {
		(void)snprintf(text, sizeof(text), "h%u.zone.example. 5 TXT "
		    "\"some text of number %u\"", i, i);
		assert_int_equal(holds(again, text), 1);
	}
	base_discard(b, dir);
	/* the mapping outlives the file */
	assert_int_equal(holds(again, "h9.zone.example. 5 TXT "
	    "\"some text of number 9\""), 1);
	base_unref(again);
	assert_int_equal(base_open(dir, "0.base", &b), -ENOENT);
	assert_null(b);
}

static void
test_unfinished(void **state)
{
	struct base_builder *bb = builder();
	char text[128];

	(void)state;
	for (unsigned i = 0; i < 40000; i++) {
		(void)snprintf(text, sizeof(text), "h%u.zone.example. 5 TXT "
		    "\"some text of number %u\"", i, i);
		add(bb, text);
	}
	assert_int_equal(temp_dir_count(dir, ".base", 0), 1);
	base_builder_free(bb); /* teardown() finds an empty folder */
	base_builder_free(NULL);
}

static void
test_no_folder(void **state)
{
	struct base_builder *bb;
	static uint8_t rdata[60000];
	int ret = E_OK;

	(void)state;
	assert_int_equal(base_builder_new("/nonexistent/x", &key, &bb), E_OK);
	for (unsigned i = 0; ret == E_OK && i < 100; i++) {
		put_be32(rdata, i);
		ret = base_builder_rr(bb, zone, zone, 65280, DNS_IN, 1, rdata,
		    sizeof(rdata));
	}
	assert_int_equal(ret, -ENOENT);
	base_builder_free(bb);
}

/* A record too large for a usual message stands alone in its own. */
static void
test_large_records(void **state)
{
	struct base_builder *bb = builder();
	static uint8_t rdata[DNS_MSG_MAX];
	struct dns_walk w;
	size_t len;

	(void)state;
	add(bb, "a.zone.example. 1 A 192.0.2.1");
	assert_int_equal(base_builder_rr(bb, zone, zone, 65280, DNS_IN, 1,
	    rdata, 20000), E_OK);
	add(bb, "b.zone.example. 1 A 192.0.2.1");
	assert_int_equal(base_builder_rr(bb, zone, zone, 65280, DNS_IN, 1,
	    rdata, DNS_MSG_MAX - 12 - 18 - 12), E_OK);
	assert_int_equal(base_builder_rr(bb, zone, zone, 65280, DNS_IN, 1,
	    rdata, DNS_MSG_MAX - 12 - 18 - 12 + 1), E_LIMIT);
	add(bb, "c.zone.example. 1 A 192.0.2.1");
	struct base *b = finish(bb, 0);
	assert_int_equal(b->nrecords, 5);
	assert_int_equal(b->nmsgs, 5);
	for (uint32_t k = 0; k < b->nmsgs; k++) {
		const uint8_t *msg = base_message(b, k, &len);
		assert_int_equal(dns_walk_init(&w, msg, len), E_OK);
		assert_int_equal(w.h.count[1], 1);
	}
	assert_int_equal(holds(b, "c.zone.example. 1 A 192.0.2.1"), 1);
	base_discard(b, dir);
}

/* Whole messages: normalised, cut behind the answers. */
static void
test_messages(void **state)
{
	struct base_builder *bb = builder();
	static uint8_t mem[DNS_MSG_MAX];
	struct dns_pack p;
	struct dns_walk w;
	struct dns_rr rrs[2];
	uint32_t hashes[2];
	size_t mlen;

	(void)state;
	for (unsigned question = 0; question < 2; question++) {
		dns_pack_init(&p, mem, sizeof(mem), 77, DNS_FLAG_QR | 0x10);
		if (question) {
			assert_int_equal(dns_pack_question(&p, zone, DNS_IXFR,
			    DNS_IN), E_OK);
		}
		assert_int_equal(build_pack(&p, question
		    ? "a.zone.example. 1 A 192.0.2.1"
		    : "b.zone.example. 1 A 192.0.2.1"), E_OK);
		assert_int_equal(dns_pack_opt(&p, 1232, 0, 0, NULL, 0), E_OK);
		size_t len = dns_pack_finish(&p);
		assert_int_equal(dns_walk_init(&w, mem, len), E_OK);
		assert_int_equal(dns_walk_next(&w, &rrs[0]), E_OK);
		uint64_t hash;
		assert_int_equal(
		    dns_rr_hash(&key, mem, len, &rrs[0], &hash), E_OK);
		hashes[0] = (uint32_t)(hash >> 32);
		assert_int_equal(base_builder_message(bb, mem, len, rrs,
		    hashes, 1), E_OK);
	}
	assert_int_equal(
	    base_builder_message(bb, mem, 12, rrs, hashes, 0), E_OK);
	struct base *b = finish(bb, 0);
	assert_int_equal(b->nmsgs, 2);
	const uint8_t *msg = base_message(b, 1, &mlen);
	assert_int_equal(dns_walk_init(&w, msg, mlen), E_OK);
	assert_int_equal(w.h.id, 0);
	assert_int_equal(w.h.flags, DNS_FLAG_QR | DNS_FLAG_AA);
	assert_int_equal(w.qtype, DNS_AXFR);
	assert_int_equal(w.h.count[3], 0);
	assert_int_equal(dns_walk_next(&w, &rrs[0]), E_OK);
	assert_int_equal(dns_walk_next(&w, &rrs[0]), E_DONE);
	assert_int_equal(holds(b, "a.zone.example. 1 A 192.0.2.1"), 1);
	assert_int_equal(holds(b, "b.zone.example. 1 A 192.0.2.1"), 1);
	base_unref(b);
}

static int
from_copy(const struct base *b, const struct base_header *h, size_t len)
{
	uint8_t *data = malloc(b->len + 64);
	struct base *out = NULL;

	assert_non_null(data);
	memset(data, 0, b->len + 64);
	memcpy(data, b->data, b->len);
	memcpy(data, h, sizeof(*h));
	int ret = base_from_memory(data, len, &out);
	if (ret == E_OK) {
		ret = base_need_index(out);
		base_unref(out);
	}
	return ret;
}

static void
test_damaged(void **state)
{
	struct base_builder *bb = builder();
	struct base_header h, good;

	(void)state;
	add(bb, "a.zone.example. 1 A 192.0.2.1");
	struct base *b = finish(bb, 0);
	memcpy(&good, b->data, sizeof(good));
	assert_int_equal(from_copy(b, &good, b->len), E_OK);
	for (size_t n = 0; n < b->len; n++) {
		assert_true(from_copy(b, &good, n) != E_OK);
	}
	h = good;
	h.magic[0] = 'X';
	assert_int_equal(from_copy(b, &h, b->len), E_VERSION);
	h = good;
	h.version = htole32(2);
	assert_int_equal(from_copy(b, &h, b->len), E_VERSION);
	h = good;
	h.msgs_end = htole64(b->len + 1);
	assert_int_equal(from_copy(b, &h, b->len), E_STORE);
	h.msgs_end = htole64(63);
	assert_int_equal(from_copy(b, &h, b->len), E_STORE);
	/* sums that wrap */
	h = good;
	h.nmsgs = htole32(2);
	h.nrecords = 0;
	h.table = htole64(-8ull);
	h.index = htole64((b->len + 7) & ~7ull);
	assert_int_equal(from_copy(b, &h, (b->len + 7) & ~7ull), E_STORE);
	h = good;
	h.nmsgs = 0;
	h.table = htole64((b->len + 7) & ~7ull);
	h.nrecords = htole32(8);
	h.index = htole64(((b->len + 7) & ~7ull) - 64);
	assert_int_equal(from_copy(b, &h, (b->len + 7) & ~7ull), E_STORE);
	base_unref(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_small),
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_file),
	    cmocka_unit_test(test_unfinished),
	    cmocka_unit_test(test_no_folder),
	    cmocka_unit_test(test_large_records),
	    cmocka_unit_test(test_messages),
	    cmocka_unit_test(test_damaged),
	};
	struct CMUnitTest t[sizeof(tests) / sizeof(*tests)];

	memcpy(t, tests, sizeof(t));
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		t[i].setup_func = setup;
		t[i].teardown_func = teardown;
	}
	return cmocka_run_group_tests(t, NULL, NULL);
}
