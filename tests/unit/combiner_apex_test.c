/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "combiner/apex.h"
#include "common/dns_wire.h"
#include "common/errcode.h"

#define R(s) (const uint8_t *)(s), sizeof(s) - 1

static void
add(struct apex *a, uint16_t type, uint32_t ttl, const uint8_t *rdata,
    uint16_t len)
{
	struct rrset *s = apex_edit(a, type);

	assert_non_null(s);
	s->ttl = ttl;
	assert_int_equal(rrset_add(s, rdata, len), E_OK);
}

static struct apex *
sample(void)
{
	struct apex *a = apex_new();

	assert_non_null(a);
	/* not in the order of types */
	add(a, DNS_CSYNC, 60, R("\0\0\0\x01\0\x03"));
	add(a, DNS_NS, 3600, R("\x03ns1\0"));
	add(a, DNS_DNSKEY, 300, R("\x01\0\x03\x0f" "key"));
	add(a, DNS_NS, 3600, R("\x03ns0\0"));
	return a;
}

static void
test_types(void **state)
{
	(void)state;
	for (unsigned i = 0; i < APEX_NTYPES; i++) {
		assert_true(apex_is_managed(apex_types[i]));
		assert_true(i == 0 || apex_types[i - 1] < apex_types[i]);
	}
	assert_int_equal(apex_types[APEX_NTYPES], 0);
	assert_false(apex_is_managed(DNS_SOA));
	assert_false(apex_is_managed(DNS_DS));
	assert_false(apex_is_managed(DNS_ANY));
}

static void
test_edit(void **state)
{
	struct apex *a = sample();

	(void)state;
	assert_int_equal(a->count, 3);
	assert_int_equal(a->sets[0].type, DNS_NS);
	assert_int_equal(a->sets[1].type, DNS_DNSKEY);
	assert_int_equal(a->sets[2].type, DNS_CSYNC);
	assert_null(apex_get(a, DNS_KEY));
	assert_int_equal(apex_get(a, DNS_NS)->count, 2);
	assert_null(apex_edit(a, DNS_SOA));
	for (unsigned i = 0; i < APEX_NTYPES; i++) {
		assert_non_null(apex_edit(a, apex_types[i]));
	}
	assert_null(apex_edit(a, DNS_TXT)); /* no room for a seventh */
	assert_int_equal(a->count, 6);
	assert_null(apex_get(a, DNS_KEY)); /* there, but empty */
	apex_prune(a);
	assert_int_equal(a->count, 3);
	apex_drop(a, DNS_DNSKEY);
	apex_drop(a, DNS_DNSKEY);
	assert_int_equal(a->count, 2);
	assert_null(apex_get(a, DNS_DNSKEY));
	assert_non_null(apex_get(a, DNS_CSYNC));
	apex_unref(a);
	apex_unref(NULL);
}

static void
test_copy_and_equal(void **state)
{
	struct apex *a = sample(), *b = apex_copy(a), *c = apex_ref(a);

	(void)state;
	assert_ptr_equal(a, c);
	assert_int_equal(a->refs, 2);
	assert_int_equal(b->refs, 1);
	assert_true(apex_equal(a, b));
	assert_non_null(apex_edit(b, DNS_KEY));
	assert_true(apex_equal(a, b)); /* an empty set is none */
	apex_edit(b, DNS_NS)->ttl++;
	assert_false(apex_equal(a, b));
	apex_edit(b, DNS_NS)->ttl--;
	apex_drop(b, DNS_CSYNC);
	assert_false(apex_equal(a, b));
	assert_false(apex_equal(b, a));
	apex_unref(c);
	assert_non_null(apex_get(a, DNS_NS));
	apex_unref(a);
	apex_unref(b);
}

static void
test_encode(void **state)
{
	struct apex *a = sample(), *b = NULL;
	uint8_t buf[256];
	struct wbuf w;

	(void)state;
	wbuf_init(&w, buf, sizeof(buf));
	apex_encode(&w, a);
	assert_int_equal(w.err, E_OK);
	assert_int_equal(w.len, apex_encoded_len(a));
	assert_int_equal(apex_decode(buf, w.len, &b), E_OK);
	assert_true(apex_equal(a, b));
	apex_unref(b);
	for (size_t cut = 0; cut <= w.len + 1; cut++) {
		uint8_t *exact = calloc(1, cut + 1);
		assert_non_null(exact);
		memcpy(exact, buf, cut < w.len ? cut : w.len);
		b = NULL;
		assert_int_equal(apex_decode(exact, cut, &b),
		    cut == w.len ? E_OK : E_MALF);
		apex_unref(b);
		free(exact);
	}
	buf[2] = DNS_DNSKEY; /* twice the same type */
	assert_int_equal(apex_decode(buf, w.len, &b), E_MALF);
	buf[2] = DNS_TXT;
	assert_int_equal(apex_decode(buf, w.len, &b), E_MALF);
	buf[0] = APEX_NTYPES + 1;
	assert_int_equal(apex_decode(buf, w.len, &b), E_MALF);
	apex_unref(a);

	a = apex_new();
	wbuf_init(&w, buf, sizeof(buf));
	apex_encode(&w, a);
	assert_int_equal(apex_decode(buf, w.len, &b), E_OK);
	assert_int_equal(b->count, 0);
	apex_unref(a);
	apex_unref(b);
}

static void
test_etag(void **state)
{
	struct apex *a = apex_new(), *b = apex_new();
	char tag[17], other[17];

	(void)state;
	apex_set_etag(NULL, tag);
	assert_string_equal(tag, "0000000000000000");
	add(a, DNS_NS, 60, R("\x03NS1\0"));
	add(a, DNS_NS, 60, R("\x03ns2\0"));
	add(b, DNS_NS, 60, R("\x03ns2\0"));
	add(b, DNS_NS, 60, R("\x03ns1\0"));
	apex_set_etag(apex_get(a, DNS_NS), tag);
	apex_set_etag(apex_get(b, DNS_NS), other);
	assert_string_equal(tag, other); /* neither order nor case matters */
	assert_int_equal(strspn(tag, "0123456789abcdef"), 16);
	apex_edit(b, DNS_NS)->ttl = 61;
	apex_set_etag(apex_get(b, DNS_NS), other);
	assert_string_not_equal(tag, other);
	apex_edit(b, DNS_NS)->ttl = 60;
	assert_int_equal(rrset_del(apex_edit(b, DNS_NS), R("\x03ns1\0")), E_OK);
	apex_set_etag(apex_get(b, DNS_NS), other);
	assert_string_not_equal(tag, other);
	apex_edit(b, DNS_NS)->count = 0; /* looks empty: the tag of nothing */
	apex_set_etag(&b->sets[0], other);
	assert_string_equal(other, "0000000000000000");
	apex_unref(a);
	apex_unref(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_types),
	    cmocka_unit_test(test_edit),
	    cmocka_unit_test(test_copy_and_equal),
	    cmocka_unit_test(test_encode),
	    cmocka_unit_test(test_etag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
