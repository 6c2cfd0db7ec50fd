/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/dns_rrset.h"
#include "common/dns_wire.h"
#include "common/errcode.h"

static const uint8_t zone[] = "\x04zone\x07" "example";

static int
from_str(uint16_t type, const char *text, uint8_t *out)
{
	return rdata_from_str(type, text, zone, out, 65535);
}

static void
add_str(struct rrset *s, const char *text)
{
	uint8_t rdata[65535];
	int n = from_str(s->type, text, rdata);

	assert_true(n >= 0);
	assert_int_equal(rrset_add(s, rdata, (uint16_t)n), E_OK);
}

static void
test_order_and_duplicates(void **state)
{
	static const uint8_t items[][3] = {
	    {2, 2}, {1}, {1, 1}, {0, 9, 9}, {1}, {2, 2}, {0xff}};
	static const uint8_t lens[] = {2, 1, 2, 3, 1, 2, 1};
	static const uint8_t order[] = {3, 1, 2, 0, 6};
	struct rrset s;
	uint16_t len;

	(void)state;
	rrset_init(&s, 65280, 60);
	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(rrset_add(&s, items[i], lens[i]), E_OK);
	}
	assert_int_equal(s.count, 5);
	for (uint16_t i = 0; i < 5; i++) {
		const uint8_t *p = rrset_rdata(&s, i, &len);
		assert_int_equal(len, lens[order[i]]);
		assert_memory_equal(p, items[order[i]], len);
	}
	assert_null(rrset_rdata(&s, 5, &len));
	for (size_t i = 0; i < 7; i++) {
		assert_true(rrset_has(&s, items[i], lens[i]));
	}
	assert_int_equal(rrset_del(&s, items[1], 1), E_OK);
	assert_int_equal(rrset_del(&s, items[1], 1), E_OK);
	assert_false(rrset_has(&s, items[1], 1));
	assert_int_equal(s.count, 4);
	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(rrset_del(&s, items[i], lens[i]), E_OK);
	}
	assert_int_equal(s.count, 0);
	assert_null(s.rdata);
	rrset_clear(&s);
}

/* RFC 4034 6.2: two NS that differ in case are one; the first stays. */
static void
test_names_without_case(void **state)
{
	static const uint8_t upper[] = "\x03NS1\x04Zone\x07" "example";
	static const uint8_t small[] = "\x03ns1\x04zone\x07" "example";
	static const uint8_t mx_a[] = "\x00\x0a\x02MX", mx_b[] = "\x00\x0a\x02mx";
	struct rrset s, t;
	uint16_t len;

	(void)state;
	rrset_init(&s, DNS_NS, 60);
	assert_int_equal(rrset_add(&s, upper, sizeof(upper)), E_OK);
	assert_int_equal(rrset_add(&s, small, sizeof(small)), E_OK);
	assert_int_equal(s.count, 1);
	assert_memory_equal(rrset_rdata(&s, 0, &len), upper, sizeof(upper));
	rrset_init(&t, DNS_NS, 61);
	assert_int_equal(rrset_add(&t, small, sizeof(small)), E_OK);
	assert_true(rrset_equal(&s, &t, false));
	assert_false(rrset_equal(&s, &t, true));
	assert_int_equal(rrset_del(&s, small, sizeof(small)), E_OK);
	assert_int_equal(s.count, 0);
	assert_false(rrset_equal(&s, &t, false));
	rrset_clear(&s);
	rrset_clear(&t);

	rrset_init(&s, 15, 60); /* MX: the name is not all of it */
	assert_int_equal(rrset_add(&s, mx_a, sizeof(mx_a)), E_OK);
	assert_int_equal(rrset_add(&s, mx_b, sizeof(mx_b)), E_OK);
	assert_int_equal(s.count, 1);
	rrset_clear(&s);

	rrset_init(&s, 65280, 60); /* unknown types have no names */
	assert_int_equal(rrset_add(&s, upper, sizeof(upper)), E_OK);
	assert_int_equal(rrset_add(&s, small, sizeof(small)), E_OK);
	assert_int_equal(s.count, 2);
	rrset_clear(&s);
}

static void
test_merge_and_copy(void **state)
{
	struct rrset a, b, c;

	(void)state;
	rrset_init(&a, DNS_NS, 3600);
	rrset_init(&b, DNS_NS, 300);
	assert_int_equal(rrset_merge(&a, &b), E_OK);
	assert_int_equal(a.ttl, 3600); /* an empty set has no say */
	add_str(&b, "ns1");
	add_str(&b, "ns2.other.example.");
	assert_int_equal(rrset_merge(&a, &b), E_OK);
	assert_int_equal(a.ttl, 300); /* nor had the empty one */
	assert_int_equal(a.count, 2);
	assert_int_equal(rrset_copy(&c, &a), E_OK);
	assert_true(rrset_equal(&a, &c, true));
	add_str(&c, "ns0");
	c.ttl = 900;
	assert_int_equal(rrset_merge(&a, &c), E_OK);
	assert_int_equal(a.count, 3);
	assert_int_equal(a.ttl, 300);
	rrset_clear(&a);
	rrset_clear(&b);
	rrset_clear(&c);
	rrset_init(&a, DNS_NS, 1);
	assert_int_equal(rrset_copy(&c, &a), E_OK);
	assert_null(c.rdata);
}

static void
test_encode(void **state)
{
	uint8_t buf[512];
	struct wbuf w;
	struct rbuf b;
	struct rrset s, t;

	(void)state;
	rrset_init(&s, DNS_NS, 3600);
	add_str(&s, "NS2");
	add_str(&s, "ns1");
	wbuf_init(&w, buf, sizeof(buf));
	rrset_encode(&w, &s);
	assert_int_equal(w.err, E_OK);
	assert_int_equal(w.len, rrset_encoded_len(&s));
	rbuf_init(&b, buf, w.len);
	assert_int_equal(rrset_decode(&b, &t), E_OK);
	assert_int_equal(rbuf_left(&b), 0);
	assert_true(rrset_equal(&s, &t, true));
	rrset_clear(&t);
	for (size_t cut = 0; cut < w.len; cut++) {
		uint8_t *exact = malloc(cut + 1);
		assert_non_null(exact);
		memcpy(exact, buf, cut);
		rbuf_init(&b, exact, cut);
		assert_int_equal(rrset_decode(&b, &t), E_MALF);
		free(exact);
	}
	/* the same record twice is not of our writing */
	memcpy(buf, "\x00\x30\x00\x00\x00\x01\x00\x02\x00\x01x\x00\x01x", 14);
	rbuf_init(&b, buf, 14);
	assert_int_equal(rrset_decode(&b, &t), E_MALF);
	rrset_clear(&s);
}

#define R(s) (const uint8_t *)(s), sizeof(s) - 1

static void
test_check(void **state)
{
	static const struct {
		uint16_t type;
		const uint8_t *rdata;
		uint16_t len;
		int want;
	} cases[] = {
	    {DNS_A, R("\x7f\0\0\x01"), E_OK},
	    {DNS_A, R("\x7f\0\0"), E_MALF},
	    {DNS_A, R("\x7f\0\0\x01\0"), E_MALF},
	    {DNS_AAAA, R("0123456789abcdef"), E_OK},
	    {DNS_AAAA, R("0123456789abcde"), E_MALF},
	    {DNS_NS, R("\x01" "a\0"), E_OK},
	    {DNS_NS, R("\0"), E_OK},
	    {DNS_NS, R(""), E_MALF},
	    {DNS_NS, R("\x01" "a"), E_MALF},
	    {DNS_NS, R("\x01" "a\0\0"), E_MALF},
	    {DNS_NS, R("\x01" "a\xc0\x0c"), E_MALF},
	    {DNS_NS, R("\x01" "a\0\x01" "b\0"), E_MALF},
	    {DNS_SOA, R("\0\0" "01234567890123456789"), E_OK},
	    {DNS_SOA, R("\0\0" "0123456789012345678"), E_MALF},
	    {DNS_TXT, R("\0"), E_OK},
	    {DNS_TXT, R("\x01" "a\x02" "bc"), E_OK},
	    {DNS_TXT, R(""), E_MALF},
	    {DNS_TXT, R("\x02" "a"), E_MALF},
	    /* flags, protocol, algorithm, and a key of an octet at least */
	    {DNS_DNSKEY, R("\x01\0\x03\x0f" "k"), E_OK},
	    {DNS_DNSKEY, R("\x01\0\x03\x0f"), E_MALF},
	    {DNS_DNSKEY, R("\x01\0\x03"), E_MALF},
	    {DNS_CDNSKEY, R("\0\0\x03\0\0"), E_OK}, /* delete */
	    {DNS_CDNSKEY, R("\0\0\x03\0"), E_MALF},
	    {DNS_KEY, R("\x02\0\x03\x0f" "k"), E_OK},
	    {DNS_KEY, R("\x02\0\x03\x0f"), E_MALF},
	    {DNS_KEY, R("\xc0\0\x03\x01"), E_OK}, /* says "no key" */
	    {DNS_DNSKEY, R("\xc0\0\x03\x01"), E_MALF},
	    {DNS_CDS, R("\0\0\0\0\0"), E_OK}, /* delete */
	    {DNS_CDS, R("\0\0\0\0"), E_MALF},
	    {DNS_CDS, R("\x12\x34\x0d\x01" "0123456789abcdefghij"), E_OK},
	    {DNS_CDS, R("\x12\x34\x0d\x01" "0123456789abcdefghi"), E_MALF},
	    {DNS_CDS, R("\x12\x34\x0d\x01" "0123456789abcdefghijk"), E_MALF},
	    {DNS_CDS, R("\x12\x34\x0d\x02" "0123456789abcdefghij"), E_MALF},
	    {DNS_CDS, R("\x12\x34\x0d\xfa" "0"), E_OK},
	    {DNS_CDS, R("\x12\x34\x0d\xfa"), E_MALF},
	    {DNS_CSYNC, R("\0\0\0\x01\0\x03"), E_OK},
	    {DNS_CSYNC, R("\0\0\0\x01\0"), E_MALF},
	    {DNS_CSYNC, R("\0\0\0\x01\0\x03\0\x04\x60\0\0\x08"), E_OK},
	    {DNS_CSYNC, R("\0\0\0\x01\0\x03\0\x04\x60\0\0\0"), E_MALF},
	    {DNS_CSYNC, R("\0\0\0\x01\0\x03\0\0"), E_MALF},
	    {DNS_CSYNC, R("\0\0\0\x01\0\x03\0\x02\x60"), E_MALF},
	    {DNS_CSYNC, R("\0\0\0\x01\0\x03\0"), E_MALF},
	    {DNS_CSYNC, R("\0\0\0\x01\0\x03\0\x01\x20\x01\x01\x20"), E_OK},
	    {DNS_CSYNC, R("\0\0\0\x01\0\x03\x01\x01\x20\0\x01\x20"), E_MALF},
	    {DNS_CSYNC, R("\0\0\0\x01\0\x03\0\x01\x20\0\x01\x20"), E_MALF},
	    {DNS_CSYNC, R("\0\0\0\x01\0\x03\0\x21"
		"012345678901234567890123456789012"), E_MALF},
	    {64, R("\0\x01\0"), E_OK}, /* SVCB */
	    {64, R("\0\x01\0\0\x03\0\x02\0\x35"), E_OK},
	    {64, R("\0\x01\0\0\x03\0\x02\0\x35\0\x01\0\0"), E_MALF},
	    {64, R("\0\x01\0\0\x03\0\x03\0\x35"), E_MALF},
	    {45, R("\x0a\x03\x02\x01" "g\0key"), E_OK}, /* IPSECKEY */
	    {45, R("\x0a\x04\x02\x01" "g\0key"), E_MALF},
	    {42, R("\0\x01\x18\x03\xc0\0\x02"), E_OK}, /* APL */
	    {42, R("\0\x01\x18\x04\xc0\0\x02"), E_MALF},
	    {65282, R(""), E_OK},
	    {65282, R("anything"), E_OK},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *exact = malloc(cases[i].len + 1u);
		assert_non_null(exact);
		memcpy(exact, cases[i].rdata, cases[i].len);
		int got = rdata_check(cases[i].type, exact, cases[i].len);
		if (got != cases[i].want) {
			fail_msg("case %zu, type %u", i, cases[i].type);
		}
		free(exact);
	}
}

static void
test_text(void **state)
{
	static const struct {
		uint16_t type;
		const char *in, *out; /* NULL: refused, or the same */
	} cases[] = {
	    {DNS_NS, "ns1", "ns1.zone.example."},
	    {DNS_NS, "@", "zone.example."},
	    {DNS_NS, "ns1.other.", "ns1.other."},
	    {DNS_NS, "ns1. ; a remark", "ns1."},
	    {DNS_NS, "ns1.\n$INCLUDE /etc/passwd", NULL},
	    {DNS_NS, "ns1.\r", NULL},
	    {DNS_NS, "ns1. ns2.", NULL},
	    {DNS_NS, "(ns1.)", "ns1."},
	    {DNS_NS, "(ns1.", NULL},
	    {DNS_NS, "", NULL},
	    {DNS_NS, "a..b.", NULL},
	    {DNS_NS, "\\# 3 016100", "a."},
	    {DNS_NS, "\\# 3 016101", NULL},
	    {DNS_DNSKEY, "256 3 15 zRSzf5VulTGU/3+3Oz2B3MVh1hp1OAlLfD4aZD7l86o=",
		"256 3 15 zRSzf5VulTGU/3+3Oz2B3MVh1hp1OAlLfD4aZD7l86o="},
	    {DNS_DNSKEY, "256 3 15", NULL},
	    {DNS_CDS, "0 0 0 00", "0 0 0 00"},
	    {DNS_CDS, "12345 13 2 00", NULL},
	    {DNS_CDNSKEY, "0 3 0 AA==", "0 3 0 AA=="},
	    {DNS_CSYNC, "66 3 A NS AAAA", "66 3 A NS AAAA"},
	    {DNS_CSYNC, "66 3", "66 3"},
	    {DNS_CSYNC, "66 3 A TYPE10 TYPE257", "66 3 A TYPE10 TYPE257"},
	    {DNS_KEY, "512 3 15 zRSzf5VulTGU/3+3Oz2B3MVh1hp1OAlLfD4aZD7l86o=",
		"512 3 15 zRSzf5VulTGU/3+3Oz2B3MVh1hp1OAlLfD4aZD7l86o="},
	    {65282, "\\# 3 010203", "\\# 3 010203"},
	    {65282, "\\# 0", "\\# 0"},
	    {65282, "\\# 3 0102", NULL},
	    {65282, "hello", NULL},
	    {66, "\\# 4 003b0100", "\\# 4 003B0100"},
	    {DNS_TXT, "\"a;b\" c", "\"a;b\" \"c\""},
	    {DNS_A, "192.0.2.1", "192.0.2.1"},
	    {DNS_A, "192.0.2.1 192.0.2.2", NULL},
	};
	uint8_t rdata[65535], again[65535];
	char text[2048];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int n = from_str(cases[i].type, cases[i].in, rdata);
		if (cases[i].out == NULL) {
			if (n != E_MALF) {
				fail_msg("taken: %s", cases[i].in);
			}
			continue;
		}
		if (n < 0) {
			fail_msg("refused: %s", cases[i].in);
		}
		int t = rdata_to_str(cases[i].type, rdata, (uint16_t)n, text,
		    sizeof(text));
		assert_true(t >= 0);
		assert_int_equal(t, strlen(text));
		assert_string_equal(text, cases[i].out);
		int m = from_str(cases[i].type, text, again);
		assert_int_equal(n, m);
		assert_memory_equal(rdata, again, (size_t)n);
		for (int cap = 0; cap <= t; cap++) {
			assert_int_equal(rdata_to_str(cases[i].type, rdata,
				(uint16_t)n, text, (size_t)cap), E_SPACE);
		}
	}
	/* stored while no check was on: shown in the general form */
	int n = rdata_to_str(DNS_NS, (const uint8_t *)"\x05zz", 3, text,
	    sizeof(text));
	assert_true(n > 0);
	assert_string_equal(text, "\\# 3 057A7A");
	assert_int_equal(rdata_from_str(DNS_A, "192.0.2.1", zone, rdata, 3),
	    E_SPACE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_order_and_duplicates),
	    cmocka_unit_test(test_names_without_case),
	    cmocka_unit_test(test_merge_and_copy),
	    cmocka_unit_test(test_encode),
	    cmocka_unit_test(test_check),
	    cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
