/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "combiner/replay.h"
#include "common/errcode.h"

static const struct tsig_key key_a = {.name = "\x01" "a", .name_len = 3};
static const struct tsig_key key_b = {.name = "\x01" "b", .name_len = 3};

static void
test_keys_and_time(void **state)
{
	struct replay *r = NULL;

	(void)state;
	assert_int_equal(replay_new(&r), E_OK);
	struct replay_key *a = replay_key(r, &key_a);
	struct replay_key *b = replay_key(r, &key_b);
	assert_non_null(a);
	assert_ptr_not_equal(a, b);
	assert_ptr_equal(a, replay_key(r, &key_a));
	assert_int_equal(replay_time(a, 10000), E_OK);
	assert_int_equal(replay_time(a, 10000 - TSIG_FUDGE), E_OK);
	assert_int_equal(replay_time(a, 9999 - TSIG_FUDGE), E_BADTIME);
	assert_int_equal(replay_time(a, 20000), E_OK);
	assert_int_equal(replay_time(a, 10000), E_BADTIME);
	assert_int_equal(replay_time(b, 1), E_OK);
	replay_free(r);
	replay_free(NULL);
}

static void
test_rate(void **state)
{
	struct replay *r = NULL;

	(void)state;
	assert_int_equal(replay_new(&r), E_OK);
	struct replay_key *a = replay_key(r, &key_a);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(replay_rate(a, 5000 + i, 10), E_OK);
	}
	assert_int_equal(replay_rate(a, 5999, 10), E_LIMIT);
	assert_int_equal(replay_rate(replay_key(r, &key_b), 5999, 10), E_OK);
	assert_int_equal(replay_rate(a, 6000, 10), E_OK);
	replay_free(r);
}

static void
mac_of(uint8_t mac[32], unsigned n)
{
	memset(mac, 0, 32);
	mac[0] = (uint8_t)(n % 4); /* many in one bucket */
	mac[30] = (uint8_t)(n >> 8);
	mac[31] = (uint8_t)n;
}

static void
test_macs(void **state)
{
	struct replay *r = NULL;
	uint8_t mac[32];
	int waiting;

	(void)state;
	assert_int_equal(replay_new(&r), E_OK);
	struct replay_key *a = replay_key(r, &key_a);
	mac_of(mac, 0);
	assert_null(replay_find(a, mac, 32, 0));
	for (unsigned i = 0; i < 600; i++) {
		mac_of(mac, i);
		assert_null(replay_find(a, mac, 32, i * 1000));
		struct replay_mac *m =
		    replay_add(a, mac, 32, i * 1000, &waiting);
		assert_non_null(m);
		assert_ptr_equal(replay_find(a, mac, 32, i * 1000), m);
		assert_ptr_equal(m->waiting, &waiting);
		replay_done(m, (uint16_t)(i % 7));
	}
	assert_int_equal(replay_count(a), 600);
	for (unsigned i = 0; i < 600; i++) {
		mac_of(mac, i);
		struct replay_mac *m = replay_find(a, mac, 32, 599999);
		assert_non_null(m);
		assert_null(m->waiting);
		assert_int_equal(m->rcode, i % 7);
		assert_null(replay_find(a, mac, 31, 599999));
		assert_null(replay_find(replay_key(r, &key_b), mac, 32, 0));
	}
	/* one goes with each second from then on */
	mac_of(mac, 0);
	assert_null(replay_find(a, mac, 32, 600000));
	assert_int_equal(replay_count(a), 599);
	mac_of(mac, 300);
	assert_null(replay_find(a, mac, 32, 900000));
	assert_int_equal(replay_count(a), 299);
	mac_of(mac, 301);
	assert_non_null(replay_find(a, mac, 32, 900000));
	/* one that waits is not forgotten */
	assert_null(replay_find(a, mac, 32, 9000000));
	assert_int_equal(replay_count(a), 0);
	struct replay_mac *m = replay_add(a, mac, 32, 9000000, &waiting);
	assert_ptr_equal(replay_find(a, mac, 32, 99000000), m);
	replay_done(m, 0);
	assert_null(replay_find(a, mac, 32, 99000000));
	assert_null(replay_add(a, mac, 1, 99000000, &waiting));
	assert_null(replay_add(a, mac, 65, 99000000, &waiting));
	replay_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_keys_and_time),
	    cmocka_unit_test(test_rate),
	    cmocka_unit_test(test_macs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
