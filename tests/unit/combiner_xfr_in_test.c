/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "combiner/ingest.h"
#include "combiner/xfr_in.h"
#include "combiner/zdata.h"
#include "tests/lib/dns_build.h"
#include "tests/lib/temp_dir.h"

static const uint8_t zone[] = "\x04zone\x07" "example";
static char dir[TEMP_DIR_MAX];

/* ---- streams ---- */

/*
 * A text is records divided by ";"; "|" ends a message.  SOA:n stands for the
 * SOA with this serial.
 */
struct opts {
	bool is_ixfr, has_copy, force, pass_sigs, held_signed;
	uint32_t held;
	uint64_t max_records, max_octets;
	uint16_t flags, qclass, qtype; /* 0: the usual */
	bool no_question, opt, authority, other_name, additional;
	uint16_t class; /* of the records, 0: IN */
	unsigned per_message; /* records, 0: as "|" says */
};

static void
init(struct xfr_in *x, const struct opts *o)
{
	struct xfr_in_conf conf = {.is_ixfr = o->is_ixfr,
	    .has_copy = o->has_copy, .force = o->force,
	    .pass_sigs = o->pass_sigs, .held_signed = o->held_signed,
	    .held_serial = o->held, .dir = dir, .key = {1, 2}};

	memcpy(conf.zone, zone, sizeof(zone));
	conf.max_records = o->max_records ? o->max_records : 1000;
	conf.max_octets = o->max_octets ? o->max_octets : 1u << 20;
	assert_int_equal(xfr_in_init(x, &conf), E_OK);
}

static void
begin(struct dns_pack *p, uint8_t *mem, const struct opts *o)
{
	uint16_t type = o->is_ixfr ? DNS_IXFR : DNS_AXFR;

	dns_pack_init(p, mem, DNS_MSG_MAX, 99,
	    o->flags ? o->flags : DNS_FLAG_QR | DNS_FLAG_AA);
	if (!o->no_question) {
		assert_int_equal(dns_pack_question(p,
		    o->other_name ? (const uint8_t *)"\x01x" : zone,
		    o->qtype ? o->qtype : type,
		    o->qclass ? o->qclass : DNS_IN), E_OK);
	}
}

static int
end(struct xfr_in *x, struct dns_pack *p, const struct opts *o)
{
	if (o->authority) {
		dns_pack_section(p, 2);
		assert_int_equal(build_pack(p, "zone.example. 1 NS n."), E_OK);
	}
	if (o->additional) {
		dns_pack_section(p, 3);
		assert_int_equal(build_pack(p, "n. 1 A 192.0.2.1"), E_OK);
	}
	if (o->opt) {
		assert_int_equal(dns_pack_opt(p, 1232, 0, 0, NULL, 0), E_OK);
	}
	size_t len = dns_pack_finish(p);
	uint8_t *exact = malloc(len);
	assert_non_null(exact);
	memcpy(exact, p->msg, len);
	int ret = xfr_in_message(x, exact, len);
	free(exact);
	return ret;
}

static void
put(struct dns_pack *p, const char *item, const struct opts *o)
{
	static uint8_t rr[BUILD_RR_MAX];
	char soa[200];
	unsigned serial;

	if (sscanf(item, "SOA:%u", &serial) == 1) {
		(void)snprintf(soa, sizeof(soa), "zone.example. 3600 SOA "
		    "ns.zone.example. Host.zone.example. %u 1 2 3 4", serial);
		item = soa;
	}
	size_t len = build_rr(rr, item), n = name_len(rr);
	assert_int_equal(dns_pack_rr(p, rr, get_be16(rr + n),
	    o->class ? o->class : DNS_IN, get_be32(rr + n + 4),
	    rr + n + DNS_RR_FIXED, (uint16_t)(len - n - DNS_RR_FIXED)), E_OK);
}

/* Feeds the stream; the code of the last message. */
static int
feed(struct xfr_in *x, const char *stream, const struct opts *o)
{
	static uint8_t mem[DNS_MSG_MAX];
	struct dns_pack p;
	char item[300];
	unsigned in_message = 0;
	int ret = E_OK;

	begin(&p, mem, o);
	while (ret == E_OK && *stream != '\0') {
		size_t n = strcspn(stream, ";|");
		memcpy(item, stream, n);
		item[n] = '\0';
		put(&p, item, o);
		in_message++;
		stream += n;
		bool ends = o->per_message ? in_message == o->per_message
					   : *stream == '|';
		stream += *stream != '\0';
		if (ends || *stream == '\0') {
			ret = end(x, &p, o);
			begin(&p, mem, o);
			in_message = 0;
		}
	}
	return ret;
}

static int
run(const char *stream, const struct opts *o, struct owner_change **out)
{
	struct xfr_in x;

	*out = NULL;
	init(&x, o);
	int ret = feed(&x, stream, o);
	if (ret == E_DONE) {
		ret = xfr_in_finish(&x, out);
	} else if (ret != E_OK && ret != E_STALE && ret != E_RCODE) {
		assert_non_null(x.why);
	}
	xfr_in_clear(&x);
	xfr_in_clear(&x);
	return ret;
}

static bool
has(struct base *b, const char *text)
{
	static uint8_t rr[BUILD_RR_MAX];
	struct zdata *d;
	struct delta *x;

	/* what can be deleted is there */
	assert_int_equal(zdata_new(base_ref(b), 1, &d), E_OK);
	assert_int_equal(delta_new(d, &x), E_OK);
	int ret = delta_del(x, rr, build_rr(rr, text));
	delta_free(x);
	zdata_unref(d);
	return ret == E_OK;
}

/* ---- AXFR ---- */

#define A "a.zone.example. 60 A 192.0.2.1"
#define GLUE "ns.sub.zone.example. 60 A 192.0.2.9"
#define CUT "sub.zone.example. 60 NS ns.sub.zone.example."
#define APEX_NS "zone.example. 60 NS Ns.zone.example."
#define APEX_NS2 "zone.example. 50 NS ns2.zone.example."
#define MX "zone.example. 60 MX 1 mx.zone.example."
#define CDS "zone.example. 60 CDS 0 0 0 00"
#define LOWCDS "sub.zone.example. 60 CDS 0 0 0 00"
#define SIG(owner, t) owner " 60 RRSIG " t \
	" 13 2 60 20300101000000 20200101000000 1 zone.example. AAAA"
#define SOASIG SIG("zone.example.", "SOA")
#define ASIG SIG("a.zone.example.", "A")
#define ZMD "zone.example. 60 ZONEMD 1 1 1 " \
	"000000000000000000000000000000000000000000000000" \
	"000000000000000000000000000000000000000000000000"

static void
test_axfr_packings(void **state)
{
	static const char stream[] = "SOA:5;" APEX_NS ";" A ";" CUT ";" GLUE
	    ";" MX ";" CDS ";" LOWCDS ";" APEX_NS2 ";SOA:5";

	(void)state;
	for (unsigned per = 1; per <= 10; per++) {
		for (unsigned bare = 0; bare < 2; bare++) {
			struct opts o = {.per_message = per,
			    .no_question = bare, .opt = per % 2};
			struct owner_change *c;
			assert_int_equal(run(stream, &o, &c), E_OK);
			assert_true(c->is_full);
			assert_int_equal(c->serial, 5);
			assert_int_equal(c->records, 10);
			assert_int_equal(c->base->nrecords, 5);
			assert_true(has(c->base, A));
			assert_true(has(c->base, GLUE));
			assert_true(has(c->base, CUT));
			assert_true(has(c->base, MX));
			assert_true(has(c->base, LOWCDS));
			assert_false(has(c->base, CDS));
			const struct rrset *ns = apex_get(c->apex, DNS_NS);
			assert_int_equal(ns->count, 2);
			assert_int_equal(ns->ttl, 50); /* the lowest */
			assert_non_null(apex_get(c->apex, DNS_CDS));
			assert_false(c->is_signed);
			owner_change_free(c);
		}
	}
}

static void
test_axfr_doubles(void **state)
{
	struct opts o = {0};
	struct owner_change *c;

	(void)state;
	assert_int_equal(run("SOA:5;" APEX_NS ";" A ";" A "|" MX ";"
	    "A.Zone.example. 70 A 192.0.2.1;" APEX_NS ";SOA:5", &o, &c), E_OK);
	assert_int_equal(c->base->nrecords, 2);
	assert_int_equal(apex_get(c->apex, DNS_NS)->count, 1);
	owner_change_free(c);
	/* nothing but the SOA is a stream too */
	assert_int_equal(run("SOA:5;SOA:5", &o, &c), E_OK);
	assert_int_equal(c->base->nrecords, 0);
	assert_int_equal(c->apex->count, 0);
	owner_change_free(c);
}

static void
test_signed(void **state)
{
	static const char stream[] = "SOA:5;" APEX_NS ";" A ";" ASIG "|" SOASIG
	    ";" ZMD ";" SIG("zone.example.", "NS") ";zone.example. 60 NSEC a."
	    "zone.example. NS SOA;SOA:5";
	struct opts o = {.pass_sigs = true};
	struct owner_change *c;

	(void)state;
	assert_int_equal(run(stream, &o, &c), E_OK);
	assert_true(c->is_signed && c->passes_sigs);
	assert_int_equal(c->base->nrecords, 6);
	owner_change_free(c);
	o.pass_sigs = false;
	assert_int_equal(run(stream, &o, &c), E_OK);
	assert_true(c->is_signed && !c->passes_sigs);
	assert_int_equal(c->base->nrecords, 1);
	assert_true(has(c->base, A));
	owner_change_free(c);
	/* no signature over the SOA: not a signed zone, what is there goes */
	o.pass_sigs = true;
	assert_int_equal(
	    run("SOA:5;" A ";" ASIG ";" ZMD ";SOA:5", &o, &c), E_OK);
	assert_false(c->is_signed || c->passes_sigs);
	assert_int_equal(c->base->nrecords, 1);
	owner_change_free(c);
}

static void
test_axfr_faults(void **state)
{
	static const struct {
		const char *stream;
		struct opts o;
		int want;
	} t[] = {
	    {"SOA:5;" A ";SOA:6", {0}, E_MALF},
	    /* the serial of the first, and not the rest of it */
	    {"SOA:5;" A ";zone.example. 3600 SOA ns.zone.example. "
	     "host.zone.example. 5 1 2 3 5", {0}, E_MALF},
	    {A ";SOA:5", {0}, E_MALF},
	    {"SOA:5;" A ";SOA:5;" A, {0}, E_PROTO},
	    {"SOA:5;" A, {0}, E_OK}, /* wants more */
	    {"SOA:5;b.example. 1 A 192.0.2.1;SOA:5", {0}, E_MALF},
	    {"SOA:5;zone.example.org. 1 A 192.0.2.1;SOA:5", {0}, E_MALF},
	    {"SOA:5;xzone.example. 1 A 192.0.2.1;SOA:5", {0}, E_MALF},
	    {"SOA:5;a.zone.example. 1 SOA . . 5 1 1 1 1;SOA:5", {0}, E_MALF},
	    {"SOA:5;SOA:5", {.class = 3}, E_MALF},
	    {"SOA:5;SOA:5", {.qclass = 3}, E_PROTO},
	    {"SOA:5;SOA:5", {.qtype = DNS_SOA}, E_PROTO},
	    {"SOA:5;SOA:5", {.other_name = true}, E_PROTO},
	    {"SOA:5;SOA:5", {.authority = true}, E_PROTO},
	    {"SOA:5;SOA:5", {.additional = true}, E_PROTO},
	    {"SOA:5;SOA:5", {.flags = DNS_FLAG_AA}, E_PROTO},
	    {"SOA:5;SOA:5", {.flags = DNS_FLAG_QR | 4 << 11}, E_PROTO},
	    {"SOA:5;SOA:5", {.flags = DNS_FLAG_QR | DNS_FLAG_TC}, E_PROTO},
	    {"SOA:5;SOA:5", {.flags = DNS_FLAG_QR | DNS_REFUSED}, E_RCODE},
	    {"SOA:5;" A ";" MX ";SOA:5", {.max_records = 3}, E_LIMIT},
	    {"SOA:5|" A "|SOA:5", {.max_octets = 150}, E_LIMIT},
	    {"SOA:5;SOA:5", {.has_copy = true, .held = 5}, E_STALE},
	    {"SOA:5;SOA:5", {.has_copy = true, .held = 6}, E_STALE},
	    {"SOA:5;SOA:5", {.has_copy = true, .held = 2147483653u}, E_STALE},
	    {"SOA:5;SOA:5", {.has_copy = true, .held = 6, .force = true}, E_OK},
	    {"SOA:5;SOA:5", {.has_copy = true, .held = 4}, E_OK},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct owner_change *c;
		int ret = run(t[i].stream, &t[i].o, &c);
		if (ret != t[i].want) {
			fail_msg("%zu %s: %d", i, t[i].stream, ret);
		}
		owner_change_free(c);
	}
}

/* A record as raw octets: RDATA that does not fit its type. */
static void
test_rdata_forms(void **state)
{
	static const struct {
		uint16_t type, len;
		const char *rdata;
	} t[] = {{DNS_A, 3, "abc"}, {DNS_A, 5, "abcde"}, {DNS_AAAA, 4, "abcd"},
	    {DNS_TXT, 0, ""}, {DNS_TXT, 3, "\x05" "ab"}, {DNS_DS, 4, "abcd"},
	    {DNS_CNAME, 2, "\x05" "a"}, {DNS_DNSKEY, 2, "ab"},
	    {DNS_NS, 0, ""}, {DNS_SOA, 4, "\0\0ab"}};
	static uint8_t mem[DNS_MSG_MAX];
	struct opts o = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct dns_pack p;
		struct xfr_in x;
		init(&x, &o);
		begin(&p, mem, &o);
		put(&p, "SOA:5", &o);
		assert_int_equal(dns_pack_rr(&p, zone, t[i].type, DNS_IN, 1,
		    (const uint8_t *)t[i].rdata, t[i].len), E_OK);
		assert_int_equal(end(&x, &p, &o), E_MALF);
		assert_non_null(x.why);
		xfr_in_clear(&x);
	}
}

static void
test_every_truncation(void **state)
{
	static uint8_t mem[DNS_MSG_MAX];
	struct opts o = {0};
	struct dns_pack p;
	struct xfr_in x;

	(void)state;
	begin(&p, mem, &o);
	put(&p, "SOA:5", &o);
	put(&p, A, &o);
	put(&p, CUT, &o);
	put(&p, "SOA:5", &o);
	size_t len = dns_pack_finish(&p);
	for (size_t n = 0; n <= len; n++) {
		uint8_t *exact = malloc(n + 1);
		assert_non_null(exact);
		memcpy(exact, mem, n);
		init(&x, &o);
		assert_int_equal(xfr_in_message(&x, exact, n),
		    n == len ? E_DONE : E_MALF);
		xfr_in_clear(&x);
		free(exact);
	}
}

/* ---- IXFR ---- */

#define B "b.zone.example. 60 A 192.0.2.2"
#define HELD .is_ixfr = true, .has_copy = true, .held = 5

static void
test_ixfr_table(void **state)
{
	static const struct {
		const char *stream;
		struct opts o;
		int want;
	} t[] = {
	    {"SOA:5", {HELD}, E_STALE},
	    {"SOA:4", {HELD}, E_STALE},
	    {"SOA:7", {HELD}, E_AGAIN},
	    {"SOA:7;SOA:5;" A ";SOA:7;" B ";SOA:7", {HELD}, E_OK},
	    {"SOA:7;SOA:5|" A "|SOA:7|" B "|SOA:7", {HELD}, E_OK},
	    {"SOA:7;SOA:5;SOA:7;SOA:7", {HELD}, E_OK},
	    {"SOA:7;SOA:5;" A ";SOA:6;" B ";SOA:6;" B ";SOA:7;" A ";SOA:7",
	        {HELD}, E_OK},
	    {"SOA:7;SOA:4;" A ";SOA:7;SOA:7", {HELD}, E_MISFIT},
	    {"SOA:7;SOA:7", {HELD}, E_MISFIT},
	    {"SOA:7;SOA:5;SOA:5;SOA:5", {HELD}, E_MISFIT},
	    {"SOA:7;SOA:5;SOA:4;SOA:4", {HELD}, E_MISFIT},
	    {"SOA:7;SOA:5;SOA:6;SOA:5", {HELD}, E_MISFIT},
	    {"SOA:7;SOA:5;SOA:6;SOA:7", {HELD}, E_MISFIT},
	    {"SOA:7;SOA:5;SOA:7;SOA:7;" A, {HELD}, E_PROTO},
	    {"SOA:7;SOA:5;x. 1 A 192.0.2.1;SOA:7;SOA:7", {HELD}, E_MALF},
	    {"SOA:7;" A ";" B ";SOA:7", {HELD}, E_OK},
	    {"SOA:7;" A ";" B ";SOA:5", {HELD}, E_MALF},
	    {"SOA:7;SOA:5;" SOASIG ";SOA:7;" SOASIG ";SOA:7",
	        {HELD, .pass_sigs = true}, E_MISFIT}, /* becomes signed */
	    {"SOA:7;SOA:5;SOA:7;" ASIG ";SOA:7",
	        {HELD, .pass_sigs = true}, E_OK},
	    {"SOA:1;SOA:4294967295;" A ";SOA:1;" B ";SOA:1",
	        {.is_ixfr = true, .has_copy = true, .held = 4294967295u},
	        E_OK},
	    {"SOA:5;SOA:5", {HELD, .flags = DNS_FLAG_QR | DNS_NOTIMP},
	        E_RCODE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct owner_change *c;
		int ret = run(t[i].stream, &t[i].o, &c);
		if (ret != t[i].want) {
			fail_msg("%zu %s: %d", i, t[i].stream, ret);
		}
		owner_change_free(c);
	}
}

/* "+a.zone.example. A" … for each step. */
static void
steps_text(const struct owner_change *c, char *s)
{
	*s = '\0';
	for (size_t at = 0; at < c->steps_len;) {
		struct owner_step step;
		struct dns_rr rr;
		char name[NAME_STRLEN];
		memcpy(&step, c->steps + at, sizeof(step));
		const uint8_t *p = c->steps + at + sizeof(step);
		assert_true(zrec_parse(p, step.len, &rr));
		s += sprintf(s, "%s%s%s %s;", step.is_add ? "+" : "-",
		    step.at_apex ? "!" : "", name_to_str(p, name),
		    dns_type_str(rr.type));
		at += owner_step_size(step.len);
	}
}

static void
test_ixfr_steps(void **state)
{
	static const char stream[] = "SOA:7;SOA:5;" A ";" APEX_NS ";SOA:6;" B
	    ";" APEX_NS2 ";" ASIG ";" CUT "|SOA:6;" B ";SOA:7;" ZMD ";SOA:7";
	struct opts o = {HELD};
	struct owner_change *c;
	char text[1000];

	(void)state;
	assert_int_equal(run(stream, &o, &c), E_OK);
	assert_false(c->is_full);
	assert_int_equal(c->from_serial, 5);
	assert_int_equal(c->serial, 7);
	steps_text(c, text);
	assert_string_equal(text, "-a.zone.example. A;-!zone.example. NS;"
	    "+b.zone.example. A;+!zone.example. NS;+sub.zone.example. NS;"
	    "-b.zone.example. A;");
	owner_change_free(c);
	o.held_signed = o.pass_sigs = true;
	assert_int_equal(run(stream, &o, &c), E_OK);
	assert_true(c->passes_sigs);
	steps_text(c, text);
	assert_non_null(strstr(text, "+a.zone.example. RRSIG;"));
	assert_non_null(strstr(text, "+zone.example. ZONEMD;"));
	owner_change_free(c);
}

static void
test_ixfr_as_axfr(void **state)
{
	struct opts o = {HELD};
	struct owner_change *c;

	(void)state;
	assert_int_equal(run("SOA:7;" APEX_NS ";" A "|" B ";SOA:7", &o, &c),
	    E_OK);
	assert_true(c->is_full);
	assert_int_equal(c->base->nrecords, 2);
	struct dns_walk w;
	size_t len;
	assert_int_equal(base_need_index(c->base), E_OK);
	const uint8_t *msg = base_message(c->base, 0, &len);
	assert_int_equal(dns_walk_init(&w, msg, len), E_OK);
	assert_int_equal(w.qtype, DNS_AXFR);
	owner_change_free(c);
}

/* What is not handed over leaves no file. */
static void
test_no_file_left(void **state)
{
	static uint8_t mem[DNS_MSG_MAX], rdata[30000];
	struct opts o = {.max_octets = 1u << 24};
	struct owner_change *c = NULL;

	(void)state;
	for (unsigned way = 0; way < 3; way++) {
		struct dns_pack p;
		struct xfr_in x;
		init(&x, &o);
		for (unsigned i = 0; i < 40; i++) {
			begin(&p, mem, &o);
			if (i == 0) {
				put(&p, "SOA:5", &o);
			}
			put_be32(rdata, i / 2); /* each stands twice */
			assert_int_equal(dns_pack_rr(&p, zone, 65280, DNS_IN, 1,
			    rdata, sizeof(rdata)), E_OK);
			if (i == 39) {
				put(&p, "SOA:5", &o);
			}
			assert_int_equal(end(&x, &p, &o), i == 39 ? E_DONE
			    : E_OK);
		}
		if (way > 0) {
			assert_int_equal(xfr_in_finish(&x, &c), E_OK);
			assert_int_equal(c->base->nrecords, 20);
			assert_int_equal(temp_dir_count(dir, ".base", 0), 1);
			base_discard(base_ref(c->base), dir);
			owner_change_free(c);
		}
		xfr_in_clear(&x);
		assert_int_equal(temp_dir_count(dir, "", 0), 0);
	}
}

static int
setup(void **state)
{
	(void)state;
	temp_dir_new(dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	temp_dir_remove(dir);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_axfr_packings),
	    cmocka_unit_test(test_axfr_doubles),
	    cmocka_unit_test(test_signed),
	    cmocka_unit_test(test_axfr_faults),
	    cmocka_unit_test(test_rdata_forms),
	    cmocka_unit_test(test_every_truncation),
	    cmocka_unit_test(test_ixfr_table),
	    cmocka_unit_test(test_ixfr_steps),
	    cmocka_unit_test(test_ixfr_as_axfr),
	    cmocka_unit_test(test_no_file_left),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
