/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "combiner/query.h"
#include "common/errcode.h"

static const uint8_t zone[] = "\x04zone\x07" "example";
static const uint8_t mixed[] = "\x04ZonE\x07" "examPle";
static const uint8_t www[] = "\x03www\x04zone\x07" "example";
static const uint8_t parent[] = "\x07" "example";
/* ns. host. 5 1 2 3 30 */
static const uint8_t soa[] = "\x02ns\0\x04host\0\0\0\0\x05\0\0\0\x01\0\0\0\x02"
    "\0\0\0\x03\0\0\0\x1e";

struct fixture {
	struct apex *sets;
	struct query_view view;
	uint8_t msg[512], mem[REPLY_ROOM];
	struct edns edns;
	struct reply_to to;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	uint8_t rdata[300] = {1, 0, 3, 15};

	assert_non_null(f);
	f->sets = apex_new();
	assert_int_equal(rrset_add(apex_edit(f->sets, DNS_NS), zone,
		sizeof(zone)), E_OK);
	apex_edit(f->sets, DNS_NS)->ttl = 600;
	for (uint8_t i = 0; i < 4; i++) { /* too much for 1232 octets */
		rdata[4] = i;
		assert_int_equal(rrset_add(apex_edit(f->sets, DNS_DNSKEY),
			rdata, sizeof(rdata)), E_OK);
	}
	f->view = (struct query_view){.zone = zone, .soa = soa,
	    .soa_len = sizeof(soa) - 1, .soa_ttl = 3600, .sets = f->sets};
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	apex_unref(f->sets);
	free(f);
	return 0;
}

struct result {
	unsigned flags, count[3]; /* answer, authority, additional */
	uint16_t type;  /* of the first record */
	uint32_t ttl;
};

static struct result
ask(struct fixture *f, const uint8_t *name, uint16_t type, uint16_t class)
{
	struct result res = {0};
	struct dns_pack p;
	struct dns_walk w;
	struct dns_rr rr;

	dns_pack_init(&p, f->msg, sizeof(f->msg), 7, 0);
	assert_int_equal(dns_pack_question(&p, name, type, class), E_OK);
	f->to.msg = f->msg;
	f->to.len = dns_pack_finish(&p);
	f->to.edns = &f->edns;
	size_t n = query_answer(&f->to, &f->view, f->mem);
	assert_int_equal(dns_walk_init(&w, f->mem, n), E_OK);
	assert_int_equal(w.h.id, 7);
	assert_int_equal(w.qtype, type);
	res.flags = w.h.flags;
	for (unsigned i = 0; i < 3; i++) {
		res.count[i] = w.h.count[i + 1];
	}
	if (dns_walk_next(&w, &rr) == E_OK) {
		res.type = rr.type;
		res.ttl = rr.ttl;
	}
	return res;
}

#define FLAGS_OK 0x8400u
#define FLAGS_TC 0x8600u
#define FLAGS_REFUSED 0x8005u

static void
test_table(void **state)
{
	static const struct {
		const uint8_t *name;
		uint16_t type, class;
		struct result want;
	} cases[] = {
	    {zone, DNS_SOA, 1, {FLAGS_OK, {1, 0, 0}, DNS_SOA, 3600}},
	    {mixed, DNS_SOA, 1, {FLAGS_OK, {1, 0, 0}, DNS_SOA, 3600}},
	    {zone, DNS_ANY, 1, {FLAGS_OK, {1, 0, 0}, DNS_SOA, 3600}},
	    {zone, DNS_NS, 1, {FLAGS_OK, {1, 0, 0}, DNS_NS, 600}},
	    {zone, DNS_DNSKEY, 1, {FLAGS_TC, {0, 0, 0}, 0, 0}},
	    /* NODATA: the SOA with its last number as TTL */
	    {zone, DNS_CDS, 1, {FLAGS_OK, {0, 1, 0}, DNS_SOA, 30}},
	    {zone, DNS_TXT, 1, {FLAGS_OK, {0, 1, 0}, DNS_SOA, 30}},
	    {zone, 65282, 1, {FLAGS_OK, {0, 1, 0}, DNS_SOA, 30}},
	    {www, DNS_NS, 1, {FLAGS_REFUSED, {0, 0, 0}, 0, 0}},
	    {parent, DNS_NS, 1, {FLAGS_REFUSED, {0, 0, 0}, 0, 0}},
	    {zone, DNS_NS, 3, {FLAGS_REFUSED, {0, 0, 0}, 0, 0}},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct result got = ask(f, cases[i].name, cases[i].type,
		    cases[i].class);
		if (memcmp(&got, &cases[i].want, sizeof(got)) != 0) {
			fail_msg("case %zu: flags %04x, %u %u", i, got.flags,
			    got.count[0], got.count[1]);
		}
	}
	f->to.proto = DNS_TCP;
	assert_int_equal(ask(f, zone, DNS_DNSKEY, 1).count[0], 4);
}

static void
test_edns(void **state)
{
	struct fixture *f = *state;

	f->edns = (struct edns){.is_there = true, .udp_size = 4096};
	assert_int_equal(ask(f, zone, DNS_NS, 1).count[2], 1);
	struct result r = ask(f, zone, DNS_DNSKEY, 1);
	assert_int_equal(r.flags, FLAGS_TC);
	assert_int_equal(r.count[2], 1);
	r = ask(f, www, DNS_NS, 1);
	assert_int_equal(r.flags, FLAGS_REFUSED);
	assert_int_equal(r.count[2], 1);
}

/* The store of a source before the owner's zone has come. */
static void
test_nothing_published(void **state)
{
	struct fixture *f = *state;
	static const struct result empty = {FLAGS_OK, {0, 0, 0}, 0, 0};

	f->view.soa = NULL;
	struct result r = ask(f, zone, DNS_SOA, 1);
	assert_memory_equal(&r, &empty, sizeof(r));
	assert_int_equal(ask(f, zone, DNS_NS, 1).count[0], 1);
	f->view.sets = NULL;
	r = ask(f, zone, DNS_NS, 1);
	assert_memory_equal(&r, &empty, sizeof(r));
}

static void
test_no_question(void **state)
{
	struct fixture *f = *state;
	static const uint8_t msg[12] = {0, 7};

	f->to = (struct reply_to){.msg = msg, .len = 12, .edns = &f->edns};
	assert_int_equal(query_answer(&f->to, &f->view, f->mem), 12);
	assert_int_equal(get_be16(f->mem + 2), 0x8001);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_table, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_edns, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_nothing_published, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(test_no_question, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
