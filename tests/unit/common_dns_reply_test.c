/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/dns_reply.h"
#include "common/errcode.h"

static const uint8_t zone[] = "\x04zone\x07" "example";

/* id 7, RD, question zone.example. SOA, and `opt` as additional record */
static size_t
request(uint8_t *msg, unsigned opcode, const void *opt, size_t opt_len)
{
	struct dns_pack p;

	dns_pack_init(&p, msg, 4096, 7, (uint16_t)(0x0100 | opcode << 11));
	assert_int_equal(dns_pack_question(&p, zone, DNS_SOA, DNS_IN), E_OK);
	size_t n = dns_pack_finish(&p);
	if (opt != NULL) {
		memcpy(msg + n, opt, opt_len);
		msg[11] = 1;
	}
	return n + opt_len;
}

#define O(s) (s), sizeof(s) - 1

static void
test_read(void **state)
{
	static const struct {
		const char *opt;
		size_t len;
		int want;
		struct edns e;
	} cases[] = {
	    {NULL, 0, E_OK, {0}},
	    {O("\0\0\x29\x04\xd0\0\0\x80\0\0\0"), E_OK,
		{.is_there = true, .dnssec_ok = true, .udp_size = 1232}},
	    {O("\0\0\x29\0\x10\0\0\0\0\0\0"), E_OK,
		{.is_there = true, .udp_size = 512}},
	    {O("\0\0\x29\x10\0\0\0\0\0\0\x04\0\x0b\0\0"), E_OK,
		{.is_there = true, .wants_keepalive = true, .udp_size = 4096}},
	    {O("\0\0\x29\x10\0\0\0\0\0\0\x05\0\x0c\0\x01\0"), E_OK,
		{.is_there = true, .udp_size = 4096}},
	    {O("\0\0\x29\x10\0\0\x05\0\0\0\x01\xff"), E_OK,
		{.is_there = true, .udp_size = 4096, .version = 5}},
	    /* options that run out, cut header, owner not the root */
	    {O("\0\0\x29\x10\0\0\0\0\0\0\x04\0\x0b\0\x01"), E_MALF, {0}},
	    {O("\0\0\x29\x10\0\0\0\0\0\0\x03\0\x0b\0"), E_MALF, {0}},
	    {O("\x01\x61\0\0\x29\x10\0\0\0\0\0\0\0"), E_MALF, {0}},
	    {O("\0\0\x29\x10\0\0\0\0\0\0"), E_MALF, {0}},
	};
	uint8_t msg[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = request(msg, 0, cases[i].opt, cases[i].len);
		uint8_t *exact = malloc(len);
		struct edns e;
		assert_non_null(exact);
		memcpy(exact, msg, len);
		assert_int_equal(edns_read(exact, len, &e), cases[i].want);
		if (cases[i].want == E_OK) {
			assert_int_equal(e.is_there, cases[i].e.is_there);
			assert_int_equal(e.dnssec_ok, cases[i].e.dnssec_ok);
			assert_int_equal(e.wants_keepalive,
			    cases[i].e.wants_keepalive);
			assert_int_equal(e.version, cases[i].e.version);
			assert_int_equal(e.udp_size, cases[i].e.udp_size);
		}
		free(exact);
	}
	/* two of them; one in the answer section */
	size_t len = request(msg, 0, O("\0\0\x29\x10\0\0\0\0\0\0\0"
	    "\0\0\x29\x10\0\0\0\0\0\0\0"));
	struct edns e;
	msg[11] = 2;
	assert_int_equal(edns_read(msg, len, &e), E_MALF);
	len = request(msg, 0, O("\0\0\x29\x10\0\0\0\0\0\0\0"));
	msg[11] = 0;
	msg[7] = 1;
	assert_int_equal(edns_read(msg, len, &e), E_MALF);
}

static void
test_rcode(void **state)
{
	uint8_t msg[4096], mem[REPLY_ROOM];
	struct edns e = {0};
	struct reply_to to = {.msg = msg, .edns = &e};

	(void)state;
	to.len = request(msg, DNS_UPDATE, NULL, 0);
	assert_int_equal(reply_rcode(&to, DNS_REFUSED, 21, mem), to.len);
	assert_memory_equal(mem, "\0\x07\xa9\x05\0\x01\0\0\0\0\0\0", 12);
	assert_memory_equal(mem + 12, msg + 12, to.len - 12);
	/* no question that could be given back */
	to.len = 20;
	assert_int_equal(reply_rcode(&to, DNS_FORMERR, 0, mem), 12);
	assert_memory_equal(mem, "\0\x07\xa9\x01\0\0\0\0\0\0\0\0", 12);
	/* with OPT: EDE, and an RCODE that needs it */
	to.len = request(msg, 0, NULL, 0);
	e.is_there = true;
	e.udp_size = 1232;
	e.dnssec_ok = true;
	size_t n = reply_rcode(&to, EDNS_BADVERS, 0, mem);
	assert_int_equal(n, to.len + 11);
	assert_memory_equal(mem, "\0\x07\x81\0\0\x01\0\0\0\0\0\x01", 12);
	assert_memory_equal(mem + to.len,
	    "\0\0\x29\x04\xd0\x01\0\x80\0\0\0", 11);
	n = reply_rcode(&to, DNS_REFUSED, 21, mem);
	assert_memory_equal(mem + to.len,
	    "\0\0\x29\x04\xd0\0\0\x80\0\0\x06\0\x0f\0\x02\0\x15", 17);
	assert_int_equal(n, to.len + 17);
}

static void
test_keepalive_and_padding(void **state)
{
	struct edns e = {.is_there = true, .udp_size = 1232,
	    .wants_keepalive = true};
	uint8_t msg[4096], mem[REPLY_ROOM];
	struct reply_to to = {.msg = msg, .edns = &e, .idle_ms = 30000};

	(void)state;
	to.len = request(msg, 0, NULL, 0);
	to.proto = DNS_UDP; /* there is nothing to keep */
	assert_int_equal(reply_rcode(&to, 0, 0, mem), to.len + 11);
	to.proto = DNS_TCP;
	assert_int_equal(reply_rcode(&to, 0, 0, mem), to.len + 17);
	assert_memory_equal(mem + to.len + 9, "\0\x06\0\x0b\0\x02\x01\x2c", 8);
	to.proto = DNS_TLS;
	assert_int_equal(reply_rcode(&to, 0, 0, mem), EDNS_PAD_BLOCK);
	for (to.tsig_len = 0; to.tsig_len < EDNS_PAD_BLOCK; to.tsig_len++) {
		size_t n = reply_rcode(&to, 0, 0, mem);
		assert_int_equal((n + to.tsig_len) % EDNS_PAD_BLOCK, 0);
		struct edns back;
		assert_int_equal(edns_read(mem, n, &back), E_OK);
	}
	e.is_there = false;
	assert_int_equal(reply_rcode(&to, 0, 0, mem), to.len);
}

/* How much goes in, by transport and EDNS; TC when it is too much. */
static void
test_size(void **state)
{
	static const struct {
		enum dns_proto proto;
		uint16_t udp_size; /* 0: no OPT */
		size_t tsig_len, limit;
	} cases[] = {
	    {DNS_UDP, 0, 0, 512}, {DNS_UDP, 0, 100, 512},
	    {DNS_UDP, 512, 0, 512}, {DNS_UDP, 1000, 100, 1000},
	    {DNS_UDP, 1232, 0, 1232}, {DNS_UDP, 4096, 0, 1232},
	    {DNS_TCP, 0, 0, 65535}, {DNS_TCP, 512, 200, 65535},
	    {DNS_TLS, 512, 200, 65535},
	};
	uint8_t msg[4096], mem[REPLY_ROOM], rdata[60] = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct edns e = {.is_there = cases[i].udp_size != 0,
		    .udp_size = cases[i].udp_size};
		struct reply_to to = {.msg = msg, .edns = &e,
		    .proto = cases[i].proto, .tsig_len = cases[i].tsig_len};
		unsigned fit = 0;
		struct reply r;
		to.len = request(msg, 0, NULL, 0);
		reply_begin(&r, &to, mem, DNS_FLAG_AA);
		while (reply_rr(&r, 1, zone, 65280, 60, rdata, 60) == E_OK) {
			fit++;
		}
		assert_int_equal(reply_rr(&r, 1, zone, 65280, 60, rdata, 1),
		    E_SPACE);
		r.rcode = DNS_REFUSED;
		size_t n = reply_finish(&r);
		assert_true(n < 512);
		assert_int_equal(get_be16(mem + 6), 0); /* no half answers */
		assert_int_equal(get_be16(mem + 2), 0x8705);
		/* one that just fits, and would not with one record more */
		reply_begin(&r, &to, mem, DNS_FLAG_AA);
		for (unsigned k = 0; k < fit; k++) {
			assert_int_equal(reply_rr(&r, 1, zone, 65280, 60,
				rdata, 60), E_OK);
		}
		n = reply_finish(&r);
		assert_int_equal(get_be16(mem + 6), fit);
		assert_int_equal(get_be16(mem + 2), 0x8500);
		assert_true(n + cases[i].tsig_len <= cases[i].limit);
		assert_true(n + cases[i].tsig_len + 72 + 12 + 472 + 12 >
		    cases[i].limit);
	}
}

/* A question and a key name so long that nothing is left of 512 octets. */
static void
test_no_room(void **state)
{
	struct edns e = {.is_there = true, .udp_size = 512};
	uint8_t msg[4096], mem[REPLY_ROOM], name[NAME_MAX_LEN];
	struct dns_pack p;
	struct reply r;

	(void)state;
	memset(name, 1, sizeof(name));
	name[254] = 0;
	dns_pack_init(&p, msg, sizeof(msg), 7, 0);
	assert_int_equal(dns_pack_question(&p, name, DNS_SOA, DNS_IN), E_OK);
	struct reply_to to = {.msg = msg, .len = dns_pack_finish(&p),
	    .edns = &e, .tsig_len = 400};
	reply_begin(&r, &to, mem, 0);
	assert_int_equal(reply_rr(&r, 1, name, 65280, 0, name, 1), E_SPACE);
	assert_int_equal(reply_finish(&r), to.len + 11);
	assert_int_equal(get_be16(mem + 2), 0x8200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_read),
	    cmocka_unit_test(test_rcode),
	    cmocka_unit_test(test_keepalive_and_padding),
	    cmocka_unit_test(test_size),
	    cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
