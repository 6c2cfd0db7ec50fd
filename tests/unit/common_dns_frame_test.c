/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/dns_frame.h"
#include "common/errcode.h"

/* Messages of these lengths, each octet its index; returns all octets. */
static const size_t lengths[] = {1, 0, 12, 300, 2, 5000, 17};
#define NLENGTHS (sizeof(lengths) / sizeof(lengths[0]))

static size_t
make_stream(uint8_t *out)
{
	size_t len = 0;
	for (size_t i = 0; i < NLENGTHS; i++) {
		put_be16(out + len, (uint16_t)lengths[i]);
		len += 2;
		for (size_t k = 0; k < lengths[i]; k++) {
			out[len++] = (uint8_t)(i * 31 + k);
		}
	}
	return len;
}

struct seen {
	size_t count;
};

static void
take(struct dns_frame *f, const uint8_t *data, size_t len, struct seen *seen)
{
	/* from memory of its own size, so that reading on shows */
	uint8_t *lent = malloc(len + 1);
	assert_non_null(lent);
	memcpy(lent, data, len);
	const uint8_t *p = lent;
	const uint8_t *msg;
	size_t n;
	int r;
	while ((r = dns_frame_next(f, &p, &len, &msg, &n)) == E_OK) {
		assert_true(seen->count < NLENGTHS);
		assert_int_equal(n, lengths[seen->count]);
		for (size_t k = 0; k < n; k++) {
			assert_int_equal(msg[k],
			    (uint8_t)(seen->count * 31 + k));
		}
		seen->count++;
	}
	assert_int_equal(r, E_AGAIN);
	assert_int_equal(len, 0);
	free(lent);
}

static void
test_every_cut(void **state)
{
	uint8_t all[6000];
	size_t len = make_stream(all);
	(void)state;
	for (size_t cut = 0; cut <= len; cut++) {
		struct dns_frame f = {0};
		struct seen seen = {0};
		take(&f, all, cut, &seen);
		take(&f, all + cut, len - cut, &seen);
		assert_int_equal(seen.count, NLENGTHS);
		assert_false(dns_frame_is_partial(&f));
		assert_null(f.part); /* at rest it holds nothing */
		dns_frame_clear(&f);
	}
}

static void
test_pieces(void **state)
{
	uint8_t all[6000];
	size_t len = make_stream(all);
	(void)state;
	for (size_t piece = 1; piece < 40; piece++) {
		struct dns_frame f = {0};
		struct seen seen = {0};
		for (size_t at = 0; at < len; at += piece) {
			take(&f, all + at,
			    len - at < piece ? len - at : piece, &seen);
		}
		assert_int_equal(seen.count, NLENGTHS);
		dns_frame_clear(&f);
	}
}

static void
test_partial(void **state)
{
	static const uint8_t begun[] = {0xff, 0xff, 0xab, 0xcd, 0};
	(void)state;
	for (size_t n = 0; n <= sizeof(begun); n++) {
		struct dns_frame f = {0};
		struct seen seen = {0};
		uint16_t id = 0;
		take(&f, begun, n, &seen);
		assert_int_equal(seen.count, 0);
		assert_int_equal(dns_frame_is_partial(&f), n > 0);
		assert_int_equal(dns_frame_partial_id(&f, &id), n >= 4);
		if (n >= 4) {
			assert_int_equal(id, 0xabcd);
		}
		/* a promise of 64 KiB costs the peer octets, not us */
		assert_true(f.part_cap <= 256);
		dns_frame_clear(&f);
	}
}

static void
test_hold(void **state)
{
	struct dns_frame f = {0};
	size_t len;
	(void)state;
	assert_null(dns_frame_held(&f, &len));
	assert_int_equal(len, 0);
	assert_int_equal(dns_frame_hold(&f, NULL, 0), E_OK);
	assert_null(dns_frame_held(&f, &len));
	assert_int_equal(dns_frame_hold(&f, (const uint8_t *)"abcd", 4), E_OK);
	assert_memory_equal(dns_frame_held(&f, &len), "abcd", 4);
	dns_frame_held_left(&f, 2);
	assert_int_equal(dns_frame_hold(&f, (const uint8_t *)"ef", 2), E_OK);
	assert_memory_equal(dns_frame_held(&f, &len), "cdef", 4);
	assert_int_equal(len, 4);
	dns_frame_held_left(&f, 0);
	assert_null(dns_frame_held(&f, &len));
	dns_frame_clear(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_partial),
		cmocka_unit_test(test_hold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
