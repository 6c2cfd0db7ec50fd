/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/dns_name.h"
#include "common/errcode.h"

static void
test_text_both_ways(void **state)
{
	static const struct {
		const char *in, *out; /* out NULL: malformed */
		int len;
	} t[] = {
	    {".", ".", 1},
	    {"a", "a.", 3},
	    {"a.", "a.", 3},
	    {"Zone.Example.", "Zone.Example.", 14},
	    {"a\\.b.c", "a\\.b.c.", 7},
	    {"\\097.", "a.", 3},
	    {"\\000\\255.", "\\000\\255.", 4},
	    {"a\\\\b", "a\\\\b.", 5},
	    {"x\\032y", "x\\032y.", 5},
	    {"\\@.\\$", "\\@.\\$.", 5},
	    {"", NULL, 0},
	    {"..", NULL, 0},
	    {".a", NULL, 0},
	    {"a..b", NULL, 0},
	    {"a..", NULL, 0},
	    {"\\", NULL, 0},
	    {"a\\", NULL, 0},
	    {"\\1", NULL, 0},
	    {"\\12", NULL, 0},
	    {"\\1x2", NULL, 0},
	    {"\\256", NULL, 0},
	};
	uint8_t name[NAME_MAX_LEN];
	char text[NAME_STRLEN];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		int n = name_from_str(t[i].in, name);
		if (t[i].out == NULL) {
			assert_int_equal(n, E_MALF);
			continue;
		}
		assert_int_equal(n, t[i].len);
		assert_int_equal(name_len(name), t[i].len);
		assert_int_equal(name_check(name, (size_t)n), t[i].len);
		assert_string_equal(name_to_str(name, text), t[i].out);
	}
}

/* labels of 63, 63, 63 and `last` octets */
static void
long_text(char *s, unsigned last, bool dot)
{
	for (unsigned l = 0; l < 4; l++) {
		unsigned n = l < 3 ? 63 : last;
		memset(s, 'a', n);
		s += n;
		*s++ = '.';
	}
	if (!dot) {
		s--;
	}
	*s = '\0';
}

static void
test_lengths(void **state)
{
	uint8_t name[NAME_MAX_LEN];
	char text[NAME_STRLEN];

	(void)state;
	for (unsigned dot = 0; dot < 2; dot++) {
		long_text(text, 61, dot != 0);
		assert_int_equal(name_from_str(text, name), 255);
		assert_int_equal(name_check(name, 255), 255);
		assert_int_equal(name_check(name, 254), 0);
		long_text(text, 62, dot != 0);
		assert_int_equal(name_from_str(text, name), E_MALF);
	}
	memset(text, 'b', 64);
	text[63] = '\0';
	assert_int_equal(name_from_str(text, name), 65);
	text[63] = 'b';
	text[64] = '\0';
	assert_int_equal(name_from_str(text, name), E_MALF);
	/* the longest text there is */
	memset(name, 1, sizeof(name));
	for (unsigned i = 0; i < 254; i += 2) {
		name[i + 1] = 0;
	}
	name[254] = 0;
	assert_int_equal(name_check(name, sizeof(name)), 255);
	assert_int_equal(name_labels(name), 127);
	assert_true(strlen(name_to_str(name, text)) < NAME_STRLEN);
}

static void
test_check(void **state)
{
	static const uint8_t cut[] = {3, 'a', 'b'};
	static const uint8_t pointer[] = {1, 'a', 0xc0, 12};
	static const uint8_t reserved[] = {0x40, 'a', 0};

	(void)state;
	assert_int_equal(name_check(cut, 0), 0);
	for (size_t n = 0; n <= sizeof(cut); n++) {
		assert_int_equal(name_check(cut, n), 0);
	}
	assert_int_equal(name_check(pointer, sizeof(pointer)), 0);
	assert_int_equal(name_check(reserved, sizeof(reserved)), 0);
}

/* 12 octets of header, then at 12: "zone." 18: "a" -> 12, 22: "B" -> 18 */
static const uint8_t msg[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* header */
    4, 'z', 'o', 'n', 'e', 0, 1, 'a', 0xc0, 12, 1, 'B', 0xc0, 18};

static void
test_from_msg(void **state)
{
	uint8_t name[NAME_MAX_LEN];
	size_t end = 0;

	(void)state;
	assert_int_equal(name_from_msg(msg, sizeof(msg), 22, name, &end), 10);
	assert_memory_equal(name, "\x01" "B" "\x01" "a" "\x04" "zone", 10);
	assert_int_equal(end, 26);
	assert_int_equal(name_from_msg(msg, sizeof(msg), 12, name, NULL), 6);
	for (size_t n = 22; n < sizeof(msg); n++) {
		assert_int_equal(name_from_msg(msg, n, 22, name, NULL), E_MALF);
	}
	assert_int_equal(
	    name_from_msg(msg, sizeof(msg), sizeof(msg), name, NULL), E_MALF);
}

static void
test_bad_pointers(void **state)
{
	static const uint16_t to[] = {
	    12,     /* itself */
	    14,     /* behind */
	    0,      /* the header, whose octets change on the way */
	    11,
	    0x3fff, /* outside */
	};
	uint8_t m[16] = {0}, name[NAME_MAX_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(to) / sizeof(*to); i++) {
		m[12] = (uint8_t)(0xc0 | to[i] >> 8);
		m[13] = (uint8_t)to[i];
		assert_int_equal(
		    name_from_msg(m, sizeof(m), 12, name, NULL), E_MALF);
	}
	/* a label in front does not make a loop better */
	memcpy(m + 12, "\x01" "a" "\xc0\x0c", 4);
	assert_int_equal(name_from_msg(m, sizeof(m), 12, name, NULL), E_MALF);
	for (unsigned c = 0x40; c < 0xc0; c++) {
		m[12] = (uint8_t)c;
		assert_int_equal(
		    name_from_msg(m, sizeof(m), 12, name, NULL), E_MALF);
	}
}

static void
test_too_long_by_pointers(void **state)
{
	uint8_t m[600] = {0}, name[NAME_MAX_LEN];
	size_t pos = 12, prev = 0;
	int n = 0, last = 0;

	(void)state;
	/* each name is a label of 31 before the one that stands before it */
	for (unsigned i = 0; i < 9; i++) {
		size_t start = pos;
		m[pos] = 31;
		memset(m + pos + 1, 'a' + (int)i, 31);
		pos += 32;
		if (prev == 0) {
			m[pos++] = 0;
		} else {
			m[pos++] = (uint8_t)(0xc0 | prev >> 8);
			m[pos++] = (uint8_t)prev;
		}
		last = n;
		n = name_from_msg(m, pos, start, name, NULL);
		prev = start;
		if (n < 0) {
			break;
		}
	}
	assert_int_equal(last, 7 * 32 + 1);
	assert_int_equal(n, E_MALF);
}

static void
test_relations(void **state)
{
	/* RFC 4034 6.1 */
	static const char *const order[] = {"example", "a.example",
	    "yljkjljk.a.example", "Z.a.example", "zABC.a.EXAMPLE",
	    "z.example", "\\001.z.example", "*.z.example", "\\200.z.example"};
	enum { N = sizeof(order) / sizeof(*order) };
	uint8_t a[NAME_MAX_LEN], b[NAME_MAX_LEN];

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		for (unsigned k = 0; k < N; k++) {
			assert_true(name_from_str(order[i], a) > 0);
			assert_true(name_from_str(order[k], b) > 0);
			int d = name_cmp(a, b);
			assert_true(i < k ? d < 0 : i > k ? d > 0 : d == 0);
			assert_int_equal(name_equal(a, b), i == k);
		}
		assert_true(name_from_str(order[i], a) > 0);
		assert_true(name_from_str("EXAMPLE", b) > 0);
		assert_true(name_is_under(a, b));
		assert_int_equal(name_is_under(b, a), i == 0);
	}
	/* the same octets, other labels */
	assert_true(name_from_str("notexample", a) > 0);
	assert_false(name_is_under(a, b));
	assert_true(name_from_str("not\\007example", a) > 0);
	assert_false(name_is_under(a, b));
	assert_true(name_is_under(a, (const uint8_t *)""));
}

static void
test_parent_and_lower(void **state)
{
	uint8_t a[NAME_MAX_LEN];
	char s[NAME_STRLEN];

	(void)state;
	assert_true(name_from_str("A\\\xc4.B", a) > 0);
	name_to_lower(a); /* ASCII alone */
	assert_string_equal(name_to_str(a, s), "a\\196.b.");
	assert_string_equal(name_to_str(name_parent(a), s), "b.");
	assert_string_equal(
	    name_to_str(name_parent(name_parent(name_parent(a))), s), ".");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text_both_ways),
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_check),
	    cmocka_unit_test(test_from_msg),
	    cmocka_unit_test(test_bad_pointers),
	    cmocka_unit_test(test_too_long_by_pointers),
	    cmocka_unit_test(test_relations),
	    cmocka_unit_test(test_parent_and_lower),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
