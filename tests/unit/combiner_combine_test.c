/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables of spec/combiner.md 2 and the guard, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "combiner/combine.h"
#include "common/dns_wire.h"
#include "common/errcode.h"

static const uint8_t root[] = "";

static void
add(struct apex *a, uint16_t type, uint32_t ttl, const char *text)
{
	uint8_t rdata[1024];
	int n = rdata_from_str(type, text, root, rdata, sizeof(rdata));
	struct rrset *s = apex_edit(a, type);

	assert_true(n >= 0);
	s->ttl = ttl;
	assert_int_equal(rrset_add(s, rdata, (uint16_t)n), E_OK);
}

#define KEY_A "256 3 15 AAAA"
#define KEY_B "256 3 15 BBBB"
#define CDS_A "1 15 250 AA"
#define CDS_B "2 15 250 BB"
#define CSYNC_A "1 3 NS"
#define CSYNC_B "2 3 NS"

/* "NS 60 a." one record a line; NULL: no apex. */
static struct apex *
apex_of(const char *text)
{
	struct apex *a = apex_new();
	char copy[1024], *save = NULL;

	assert_non_null(a);
	(void)snprintf(copy, sizeof(copy), "%s", text);
	for (char *l = strtok_r(copy, "\n", &save); l != NULL;
	     l = strtok_r(NULL, "\n", &save)) {
		char type_str[16];
		unsigned ttl;
		uint16_t type;
		int at = 0;
		assert_int_equal(
		    sscanf(l, "%15s %u %n", type_str, &ttl, &at), 2);
		assert_int_equal(dns_type_from_str(type_str, &type), E_OK);
		add(a, type, ttl, l + at);
	}
	return a;
}

static void
contribute(struct contrib **list, const char *source, const char *text)
{
	struct contrib *c = contrib_new(source, apex_of(text), 1);

	assert_non_null(c);
	contrib_replace(list, c);
}

struct combine_case {
	const char *name, *owner, *one, *two, *want;
	unsigned alerts;
	bool is_owners; /* the very object of the owner comes out */
};

static const struct combine_case cases[] = {
    {"nothing at all", "", NULL, NULL, "", COMBINE_NO_NS, true},
    {"no contribution", "NS 60 a.\nDNSKEY 60 " KEY_A "\nKEY 5 " KEY_A, NULL,
	NULL, "NS 60 a.\nDNSKEY 60 " KEY_A "\nKEY 5 " KEY_A, 0, true},
    {"empty contribution", "NS 60 a.", "", "", "NS 60 a.", 0, true},
    {"DNSKEY without the owner's", "NS 60 a.", "DNSKEY 60 " KEY_A, NULL,
	"NS 60 a.\nDNSKEY 60 " KEY_A, 0, false},
    {"DNSKEY is a union", "NS 60 a.\nDNSKEY 50 " KEY_A, "DNSKEY 60 " KEY_B,
	NULL, "NS 60 a.\nDNSKEY 50 " KEY_A "\nDNSKEY 50 " KEY_B, 0, false},
    {"DNSKEY of several", "NS 60 a.", "DNSKEY 60 " KEY_B,
	"DNSKEY 40 " KEY_A "\nDNSKEY 40 " KEY_B,
	"NS 60 a.\nDNSKEY 40 " KEY_A "\nDNSKEY 40 " KEY_B, 0, false},
    {"KEY is a union", "NS 60 a.\nKEY 50 " KEY_A, "KEY 60 " KEY_B, NULL,
	"NS 60 a.\nKEY 50 " KEY_A "\nKEY 50 " KEY_B, 0, false},
    {"NS replaces", "NS 60 a.\nNS 60 b.", "NS 70 c.", NULL, "NS 70 c.", 0,
	false},
    {"NS of several", "NS 10 a.", "NS 70 c.", "NS 60 d.\nNS 60 C.",
	"NS 60 c.\nNS 60 d.", 0, false},
    {"NS in another case", "NS 60 A.", "NS 60 b.\nNS 60 B.", "NS 60 B.",
	"NS 60 b.", 0, false},
    {"owner's CDS, CDNSKEY, CSYNC go",
	"NS 60 a.\nCDS 60 " CDS_A "\nCDNSKEY 60 " KEY_A "\nCSYNC 60 " CSYNC_A,
	NULL, NULL, "NS 60 a.", COMBINE_OWNER_DROPPED, false},
    {"CDS of contributions alone", "NS 60 a.\nCDS 10 " CDS_A,
	"CDS 60 " CDS_B, NULL, "NS 60 a.\nCDS 60 " CDS_B,
	COMBINE_OWNER_DROPPED, false},
    {"CDS of several", "NS 60 a.", "CDS 60 " CDS_B, "CDS 50 " CDS_A,
	"NS 60 a.\nCDS 50 " CDS_A "\nCDS 50 " CDS_B, 0, false},
    {"CDNSKEY of several", "NS 60 a.", "CDNSKEY 60 " KEY_B,
	"CDNSKEY 50 " KEY_A,
	"NS 60 a.\nCDNSKEY 50 " KEY_A "\nCDNSKEY 50 " KEY_B, 0, false},
    {"one CSYNC", "NS 60 a.", "CSYNC 60 " CSYNC_A, "CSYNC 50 " CSYNC_A,
	"NS 60 a.\nCSYNC 50 " CSYNC_A, 0, false},
    {"several CSYNC", "NS 60 a.", "CSYNC 60 " CSYNC_A, "CSYNC 50 " CSYNC_B,
	"NS 60 a.", COMBINE_CSYNC_MANY, false},
    {"NS from nobody", "KEY 60 " KEY_A, NULL, NULL, "KEY 60 " KEY_A,
	COMBINE_NO_NS, true},
    {"NS contributed alone", "", "NS 60 a.", NULL, "NS 60 a.", 0, false},
};

static void
run_case(const struct combine_case *c)
{
	struct contrib *list = NULL;
	struct apex *owner = apex_of(c->owner), *want = apex_of(c->want);
	struct apex *out = NULL;
	unsigned alerts = 0;

	if (c->two != NULL) {
		contribute(&list, "two", c->two);
	}
	if (c->one != NULL) {
		contribute(&list, "one", c->one);
	}
	struct combine_in in = {.owner = owner, .contribs = list};
	assert_int_equal(combine_apex(&in, &out, &alerts), E_OK);
	if (!apex_equal(out, want)) {
		fail_msg("other sets in: %s", c->name);
	}
	if (alerts != c->alerts) {
		fail_msg("alerts %x in: %s", alerts, c->name);
	}
	if ((out == owner) != c->is_owners) {
		fail_msg("sharing in: %s", c->name);
	}
	apex_unref(out);
	apex_unref(owner);
	apex_unref(want);
	contrib_free_all(list);
}

static void
test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		run_case(&cases[i]);
	}
}

static void
test_no_owner_yet(void **state)
{
	struct contrib *list = NULL;
	struct apex *out = NULL;
	unsigned alerts = 0;

	(void)state;
	contribute(&list, "one", "NS 60 a.");
	struct combine_in in = {.contribs = list, .owner_signed = true};
	assert_int_equal(combine_apex(&in, &out, &alerts), E_OK);
	assert_non_null(apex_get(out, DNS_NS));
	assert_int_equal(alerts, 0);
	apex_unref(out);
	contrib_free_all(list);
}

/* A zone that the owner signs passes as it is, with its CDS and CSYNC. */
static void
test_signed_by_owner(void **state)
{
	struct apex *owner = apex_of("NS 60 a.\nCDS 60 " CDS_A
				     "\nCSYNC 60 " CSYNC_A);
	struct contrib *list = NULL;
	struct apex *out = NULL;
	unsigned alerts = 99;

	(void)state;
	struct combine_in in = {.owner = owner, .owner_signed = true};
	assert_int_equal(combine_apex(&in, &out, &alerts), E_OK);
	assert_ptr_equal(out, owner);
	assert_int_equal(alerts, 0);
	apex_unref(out);
	contribute(&list, "one", "");
	in.contribs = list;
	assert_int_equal(combine_apex(&in, &out, &alerts), E_OK);
	assert_int_equal(alerts, 0);
	apex_unref(out);
	contribute(&list, "one", "NS 60 b.");
	in.contribs = list;
	assert_int_equal(combine_apex(&in, &out, &alerts), E_OK);
	assert_ptr_equal(out, owner);
	assert_int_equal(alerts, COMBINE_OWNER_SIGNED);
	apex_unref(out);
	apex_unref(owner);
	contrib_free_all(list);
}

static void
test_omit(void **state)
{
	static const uint16_t omit[] = {DNS_CDS, DNS_CDNSKEY, DNS_KEY};
	struct apex *owner = apex_of("NS 60 a.\nKEY 60 " KEY_A);
	struct apex *want = apex_of("NS 60 a.\nDNSKEY 60 " KEY_A);
	struct contrib *list = NULL;
	struct apex *out = NULL;
	unsigned alerts = 0;

	(void)state;
	contribute(&list, "one", "CDS 60 " CDS_A "\nCDNSKEY 60 " KEY_A
				 "\nDNSKEY 60 " KEY_A);
	struct combine_in in = {.owner = owner, .contribs = list,
	    .omit = omit, .nomit = 3};
	assert_int_equal(combine_apex(&in, &out, &alerts), E_OK);
	assert_true(apex_equal(out, want));
	apex_unref(out);
	/* nothing but what is left out: the owner's own again */
	in.contribs = NULL;
	in.omit = omit;
	in.nomit = 2;
	assert_int_equal(combine_apex(&in, &out, &alerts), E_OK);
	assert_ptr_equal(out, owner);
	apex_unref(out);
	apex_unref(owner);
	apex_unref(want);
	contrib_free_all(list);
}

static void
test_list(void **state)
{
	static const char *const names[] = {"m", "z", "a", "m", "b"};
	struct contrib *list = NULL;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		contribute(&list, names[i], "NS 60 a.");
	}
	assert_string_equal(list->source, "a");
	assert_string_equal(list->next->source, "b");
	assert_string_equal(list->next->next->source, "m");
	assert_string_equal(list->next->next->next->source, "z");
	assert_null(list->next->next->next->next);
	assert_ptr_equal(contrib_find(list, "b"), list->next);
	assert_null(contrib_find(list, "c"));
	contrib_remove(&list, "a");
	contrib_remove(&list, "c");
	contrib_remove(&list, "z");
	assert_string_equal(list->source, "b");
	assert_null(list->next->next);
	contrib_free_all(list);
}

struct guard_case {
	const char *owner; /* NULL: no copy yet */
	const char *other, *held, *fresh;
	bool is_on, allow;
	int want;
};

#define CDS_DEL "0 0 0 00"
#define CDNSKEY_DEL "0 3 0 AA=="

static const struct guard_case guard_cases[] = {
    {"NS 60 a.", NULL, NULL, "DNSKEY 60 " KEY_A, true, false, E_OK},
    /* the last NS */
    {"", NULL, "NS 60 a.", "", true, false, E_DENIED},
    {"", NULL, "NS 60 a.", "NS 60 b.", true, false, E_OK},
    {"", NULL, "NS 60 a.", "", false, false, E_OK},
    {"", "NS 60 b.", "NS 60 a.", "", true, false, E_OK},
    {"NS 60 a.", NULL, "NS 60 a.", "", true, false, E_OK},
    {NULL, NULL, "NS 60 a.", "", true, false, E_OK},
    {"", NULL, "", "KEY 60 " KEY_A, true, false, E_OK},
    /* CSYNC */
    {"NS 60 a.", NULL, NULL, "CSYNC 60 " CSYNC_A, true, false, E_OK},
    {"NS 60 a.", NULL, NULL, "CSYNC 60 " CSYNC_A "\nCSYNC 60 " CSYNC_B, true,
	false, E_DENIED},
    {"NS 60 a.", NULL, "CSYNC 60 " CSYNC_A,
	"CSYNC 60 " CSYNC_A "\nCSYNC 60 " CSYNC_B, true, false, E_DENIED},
    {"NS 60 a.", NULL, NULL, "CSYNC 60 " CSYNC_A "\nCSYNC 60 " CSYNC_B, false,
	false, E_OK},
    {"NS 60 a.", NULL, "CSYNC 60 " CSYNC_A "\nCSYNC 60 " CSYNC_B,
	"CSYNC 60 " CSYNC_A "\nCSYNC 60 " CSYNC_B "\nKEY 60 " KEY_A, true,
	false, E_OK},
    /* going insecure, whatever the guard is set to */
    {"NS 60 a.", NULL, NULL, "CDS 60 " CDS_DEL, true, false, E_DENIED},
    {"NS 60 a.", NULL, NULL, "CDS 60 " CDS_DEL, false, false, E_DENIED},
    {"NS 60 a.", NULL, NULL, "CDS 60 " CDS_DEL, true, true, E_OK},
    {"NS 60 a.", NULL, NULL, "CDNSKEY 60 " CDNSKEY_DEL, false, false,
	E_DENIED},
    {"NS 60 a.", NULL, NULL, "CDNSKEY 60 " CDNSKEY_DEL, false, true, E_OK},
    {"NS 60 a.", NULL, "CDS 60 " CDS_DEL, "CDS 60 " CDS_DEL, true, false,
	E_OK},
};

static void
test_guard(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(guard_cases) / sizeof(guard_cases[0]);
	     i++) {
		const struct guard_case *c = &guard_cases[i];
		struct contrib *list = NULL;
		struct apex *owner = c->owner ? apex_of(c->owner) : NULL;
		struct apex *fresh = apex_of(c->fresh);
		const char *why = NULL;
		if (c->other != NULL) {
			contribute(&list, "other", c->other);
		}
		if (c->held != NULL) {
			contribute(&list, "me", c->held);
		}
		struct guard g = {.is_on = c->is_on,
		    .allow_cds_delete = c->allow, .owner = owner,
		    .others = list, .source = "me"};
		if (guard_check(&g, fresh, &why) != c->want) {
			fail_msg("guard case %zu", i);
		}
		assert_true((why != NULL) == (c->want != E_OK));
		apex_unref(owner);
		apex_unref(fresh);
		contrib_free_all(list);
	}
}

#define R(s) (const uint8_t *)(s), sizeof(s) - 1

static void
test_guard_rr(void **state)
{
	struct guard on = {.is_on = true, .source = "me"};
	struct guard off = {.source = "me"};
	const char *why = NULL;

	(void)state;
	assert_int_equal(guard_check_rr(&on, DNS_NS, R("\x01" "a\0"), &why),
	    E_OK);
	assert_null(why);
	assert_int_equal(guard_check_rr(&on, DNS_NS, R("\x01" "a"), &why),
	    E_DENIED);
	assert_non_null(why);
	assert_int_equal(guard_check_rr(&on, DNS_CDS, R("\0\x01\x0d\x02z"),
		&why), E_DENIED);
	assert_int_equal(guard_check_rr(&off, DNS_CDS, R("\0\x01\x0d\x02z"),
		&why), E_OK);
	assert_int_equal(guard_check_rr(&off, DNS_CDS, R(""), &why), E_DENIED);
	assert_int_equal(guard_check_rr(&off, DNS_TXT, R("\x01z"), &why),
	    E_DENIED);
	assert_int_equal(guard_check_rr(&off, DNS_SOA, R("\0\0"
		"01234567890123456789"), &why), E_DENIED);
	/* algorithm 0 is a deletion even where the rest looks otherwise */
	assert_int_equal(guard_check_rr(&on, DNS_CDS, R("\0\0\0\xfa" "zz"),
		&why), E_DENIED);
}

static void
test_guard_size(void **state)
{
	struct guard off = {.source = "me"};
	struct apex *a = apex_new();
	uint8_t rdata[300] = {1, 0, 3, 15};
	const char *why = NULL;
	unsigned n = 0;

	(void)state;
	while (n * 314 <= 64000 - 314) {
		put_be16(rdata + 4, (uint16_t)n++);
		assert_int_equal(rrset_add(apex_edit(a, DNS_DNSKEY), rdata,
			sizeof(rdata)), E_OK);
	}
	assert_int_equal(guard_check(&off, a, &why), E_OK);
	put_be16(rdata + 4, (uint16_t)n);
	assert_int_equal(rrset_add(apex_edit(a, DNS_DNSKEY), rdata,
		sizeof(rdata)), E_OK);
	assert_int_equal(guard_check(&off, a, &why), E_DENIED);
	apex_unref(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_no_owner_yet),
	    cmocka_unit_test(test_signed_by_owner),
	    cmocka_unit_test(test_omit),
	    cmocka_unit_test(test_list),
	    cmocka_unit_test(test_guard),
	    cmocka_unit_test(test_guard_rr),
	    cmocka_unit_test(test_guard_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
