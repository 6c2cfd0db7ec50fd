/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "combiner/notify_msg.h"
#include "common/buf.h"
#include "common/errcode.h"

static const uint8_t zone[] = "\4zone\7example";
static const uint8_t soa[] = "\3ns1\4zone\7example\0\4host\4zone\7example\0"
			     "\x78\xc3\xae\x75\x00\x00\x1c\x20\x00\x00\x0e\x10"
			     "\x00\x12\x75\x00\x00\x00\x0e\x10";
#define SOA_LEN ((uint16_t)(sizeof(soa) - 1))

static size_t
make(uint8_t *msg, size_t cap)
{
	size_t len = 0;

	assert_int_equal(notify_msg_encode(zone, soa, SOA_LEN, 3600, msg, cap,
			     &len), E_OK);
	return len;
}

static void
test_encode(void **state)
{
	/* spec/combiner.md 5.3: id, 24 00, 1 1 0 0; and the SOA's numbers */
	static const uint8_t head[] = {0, 0, 0x24, 0, 0, 1, 0, 1, 0, 0, 0, 0};
	uint8_t msg[512];
	size_t len = make(msg, sizeof(msg)), cap, n;

	(void)state;
	assert_memory_equal(msg, head, sizeof(head));
	assert_memory_equal(msg + 12, zone, sizeof(zone));
	assert_memory_equal(msg + len - 20, soa + SOA_LEN - 20, 20);
	for (cap = 12; cap < len; cap++) {
		assert_int_equal(notify_msg_encode(zone, soa, SOA_LEN, 3600,
				     msg, cap, &n), E_SPACE);
	}
}

static void
test_round_trip(void **state)
{
	struct notify_msg m;
	uint8_t msg[512];
	size_t len = make(msg, sizeof(msg)), i;

	(void)state;
	assert_int_equal(notify_msg_decode(msg, len, &m), E_OK);
	assert_true(m.has_serial);
	assert_int_equal(m.serial, 2026090101u);
	assert_memory_equal(m.zone, zone, sizeof(zone));
	for (i = 0; i < len; i++) {
		uint8_t part[512];

		memcpy(part, msg, i);
		assert_int_equal(notify_msg_decode(part, i, &m), DNS_FORMERR);
	}
	/* octets too many */
	msg[len] = 0;
	assert_int_equal(notify_msg_decode(msg, len + 1, &m), DNS_FORMERR);
}

static void
test_decode_cases(void **state)
{
	struct notify_msg m;
	uint8_t msg[512];
	size_t len = make(msg, sizeof(msg)), q = 12 + sizeof(zone) + 4;

	(void)state;
	/* without answer section */
	msg[7] = 0;
	assert_int_equal(notify_msg_decode(msg, q, &m), E_OK);
	assert_false(m.has_serial);
	/* upper case is the same zone */
	msg[13] = 'Z';
	assert_int_equal(notify_msg_decode(msg, q, &m), E_OK);
	assert_memory_equal(m.zone, zone, sizeof(zone));
	/* other type, class, opcode, count */
	msg[q - 3] = 59;
	assert_int_equal(notify_msg_decode(msg, q, &m), DNS_NOTIMP);
	msg[q - 3] = 6;
	msg[q - 1] = 3;
	assert_int_equal(notify_msg_decode(msg, q, &m), DNS_FORMERR);
	msg[q - 1] = 1;
	msg[2] = 0;
	assert_int_equal(notify_msg_decode(msg, q, &m), DNS_FORMERR);
	msg[2] = 0x24;
	msg[5] = 0;
	assert_int_equal(notify_msg_decode(msg, 12, &m), DNS_FORMERR);
	/* a SOA of another zone is no hint */
	len = make(msg, sizeof(msg));
	msg[q] = 0xc0;
	msg[q + 1] = 12 + 5; /* example. */
	assert_int_equal(notify_msg_decode(msg, len, &m), E_OK);
	assert_false(m.has_serial);
}

static void
test_answer(void **state)
{
	uint8_t msg[512], out[512];
	size_t len = make(msg, sizeof(msg)), n, q = 12 + sizeof(zone) + 4;

	(void)state;
	msg[0] = 0x12;
	msg[1] = 0x34;
	n = notify_msg_answer(msg, len, DNS_NOERROR, out, sizeof(out));
	assert_int_equal(n, q);
	assert_int_equal(get_be16(out), 0x1234);
	assert_int_equal(get_be16(out + 2), 0xa400);
	assert_int_equal(get_be16(out + 4), 1);
	assert_int_equal(get_be16(out + 6), 0);
	assert_memory_equal(out + 12, msg + 12, q - 12);
	assert_int_equal(notify_msg_rcode(out, n), DNS_NOERROR);
	n = notify_msg_answer(msg, len, DNS_NOTAUTH, out, sizeof(out));
	assert_int_equal(get_be16(out + 2), 0xa009);
	assert_int_equal(notify_msg_rcode(out, n), DNS_NOTAUTH);
	/* OPT for OPT */
	memcpy(msg + len, "\0\0\x29\x10\0\0\0\0\0\0\0", 11);
	msg[11] = 1;
	n = notify_msg_answer(msg, len + 11, DNS_NOERROR, out, sizeof(out));
	assert_int_equal(n, q + 11);
	assert_int_equal(get_be16(out + 10), 1);
	assert_memory_equal(out + q, "\0\0\x29\x04\xd0\0\0\0\0\0\0", 11);
	msg[11] = 0;
	/* broken question: the header alone */
	n = notify_msg_answer(msg, q - 1, DNS_FORMERR, out, sizeof(out));
	assert_int_equal(n, 12);
	assert_int_equal(get_be16(out + 4), 0);
	assert_int_equal(notify_msg_answer(msg, 11, 1, out, sizeof(out)), 0);
	assert_int_equal(notify_msg_answer(msg, len, 0, out, q - 1), 0);
}

static void
test_rcode(void **state)
{
	static const struct {
		uint16_t flags;
		int rcode;
	} cases[] = {
	    {0xa400, 0}, {0xa005, 5}, {0x2400, E_MALF}, {0x8000, E_MALF},
	    {0x8004, DNS_NOTIMP}, {0x8005, E_MALF},
	};
	uint8_t msg[12] = {0};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put_be16(msg + 2, cases[i].flags);
		assert_int_equal(notify_msg_rcode(msg, 12), cases[i].rcode);
	}
	assert_int_equal(notify_msg_rcode(msg, 11), E_MALF);
}

/* ---- who may ---- */

static struct acl_key
key_named(const char *wire)
{
	struct acl_key k;

	memset(&k, 0, sizeof(k));
	memcpy(k.tsig.name, wire, strlen(wire) + 1);
	k.tsig.name_len = (uint16_t)(strlen(wire) + 1);
	return k;
}

static void
test_allowed(void **state)
{
	struct acl_key k1 = key_named("\2k1"), k2 = key_named("\2k2"),
		       k3 = key_named("\2k3");
	const struct acl_key *keys[] = {&k1, &k2}, *other[] = {&k3};
	struct net_addr a[2], b, from;
	struct acl_remote signed_one = {.addrs = a, .naddrs = 2, .keys = keys,
	    .nkeys = 2};
	struct acl_remote plain = {.addrs = &b, .naddrs = 1};
	const struct acl_remote *masters[] = {&signed_one, &plain};
	struct acl_rule rule = {.keys = other, .nkeys = 1,
	    .actions = ACL_NOTIFY};
	const struct acl_rule *acl[] = {&rule};
	struct combiner_rules rules = {.masters = masters, .nmasters = 2,
	    .acl = acl, .nacl = 1};
	const struct {
		const char *from;
		const struct tsig_key *key;
		bool is_allowed;
	} cases[] = {
	    {"192.0.2.1@53", &k1.tsig, true},
	    {"192.0.2.1@40000", &k2.tsig, true},
	    {"2001:db8::1@40000", &k1.tsig, true},
	    {"192.0.2.1@53", NULL, true}, /* address or key: spec 5.3 */
	    {"192.0.2.2@53", NULL, true},
	    {"192.0.2.2@53", &k1.tsig, true},
	    {"192.0.2.3@53", NULL, false},
	    {"192.0.2.3@53", &k1.tsig, true}, /* its key is enough */
	    {"192.0.2.3@53", &k3.tsig, true}, /* by the acl */
	};
	size_t i;

	(void)state;
	assert_int_equal(net_addr_parse("192.0.2.1", 53, &a[0]), E_OK);
	assert_int_equal(net_addr_parse("2001:db8::1", 53, &a[1]), E_OK);
	assert_int_equal(net_addr_parse("192.0.2.2", 53, &b), E_OK);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct acl_subject who = {.addr = &from, .key = cases[i].key};

		assert_int_equal(
		    net_addr_parse(cases[i].from, 53, &from), E_OK);
		if (notify_msg_is_allowed(&rules, &who) !=
		    cases[i].is_allowed) {
			fail_msg("case %zu", i);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_encode),
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_decode_cases),
	    cmocka_unit_test(test_answer),
	    cmocka_unit_test(test_rcode),
	    cmocka_unit_test(test_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
