/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/dns_wire.h"
#include "tests/lib/dns_build.h"

static const uint8_t zone[] = "\x04zone\x07" "Example";
static uint8_t buf[DNS_MSG_MAX], copy[DNS_MSG_MAX];
static uint8_t ra[BUILD_RR_MAX], rb[BUILD_RR_MAX];

static const char *const records[] = {
    "zone.example. 3600 SOA ns1.zone.example. Host.zone.example. 1 2 3 4 5",
    "zone.example. 300 NS Ns1.zone.example.",
    "zone.example. 300 MX 10 mail.zone.example.",
    "a.zone.example. 300 A 192.0.2.1",
    "_s._tcp.zone.example. 300 SRV 1 2 3 a.zone.example.",
    "n.zone.example. 300 NAPTR 1 2 \"u\" \"e\" \"!x!\" r.zone.example.",
    "r.zone.example. 300 RP a.zone.example. b.zone.example.",
    "t.zone.example. 300 TXT \"one\" \"two\"",
    "u.zone.example. 300 TYPE65280 \\# 3 010203",
};
#define NRECORDS (sizeof(records) / sizeof(*records))

static size_t
sample(uint8_t *mem)
{
	struct dns_pack p;

	dns_pack_init(&p, mem, DNS_MSG_MAX, 0x1234, DNS_FLAG_QR | DNS_FLAG_AA);
	assert_int_equal(dns_pack_question(&p, zone, DNS_AXFR, DNS_IN), E_OK);
	for (size_t i = 0; i < NRECORDS; i++) {
		if (i == 4) {
			dns_pack_section(&p, 2);
		}
		assert_int_equal(build_pack(&p, records[i]), E_OK);
	}
	assert_int_equal(dns_pack_opt(&p, 1232, 0, true, NULL, 0), E_OK);
	return dns_pack_finish(&p);
}

static void
test_walk(void **state)
{
	struct dns_walk w;
	struct dns_rr rr, flat = {.class = DNS_IN};
	size_t len = sample(buf), n = 0;
	int ret;

	(void)state;
	assert_int_equal(dns_walk_init(&w, buf, len), E_OK);
	assert_int_equal(w.h.id, 0x1234);
	assert_int_equal(w.qtype, DNS_AXFR);
	assert_int_equal(w.qclass, DNS_IN);
	assert_int_equal(w.qname, DNS_HEADER_LEN);
	while ((ret = dns_walk_next(&w, &rr)) == E_OK && n < NRECORDS) {
		/* what stands in the message is the record, compressed */
		size_t rl = build_rr(ra, records[n]);
		flat.type = rr.type;
		flat.rdata = (uint32_t)name_len(ra) + DNS_RR_FIXED;
		flat.rdlen = (uint16_t)(rl - flat.rdata);
		assert_int_equal(rr.section, n < 4 ? 1 : 2);
		assert_true(dns_rr_same(buf, len, &rr, ra, rl, &flat));
		int x = dns_rdata_expand(buf, len, &rr, false, copy,
		    sizeof(copy));
		assert_int_equal(x, flat.rdlen);
		assert_memory_equal(copy, ra + flat.rdata, flat.rdlen);
		for (int cap = 0; cap < x; cap++) {
			assert_int_equal(dns_rdata_expand(buf, len, &rr, false,
			    copy, (size_t)cap), E_SPACE);
		}
		n++;
	}
	assert_int_equal(ret, E_OK);
	assert_int_equal(rr.type, DNS_OPT);
	assert_int_equal(rr.section, 3);
	assert_int_equal(dns_walk_next(&w, &rr), E_DONE);
}

/* Walks all, with all that can be done to a record; the last code. */
static int
walk_all(const uint8_t *msg, size_t len)
{
	static const struct dns_hash_key key = {1, 2};
	struct dns_walk w;
	struct dns_rr rr;
	uint64_t hash;
	int ret = dns_walk_init(&w, msg, len);

	while (ret == E_OK && (ret = dns_walk_next(&w, &rr)) == E_OK) {
		(void)dns_rr_hash(&key, msg, len, &rr, &hash);
	}
	return ret;
}

static void
test_every_truncation(void **state)
{
	size_t len = sample(buf);

	(void)state;
	assert_int_equal(walk_all(buf, len), E_DONE);
	for (size_t n = 0; n < len; n++) {
		uint8_t *exact = malloc(n + 1);
		assert_non_null(exact);
		memcpy(exact, buf, n);
		assert_int_equal(walk_all(exact, n), E_MALF);
		free(exact);
	}
	buf[len] = 0;
	assert_int_equal(walk_all(buf, len + 1), E_MALF);
	assert_int_equal(walk_all(buf, DNS_MSG_MAX + 1), E_MALF);
}

static void
test_question_counts(void **state)
{
	struct dns_walk w;
	struct dns_rr rr;
	uint8_t m[DNS_HEADER_LEN] = {0};

	(void)state;
	assert_int_equal(dns_walk_init(&w, m, sizeof(m)), E_OK);
	assert_int_equal(w.qname, 0);
	assert_int_equal(dns_walk_next(&w, &rr), E_DONE);
	m[5] = 1;
	assert_int_equal(dns_walk_init(&w, m, sizeof(m)), E_MALF);
	size_t len = sample(buf);
	buf[5] = 2;
	assert_int_equal(dns_walk_init(&w, buf, len), E_MALF);
}

/* rdata as it stands behind a root owner in a message of its own */
static int
expand(uint16_t type, uint16_t class, const char *rdata, size_t n)
{
	struct dns_rr rr = {.owner = 12, .rdata = 23, .type = type,
	    .class = class, .rdlen = (uint16_t)n};

	memset(buf, 0, 23);
	memcpy(buf + 23, rdata, n);
	return dns_rdata_expand(buf, 23 + n, &rr, true, copy, sizeof(copy));
}

static void
test_rdata_forms(void **state)
{
	static const struct {
		uint16_t type;
		const char *rdata;
		size_t len;
		int want;
	} t[] = {
	    {DNS_NS, "\x01" "A", 3, 3},
	    {DNS_NS, "\x01" "A", 2, E_MALF},   /* runs out of the RDATA */
	    {DNS_NS, "\x01" "A\0" "x", 4, E_MALF}, /* more behind */
	    {DNS_NS, "", 0, E_MALF},
	    {DNS_NS, "\xc0\x0c", 2, 1},        /* the root owner */
	    {DNS_NS, "\xc0\x00", 2, E_MALF},
	    {DNS_NS, "\xc0\x17", 2, E_MALF},   /* itself */
	    {15, "\0", 1, E_MALF},
	    {15, "\0\x0a\0", 3, 3},
	    {33, "\0\0\0\0\0", 5, E_MALF},
	    {33, "\0\0\0\0\0\0\0", 7, 7},
	    {35, "\0\0\0\0\x01u\x01s\0\0", 10, 10},
	    {35, "\0\0\0\0\x01u\x01s\x05\0", 10, E_MALF},
	    {35, "\0\0\0\0", 4, E_MALF},
	    {DNS_RRSIG, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 19, 19},
	    {DNS_RRSIG, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 18, E_MALF},
	    {DNS_SOA, "\0\0" "1234" "1234" "1234" "1234" "1234", 22, 22},
	    {DNS_SOA, "\0\0" "1234" "1234" "1234" "1234" "123", 21, E_MALF},
	    {DNS_A, "", 0, 0}, /* no names: passed as it is */
	    {65280, "\xc0\xff", 2, 2},
	    {DNS_NSEC, "\x01" "A\0", 3, 3},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		assert_int_equal(expand(t[i].type, DNS_IN, t[i].rdata,
		    t[i].len), t[i].want);
	}
	/* RFC 6840 5.1: NSEC's is not lowered; NS's is */
	assert_int_equal(copy[1], 'A');
	assert_int_equal(expand(DNS_NS, DNS_IN, "\x01" "A", 3), 3);
	assert_int_equal(copy[1], 'a');
	/* RFC 2136 2.5.2: no RDATA */
	assert_int_equal(expand(DNS_NS, DNS_ANY_CLASS, "", 0), 0);
	assert_int_equal(expand(DNS_NS, DNS_NONE, "\x01", 1), E_MALF);
}

static void
test_same_and_hash(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} t[] = {
	    {"a.b. 1 NS X.y.", "A.B. 2 NS x.Y.", true},
	    {"a.b. 1 TXT X", "a.b. 1 TXT x", false},
	    {"a.b. 1 A 192.0.2.1", "a.b. 1 A 192.0.2.2", false},
	    {"a.b. 1 A 192.0.2.1", "b.b. 1 A 192.0.2.1", false},
	    {"a.b. 1 TYPE700 \\# 1 61", "a.b. 1 TYPE701 \\# 1 61", false},
	    {"a.b. 1 SRV 1 1 1 X.", "a.b. 1 SRV 1 1 1 x.", true},
	};
	static const struct dns_hash_key k1 = {1, 2}, k2 = {1, 3};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct dns_rr a = {0}, b = {0};
		uint64_t ha, hb, other;
		size_t al = build_rr(ra, t[i].a), bl = build_rr(rb, t[i].b);
		a.type = get_be16(ra + name_len(ra));
		b.type = get_be16(rb + name_len(rb));
		a.class = b.class = DNS_IN;
		a.rdata = (uint32_t)name_len(ra) + DNS_RR_FIXED;
		b.rdata = (uint32_t)name_len(rb) + DNS_RR_FIXED;
		a.rdlen = (uint16_t)(al - a.rdata);
		b.rdlen = (uint16_t)(bl - b.rdata);
		assert_int_equal(dns_rr_same(ra, al, &a, rb, bl, &b),
		    t[i].same);
		assert_int_equal(dns_rr_hash(&k1, ra, al, &a, &ha), E_OK);
		assert_int_equal(dns_rr_hash(&k1, rb, bl, &b, &hb), E_OK);
		assert_int_equal(dns_rr_hash(&k2, ra, al, &a, &other), E_OK);
		assert_int_equal(ha == hb, t[i].same);
		assert_true(ha != other);
	}
}

static void
test_siphash_lengths(void **state)
{
	static const struct dns_hash_key key = {0x0706050403020100ULL,
	    0x0f0e0d0c0b0a0908ULL};
	uint64_t seen[20];
	uint8_t data[20];

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		data[i] = (uint8_t)i;
	}
	for (unsigned n = 0; n < 20; n++) {
		seen[n] = dns_hash(&key, data, n);
		for (unsigned k = 0; k < n; k++) {
			assert_true(seen[k] != seen[n]);
		}
	}
}

static void
test_soa(void **state)
{
	struct dns_soa soa;
	size_t len = build_rr(ra, records[0]);
	const uint8_t *rdata = ra + name_len(ra) + DNS_RR_FIXED;
	size_t n = len - (size_t)(rdata - ra);

	(void)state;
	assert_int_equal(dns_soa_read(rdata, n, &soa), E_OK);
	assert_int_equal(soa.serial, 1);
	assert_int_equal(soa.minimum, 5);
	assert_int_equal(dns_soa_numbers(rdata, n), n - 20);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(dns_soa_read(rdata, i, &soa), E_MALF);
	}
	assert_int_equal(dns_soa_read(rdata, n + 1, &soa), E_MALF);
}

static void
test_serials(void **state)
{
	static const struct {
		uint32_t a, b;
		bool gt;
	} t[] = {
	    {1, 0, true},
	    {0, 4294967295u, true},
	    {100, 4294967200u, true},
	    {4294967295u, 0, false},
	    {2147483648u, 0, false},
	    {0, 2147483648u, false},
	    {2147483647u, 0, true},
	    {7, 7, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		assert_int_equal(serial_gt(t[i].a, t[i].b), t[i].gt);
	}
}

static void
test_type_text(void **state)
{
	uint16_t type;

	(void)state;
	assert_string_equal(dns_type_str(DNS_CDNSKEY), "CDNSKEY");
	assert_string_equal(dns_type_str(65535), "TYPE65535");
	assert_int_equal(dns_type_from_str("CSYNC", &type), E_OK);
	assert_int_equal(type, DNS_CSYNC);
	assert_int_equal(dns_type_from_str("TYPE65280", &type), E_OK);
	assert_int_equal(type, 65280);
	assert_int_equal(dns_type_from_str("NO-SUCH", &type), E_NOENT);
	assert_string_equal(dns_rcode_str(DNS_REFUSED), "REFUSED");
	assert_string_equal(dns_rcode_str(4095), "unknown RCODE");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_walk),
	    cmocka_unit_test(test_every_truncation),
	    cmocka_unit_test(test_question_counts),
	    cmocka_unit_test(test_rdata_forms),
	    cmocka_unit_test(test_same_and_hash),
	    cmocka_unit_test(test_siphash_lengths),
	    cmocka_unit_test(test_soa),
	    cmocka_unit_test(test_serials),
	    cmocka_unit_test(test_type_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
