/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/dns_pack.h"
#include "tests/lib/dns_build.h"

static const uint8_t zone[] = "\x04zone\x07" "example";
static uint8_t mem[DNS_MSG_MAX], before[DNS_MSG_MAX], rr_buf[BUILD_RR_MAX];

/* A record that comes back from the message must be the one that went in. */
static void
expect(struct dns_walk *w, const char *text)
{
	static uint8_t name[NAME_MAX_LEN], rdata[DNS_MSG_MAX];
	struct dns_rr rr;
	size_t len = build_rr(rr_buf, text), n = name_len(rr_buf);

	assert_int_equal(dns_walk_next(w, &rr), E_OK);
	assert_int_equal(
	    name_from_msg(w->msg, w->len, rr.owner, name, NULL), n);
	assert_memory_equal(name, rr_buf, n); /* letter case too */
	assert_int_equal(rr.type, get_be16(rr_buf + n));
	assert_int_equal(rr.ttl, get_be32(rr_buf + n + 4));
	int rl = dns_rdata_expand(w->msg, w->len, &rr, false, rdata,
	    sizeof(rdata));
	assert_int_equal(rl, len - n - DNS_RR_FIXED);
	assert_memory_equal(rdata, rr_buf + n + DNS_RR_FIXED, (size_t)rl);
}

static void
test_case_and_compression(void **state)
{
	static const struct {
		const char *text;
		size_t octets; /* in the message */
	} t[] = {
	    {"zone.example. 1 NS ns.zone.example.", 2 + 10 + 5},
	    {"Zone.example. 1 NS ns.zone.example.", 5 + 2 + 10 + 2},
	    {"ns.zone.example. 1 A 192.0.2.1", 2 + 10 + 4},
	    {"zone.example. 1 MX 5 ns.zone.example.", 2 + 10 + 2 + 2},
	    /* RFC 3597 4: not in types newer than RFC 1035 */
	    {"zone.example. 1 SRV 1 2 3 ns.zone.example.", 2 + 10 + 6 + 17},
	    {"zone.example. 1 SOA ns.zone.example. . 1 2 3 4 5",
	        2 + 10 + 2 + 1 + 20},
	    {". 1 TXT \"x\"", 1 + 10 + 2},
	};
	struct dns_pack p;
	struct dns_walk w;

	(void)state;
	dns_pack_init(&p, mem, sizeof(mem), 7, DNS_FLAG_QR);
	assert_int_equal(dns_pack_question(&p, zone, DNS_AXFR, DNS_IN), E_OK);
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		size_t len = p.len;
		assert_int_equal(build_pack(&p, t[i].text), E_OK);
		assert_int_equal(p.len - len, t[i].octets);
	}
	size_t len = dns_pack_finish(&p);
	assert_int_equal(dns_walk_init(&w, mem, len), E_OK);
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		expect(&w, t[i].text);
	}
}

static const char *
random_record(uint32_t *seed, char text[256])
{
	static const char *const owners[] = {"zone.example.", "a.zone.example.",
	    "A.zone.example.", "b.a.zone.example.", "example.", ".",
	    "long-label-of-a-name.b.A.ZONE.example."};
	static const char *const kinds[] = {"NS %s", "MX 1 %s", "CNAME %s",
	    "PTR %s", "SRV 1 1 1 %s", "SOA %s x.example. 1 2 3 4 5",
	    "RP %s .", "DNAME %s"};
	char kind[64];

	(void)snprintf(kind, sizeof(kind), "%%s %%u %s",
	    kinds[build_random(seed) % 8]);
	/* the formats are ours, all with these three */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(text, 256, kind, owners[build_random(seed) % 7],
	    build_random(seed) % 1000, owners[build_random(seed) % 7]);
#pragma GCC diagnostic pop
	return text;
}

static void
test_random_round_trips(void **state)
{
	uint32_t seed = 42;

	(void)state;
	for (unsigned round = 0; round < 50; round++) {
		static char texts[200][256];
		struct dns_pack p;
		struct dns_walk w;
		unsigned n = 0, skipped = 0;
		size_t cap = 100 + build_random(&seed) % 3000;
		dns_pack_init(&p, mem, cap, 0, 0);
		assert_int_equal(
		    dns_pack_question(&p, zone, DNS_IXFR, DNS_IN), E_OK);
		/* goes on after one that did not fit: smaller ones may */
		for (unsigned i = 0; i < 200 && skipped < 3; i++) {
			size_t len = p.len;
			memcpy(before, mem, len);
			int ret = build_pack(&p, random_record(&seed, texts[n]));
			if (ret == E_OK) {
				n++;
				continue;
			}
			assert_int_equal(ret, E_SPACE);
			assert_int_equal(p.len, len);
			assert_memory_equal(mem, before, len);
			skipped++;
		}
		size_t len = dns_pack_finish(&p);
		assert_true(len <= cap);
		assert_int_equal(dns_walk_init(&w, mem, len), E_OK);
		for (unsigned i = 0; i < n; i++) {
			expect(&w, texts[i]);
		}
		struct dns_rr rr;
		assert_int_equal(dns_walk_next(&w, &rr), E_DONE);
	}
}

/* More names than the table has slots, and offsets no pointer can name. */
static void
test_large(void **state)
{
	struct dns_pack p;
	struct dns_walk w;
	char text[64];
	unsigned n = 0;

	(void)state;
	dns_pack_init(&p, mem, 1u << 20, 0, 0);
	assert_int_equal(p.cap, DNS_MSG_MAX);
	for (;; n++) {
		(void)snprintf(text, sizeof(text), "h%u.zone.example. 1 NS n%u.",
		    n, n);
		if (build_pack(&p, text) != E_OK) {
			break;
		}
	}
	assert_true(n > 1500);
	assert_int_equal(dns_walk_init(&w, mem, dns_pack_finish(&p)), E_OK);
	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(text, sizeof(text), "h%u.zone.example. 1 NS n%u.",
		    i, i);
		expect(&w, text);
	}
}

static void
test_sections(void **state)
{
	struct dns_pack p;
	struct dns_walk w;
	struct dns_rr rr;
	static const uint8_t option[] = {0, 10, 0, 1, 9};

	(void)state;
	dns_pack_init(&p, mem, 512, 1, 0);
	assert_int_equal(build_pack(&p, "a. 1 A 192.0.2.1"), E_OK);
	dns_pack_section(&p, 3);
	dns_pack_section(&p, 2); /* never back */
	assert_int_equal(build_pack(&p, "b. 1 A 192.0.2.1"), E_OK);
	assert_int_equal(dns_pack_opt(&p, 1232, 1, true, option, 5), E_OK);
	assert_int_equal(dns_walk_init(&w, mem, dns_pack_finish(&p)), E_OK);
	assert_int_equal(w.h.count[0], 0);
	assert_int_equal(w.h.count[1], 1);
	assert_int_equal(w.h.count[2], 0);
	assert_int_equal(w.h.count[3], 2);
	assert_int_equal(dns_walk_next(&w, &rr), E_OK);
	assert_int_equal(dns_walk_next(&w, &rr), E_OK);
	assert_int_equal(dns_walk_next(&w, &rr), E_OK);
	assert_int_equal(rr.type, DNS_OPT);
	assert_int_equal(rr.class, 1232);
	assert_int_equal(rr.ttl, 0x01008000);
	assert_int_equal(rr.rdlen, 5);
}

static void
test_rdata_that_is_not(void **state)
{
	static const struct {
		uint16_t type, len;
		const char *rdata;
	} t[] = {{15, 0, NULL}, {15, 1, "x"}, {DNS_NS, 0, NULL},
	    {DNS_NS, 2, "\x05x"}, {DNS_SOA, 3, "\0\0\x01"}, {DNS_A, 0, NULL}};
	struct dns_pack p;
	struct dns_walk w;
	struct dns_rr rr;

	(void)state;
	dns_pack_init(&p, mem, 512, 1, 0);
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		assert_int_equal(dns_pack_rr(&p, zone, t[i].type, DNS_NONE, 0,
		    (const uint8_t *)t[i].rdata, t[i].len), E_OK);
	}
	assert_int_equal(dns_walk_init(&w, mem, dns_pack_finish(&p)), E_OK);
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		assert_int_equal(dns_walk_next(&w, &rr), E_OK);
		assert_int_equal(rr.rdlen, t[i].len);
	}
}

static void
test_no_room(void **state)
{
	struct dns_pack p;
	size_t need = DNS_HEADER_LEN + sizeof(zone) + 4;

	(void)state;
	for (size_t cap = DNS_HEADER_LEN; cap < need; cap++) {
		dns_pack_init(&p, mem, cap, 1, 0);
		assert_int_equal(
		    dns_pack_question(&p, zone, DNS_SOA, DNS_IN), E_SPACE);
		assert_int_equal(dns_pack_finish(&p), DNS_HEADER_LEN);
	}
	dns_pack_init(&p, mem, need, 1, 0);
	assert_int_equal(dns_pack_question(&p, zone, DNS_SOA, DNS_IN), E_OK);
	assert_int_equal(dns_pack_finish(&p), need);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_case_and_compression),
	    cmocka_unit_test(test_random_round_trips),
	    cmocka_unit_test(test_large),
	    cmocka_unit_test(test_sections),
	    cmocka_unit_test(test_rdata_that_is_not),
	    cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
