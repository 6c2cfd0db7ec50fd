/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/dns_tsig.h"
#include "common/dns_wire.h"
#include "common/errcode.h"

#define NOW 1788264000

/* spec/combiner.md 3: an UPDATE and its TSIG, made with dnspython */
static const uint8_t update_body[] = {
	0x63, 0x6f, 0x28, 0, 0, 1, 0, 0, 0, 2, 0, 0,
	4, 'z', 'o', 'n', 'e', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0,
	0, 6, 0, 1,
	4, 'z', 'o', 'n', 'e', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0,
	0, 0x30, 0, 0xff, 0, 0, 0, 0, 0, 0,
	4, 'z', 'o', 'n', 'e', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0,
	0, 0x30, 0, 1, 0, 0, 0x0e, 0x10, 0, 0x24,
	1, 0, 3, 0x0f, 0xcd, 0x14, 0xb3, 0x7f, 0x95, 0x6e, 0x95, 0x31, 0x94,
	0xff, 0x7f, 0xb7, 0x3b, 0x3d, 0x81, 0xdc, 0xc5, 0x61, 0xd6, 0x1a, 0x75,
	0x38, 0x09, 0x4b, 0x7c, 0x3e, 0x1a, 0x64, 0x3e, 0xe5, 0xf3, 0xaa,
};
static const uint8_t update_tsig[] = {
	0x0c, 'm', 's', 'a', '-', 'c', 'o', 'm', 'b', 'i', 'n', 'e', 'r', 0,
	0, 0xfa, 0, 0xff, 0, 0, 0, 0, 0, 0x3d,
	0x0b, 'h', 'm', 'a', 'c', '-', 's', 'h', 'a', '2', '5', '6', 0,
	0, 0, 0x6a, 0x96, 0xbe, 0x40, 0x01, 0x2c, 0, 0x20,
	0xfe, 0x0b, 0x5b, 0xb7, 0xf0, 0x3f, 0xfc, 0x18, 0x1b, 0x60, 0xa9, 0x64,
	0xd9, 0x1e, 0xd3, 0x84, 0x47, 0x56, 0x13, 0x07, 0xa7, 0x8a, 0xc7, 0x93,
	0xb1, 0x71, 0x1c, 0x7a, 0xfb, 0x39, 0x98, 0xb9,
	0x63, 0x6f, 0, 0, 0, 0,
};
static const uint8_t answer_body[] = {
	0x63, 0x6f, 0xa8, 0, 0, 1, 0, 0, 0, 0, 0, 0,
	4, 'z', 'o', 'n', 'e', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0,
	0, 6, 0, 1,
};
static const uint8_t answer_mac[] = {
	0xdb, 0x0f, 0x39, 0x7b, 0x7e, 0x4a, 0xae, 0xef, 0x9a, 0xc6, 0x9f, 0xdb,
	0xcb, 0x70, 0xcc, 0x1e, 0x16, 0x4b, 0x40, 0xf5, 0xf9, 0x4a, 0x8b, 0x37,
	0x28, 0x04, 0x14, 0xe9, 0x36, 0xa0, 0xa5, 0x3a,
};
/* offsets within update_tsig */
#define TSIG_TTL_AT 18
#define TSIG_RDLEN_AT 22
#define TSIG_ALG_AT 24
#define TSIG_TIME_AT 37
#define TSIG_MACLEN_AT 45
#define TSIG_MAC_AT 47
#define TSIG_ORIGID_AT (47 + 32)
#define TSIG_OTHERLEN_AT (47 + 32 + 4)

struct msg {
	uint8_t data[2048];
	size_t len;
};

static struct tsig_key
make_key(const char *name, enum tsig_alg alg, uint8_t first)
{
	struct tsig_key key;

	memset(&key, 0, sizeof(key));
	int n = name_from_str(name, key.name);
	assert_true(n > 0);
	key.name_len = (uint16_t)n;
	key.alg = alg;
	key.secret_len = 32;
	for (uint8_t i = 0; i < 32; i++) {
		key.secret[i] = (uint8_t)(first + i);
	}
	return key;
}

static void
put(struct msg *m, const void *data, size_t len)
{
	assert_true(len <= sizeof(m->data) - m->len);
	memcpy(m->data + m->len, data, len);
	m->len += len;
}

/* The signed UPDATE of the spec. */
static struct msg
signed_update(void)
{
	struct msg m = {.len = 0};

	put(&m, update_body, sizeof(update_body));
	put(&m, update_tsig, sizeof(update_tsig));
	m.data[11] = 1;
	return m;
}

static int
check(struct msg *m, const struct tsig_key *key, int64_t now,
    struct tsig_state *st)
{
	struct tsig_rr rr;

	return tsig_check_request(m->data, &m->len, &key, 1, now, st, &rr);
}

static void
test_worked_example(void **state)
{
	struct tsig_key key = make_key("msa-combiner", TSIG_HMAC_SHA256, 0);
	struct msg want = signed_update(), m = {.len = 0};
	struct tsig_state st, client;
	struct tsig_stream *s;

	(void)state;
	put(&m, update_body, sizeof(update_body));
	assert_int_equal(tsig_sign_request(m.data, &m.len, sizeof(m.data),
	    &key, NOW, &client), E_OK);
	assert_int_equal(m.len, want.len);
	assert_memory_equal(m.data, want.data, want.len);

	assert_int_equal(check(&m, &key, NOW, &st), E_OK);
	assert_int_equal(m.len, sizeof(update_body));
	assert_memory_equal(m.data, update_body, sizeof(update_body));
	assert_ptr_equal(st.key, &key);
	assert_int_equal(st.time, NOW);
	assert_int_equal(st.mac_len, 32);

	struct msg a = {.len = 0};
	put(&a, answer_body, sizeof(answer_body));
	assert_int_equal(tsig_sign_answer(a.data, &a.len, sizeof(a.data), &st,
	    NOW, 0), E_OK);
	assert_int_equal(a.data[11], 1);
	assert_memory_equal(st.mac, answer_mac, sizeof(answer_mac));
	assert_memory_equal(a.data + sizeof(answer_body) + TSIG_MAC_AT,
	    answer_mac, sizeof(answer_mac));

	assert_int_equal(tsig_stream_new(&client, &s), E_OK);
	assert_false(tsig_stream_is_settled(s));
	assert_int_equal(tsig_stream_check(s, a.data, &a.len, NOW), E_OK);
	assert_true(tsig_stream_is_settled(s));
	assert_int_equal(a.len, sizeof(answer_body));
	assert_memory_equal(a.data, answer_body, sizeof(answer_body));
	tsig_stream_free(s);
}

static void
test_algorithms(void **state)
{
	static const struct {
		const char *text;
		enum tsig_alg alg;
		size_t mac_len;
	} cases[] = {
		{"hmac-sha256", TSIG_HMAC_SHA256, 32},
		{"HMAC-SHA384", TSIG_HMAC_SHA384, 48},
		{"hmac-sha512.", TSIG_HMAC_SHA512, 64},
	};
	enum tsig_alg alg;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(tsig_alg_from_str(cases[i].text, &alg), E_OK);
		assert_int_equal(alg, cases[i].alg);
		assert_int_equal(tsig_mac_len(alg), cases[i].mac_len);
		assert_int_equal(tsig_alg_from_str(tsig_alg_str(alg), &alg),
		    E_OK);
		struct tsig_key key = make_key("k.example", alg, 7);
		struct tsig_state st;
		struct msg m = {.len = 0};
		put(&m, update_body, sizeof(update_body));
		assert_int_equal(tsig_sign_request(m.data, &m.len,
		    sizeof(m.data), &key, NOW, &st), E_OK);
		/* the announced room, but for the other data of BADTIME */
		assert_int_equal(m.len + 6,
		    sizeof(update_body) + tsig_wire_len(&key));
		assert_int_equal(check(&m, &key, NOW, &st), E_OK);
	}
	assert_int_equal(tsig_alg_from_str("hmac-md5", &alg), E_NOENT);
	assert_int_equal(tsig_alg_from_str("hmac-sha1", &alg), E_NOENT);
	assert_int_equal(tsig_alg_from_str("hmac-sha256x", &alg), E_NOENT);
	assert_int_equal(tsig_alg_from_str(".", &alg), E_NOENT);
	assert_int_equal(tsig_alg_from_str("", &alg), E_NOENT);
}

static void
test_candidates(void **state)
{
	struct tsig_key a = make_key("same", TSIG_HMAC_SHA256, 1);
	struct tsig_key b = make_key("same", TSIG_HMAC_SHA512, 2);
	struct tsig_key c = make_key("other", TSIG_HMAC_SHA256, 3);
	const struct tsig_key *keys[] = {&c, &a, &b};
	struct tsig_state st;
	struct tsig_rr rr;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct msg m = {.len = 0};
		put(&m, update_body, sizeof(update_body));
		assert_int_equal(tsig_sign_request(m.data, &m.len,
		    sizeof(m.data), keys[i], NOW, &st), E_OK);
		assert_int_equal(tsig_check_request(m.data, &m.len, keys, 3,
		    NOW, &st, &rr), E_OK);
		assert_ptr_equal(st.key, keys[i]);
	}
	struct msg m = signed_update();
	assert_int_equal(tsig_check_request(m.data, &m.len, keys, 3, NOW, &st,
	    &rr), E_BADKEY);
	m = signed_update();
	assert_int_equal(tsig_check_request(m.data, &m.len, NULL, 0, NOW, &st,
	    &rr), E_BADKEY);
	assert_int_equal(m.len, sizeof(update_body));

	/* a name is case-insensitive, signed in lower case */
	struct tsig_key key = make_key("msa-combiner", TSIG_HMAC_SHA256, 0);
	m = signed_update();
	m.data[sizeof(update_body) + 1] = 'M';
	m.data[sizeof(update_body) + TSIG_ALG_AT + 1] = 'H';
	assert_int_equal(check(&m, &key, NOW, &st), E_OK);
	/* an algorithm that we do not know */
	m = signed_update();
	m.data[sizeof(update_body) + TSIG_ALG_AT + 10] = '2';
	m.data[sizeof(update_body) + TSIG_ALG_AT + 11] = '4';
	assert_int_equal(check(&m, &key, NOW, &st), E_BADKEY);
}

static void
test_time(void **state)
{
	static const struct {
		int64_t off;
		int want;
	} cases[] = {
		{0, E_OK}, {300, E_OK}, {-300, E_OK},
		{301, E_BADTIME}, {-301, E_BADTIME},
		{-NOW, E_BADTIME}, {INT32_MAX, E_BADTIME},
		{INT64_C(1) << 47, E_BADTIME},
	};
	struct tsig_key key = make_key("msa-combiner", TSIG_HMAC_SHA256, 0);
	struct tsig_state st;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct msg m = signed_update();
		assert_int_equal(check(&m, &key, NOW + cases[i].off, &st),
		    cases[i].want);
		assert_int_equal(m.len, sizeof(update_body));
	}
}

/* Which fault is told when there are several, and what a fault leaves. */
static void
test_order(void **state)
{
	struct tsig_key key = make_key("msa-combiner", TSIG_HMAC_SHA256, 0);
	struct tsig_key bad = make_key("msa-combiner", TSIG_HMAC_SHA256, 1);
	struct tsig_key other = make_key("nobody", TSIG_HMAC_SHA256, 0);
	const size_t at = sizeof(update_body);
	struct tsig_state st = {.key = NULL};

	(void)state;
	/* unknown key before wrong MAC before time */
	struct msg m = signed_update();
	m.data[20] ^= 1;
	assert_int_equal(check(&m, &other, NOW + 999, &st), E_BADKEY);
	assert_null(st.key);
	m = signed_update();
	assert_int_equal(check(&m, &bad, NOW + 999, &st), E_BADSIG);
	assert_null(st.key);
	/* format before key */
	m = signed_update();
	m.data[at + TSIG_OTHERLEN_AT + 1] = 1;
	size_t len = m.len;
	assert_int_equal(check(&m, &other, NOW, &st), E_MALF);
	assert_int_equal(m.len, len);
	assert_int_equal(m.data[11], 1);
	/* wrong time is told to whom it concerns */
	m = signed_update();
	assert_int_equal(check(&m, &key, NOW + 999, &st), E_BADTIME);
	assert_ptr_equal(st.key, &key);
	assert_int_equal(st.time, NOW);
	assert_memory_equal(st.mac, update_tsig + TSIG_MAC_AT, 32);
	/* no TSIG at all */
	m.len = 0;
	put(&m, update_body, sizeof(update_body));
	assert_int_equal(check(&m, &key, NOW, &st), E_NOENT);
	assert_memory_equal(m.data, update_body, sizeof(update_body));
}

/* The spec's message with a MAC of n octets of the right one. */
static struct msg
truncated(size_t n)
{
	const size_t at = sizeof(update_body);
	struct msg m = signed_update();

	put_be16(m.data + at + TSIG_RDLEN_AT, (uint16_t)(0x3d - 32 + n));
	put_be16(m.data + at + TSIG_MACLEN_AT, (uint16_t)n);
	if (n > 32) {
		memset(m.data + at + TSIG_MAC_AT + 32, 0, n - 32);
	}
	memcpy(m.data + at + TSIG_MAC_AT + n, update_tsig + TSIG_ORIGID_AT, 6);
	m.len = at + TSIG_MAC_AT + n + 6;
	return m;
}

static void
test_mac_length(void **state)
{
	struct tsig_key key = make_key("msa-combiner", TSIG_HMAC_SHA256, 0);
	struct tsig_state st;

	(void)state;
	for (size_t n = 0; n <= 40; n++) {
		struct msg m = truncated(n);
		int want = n < 16 || n > 32 ? E_MALF :
		    n < 32 ? E_BADTRUNC : E_OK;
		assert_int_equal(check(&m, &key, NOW, &st), want);
	}
	/* time before truncation, and a truncated one must still be right */
	struct msg m = truncated(16);
	assert_int_equal(check(&m, &key, NOW + 301, &st), E_BADTIME);
	assert_int_equal(st.mac_len, 16);
	m = truncated(16);
	m.data[sizeof(update_body) + TSIG_MAC_AT + 15] ^= 1;
	assert_int_equal(check(&m, &key, NOW, &st), E_BADSIG);
	/* the answer to it is signed over the MAC as it came */
	m = truncated(16);
	assert_int_equal(check(&m, &key, NOW, &st), E_BADTRUNC);
	m.len = 0;
	put(&m, answer_body, sizeof(answer_body));
	struct tsig_state client = st;
	assert_int_equal(tsig_sign_answer(m.data, &m.len, sizeof(m.data), &st,
	    NOW, DNS_BADTRUNC), E_OK);
	struct tsig_stream *s;
	assert_int_equal(tsig_stream_new(&client, &s), E_OK);
	assert_int_equal(tsig_stream_check(s, m.data, &m.len, NOW),
	    E_BADTRUNC);
	tsig_stream_free(s);
}

/* Every octet of the message counts; of the record all but the TTL's form. */
static void
test_every_octet(void **state)
{
	struct tsig_key key = make_key("msa-combiner", TSIG_HMAC_SHA256, 0);
	struct msg good = signed_update();
	struct tsig_state st;

	(void)state;
	for (size_t i = 0; i < good.len; i++) {
		struct msg m = good;
		m.data[i] ^= 0x80;
		int r = check(&m, &key, NOW, &st);
		if (i < 2) {
			/* the id: the original one is what counts */
			assert_int_equal(r, E_OK);
			assert_int_equal(m.data[i], good.data[i]);
		} else {
			assert_int_not_equal(r, E_OK);
		}
	}
	for (size_t n = 0; n < good.len; n++) {
		struct msg m = good;
		m.len = n;
		assert_int_equal(check(&m, &key, NOW, &st), E_MALF);
	}
	struct msg m = good;
	put(&m, "", 1);
	assert_int_equal(check(&m, &key, NOW, &st), E_MALF);
}

static void
test_original_id(void **state)
{
	struct tsig_key key = make_key("msa-combiner", TSIG_HMAC_SHA256, 0);
	const struct tsig_key *keys[] = {&key};
	struct msg m = signed_update();
	struct tsig_state st;
	struct tsig_rr rr;

	(void)state;
	put_be16(m.data, 0x1234);
	assert_int_equal(tsig_check_request(m.data, &m.len, keys, 1, NOW, &st,
	    &rr), E_OK);
	assert_int_equal(get_be16(m.data), 0x636f);
	assert_int_equal(rr.orig_id, 0x636f);
	assert_int_equal(rr.wire_id, 0x1234);
}

/* A record without RDATA. */
static const uint8_t filler[] = {0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0};

static void
test_place(void **state)
{
	struct tsig_rr rr;
	struct msg m;

	(void)state;
	/* counts of the four sections, order of records; T is a TSIG */
	static const struct {
		uint8_t counts[3];
		const char *order;
		int want;
	} cases[] = {
		{{0, 0, 1}, "T", E_OK},
		{{0, 0, 2}, "-T", E_OK},
		{{1, 1, 2}, "---T", E_OK},
		{{0, 0, 2}, "T-", E_MALF},
		{{0, 0, 2}, "TT", E_MALF},
		{{0, 0, 3}, "T-T", E_MALF},
		{{1, 0, 0}, "T", E_MALF},
		{{0, 1, 0}, "T", E_MALF},
		{{1, 0, 1}, "T-", E_MALF},
		{{1, 0, 1}, "TT", E_MALF},
		{{0, 1, 1}, "TT", E_MALF},
		{{1, 1, 1}, "---", E_NOENT},
		{{0, 0, 0}, "", E_NOENT},
		{{0, 0, 0}, "T", E_MALF}, /* trailing octets */
		{{0, 0, 1}, "T-", E_MALF},
		{{0, 0, 2}, "T", E_MALF}, /* one is missing */
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		m.len = 0;
		put(&m, answer_body, sizeof(answer_body));
		for (int k = 0; k < 3; k++) {
			m.data[7 + 2 * k] = cases[i].counts[k];
		}
		for (const char *p = cases[i].order; *p != '\0'; p++) {
			if (*p == 'T') {
				put(&m, update_tsig, sizeof(update_tsig));
			} else {
				put(&m, filler, sizeof(filler));
			}
		}
		assert_int_equal(tsig_find(m.data, m.len, &rr),
		    cases[i].want);
	}
	/* class and TTL are fixed */
	m = signed_update();
	m.data[sizeof(update_body) + TSIG_TTL_AT + 3] = 1;
	assert_int_equal(tsig_find(m.data, m.len, &rr), E_MALF);
	m = signed_update();
	m.data[sizeof(update_body) + TSIG_TTL_AT - 1] = 1;
	assert_int_equal(tsig_find(m.data, m.len, &rr), E_MALF);
}

static void
test_find(void **state)
{
	struct msg m = signed_update();
	struct tsig_rr rr;

	(void)state;
	assert_int_equal(tsig_find(m.data, m.len, &rr), E_OK);
	assert_int_equal(rr.start, sizeof(update_body));
	assert_memory_equal(rr.key_name, update_tsig, 14);
	assert_memory_equal(rr.alg_name, update_tsig + TSIG_ALG_AT, 13);
	assert_int_equal(rr.time, NOW);
	assert_int_equal(rr.fudge, 300);
	assert_int_equal(rr.mac_len, 32);
	assert_ptr_equal(rr.mac, m.data + sizeof(update_body) + TSIG_MAC_AT);
	assert_int_equal(rr.error, 0);
	assert_int_equal(rr.other_len, 0);
}

static void
test_badtime_answer(void **state)
{
	struct tsig_key key = make_key("msa-combiner", TSIG_HMAC_SHA256, 0);
	const int64_t ours = NOW + 5000;
	struct tsig_state st, client;
	struct tsig_stream *s;
	struct tsig_rr rr;
	struct msg m = signed_update();

	(void)state;
	assert_int_equal(check(&m, &key, ours, &st), E_BADTIME);
	client = st;
	m.len = 0;
	put(&m, answer_body, sizeof(answer_body));
	assert_int_equal(tsig_sign_answer(m.data, &m.len,
	    sizeof(answer_body) + tsig_wire_len(&key) - 1, &st, ours,
	    DNS_BADTIME), E_SPACE);
	assert_int_equal(m.len, sizeof(answer_body));
	assert_int_equal(m.data[11], 0);
	assert_int_equal(tsig_sign_answer(m.data, &m.len,
	    sizeof(answer_body) + tsig_wire_len(&key), &st, ours,
	    DNS_BADTIME), E_OK);
	assert_int_equal(tsig_find(m.data, m.len, &rr), E_OK);
	assert_int_equal(rr.time, NOW);
	assert_int_equal(rr.error, DNS_BADTIME);
	assert_int_equal(rr.mac_len, 32);
	assert_int_equal(rr.other_len, 6);
	struct rbuf b;
	rbuf_init(&b, rr.other, rr.other_len);
	assert_true(rbuf_u48(&b) == (uint64_t)ours);

	struct msg forged = m;
	forged.data[m.len - 1] ^= 1; /* our time in other data */
	assert_int_equal(tsig_stream_new(&client, &s), E_OK);
	assert_int_equal(tsig_stream_check(s, forged.data, &forged.len, NOW),
	    E_BADSIG);
	tsig_stream_free(s);
	assert_int_equal(tsig_stream_new(&client, &s), E_OK);
	assert_int_equal(tsig_stream_check(s, m.data, &m.len, NOW),
	    E_BADTIME);
	assert_false(tsig_stream_is_settled(s));
	tsig_stream_free(s);
}

static void
test_unsigned_error(void **state)
{
	static const struct {
		uint16_t code;
		int err;
	} cases[] = {{DNS_BADKEY, E_BADKEY}, {DNS_BADSIG, E_BADSIG}};
	struct tsig_key key = make_key("msa-combiner", TSIG_HMAC_SHA256, 0);
	struct tsig_state client;
	struct tsig_stream *s;
	struct tsig_rr req, rr;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct msg m = {.len = 0};
		put(&m, update_body, sizeof(update_body));
		assert_int_equal(tsig_sign_request(m.data, &m.len,
		    sizeof(m.data), &key, NOW, &client), E_OK);
		assert_int_equal(tsig_find(m.data, m.len, &req), E_OK);
		struct msg a = {.len = 0};
		put(&a, answer_body, sizeof(answer_body));
		assert_int_equal(tsig_put_error(a.data, &a.len, a.len + 10,
		    &req, NOW, cases[i].code), E_SPACE);
		assert_int_equal(tsig_put_error(a.data, &a.len,
		    sizeof(a.data), &req, NOW, cases[i].code), E_OK);
		assert_int_equal(tsig_find(a.data, a.len, &rr), E_OK);
		assert_int_equal(rr.mac_len, 0);
		assert_int_equal(rr.error, cases[i].code);
		assert_memory_equal(rr.key_name, key.name, key.name_len);
		assert_int_equal(tsig_stream_new(&client, &s), E_OK);
		assert_int_equal(tsig_stream_check(s, a.data, &a.len, NOW),
		    cases[i].err);
		tsig_stream_free(s);
	}
}

static void
test_space(void **state)
{
	struct tsig_key key = make_key("msa-combiner", TSIG_HMAC_SHA256, 0);
	struct msg want = signed_update();
	struct tsig_state st;

	(void)state;
	for (size_t cap = 0; cap < want.len; cap++) {
		struct msg m = {.len = 0};
		put(&m, update_body, sizeof(update_body));
		assert_int_equal(tsig_sign_request(m.data, &m.len, cap, &key,
		    NOW, &st), E_SPACE);
		assert_int_equal(m.len, sizeof(update_body));
		assert_memory_equal(m.data, update_body, m.len);
	}
	struct msg m = {.len = 0};
	put(&m, update_body, sizeof(update_body));
	put_be16(m.data + 10, 65535);
	assert_int_equal(tsig_sign_request(m.data, &m.len, sizeof(m.data),
	    &key, NOW, &st), E_SPACE);
	m.len = 11;
	assert_int_equal(tsig_sign_request(m.data, &m.len, sizeof(m.data),
	    &key, NOW, &st), E_INVAL);
}

static void
test_wipe(void **state)
{
	static const uint8_t zero[128];
	struct tsig_key key = make_key("k", TSIG_HMAC_SHA256, 1);

	(void)state;
	tsig_key_wipe(&key);
	assert_memory_equal(key.secret, zero, sizeof(key.secret));
	assert_int_equal(key.secret_len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_worked_example),
		cmocka_unit_test(test_algorithms),
		cmocka_unit_test(test_candidates),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_mac_length),
		cmocka_unit_test(test_every_octet),
		cmocka_unit_test(test_original_id),
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_badtime_answer),
		cmocka_unit_test(test_unsigned_error),
		cmocka_unit_test(test_space),
		cmocka_unit_test(test_wipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
