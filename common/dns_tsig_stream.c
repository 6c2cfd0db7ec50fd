/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TSIG over the messages of a transfer (RFC 8945 5.3.1).  One HMAC runs along:
 *
 *   request MAC | message 1 | variables        -> MAC 1
 *   MAC 1 | messages 2 … n | timers of n       -> MAC n   (2 … n-1 unsigned)
 *   MAC n | …
 *
 * Each MAC goes in with its length before it, each message without its TSIG.
 * Nothing is kept of a message: what was fed to the HMAC is all that counts.
 */
#include "common/dns_tsig.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/dns_tsig_mac.h"
#include "common/dns_wire.h"
#include "common/errcode.h"

struct tsig_stream {
	const struct tsig_key *key; /* borrowed */
	gnutls_hmac_hd_t mac;
	unsigned unsigned_count; /* messages since the last signed one */
	bool is_begun;           /* a signed message went by */
	int err;                 /* first failure; the stream ended there */
};

int
tsig_stream_new(const struct tsig_state *st, struct tsig_stream **out)
{
	if (st->key == NULL) {
		return E_INVAL;
	}
	struct tsig_stream *s = calloc(1, sizeof(*s));
	if (s == NULL) {
		return E_NOMEM;
	}
	s->key = st->key;
	int r = tsig_mac_new(s->key, &s->mac);
	if (r == E_OK) {
		r = tsig_mac_add_prior(s->mac, st->mac, st->mac_len);
	}
	if (r != E_OK) {
		tsig_stream_free(s);
		return r;
	}
	*out = s;
	return E_OK;
}

void
tsig_stream_free(struct tsig_stream *s)
{
	if (s != NULL) {
		tsig_mac_free(s->mac);
		free(s);
	}
}

/* The current message was fed: adds what is signed of its record, ends it. */
static int
end_mac(struct tsig_stream *s, const struct tsig_rr *rr,
    uint8_t out[TSIG_MAC_MAX])
{
	int r = s->is_begun ? tsig_mac_add_timers(s->mac, rr) :
	    tsig_mac_add_vars(s->mac, rr);

	if (r == E_OK) {
		tsig_mac_take(s->mac, out);
	}
	return r;
}

/* A message is signed: its MAC starts what comes. */
static int
settle(struct tsig_stream *s, const uint8_t *mac)
{
	s->is_begun = true;
	s->unsigned_count = 0;
	return tsig_mac_add_prior(s->mac, mac,
	    (uint16_t)tsig_mac_len(s->key->alg));
}

int
tsig_stream_sign(struct tsig_stream *s, uint8_t *msg, size_t *len,
    size_t cap, int64_t now)
{
	uint8_t mac[TSIG_MAC_MAX];
	struct tsig_rr rr;

	if (s->err != E_OK) {
		return s->err;
	}
	/* asked before the HMAC has eaten it, so that the caller may skip it */
	if (*len < DNS_HEADER_LEN) {
		return E_INVAL;
	}
	tsig_rr_init(&rr, s->key, now, get_be16(msg));
	rr.mac = mac;
	size_t room = cap < DNS_MSG_MAX ? cap : DNS_MSG_MAX;
	if (*len > room || tsig_wire_len(s->key) > room - *len) {
		return E_SPACE;
	}
	s->err = tsig_mac_add(s->mac, msg, *len);
	if (s->err == E_OK) {
		s->err = end_mac(s, &rr, mac);
	}
	if (s->err == E_OK) {
		s->err = tsig_rr_put(&rr, msg, len, cap);
	}
	if (s->err == E_OK) {
		s->err = settle(s, mac);
	}
	return s->err;
}

int
tsig_stream_skip(struct tsig_stream *s, const uint8_t *msg, size_t len)
{
	if (s->err != E_OK) {
		return s->err;
	}
	if (!s->is_begun || s->unsigned_count >= TSIG_UNSIGNED_MAX) {
		return E_LIMIT;
	}
	s->unsigned_count++;
	s->err = tsig_mac_add(s->mac, msg, len);
	return s->err;
}

static int
check_signed(struct tsig_stream *s, uint8_t *msg, size_t *len,
    const struct tsig_rr *rr, int64_t now)
{
	uint8_t mac[TSIG_MAC_MAX];

	tsig_rr_strip(rr, msg, len);
	/* answers to a bad key or MAC come unsigned (RFC 8945 5.3.2) */
	if (rr->mac_len == 0 &&
	    (rr->error == DNS_BADKEY || rr->error == DNS_BADSIG)) {
		return tsig_error_code(rr->error);
	}
	if (!tsig_rr_has_key(rr, s->key)) {
		return E_BADKEY;
	}
	int r = tsig_mac_add(s->mac, msg, *len);
	if (r == E_OK) {
		r = end_mac(s, rr, mac);
	}
	if (r == E_OK) {
		r = tsig_rr_judge(rr, s->key, mac, now);
	}
	if (r == E_OK) {
		r = tsig_error_code(rr->error);
	}
	return r == E_OK ? settle(s, mac) : r;
}

int
tsig_stream_check(struct tsig_stream *s, uint8_t *msg, size_t *len,
    int64_t now)
{
	struct tsig_rr rr;

	if (s->err != E_OK) {
		return s->err;
	}
	int r = tsig_find(msg, *len, &rr);
	if (r == E_OK) {
		s->err = check_signed(s, msg, len, &rr, now);
	} else if (r != E_NOENT) {
		s->err = r;
	} else if (!s->is_begun || s->unsigned_count >= TSIG_UNSIGNED_MAX) {
		s->err = E_NOTSIGNED;
	} else {
		s->unsigned_count++;
		s->err = tsig_mac_add(s->mac, msg, *len);
	}
	return s->err;
}

bool
tsig_stream_is_settled(const struct tsig_stream *s)
{
	return s->err == E_OK && s->is_begun && s->unsigned_count == 0;
}
