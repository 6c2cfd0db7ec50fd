/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/errcode.h"
#include "common/loop.h"
#include "common/udp.h"

struct bed {
	struct loop *loop;
	struct udp *server;
	struct net_addr at;
	unsigned asked, answered, errors;
	int err;
	size_t len;
	struct net_addr from;
	bool close_server, close_client;
};

static int
setup(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	if (b == NULL || loop_new(&b->loop) != E_OK) {
		return -1;
	}
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bed *b = *state;

	loop_free(b->loop);
	free(b);
	return 0;
}

/* Echoes. */
static void
on_request(struct udp *u, const uint8_t *data, size_t len,
    const struct net_addr *from, int err, void *arg)
{
	struct bed *b = arg;

	assert_int_equal(err, E_OK);
	b->asked++;
	b->from = *from;
	if (b->close_server) {
		udp_close(u);
		assert_int_equal(udp_send(u, data, len, from), E_CANCEL);
	} else {
		assert_int_equal(udp_send(u, data, len, from), E_OK);
	}
}

static void
on_answer(struct udp *u, const uint8_t *data, size_t len,
    const struct net_addr *from, int err, void *arg)
{
	struct bed *b = arg;

	if (err != E_OK) {
		assert_null(data);
		b->errors++;
		b->err = err;
	} else {
		assert_true(net_addr_equal(from, &b->at));
		b->answered++;
		b->len = len;
	}
	if (b->close_client) {
		udp_close(u);
	}
}

static void
listen_at(struct bed *b, const char *addr)
{
	assert_int_equal(net_addr_parse(addr, 0, &b->at), E_OK);
	assert_int_equal(udp_listen(b->loop, &b->at, on_request, b,
	    &b->server), E_OK);
	assert_true(udp_port(b->server) != 0);
	net_addr_set_port(&b->at, udp_port(b->server));
}

static void
wait_for(struct bed *b, const volatile unsigned *what, unsigned value)
{
	int i;

	for (i = 0; i < 5000 && *what < value; i++) {
		loop_poll(b->loop);
		if (i > 100) {
			(void)usleep(1000);
		}
	}
	assert_int_equal(*what, value);
}

static void
test_echo(void **state)
{
	static const char *const addrs[] = {"127.0.0.1", "::1"};
	static const size_t lens[] = {0, 1, 512, 4096, 65507};
	static uint8_t octets[65507];
	struct bed *b = *state;
	struct udp *u;
	size_t i, k;

	for (i = 0; i < 2; i++) {
		b->asked = b->answered = 0;
		listen_at(b, addrs[i]);
		assert_int_equal(udp_connect(b->loop, &b->at, NULL, on_answer,
		    b, &u), E_OK);
		for (k = 0; k < 5; k++) {
			assert_int_equal(udp_send(u, octets, lens[k], NULL),
			    E_OK);
			wait_for(b, &b->answered, (unsigned)k + 1);
			assert_int_equal(b->len, lens[k]);
			assert_int_equal(net_addr_port(&b->from), udp_port(u));
		}
		udp_close(u);
		udp_close(u);
		udp_close(b->server);
	}
}

/* More than one turn reads at once. */
static void
test_batch(void **state)
{
	struct bed *b = *state;
	struct udp *u;
	int i;

	listen_at(b, "127.0.0.1");
	assert_int_equal(udp_connect(b->loop, &b->at, NULL, on_answer, b, &u),
	    E_OK);
	for (i = 0; i < 50; i++) {
		assert_int_equal(udp_send(u, "ping", 4, NULL), E_OK);
	}
	wait_for(b, &b->answered, 50);
	/* Closed in the middle of a batch: no further call. */
	b->close_server = true;
	for (i = 0; i < 50; i++) {
		assert_int_equal(udp_send(u, "ping", 4, NULL), E_OK);
	}
	wait_for(b, &b->asked, 51);
	for (i = 0; i < 5; i++) {
		loop_poll(b->loop);
	}
	assert_int_equal(b->asked, 51);
}

static void
test_from(void **state)
{
	struct bed *b = *state;
	struct net_addr from;
	struct udp *u;

	listen_at(b, "127.0.0.1");
	assert_int_equal(net_addr_parse("127.0.0.9", 0, &from), E_OK);
	assert_int_equal(udp_connect(b->loop, &b->at, &from, on_answer, b, &u),
	    E_OK);
	assert_int_equal(udp_send(u, "ping", 4, NULL), E_OK);
	wait_for(b, &b->answered, 1);
	assert_true(net_addr_same_host(&b->from, &from));
	assert_int_equal(net_addr_parse("192.0.2.1", 0, &from), E_OK);
	assert_int_equal(udp_connect(b->loop, &b->at, &from, on_answer, b, &u),
	    -EADDRNOTAVAIL);
	assert_int_equal(udp_listen(b->loop, &b->at, on_request, b, &u),
	    -EADDRINUSE);
}

static void
test_nobody_there(void **state)
{
	struct bed *b = *state;
	struct udp *u;

	listen_at(b, "127.0.0.1");
	udp_close(b->server);
	assert_int_equal(udp_connect(b->loop, &b->at, NULL, on_answer, b, &u),
	    E_OK);
	b->close_client = true;
	assert_int_equal(udp_send(u, "ping", 4, NULL), E_OK);
	wait_for(b, &b->errors, 1);
	assert_int_equal(b->err, -ECONNREFUSED);
}

/* A socket of its own for each exchange, as the client does it. */
static void
test_many(void **state)
{
	struct bed *b = *state;
	struct udp *u[100];
	unsigned round, i;

	listen_at(b, "127.0.0.1");
	b->close_client = true;
	for (round = 1; round <= 100; round++) {
		for (i = 0; i < 100; i++) {
			assert_int_equal(udp_connect(b->loop, &b->at, NULL,
			    on_answer, b, &u[i]), E_OK);
			assert_int_equal(udp_send(u[i], "ping", 4, NULL),
			    E_OK);
		}
		wait_for(b, &b->answered, round * 100);
	}
	/* Left open: closed with the loop. */
	assert_int_equal(udp_connect(b->loop, &b->at, NULL, on_answer, b,
	    &u[0]), E_OK);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_echo),
		TEST(test_batch),
		TEST(test_from),
		TEST(test_nobody_there),
		TEST(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
