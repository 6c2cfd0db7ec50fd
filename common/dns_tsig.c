/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TSIG of single messages.  What is signed (RFC 8945 4.3):
 *
 *   request:  message without TSIG | variables
 *   answer:   length and MAC of the request | message | variables
 *
 *   variables: key name | class ANY | TTL 0 | algorithm | time (48 bit) |
 *              fudge | error | other length | other
 *
 * The record: key name | 00 fa | 00 ff | 00 00 00 00 | RDLENGTH | algorithm |
 *              time | fudge | MAC length | MAC | original id | error |
 *              other length | other
 */
#include "common/dns_tsig.h"

#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/dns_tsig_mac.h"
#include "common/dns_wire.h"
#include "common/errcode.h"

#define ARCOUNT_AT 10
#define OTHER_TIME_LEN 6 /* BADTIME: our time, RFC 8945 5.2.3 */
#define MAC_FLOOR 10     /* no MAC may be shorter, RFC 8945 5.2.2.1 */
#define TIME_MASK ((UINT64_C(1) << 48) - 1)

static const struct {
	const char *text;
	const char *wire;
	uint8_t wire_len, mac_len;
	gnutls_mac_algorithm_t mac;
} algs[] = {
	[TSIG_HMAC_SHA256] = {"hmac-sha256", "\x0bhmac-sha256", 13, 32,
	    GNUTLS_MAC_SHA256},
	[TSIG_HMAC_SHA384] = {"hmac-sha384", "\x0bhmac-sha384", 13, 48,
	    GNUTLS_MAC_SHA384},
	[TSIG_HMAC_SHA512] = {"hmac-sha512", "\x0bhmac-sha512", 13, 64,
	    GNUTLS_MAC_SHA512},
};
#define NALGS (sizeof(algs) / sizeof(algs[0]))

int
tsig_alg_from_str(const char *s, enum tsig_alg *alg)
{
	size_t len = strlen(s);

	if (len > 0 && s[len - 1] == '.') {
		len--;
	}
	for (size_t i = 0; i < NALGS; i++) {
		if (len == strlen(algs[i].text) &&
		    strncasecmp(s, algs[i].text, len) == 0) {
			*alg = (enum tsig_alg)i;
			return E_OK;
		}
	}
	return E_NOENT;
}

const char *
tsig_alg_str(enum tsig_alg alg)
{
	return algs[alg].text;
}

size_t
tsig_mac_len(enum tsig_alg alg)
{
	return algs[alg].mac_len;
}

size_t
tsig_wire_len(const struct tsig_key *key)
{
	return (size_t)key->name_len + DNS_RR_FIXED + algs[key->alg].wire_len +
	    6 + 2 + 2 + algs[key->alg].mac_len + 2 + 2 + 2 + OTHER_TIME_LEN;
}

void
tsig_key_wipe(struct tsig_key *key)
{
	gnutls_memset(key->secret, 0, sizeof(key->secret));
	key->secret_len = 0;
}

/* -- the MAC --------------------------------------------------------------- */

int
tsig_mac_new(const struct tsig_key *key, gnutls_hmac_hd_t *mac)
{
	int r = gnutls_hmac_init(mac, algs[key->alg].mac, key->secret,
	    key->secret_len);

	if (r < 0) {
		*mac = NULL;
		return r == GNUTLS_E_MEMORY_ERROR ? E_NOMEM : E_SYSTEM;
	}
	return E_OK;
}

void
tsig_mac_free(gnutls_hmac_hd_t mac)
{
	if (mac != NULL) {
		gnutls_hmac_deinit(mac, NULL);
	}
}

int
tsig_mac_add(gnutls_hmac_hd_t mac, const void *data, size_t len)
{
	return gnutls_hmac(mac, data, len) < 0 ? E_SYSTEM : E_OK;
}

int
tsig_mac_add_prior(gnutls_hmac_hd_t mac, const uint8_t *prior, uint16_t len)
{
	uint8_t n[2];

	put_be16(n, len);
	int r = tsig_mac_add(mac, n, sizeof(n));
	return r == E_OK ? tsig_mac_add(mac, prior, len) : r;
}

int
tsig_mac_add_vars(gnutls_hmac_hd_t mac, const struct tsig_rr *rr)
{
	uint8_t mem[2 * NAME_MAX_LEN + 18];
	struct wbuf b;

	wbuf_init(&b, mem, sizeof(mem));
	wbuf_put(&b, rr->key_name, name_len(rr->key_name));
	wbuf_u16(&b, DNS_ANY_CLASS);
	wbuf_u32(&b, 0);
	wbuf_put(&b, rr->alg_name, name_len(rr->alg_name));
	wbuf_u48(&b, rr->time);
	wbuf_u16(&b, rr->fudge);
	wbuf_u16(&b, rr->error);
	wbuf_u16(&b, rr->other_len);
	int r = tsig_mac_add(mac, b.base, b.len);
	if (r == E_OK && rr->other_len > 0) {
		r = tsig_mac_add(mac, rr->other, rr->other_len);
	}
	return r;
}

int
tsig_mac_add_timers(gnutls_hmac_hd_t mac, const struct tsig_rr *rr)
{
	uint8_t mem[8];
	struct wbuf b;

	wbuf_init(&b, mem, sizeof(mem));
	wbuf_u48(&b, rr->time);
	wbuf_u16(&b, rr->fudge);
	return tsig_mac_add(mac, b.base, b.len);
}

void
tsig_mac_take(gnutls_hmac_hd_t mac, uint8_t out[TSIG_MAC_MAX])
{
	gnutls_hmac_output(mac, out);
}

/* One message; prior is NULL for a request. */
static int
compute(const struct tsig_key *key, const struct tsig_state *prior,
    const uint8_t *msg, size_t len, const struct tsig_rr *rr,
    uint8_t out[TSIG_MAC_MAX])
{
	gnutls_hmac_hd_t mac;
	int r = tsig_mac_new(key, &mac);

	if (r == E_OK && prior != NULL) {
		r = tsig_mac_add_prior(mac, prior->mac, prior->mac_len);
	}
	if (r == E_OK) {
		r = tsig_mac_add(mac, msg, len);
	}
	if (r == E_OK) {
		r = tsig_mac_add_vars(mac, rr);
	}
	if (r == E_OK) {
		tsig_mac_take(mac, out);
	}
	tsig_mac_free(mac);
	return r;
}

/* -- the record ------------------------------------------------------------ */

static int
decode_rr(const uint8_t *msg, size_t len, const struct dns_rr *at,
    struct tsig_rr *rr)
{
	const uint8_t *rdata = msg + at->rdata;
	struct rbuf b;

	if (at->class != DNS_ANY_CLASS || at->ttl != 0 ||
	    name_from_msg(msg, len, at->owner, rr->key_name, NULL) < 0) {
		return E_MALF;
	}
	size_t n = name_check(rdata, at->rdlen);
	if (n == 0) {
		return E_MALF;
	}
	memcpy(rr->alg_name, rdata, n);
	name_to_lower(rr->key_name);
	name_to_lower(rr->alg_name);
	rbuf_init(&b, rdata + n, at->rdlen - n);
	rr->time = rbuf_u48(&b);
	rr->fudge = rbuf_u16(&b);
	rr->mac_len = rbuf_u16(&b);
	rr->mac = rbuf_take(&b, rr->mac_len);
	rr->orig_id = rbuf_u16(&b);
	rr->error = rbuf_u16(&b);
	rr->other_len = rbuf_u16(&b);
	rr->other = rbuf_take(&b, rr->other_len);
	rr->start = at->owner;
	rr->wire_id = get_be16(msg);
	return b.err != E_OK || rbuf_left(&b) > 0 ? E_MALF : E_OK;
}

int
tsig_find(const uint8_t *msg, size_t len, struct tsig_rr *rr)
{
	struct dns_walk w;
	struct dns_rr at;
	int r = dns_walk_init(&w, msg, len);

	if (r != E_OK) {
		return r;
	}
	do {
		r = dns_walk_next(&w, &at);
		if (r != E_OK) {
			return r == E_DONE ? E_NOENT : r;
		}
	} while (at.type != DNS_TSIG);
	/* only as the last record of all, so there is one at most */
	if (at.section != 3 || w.left > 0 || w.pos != len) {
		return E_MALF;
	}
	return decode_rr(msg, len, &at, rr);
}

void
tsig_rr_init(struct tsig_rr *rr, const struct tsig_key *key, int64_t now,
    uint16_t orig_id)
{
	memset(rr, 0, sizeof(*rr));
	memcpy(rr->key_name, key->name, key->name_len);
	memcpy(rr->alg_name, algs[key->alg].wire, algs[key->alg].wire_len);
	rr->time = (uint64_t)now & TIME_MASK;
	rr->fudge = TSIG_FUDGE;
	rr->mac_len = algs[key->alg].mac_len;
	rr->orig_id = orig_id;
	rr->wire_id = orig_id;
}

int
tsig_rr_put(const struct tsig_rr *rr, uint8_t *msg, size_t *len, size_t cap)
{
	uint16_t arcount = get_be16(msg + ARCOUNT_AT);
	struct wbuf b;

	if (arcount == UINT16_MAX || *len > cap) {
		return E_SPACE;
	}
	wbuf_init(&b, msg, cap < DNS_MSG_MAX ? cap : DNS_MSG_MAX);
	b.len = *len;
	wbuf_put(&b, rr->key_name, name_len(rr->key_name));
	wbuf_u16(&b, DNS_TSIG);
	wbuf_u16(&b, DNS_ANY_CLASS);
	wbuf_u32(&b, 0);
	size_t alg_len = name_len(rr->alg_name);
	wbuf_u16(&b, (uint16_t)(alg_len + 16 + rr->mac_len + rr->other_len));
	wbuf_put(&b, rr->alg_name, alg_len);
	wbuf_u48(&b, rr->time);
	wbuf_u16(&b, rr->fudge);
	wbuf_u16(&b, rr->mac_len);
	wbuf_put(&b, rr->mac, rr->mac_len);
	wbuf_u16(&b, rr->orig_id);
	wbuf_u16(&b, rr->error);
	wbuf_u16(&b, rr->other_len);
	wbuf_put(&b, rr->other, rr->other_len);
	if (b.err != E_OK) {
		return b.err;
	}
	*len = b.len;
	put_be16(msg + ARCOUNT_AT, (uint16_t)(arcount + 1));
	return E_OK;
}

void
tsig_rr_strip(const struct tsig_rr *rr, uint8_t *msg, size_t *len)
{
	uint16_t arcount = get_be16(msg + ARCOUNT_AT);

	put_be16(msg + ARCOUNT_AT, (uint16_t)(arcount - 1));
	put_be16(msg, rr->orig_id);
	*len = rr->start;
}

bool
tsig_rr_has_key(const struct tsig_rr *rr, const struct tsig_key *key)
{
	/* all in lower case */
	return name_len(rr->alg_name) == algs[key->alg].wire_len &&
	    memcmp(rr->alg_name, algs[key->alg].wire,
	    algs[key->alg].wire_len) == 0 &&
	    name_len(rr->key_name) == key->name_len &&
	    memcmp(rr->key_name, key->name, key->name_len) == 0;
}

int
tsig_rr_judge(const struct tsig_rr *rr, const struct tsig_key *key,
    const uint8_t mac[TSIG_MAC_MAX], int64_t now)
{
	uint16_t full = algs[key->alg].mac_len;
	uint16_t fudge = rr->fudge < TSIG_FUDGE ? rr->fudge : TSIG_FUDGE;

	if (rr->mac_len > full || rr->mac_len < MAC_FLOOR ||
	    rr->mac_len < full / 2) {
		return E_MALF;
	}
	if (gnutls_memcmp(rr->mac, mac, rr->mac_len) != 0) {
		return E_BADSIG;
	}
	/* 48 bits: the difference cannot overflow */
	int64_t off = (int64_t)((uint64_t)now & TIME_MASK) - (int64_t)rr->time;
	if (off > fudge || off < -(int64_t)fudge) {
		return E_BADTIME;
	}
	return rr->mac_len < full ? E_BADTRUNC : E_OK;
}

/* -- messages -------------------------------------------------------------- */

int
tsig_check_request(uint8_t *msg, size_t *len,
    const struct tsig_key *const *keys, size_t nkeys, int64_t now,
    struct tsig_state *st, struct tsig_rr *rr)
{
	const struct tsig_key *key = NULL;
	uint8_t mac[TSIG_MAC_MAX];
	int r = tsig_find(msg, *len, rr);

	if (r != E_OK) {
		return r;
	}
	tsig_rr_strip(rr, msg, len);
	for (size_t i = 0; i < nkeys && key == NULL; i++) {
		if (tsig_rr_has_key(rr, keys[i])) {
			key = keys[i];
		}
	}
	if (key == NULL) {
		return E_BADKEY;
	}
	r = compute(key, NULL, msg, *len, rr, mac);
	if (r == E_OK) {
		r = tsig_rr_judge(rr, key, mac, now);
	}
	if (r == E_OK || r == E_BADTIME || r == E_BADTRUNC) {
		st->key = key;
		memcpy(st->mac, rr->mac, rr->mac_len);
		st->mac_len = rr->mac_len;
		st->time = rr->time;
	}
	return r;
}

/* Signs with rr as prepared; st->mac is the prior one, then the new one. */
static int
sign(uint8_t *msg, size_t *len, size_t cap, struct tsig_rr *rr,
    struct tsig_state *st, bool is_answer)
{
	uint8_t mac[TSIG_MAC_MAX];
	int r = compute(st->key, is_answer ? st : NULL, msg, *len, rr, mac);

	if (r != E_OK) {
		return r;
	}
	rr->mac = mac;
	r = tsig_rr_put(rr, msg, len, cap);
	rr->mac = NULL;
	if (r == E_OK) {
		memcpy(st->mac, mac, rr->mac_len);
		st->mac_len = rr->mac_len;
		st->time = rr->time;
	}
	return r;
}

int
tsig_sign_request(uint8_t *msg, size_t *len, size_t cap,
    const struct tsig_key *key, int64_t now, struct tsig_state *st)
{
	struct tsig_rr rr;

	if (*len < DNS_HEADER_LEN) {
		return E_INVAL;
	}
	tsig_rr_init(&rr, key, now, get_be16(msg));
	st->key = key;
	return sign(msg, len, cap, &rr, st, false);
}

int
tsig_sign_answer(uint8_t *msg, size_t *len, size_t cap,
    struct tsig_state *st, int64_t now, uint16_t error)
{
	uint8_t our_time[OTHER_TIME_LEN];
	struct tsig_rr rr;
	struct wbuf b;

	if (*len < DNS_HEADER_LEN || st->key == NULL) {
		return E_INVAL;
	}
	tsig_rr_init(&rr, st->key, now, get_be16(msg));
	rr.error = error;
	if (error == DNS_BADTIME) {
		wbuf_init(&b, our_time, sizeof(our_time));
		wbuf_u48(&b, rr.time);
		rr.other = our_time;
		rr.other_len = sizeof(our_time);
		rr.time = st->time;
	}
	return sign(msg, len, cap, &rr, st, true);
}

int
tsig_put_error(uint8_t *msg, size_t *len, size_t cap,
    const struct tsig_rr *req, int64_t now, uint16_t error)
{
	struct tsig_rr rr;

	if (*len < DNS_HEADER_LEN) {
		return E_INVAL;
	}
	memset(&rr, 0, sizeof(rr));
	memcpy(rr.key_name, req->key_name, sizeof(rr.key_name));
	memcpy(rr.alg_name, req->alg_name, sizeof(rr.alg_name));
	rr.time = (uint64_t)now & TIME_MASK;
	rr.fudge = TSIG_FUDGE;
	rr.orig_id = get_be16(msg);
	rr.error = error;
	return tsig_rr_put(&rr, msg, len, cap);
}

int
tsig_error_code(uint16_t error)
{
	switch (error) {
	case DNS_NOERROR:
		return E_OK;
	case DNS_BADSIG:
		return E_BADSIG;
	case DNS_BADKEY:
		return E_BADKEY;
	case DNS_BADTIME:
		return E_BADTIME;
	case DNS_BADTRUNC:
		return E_BADTRUNC;
	default:
		return E_PROTO;
	}
}
