/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "combiner/catalog.h"
#include "common/dns_name.h"
#include "common/dns_wire.h"
#include "common/errcode.h"

static struct catalog *
new_catalog(void)
{
	uint8_t name[NAME_MAX_LEN];
	struct catalog *c = NULL;

	assert_true(name_from_str("catz.example.", name) > 0);
	assert_int_equal(catalog_new(name, &c), E_OK);
	return c;
}

static void
add_ptr_class(struct catalog *c, const char *owner, const char *target,
    uint16_t class)
{
	uint8_t o[NAME_MAX_LEN], t[NAME_MAX_LEN];
	int len;

	assert_true(name_from_str(owner, o) > 0);
	len = name_from_str(target, t);
	assert_true(len > 0);
	assert_int_equal(catalog_add_record(o, DNS_PTR, class, 0, t,
			     (uint16_t)len, c), E_OK);
}

static void
add_ptr(struct catalog *c, const char *owner, const char *target)
{
	add_ptr_class(c, owner, target, DNS_IN);
}

static void
add_txt(struct catalog *c, const char *owner, const char *text)
{
	uint8_t o[NAME_MAX_LEN], rdata[256];

	assert_true(name_from_str(owner, o) > 0);
	rdata[0] = (uint8_t)strlen(text);
	memcpy(rdata + 1, text, rdata[0]);
	assert_int_equal(catalog_add_record(o, DNS_TXT, DNS_IN, 0, rdata,
			     (uint16_t)(rdata[0] + 1), c), E_OK);
}

static struct catalog *
good_catalog(void)
{
	struct catalog *c = new_catalog();

	add_txt(c, "version.catz.example.", "2");
	return c;
}

static int
finish(struct catalog *c)
{
	const char *why = NULL;
	int err = catalog_finish(c, &why);

	assert_int_equal(err == E_OK, why == NULL);
	return err;
}

static const struct catalog_member *
find(const struct catalog *c, const char *name)
{
	uint8_t n[NAME_MAX_LEN];

	assert_true(name_from_str(name, n) > 0);
	return catalog_find(c, n);
}

/* ---- decode ---- */

static void
test_members(void **state)
{
	struct catalog *c = good_catalog();
	const struct catalog_member *m;
	char text[NAME_STRLEN];

	(void)state;
	/* properties before and after their member, letters of any case */
	add_txt(c, "group.6f1c2.zones.catz.example.", "gold");
	add_ptr(c, "6F1C2.ZONES.catz.example.", "Zone.Example.");
	add_txt(c, "GROUP.6f1c2.zones.catz.example.", "silver");
	add_ptr(c, "coo.6f1c2.zones.catz.example.", "NewCatz.example.");
	add_ptr(c, "a\\.b.zones.catz.example.", "alpha.example.");
	assert_int_equal(finish(c), E_OK);
	assert_int_equal(catalog_count(c), 2);
	m = catalog_at(c, 0);
	assert_string_equal(name_to_str(m->name, text), "alpha.example.");
	assert_string_equal(m->id, "a\\.b");
	assert_null(m->coo);
	assert_null(catalog_group(m, 0));
	m = find(c, "ZONE.example.");
	assert_ptr_equal(m, catalog_at(c, 1));
	assert_string_equal(m->id, "6f1c2");
	assert_string_equal(catalog_group(m, 0), "gold");
	assert_string_equal(catalog_group(m, 1), "silver");
	assert_null(catalog_group(m, 2));
	assert_string_equal(name_to_str(m->coo, text), "newcatz.example.");
	assert_null(catalog_at(c, 2));
	assert_null(find(c, "other.example."));
	catalog_free(c);
}

static void
test_version(void **state)
{
	static const char *const broken[] = {"1", "22", "", "3", "two"};
	struct catalog *c;
	uint8_t owner[NAME_MAX_LEN];
	size_t i;

	(void)state;
	c = new_catalog();
	assert_int_equal(finish(c), E_MALF); /* none */
	catalog_free(c);
	for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		c = new_catalog();
		add_txt(c, "version.catz.example.", broken[i]);
		assert_int_equal(finish(c), E_MALF);
		catalog_free(c);
	}
	c = good_catalog(); /* two, in both orders */
	add_txt(c, "version.catz.example.", "1");
	assert_int_equal(finish(c), E_MALF);
	catalog_free(c);
	c = new_catalog();
	add_txt(c, "version.catz.example.", "1");
	add_txt(c, "version.catz.example.", "2");
	assert_int_equal(finish(c), E_MALF);
	catalog_free(c);
	c = new_catalog(); /* two strings */
	name_from_str("version.catz.example.", owner);
	catalog_add_record(owner, DNS_TXT, DNS_IN, 0,
	    (const uint8_t *)"\1" "2\1" "2", 4, c);
	assert_int_equal(finish(c), E_MALF);
	catalog_free(c);
	c = new_catalog(); /* of somebody else, and deeper */
	add_txt(c, "version.other.example.", "2");
	add_txt(c, "version.x.catz.example.", "2");
	assert_int_equal(finish(c), E_MALF);
	catalog_free(c);
}

static void
test_broken(void **state)
{
	struct catalog *c;
	uint8_t owner[NAME_MAX_LEN];

	(void)state;
	c = good_catalog(); /* two PTR at one id */
	add_ptr(c, "1.zones.catz.example.", "a.example.");
	add_ptr(c, "1.zones.catz.example.", "b.example.");
	assert_int_equal(finish(c), E_MALF);
	assert_int_equal(catalog_count(c), 0);
	catalog_free(c);
	c = good_catalog(); /* one member under two ids */
	add_ptr(c, "1.zones.catz.example.", "a.example.");
	add_ptr(c, "2.zones.catz.example.", "A.example.");
	assert_int_equal(finish(c), E_MALF);
	assert_int_equal(catalog_count(c), 0);
	catalog_free(c);
	c = good_catalog(); /* PTR with octets too many */
	name_from_str("1.zones.catz.example.", owner);
	catalog_add_record(owner, DNS_PTR, DNS_IN, 0,
	    (const uint8_t *)"\1a\0x", 4, c);
	assert_int_equal(finish(c), E_MALF);
	catalog_free(c);
	c = good_catalog(); /* … too few */
	catalog_add_record(owner, DNS_PTR, DNS_IN, 0,
	    (const uint8_t *)"\1a", 2, c);
	assert_int_equal(finish(c), E_MALF);
	catalog_free(c);
}

static void
test_ignored(void **state)
{
	struct catalog *c = good_catalog();
	uint8_t owner[NAME_MAX_LEN];

	(void)state;
	add_ptr(c, "1.zones.catz.example.", "a.example.");
	add_ptr_class(c, "1.zones.catz.example.", "b.example.", 3);
	add_ptr(c, "x.ext.catz.example.", "b.example.");
	add_ptr(c, "x.ext.1.zones.catz.example.", "b.example.");
	add_ptr(c, "unknown.1.zones.catz.example.", "b.example.");
	add_ptr(c, "1.zones.other.example.", "b.example.");
	add_ptr(c, "zones.catz.example.", "b.example.");
	add_ptr(c, "1.nozones.catz.example.", "b.example.");
	add_ptr(c, "example.", "b.example.");
	add_ptr(c, ".", "b.example.");
	add_txt(c, "1.zones.catz.example.", "b.example.");
	/* properties without member, of the wrong type, empty, in two strings */
	add_txt(c, "group.2.zones.catz.example.", "gold");
	add_ptr(c, "coo.2.zones.catz.example.", "newcatz.example.");
	add_ptr(c, "group.1.zones.catz.example.", "gold.");
	add_txt(c, "coo.1.zones.catz.example.", "newcatz");
	add_txt(c, "group.1.zones.catz.example.", "");
	name_from_str("group.1.zones.catz.example.", owner);
	catalog_add_record(owner, DNS_TXT, DNS_IN, 0,
	    (const uint8_t *)"\1a\1b", 4, c);
	catalog_add_record(owner, DNS_TXT, DNS_IN, 0,
	    (const uint8_t *)"\3a\0b", 4, c);
	catalog_add_record(owner, DNS_TXT, DNS_IN, 0, NULL, 0, c);
	assert_int_equal(finish(c), E_OK);
	assert_int_equal(catalog_count(c), 1);
	assert_null(catalog_group(catalog_at(c, 0), 0));
	assert_null(catalog_at(c, 0)->coo);
	catalog_free(c);
	/* two coo: cannot be followed, the member stays */
	c = good_catalog();
	add_ptr(c, "1.zones.catz.example.", "a.example.");
	add_ptr(c, "coo.1.zones.catz.example.", "x.example.");
	add_ptr(c, "coo.1.zones.catz.example.", "y.example.");
	assert_int_equal(finish(c), E_OK);
	assert_null(catalog_at(c, 0)->coo);
	catalog_free(c);
	/* empty is a good catalog */
	c = good_catalog();
	assert_int_equal(finish(c), E_OK);
	assert_int_equal(catalog_count(c), 0);
	catalog_free(c);
	catalog_free(NULL);
}

static void
test_many(void **state)
{
	struct catalog *c = good_catalog();
	char owner[64], name[64];
	unsigned i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		unsigned k = i * 7919 % 20000;

		snprintf(owner, sizeof(owner), "%u.zones.catz.example.", k);
		snprintf(name, sizeof(name), "z%u.example.", k);
		add_ptr(c, owner, name);
	}
	assert_int_equal(finish(c), E_OK);
	assert_int_equal(catalog_count(c), 20000);
	for (i = 1; i < 20000; i++) {
		assert_true(name_cmp(catalog_at(c, i - 1)->name,
				catalog_at(c, i)->name) < 0);
	}
	assert_string_equal(find(c, "z1234.example.")->id, "1234");
	catalog_free(c);
}

/* ---- difference ---- */

static void
note(enum catalog_change change, const struct catalog_have *have,
    const struct catalog_member *m, void *arg)
{
	static const char letters[] = "=+-!";
	char *s = arg, name[NAME_STRLEN];

	assert_int_equal(change == CATALOG_ADD, have == NULL);
	assert_int_equal(change == CATALOG_REMOVE, m == NULL);
	name_to_str(m != NULL ? m->name : have->name, name);
	snprintf(s + strlen(s), 64, "%c%c ", letters[change], name[0]);
}

static void
test_diff(void **state)
{
	static const struct {
		const char *have; /* letter and id, … */
		const char *catalog;
		const char *result;
		size_t lost;
	} cases[] = {
	    {"", "", "", 0},
	    {"", "a1b2", "+a +b ", 0},
	    {"a1b2", "", "-a -b ", 2},
	    {"a1b2", "a1b2", "=a =b ", 0},
	    {"a1b2", "a2b1", "!a !b ", 2},
	    {"a1c3", "b2c3d4", "-a +b =c +d ", 1},
	    {"b1", "a1c2", "+a -b +c ", 1},
	    {"a1b2c3", "b9", "-a !b -c ", 3},
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct catalog *c = good_catalog();
		struct catalog_have have[4];
		uint8_t names[4][NAME_MAX_LEN];
		char ids[4][2] = {{0}}, owner[64], name[64], out[256] = "";
		size_t n = strlen(cases[i].have) / 2;

		for (k = 0; k < n; k++) {
			snprintf(name, sizeof(name), "%c.", cases[i].have[2 * k]);
			name_from_str(name, names[k]);
			ids[k][0] = cases[i].have[2 * k + 1];
			have[k].name = names[k];
			have[k].id = ids[k];
			have[k].zone = NULL;
		}
		for (k = 0; cases[i].catalog[2 * k] != '\0'; k++) {
			snprintf(owner, sizeof(owner), "%c.zones.catz.example.",
			    cases[i].catalog[2 * k + 1]);
			snprintf(name, sizeof(name), "%c.",
			    cases[i].catalog[2 * k]);
			add_ptr(c, owner, name);
		}
		assert_int_equal(finish(c), E_OK);
		catalog_diff(have, n, c, note, out);
		assert_string_equal(out, cases[i].result);
		assert_int_equal(catalog_lost(have, n, c), cases[i].lost);
		catalog_free(c);
	}
}

static void
test_guard(void **state)
{
	static const struct {
		size_t count, lost;
		bool may;
	} cases[] = {
	    {0, 0, true}, {5, 5, true}, {10, 10, true}, {11, 11, false},
	    {99, 10, true}, {99, 11, false}, {110, 11, true},
	    {110, 12, false}, {10000, 1000, true}, {10000, 1001, false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(catalog_may_lose(cases[i].count,
				     cases[i].lost), cases[i].may);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_members),
	    cmocka_unit_test(test_version),
	    cmocka_unit_test(test_broken),
	    cmocka_unit_test(test_ignored),
	    cmocka_unit_test(test_many),
	    cmocka_unit_test(test_diff),
	    cmocka_unit_test(test_guard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
