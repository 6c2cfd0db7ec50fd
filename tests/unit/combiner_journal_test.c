/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "combiner/journal.h"
#include "common/buf.h"
#include "common/errcode.h"

static const uint8_t old_soa[] = "the old one", new_soa[] = "and the new";

static struct blob *
make(const unsigned counts[JOURNAL_NPARTS])
{
	struct journal_writer w;
	struct blob *b = NULL;
	uint8_t rr[300];

	journal_begin(&w, old_soa, sizeof(old_soa), new_soa, sizeof(new_soa));
	for (unsigned p = 0; p < JOURNAL_NPARTS; p++) {
		for (unsigned i = 0; i < counts[p]; i++) {
			memset(rr, (int)(16 * p + i), sizeof(rr));
			journal_put(&w, (enum journal_part)p, rr, i * 7 % 300);
		}
	}
	assert_int_equal(journal_end(&w, &b), E_OK);
	return b;
}

/* Reads all; the last code, and how many records came of each part. */
static int
read_all(const uint8_t *data, size_t len, unsigned counts[JOURNAL_NPARTS])
{
	struct journal_reader r;
	enum journal_part part, last = JOURNAL_DEL_DATA;
	const uint8_t *rr;
	size_t n;
	int ret = journal_open(&r, data, len);

	memset(counts, 0, JOURNAL_NPARTS * sizeof(*counts));
	while (ret == E_OK && (ret = journal_next(&r, &part, &rr, &n)) == E_OK) {
		assert_true(part >= last);
		last = part;
		if (n > 0) {
			assert_int_equal(rr[n - 1],
			    (uint8_t)(16 * part + counts[part]));
		}
		counts[part]++;
	}
	return ret;
}

static void
test_round_trip(void **state)
{
	static const unsigned t[][JOURNAL_NPARTS] = {{0, 0, 0, 0}, {1, 0, 0, 0},
	    {0, 0, 0, 1}, {2, 3, 4, 5}, {0, 200, 0, 7}};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct blob *b = make(t[i]);
		struct journal_reader r;
		unsigned counts[JOURNAL_NPARTS];
		assert_int_equal(read_all(b->data, b->len, counts), E_DONE);
		assert_memory_equal(counts, t[i], sizeof(counts));
		assert_int_equal(journal_open(&r, b->data, b->len), E_OK);
		assert_int_equal(r.old_len, sizeof(old_soa));
		assert_memory_equal(r.old_soa, old_soa, r.old_len);
		assert_int_equal(r.new_len, sizeof(new_soa));
		assert_memory_equal(r.new_soa, new_soa, r.new_len);
		blob_unref(blob_ref(b));
		blob_unref(b);
	}
	blob_unref(NULL);
}

static void
test_damaged(void **state)
{
	static const unsigned some[JOURNAL_NPARTS] = {1, 2, 1, 2};
	struct blob *b = make(some);
	unsigned counts[JOURNAL_NPARTS];

	(void)state;
	for (size_t n = 0; n < b->len; n++) {
		uint8_t *exact = malloc(n + 1);
		assert_non_null(exact);
		memcpy(exact, b->data, n);
		assert_int_equal(read_all(exact, n, counts), E_STORE);
		free(exact);
	}
	uint8_t *longer = malloc(b->len + 1);
	assert_non_null(longer);
	memcpy(longer, b->data, b->len);
	longer[b->len] = 0;
	assert_int_equal(read_all(longer, b->len + 1, counts), E_STORE);
	longer[0] = 2; /* another version */
	assert_int_equal(read_all(longer, b->len, counts), E_STORE);
	longer[0] = 1;
	for (unsigned i = 0; i < JOURNAL_NPARTS; i++) {
		uint32_t good = get_be32(longer + 1 + 4 * i);
		put_be32(longer + 1 + 4 * i, UINT32_MAX);
		struct journal_reader r;
		assert_int_equal(journal_open(&r, longer, b->len), E_OK);
		put_be32(longer + 1 + 4 * i, good);
	}
	put_be32(longer + 17, UINT32_MAX); /* length of the old SOA */
	assert_int_equal(read_all(longer, b->len, counts), E_STORE);
	free(longer);
	blob_unref(b);
}

static void
test_abandon(void **state)
{
	struct journal_writer w;

	(void)state;
	journal_begin(&w, old_soa, 3, new_soa, 3);
	journal_put(&w, JOURNAL_ADD_APEX, old_soa, 3);
	journal_abandon(&w);
	journal_abandon(&w); /* once more does no harm */
}

static void
test_too_large(void **state)
{
	static uint8_t rr[65536];
	struct journal_writer w;
	struct blob *b = NULL;

	(void)state;
	journal_begin(&w, old_soa, 3, new_soa, 3);
	w.err = E_LIMIT; /* as when it has become larger than a row */
	journal_put(&w, JOURNAL_ADD_DATA, rr, sizeof(rr));
	assert_int_equal(journal_end(&w, &b), E_LIMIT);
	assert_null(b);
	assert_null(w.data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_damaged),
	    cmocka_unit_test(test_abandon),
	    cmocka_unit_test(test_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
