/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spec/combiner.md 3: the worked example, and the tables row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "combiner/update.h"
#include "common/dns_pack.h"
#include "common/errcode.h"

static const uint8_t zone[] = "\x04zone\x07" "example";
static const uint8_t www[] = "\x03www\x04Zone\x07" "example";
static const uint8_t other[] = "\x04zone\x03org";
static const uint8_t root[] = "";

/* The example up to its TSIG, AD count 0. */
static const uint8_t example[] = {
	0x63, 0x6f, 0x28, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00,
	0x04, 0x7a, 0x6f, 0x6e, 0x65, 0x07, 0x65, 0x78, 0x61, 0x6d, 0x70, 0x6c,
	0x65, 0x00, 0x00, 0x06, 0x00, 0x01,
	0x04, 0x7a, 0x6f, 0x6e, 0x65, 0x07, 0x65, 0x78, 0x61, 0x6d, 0x70, 0x6c,
	0x65, 0x00, 0x00, 0x30, 0x00, 0xff, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x04, 0x7a, 0x6f, 0x6e, 0x65, 0x07, 0x65, 0x78, 0x61, 0x6d, 0x70, 0x6c,
	0x65, 0x00, 0x00, 0x30, 0x00, 0x01, 0x00, 0x00, 0x0e, 0x10, 0x00, 0x24,
	0x01, 0x00, 0x03, 0x0f, 0xcd, 0x14, 0xb3, 0x7f, 0x95, 0x6e, 0x95, 0x31,
	0x94, 0xff, 0x7f, 0xb7, 0x3b, 0x3d, 0x81, 0xdc, 0xc5, 0x61, 0xd6, 0x1a,
	0x75, 0x38, 0x09, 0x4b, 0x7c, 0x3e, 0x1a, 0x64, 0x3e, 0xe5, 0xf3, 0xaa,
};

#define KEY_OLD "256 3 15 AAAA"
#define KEY_NEW "256 3 15 BBBB"
#define CSYNC_A "1 3 NS"
#define CSYNC_B "2 3 NS"

static void
put(struct apex *a, uint16_t type, uint32_t ttl, const char *text)
{
	uint8_t rdata[1024];
	int n = rdata_from_str(type, text, root, rdata, sizeof(rdata));

	assert_true(n >= 0);
	apex_edit(a, type)->ttl = ttl;
	assert_int_equal(
	    rrset_add(apex_edit(a, type), rdata, (uint16_t)n), E_OK);
}

/* What the source holds before each case. */
static struct apex *
held(void)
{
	struct apex *a = apex_new();

	assert_non_null(a);
	put(a, DNS_DNSKEY, 300, KEY_OLD);
	put(a, DNS_NS, 600, "a.");
	put(a, DNS_NS, 600, "b.");
	return a;
}

static void
test_example(void **state)
{
	struct apex *a = held();
	struct update u;
	const char *why;
	uint16_t len;

	(void)state;
	assert_int_equal(sizeof(example), 114);
	assert_int_equal(update_decode(example, sizeof(example), &u, &why),
	    E_OK);
	assert_true(u.has_zone);
	assert_memory_equal(u.zone, zone, sizeof(zone));
	assert_int_equal(u.nprereq, 0);
	assert_int_equal(u.nupdate, 2);
	struct guard g = {.is_on = true, .source = "msa"};
	assert_int_equal(update_apply(&u, a, &g, &why), E_OK);
	const struct rrset *s = apex_get(a, DNS_DNSKEY);
	assert_int_equal(s->count, 1);
	assert_int_equal(s->ttl, 3600);
	assert_memory_equal(rrset_rdata(s, 0, &len), example + 78, 36);
	assert_int_equal(len, 36);
	assert_int_equal(apex_get(a, DNS_NS)->count, 2);
	apex_unref(a);
}

static void
test_truncated(void **state)
{
	(void)state;
	for (size_t cut = 0; cut < sizeof(example); cut++) {
		uint8_t *exact = malloc(cut + 1);
		struct update u;
		const char *why = NULL;
		assert_non_null(exact);
		memcpy(exact, example, cut);
		assert_int_equal(update_decode(exact, cut, &u, &why),
		    DNS_FORMERR);
		assert_non_null(why);
		assert_true(u.has_zone == (cut >= 30));
		free(exact);
	}
	uint8_t longer[sizeof(example) + 1] = {0};
	struct update u;
	const char *why = NULL;
	memcpy(longer, example, sizeof(example));
	assert_int_equal(update_decode(longer, sizeof(longer), &u, &why),
	    DNS_FORMERR);
}

static void
test_zone_section(void **state)
{
	uint8_t msg[sizeof(example)];
	struct update u;
	const char *why = NULL;

	(void)state;
	memcpy(msg, example, sizeof(msg));
	msg[5] = 0; /* no zone */
	assert_int_equal(update_decode(msg, sizeof(msg), &u, &why),
	    DNS_FORMERR);
	msg[5] = 2;
	assert_int_equal(update_decode(msg, sizeof(msg), &u, &why),
	    DNS_FORMERR);
	msg[5] = 1;
	msg[27] = 1; /* ZTYPE A */
	assert_int_equal(update_decode(msg, sizeof(msg), &u, &why),
	    DNS_FORMERR);
	assert_false(u.has_zone);
	msg[27] = 6;
	msg[29] = 3; /* class CH: not ours */
	assert_int_equal(update_decode(msg, sizeof(msg), &u, &why),
	    DNS_NOTAUTH);
	msg[29] = 1;
	msg[13] = 'Z'; /* case does not matter */
	assert_int_equal(update_decode(msg, sizeof(msg), &u, &why), E_OK);
	assert_memory_equal(u.zone, zone, sizeof(zone));
}

struct rr {
	uint16_t type, class;
	uint32_t ttl;
	const char *rdata; /* text; NULL: RDLENGTH 0; "=…": these octets */
	const uint8_t *owner; /* NULL: the apex */
};

struct update_case {
	const char *name;
	struct rr prereq[3], update[6]; /* ended by type 0 */
	int decode, apply; /* E_OK or RCODE */
	/* after it, in text; NULL: as before */
	struct rr after[6];
};

static void
put_rr(struct dns_pack *p, const struct rr *rr)
{
	uint8_t rdata[1024];
	int n = 0;

	if (rr->rdata != NULL && rr->rdata[0] == '=') {
		n = (int)strlen(rr->rdata + 1);
		memcpy(rdata, rr->rdata + 1, (size_t)n);
	} else if (rr->rdata != NULL) {
		n = rdata_from_str(rr->type, rr->rdata, root, rdata,
		    sizeof(rdata));
	}
	assert_true(n >= 0);
	assert_int_equal(dns_pack_rr(p, rr->owner != NULL ? rr->owner : zone,
		rr->type, rr->class, rr->ttl, rdata, (uint16_t)n), E_OK);
}

static size_t
build(const struct update_case *c, uint8_t msg[4096])
{
	struct dns_pack p;

	dns_pack_init(&p, msg, 4096, 1, DNS_UPDATE << 11);
	assert_int_equal(dns_pack_question(&p, zone, DNS_SOA, DNS_IN), E_OK);
	for (size_t i = 0; i < 3 && c->prereq[i].class != 0; i++) {
		put_rr(&p, &c->prereq[i]);
	}
	dns_pack_section(&p, 2);
	for (size_t i = 0; i < 6 && c->update[i].class != 0; i++) {
		put_rr(&p, &c->update[i]);
	}
	return dns_pack_finish(&p);
}

#define IN DNS_IN
#define NONE DNS_NONE
#define ANYC DNS_ANY_CLASS
#define ADD_KEY {DNS_DNSKEY, IN, 60, KEY_NEW, NULL}
#define AFTER_ADD {{DNS_DNSKEY, IN, 60, KEY_OLD, NULL}, \
    {DNS_DNSKEY, IN, 60, KEY_NEW, NULL}, {DNS_NS, IN, 600, "a.", NULL}, \
    {DNS_NS, IN, 600, "b.", NULL}}

static const struct update_case cases[] = {
    /* effects, spec 3 first table */
    {"nothing", {{0}}, {{0}}, E_OK, E_OK, {{0}}},
    {"add", {{0}}, {ADD_KEY}, E_OK, E_OK, AFTER_ADD},
    {"add what is there: the TTL changes", {{0}},
	{{DNS_DNSKEY, IN, 60, KEY_OLD, NULL}}, E_OK, E_OK,
	{{DNS_DNSKEY, IN, 60, KEY_OLD, NULL}, {DNS_NS, IN, 600, "a.", NULL},
	    {DNS_NS, IN, 600, "b.", NULL}}},
    {"TTL with the top bit", {{0}},
	{{DNS_DNSKEY, IN, 0x80000001, KEY_OLD, NULL}}, E_OK, E_OK,
	{{DNS_DNSKEY, IN, 0, KEY_OLD, NULL}, {DNS_NS, IN, 600, "a.", NULL},
	    {DNS_NS, IN, 600, "b.", NULL}}},
    {"delete RRset, NS of the apex too", {{0}},
	{{DNS_NS, ANYC, 0, NULL, NULL}}, E_OK, E_OK,
	{{DNS_DNSKEY, IN, 300, KEY_OLD, NULL}}},
    {"delete an RRset that is not there", {{0}},
	{{DNS_KEY, ANYC, 0, NULL, NULL}}, E_OK, E_OK, {{0}}},
    {"delete all RRsets", {{0}},
	{{DNS_ANY, ANYC, 0, NULL, NULL}, {DNS_NS, IN, 5, "c.", NULL}}, E_OK,
	E_OK, {{DNS_NS, IN, 5, "c.", NULL}}},
    {"delete RR, other case", {{0}}, {{DNS_NS, NONE, 0, "A.", NULL}}, E_OK,
	E_OK,
	{{DNS_DNSKEY, IN, 300, KEY_OLD, NULL}, {DNS_NS, IN, 600, "b.", NULL}}},
    {"delete the last RR", {{0}}, {{DNS_DNSKEY, NONE, 0, KEY_OLD, NULL}}, E_OK,
	E_OK,
	{{DNS_NS, IN, 600, "a.", NULL}, {DNS_NS, IN, 600, "b.", NULL}}},
    {"delete an RR that is not there", {{0}},
	{{DNS_DNSKEY, NONE, 0, KEY_NEW, NULL}}, E_OK, E_OK, {{0}}},
    {"delete RR without RDATA", {{0}}, {{DNS_NS, NONE, 0, NULL, NULL}}, E_OK,
	E_OK, {{0}}},
    {"in order", {{0}},
	{ADD_KEY, {DNS_DNSKEY, ANYC, 0, NULL, NULL},
	    {DNS_DNSKEY, IN, 7, KEY_OLD, NULL},
	    {DNS_NS, ANYC, 0, NULL, NULL}}, E_OK, E_OK,
	{{DNS_DNSKEY, IN, 7, KEY_OLD, NULL}}},
    /* forms, spec 3 second table; RFC 2136 2.5, 3.4.1 */
    {"class CH", {{0}}, {{DNS_NS, 3, 0, "c.", NULL}}, DNS_FORMERR, 0, {{0}}},
    {"class 0", {{0}}, {{DNS_NS, 2, 0, "c.", NULL}}, DNS_FORMERR, 0, {{0}}},
    {"delete RRset with TTL", {{0}}, {{DNS_NS, ANYC, 1, NULL, NULL}},
	DNS_FORMERR, 0, {{0}}},
    {"delete RRset with RDATA", {{0}}, {{DNS_NS, ANYC, 0, "a.", NULL}},
	DNS_FORMERR, 0, {{0}}},
    {"delete RR with TTL", {{0}}, {{DNS_NS, NONE, 1, "a.", NULL}},
	DNS_FORMERR, 0, {{0}}},
    {"delete RR of type ANY", {{0}}, {{DNS_ANY, NONE, 0, NULL, NULL}},
	DNS_FORMERR, 0, {{0}}},
    {"add of type ANY", {{0}}, {{DNS_ANY, IN, 0, "=x", NULL}}, DNS_FORMERR, 0,
	{{0}}},
    {"add of type AXFR", {{0}}, {{DNS_AXFR, IN, 0, "=x", NULL}}, DNS_FORMERR,
	0, {{0}}},
    {"delete of type AXFR", {{0}}, {{DNS_AXFR, ANYC, 0, NULL, NULL}},
	DNS_FORMERR, 0, {{0}}},
    {"add without RDATA", {{0}}, {{DNS_DNSKEY, IN, 0, NULL, NULL}},
	DNS_FORMERR, 0, {{0}}},
    {"NS that is no name", {{0}}, {{DNS_NS, IN, 0, "=\x03zz", NULL}},
	DNS_FORMERR, 0, {{0}}},
    {"form before place", {{0}},
	{{DNS_NS, IN, 0, "c.", www}, {DNS_NS, IN, 0, "=\x03zz", NULL}},
	DNS_FORMERR, 0, {{0}}},
    {"below the apex", {{0}}, {ADD_KEY, {DNS_NS, IN, 0, "c.", www}},
	DNS_REFUSED, 0, {{0}}},
    {"outside the zone", {{0}}, {{DNS_NS, IN, 0, "c.", other}}, DNS_NOTZONE, 0,
	{{0}}},
    {"the parent", {{0}}, {{DNS_NS, IN, 0, "c.", root}}, DNS_NOTZONE, 0,
	{{0}}},
    {"SOA", {{0}}, {{DNS_SOA, IN, 0, "a. b. 1 2 3 4 5", NULL}}, DNS_REFUSED, 0,
	{{0}}},
    {"delete TXT", {{0}}, {{DNS_TXT, ANYC, 0, NULL, NULL}}, DNS_REFUSED, 0,
	{{0}}},
    {"unknown type", {{0}}, {{65282, IN, 0, "=x", NULL}}, DNS_REFUSED, 0,
	{{0}}},
    {"guard: RDATA", {{0}}, {ADD_KEY, {DNS_CDS, IN, 0, "=xxxx", NULL}}, E_OK,
	DNS_REFUSED, {{0}}},
    {"guard: CDS that deletes", {{0}}, {{DNS_CDS, IN, 0, "0 0 0 00", NULL}},
	E_OK, DNS_REFUSED, {{0}}},
    {"guard: CSYNC", {{0}},
	{{DNS_CSYNC, IN, 0, CSYNC_A, NULL}, {DNS_CSYNC, IN, 0, CSYNC_B, NULL}},
	E_OK, DNS_REFUSED, {{0}}},
    /* prerequisites, RFC 2136 2.4, 3.2 */
    {"YXRRSET holds", {{DNS_NS, ANYC, 0, NULL, NULL}}, {ADD_KEY}, E_OK, E_OK,
	AFTER_ADD},
    {"YXRRSET fails", {{DNS_KEY, ANYC, 0, NULL, NULL}}, {ADD_KEY}, E_OK,
	DNS_NXRRSET, {{0}}},
    {"NXRRSET holds", {{DNS_KEY, NONE, 0, NULL, NULL}}, {ADD_KEY}, E_OK, E_OK,
	AFTER_ADD},
    {"NXRRSET fails", {{DNS_NS, NONE, 0, NULL, NULL}}, {ADD_KEY}, E_OK,
	DNS_YXRRSET, {{0}}},
    {"YXDOMAIN holds", {{DNS_ANY, ANYC, 0, NULL, NULL}}, {ADD_KEY}, E_OK, E_OK,
	AFTER_ADD},
    {"NXDOMAIN fails", {{DNS_ANY, NONE, 0, NULL, NULL}}, {ADD_KEY}, E_OK,
	DNS_YXDOMAIN, {{0}}},
    {"value holds",
	{{DNS_NS, IN, 0, "b.", NULL}, {DNS_NS, IN, 0, "A.", NULL},
	    {DNS_DNSKEY, IN, 0, KEY_OLD, NULL}}, {ADD_KEY}, E_OK, E_OK,
	AFTER_ADD},
    {"value: one is missing", {{DNS_NS, IN, 0, "b.", NULL}}, {ADD_KEY}, E_OK,
	DNS_NXRRSET, {{0}}},
    {"value: one too many",
	{{DNS_DNSKEY, IN, 0, KEY_OLD, NULL}, {DNS_DNSKEY, IN, 0, KEY_NEW, NULL}},
	{ADD_KEY}, E_OK, DNS_NXRRSET, {{0}}},
    {"value: no such set", {{DNS_KEY, IN, 0, KEY_OLD, NULL}}, {ADD_KEY}, E_OK,
	DNS_NXRRSET, {{0}}},
    {"prerequisite with TTL", {{DNS_NS, ANYC, 1, NULL, NULL}}, {{0}},
	DNS_FORMERR, 0, {{0}}},
    {"value with TTL", {{DNS_NS, IN, 1, "a.", NULL}}, {{0}}, DNS_FORMERR, 0,
	{{0}}},
    {"YXRRSET with RDATA", {{DNS_NS, ANYC, 0, "a.", NULL}}, {{0}}, DNS_FORMERR,
	0, {{0}}},
    {"NXRRSET with RDATA", {{DNS_NS, NONE, 0, "a.", NULL}}, {{0}}, DNS_FORMERR,
	0, {{0}}},
    {"value without RDATA", {{DNS_DNSKEY, IN, 0, NULL, NULL}}, {{0}},
	DNS_FORMERR, 0, {{0}}},
    {"value of type ANY", {{DNS_ANY, IN, 0, "=x", NULL}}, {{0}}, DNS_FORMERR, 0,
	{{0}}},
    {"prerequisite of class CH", {{DNS_NS, 3, 0, "a.", NULL}}, {{0}},
	DNS_FORMERR, 0, {{0}}},
    {"prerequisite outside", {{DNS_NS, ANYC, 0, NULL, other}}, {{0}},
	DNS_NOTZONE, 0, {{0}}},
    {"prerequisite below", {{DNS_NS, ANYC, 0, NULL, www}}, {{0}}, DNS_REFUSED,
	0, {{0}}},
    {"prerequisite on SOA", {{DNS_SOA, ANYC, 0, NULL, NULL}}, {{0}},
	DNS_REFUSED, 0, {{0}}},
};

static void
run_case(const struct update_case *c, const uint8_t *msg, size_t len)
{
	struct guard g = {.is_on = true, .source = "msa"};
	struct apex *a = held();
	struct apex *want = c->after[0].class == 0 ? held() : apex_new();
	const char *why = NULL;
	struct update u;

	for (size_t i = 0; i < 6 && c->after[i].class != 0; i++) {
		put(want, c->after[i].type, c->after[i].ttl, c->after[i].rdata);
	}
	int r = update_decode(msg, len, &u, &why);
	if (r != c->decode) {
		fail_msg("%s: decode says %d (%s)", c->name, r, why);
	}
	assert_true((why != NULL) == (r != E_OK));
	if (r == E_OK) {
		r = update_apply(&u, a, &g, &why);
		if (r != c->apply) {
			fail_msg("%s: apply says %d (%s)", c->name, r, why);
		}
		assert_true((why != NULL) == (r != E_OK));
		if (r == E_OK && !apex_equal(a, want)) {
			fail_msg("%s: other sets", c->name);
		}
	}
	apex_unref(a);
	apex_unref(want);
}

static void
test_table(void **state)
{
	uint8_t msg[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = build(&cases[i], msg);
		uint8_t *exact = malloc(len);
		assert_non_null(exact);
		memcpy(exact, msg, len);
		run_case(&cases[i], exact, len);
		/* no octet of it can be missing */
		for (size_t cut = 0; cut < len; cut++) {
			uint8_t *part = malloc(cut + 1);
			struct update u;
			const char *why;
			assert_non_null(part);
			memcpy(part, msg, cut);
			assert_true(update_decode(part, cut, &u, &why) > 0);
			free(part);
		}
		free(exact);
	}
}

/* A store that is empty, and RFC 2136 3.2's "name is not in use". */
static void
test_empty_store(void **state)
{
	static const struct {
		struct rr prereq;
		int want;
	} rows[] = {
	    {{DNS_ANY, ANYC, 0, NULL, NULL}, DNS_NXDOMAIN},
	    {{DNS_ANY, NONE, 0, NULL, NULL}, E_OK},
	    {{DNS_NS, ANYC, 0, NULL, NULL}, DNS_NXRRSET},
	    {{DNS_NS, NONE, 0, NULL, NULL}, E_OK},
	    {{DNS_NS, IN, 0, "a.", NULL}, DNS_NXRRSET},
	};
	uint8_t msg[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct update_case c = {.update = {ADD_KEY}};
		struct apex *a = apex_new();
		struct update u;
		const char *why;
		c.prereq[0] = rows[i].prereq;
		size_t len = build(&c, msg);
		assert_int_equal(update_decode(msg, len, &u, &why), E_OK);
		assert_int_equal(update_apply(&u, a, NULL, &why),
		    rows[i].want);
		assert_true((apex_get(a, DNS_DNSKEY) != NULL) ==
		    (rows[i].want == E_OK));
		apex_unref(a);
	}
}

/* nsupdate compresses names inside NS (RFC 3597 4 allows it). */
static void
test_compressed(void **state)
{
	static const uint8_t tail[] = {0xc0, 12, 0, DNS_NS, 0, 1, 0, 0, 0, 60,
	    0, 6, 3, 'n', 's', '1', 0xc0, 12};
	static const uint8_t ns1[] = "\x03ns1\x04zone\x07" "example";
	uint8_t msg[30 + sizeof(tail)];
	struct apex *a = apex_new();
	struct update u;
	const char *why;
	uint16_t len;

	(void)state;
	memcpy(msg, example, 30);
	memcpy(msg + 30, tail, sizeof(tail));
	msg[9] = 1;
	assert_int_equal(update_decode(msg, sizeof(msg), &u, &why), E_OK);
	assert_int_equal(update_apply(&u, a, NULL, &why), E_OK);
	const uint8_t *p = rrset_rdata(apex_get(a, DNS_NS), 0, &len);
	assert_int_equal(len, sizeof(ns1));
	assert_memory_equal(p, ns1, len);
	msg[sizeof(msg) - 1] = 49; /* forward: malformed */
	assert_int_equal(update_decode(msg, sizeof(msg), &u, &why),
	    DNS_FORMERR);
	apex_unref(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_example),
	    cmocka_unit_test(test_truncated),
	    cmocka_unit_test(test_zone_section),
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_empty_store),
	    cmocka_unit_test(test_compressed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
