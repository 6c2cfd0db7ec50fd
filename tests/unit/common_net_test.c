/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/errcode.h"
#include "common/net.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
test_addr_parse(void **state)
{
	static const struct {
		const char *in;
		const char *out; /* NULL: refused */
	} rows[] = {
		{"192.0.2.1", "192.0.2.1@53"},
		{"192.0.2.1@5353", "192.0.2.1@5353"},
		{"192.0.2.1@0", "192.0.2.1@0"},
		{"192.0.2.1@65535", "192.0.2.1@65535"},
		{"2001:db8::1", "2001:db8::1@53"},
		{"2001:DB8:0:0::1@853", "2001:db8::1@853"},
		{"fe80::1%7@53", "fe80::1%7@53"},
		{"fe80::1%lo", "fe80::1%1@53"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
		    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff@53"},
		{"", NULL},
		{"@53", NULL},
		{"192.0.2.1@", NULL},
		{"192.0.2.1@65536", NULL},
		{"192.0.2.1@99999999999999999999", NULL},
		{"192.0.2.1@-1", NULL},
		{"192.0.2.1@5x", NULL},
		{"192.0.2.1@53@53", NULL},
		{"192.0.2.1%1", NULL},
		{"192.0.2.1/24", NULL},
		{"192.0.2", NULL},
		{"192.0.2.256", NULL},
		{"192.0.2.1 ", NULL},
		{"fe80::1%", NULL},
		{"fe80::1%0", NULL},
		{"fe80::1%nosuchinterface0", NULL},
		{"[2001:db8::1]", NULL},
		{"ns.example.", NULL},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		    NULL},
	};
	char s[NET_ADDR_STRLEN];
	struct net_addr a, b;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		if (rows[i].out == NULL) {
			assert_int_equal(net_addr_parse(rows[i].in, 53, &a),
			    E_MALF);
			continue;
		}
		assert_int_equal(net_addr_parse(rows[i].in, 53, &a), E_OK);
		assert_string_equal(net_addr_str(&a, s), rows[i].out);
		assert_int_equal(net_addr_parse(s, 1, &b), E_OK);
		assert_true(net_addr_equal(&a, &b));
		*strchr(s, '@') = '\0';
		assert_string_equal(net_addr_host_str(&a, (char[64]){0}), s);
	}
}

static void
test_addr_values(void **state)
{
	struct net_addr a, b, none;
	char s[NET_ADDR_STRLEN];

	(void)state;
	memset(&none, 0, sizeof(none));
	assert_string_equal(net_addr_str(&none, s), "none");
	assert_int_equal(net_addr_port(&none), 0);
	assert_false(net_addr_same_host(&none, &none));

	assert_int_equal(net_addr_parse("192.0.2.1@53", 0, &a), E_OK);
	assert_int_equal(net_addr_parse("192.0.2.1@54", 0, &b), E_OK);
	assert_int_equal(net_addr_len(&a), sizeof(struct sockaddr_in));
	assert_true(net_addr_same_host(&a, &b));
	assert_false(net_addr_equal(&a, &b));
	net_addr_set_port(&b, 53);
	assert_true(net_addr_equal(&a, &b));
	assert_true(net_addr_rate_key(&a) == net_addr_rate_key(&b));
	assert_int_equal(net_addr_parse("192.0.2.2@53", 0, &b), E_OK);
	assert_false(net_addr_same_host(&a, &b));
	assert_true(net_addr_rate_key(&a) != net_addr_rate_key(&b));

	assert_int_equal(net_addr_parse("2001:db8:0:100::1", 0, &a), E_OK);
	assert_int_equal(net_addr_parse("2001:db8:0:1ff::2", 0, &b), E_OK);
	assert_int_equal(net_addr_len(&a), sizeof(struct sockaddr_in6));
	assert_true(net_addr_rate_key(&a) == net_addr_rate_key(&b));
	assert_false(net_addr_same_host(&a, &b));
	assert_int_equal(net_addr_parse("2001:db8:0:200::1", 0, &b), E_OK);
	assert_true(net_addr_rate_key(&a) != net_addr_rate_key(&b));

	/* An address of the configuration has no scope. */
	assert_int_equal(net_addr_parse("fe80::1%2", 0, &a), E_OK);
	assert_int_equal(net_addr_parse("fe80::1", 0, &b), E_OK);
	assert_true(net_addr_same_host(&a, &b));
	assert_int_equal(net_addr_parse("fe80::1%3", 0, &b), E_OK);
	assert_false(net_addr_same_host(&a, &b));
}

static void
test_prefix(void **state)
{
	static const struct {
		const char *prefix, *in, *out;
	} rows[] = {
		{"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
		{"10.1.2.3/8", "10.0.0.0", "9.255.255.255"},
		{"10.0.0.0/9", "10.127.255.255", "10.128.0.0"},
		{"0.0.0.0/0", "255.255.255.255", "::"},
		{"::/0", "ffff::1", "10.0.0.1"},
		{"10.0.0.1/32", "10.0.0.1", "10.0.0.2"},
		{"10.0.0.1", "10.0.0.1", "10.0.0.0"},
		{"10.0.0.1-10.0.0.9", "10.0.0.9", "10.0.0.10"},
		{"10.0.0.1-10.0.0.9", "10.0.0.1", "10.0.0.0"},
		{"2001:db8::1", "2001:db8::1", "2001:db8::2"},
		{"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"},
		{"2001:db8::1-2001:db8::ff", "2001:db8::a0", "2001:db8::100"},
	};
	static const char *const bad[] = {
		"", "/", "-", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
		"10.0.0.0/8/8", "2001:db8::/129", "10.0.0.9-10.0.0.1",
		"10.0.0.1-", "-10.0.0.1", "10.0.0.1-2001:db8::1",
		"10.0.0.1-10.0.0.2-10.0.0.3", "10.0.0.1@53", "fe80::1%1",
		"10.0.0.1-10.0.0.2/8",
	};
	struct net_prefix p;
	struct net_addr a;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		assert_int_equal(net_prefix_parse(rows[i].prefix, &p), E_OK);
		assert_int_equal(net_addr_parse(rows[i].in, 53, &a), E_OK);
		assert_true(net_prefix_has(&p, &a));
		assert_int_equal(net_addr_parse(rows[i].out, 53, &a), E_OK);
		assert_false(net_prefix_has(&p, &a));
	}
	for (i = 0; i < COUNT(bad); i++) {
		assert_int_equal(net_prefix_parse(bad[i], &p), E_MALF);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addr_parse),
		cmocka_unit_test(test_addr_values),
		cmocka_unit_test(test_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
