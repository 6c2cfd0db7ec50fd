/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TSIG, RFC 8945: single messages and TCP streams, signing and checking.
 * Our own on GnuTLS' HMAC and not libknot's, for three reasons: libknot reads
 * the system clock by itself (ours is injected), wants all unsigned messages
 * of a stream in one buffer, and copies.  Pure: no I/O, no clock; a stream
 * object may be used by a pool thread as long as one thread has it at a time.
 *
 * hmac-sha256, -sha384, -sha512; full MACs only.
 */
#ifndef COMMON_DNS_TSIG_H
#define COMMON_DNS_TSIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/dns_name.h"

#define TSIG_FUDGE 300
#define TSIG_MAC_MAX 64
#define TSIG_SECRET_MIN 32
#define TSIG_UNSIGNED_MAX 99 /* RFC 8945 5.3.1 */

enum tsig_alg {
	TSIG_HMAC_SHA256 = 0,
	TSIG_HMAC_SHA384 = 1,
	TSIG_HMAC_SHA512 = 2,
};

struct tsig_key {
	uint8_t name[NAME_MAX_LEN]; /* lower case */
	uint16_t name_len;
	enum tsig_alg alg;
	uint16_t secret_len;
	uint8_t secret[128];
};

int tsig_alg_from_str(const char *s, enum tsig_alg *alg);
const char *tsig_alg_str(enum tsig_alg alg);
size_t tsig_mac_len(enum tsig_alg alg);
/* Octets that a TSIG of this key adds to a message (other data included). */
size_t tsig_wire_len(const struct tsig_key *key);
/* Overwrites the secret. */
void tsig_key_wipe(struct tsig_key *key);

/* A TSIG record as found in a message. */
struct tsig_rr {
	size_t start;       /* offset of the record; the message without it */
	uint8_t key_name[NAME_MAX_LEN]; /* lower case */
	uint8_t alg_name[NAME_MAX_LEN]; /* lower case */
	uint64_t time;
	uint16_t fudge, mac_len, orig_id, error, other_len;
	uint16_t wire_id; /* of the message as it came; answers carry it */
	const uint8_t *mac, *other; /* in the message */
};

/*
 * Finds the TSIG.  E_NOENT: there is none.  E_MALF: there is one that is not
 * the last record, or more than one, or a broken one (FORMERR).
 */
int tsig_find(const uint8_t *msg, size_t len, struct tsig_rr *rr);

/* The error field of a TSIG record, in which the other side refuses us. */
int tsig_error_code(uint16_t error);

/* What a conversation must remember: of the request, then of the last MAC. */
struct tsig_state {
	const struct tsig_key *key; /* borrowed */
	uint8_t mac[TSIG_MAC_MAX];
	uint16_t mac_len; /* 0: no message yet */
	uint64_t time;    /* time signed of that message */
};

/*
 * Checks a request.  keys: the candidates.  Order and codes of spec 7:
 * E_BADKEY, E_BADSIG, E_BADTIME, E_BADTRUNC; on E_OK, E_BADTIME and E_BADTRUNC
 * st is set, so that the answer can be signed.  E_NOENT: not signed.  E_MALF.
 * *len becomes the length without the TSIG, ARCOUNT is lowered and the original
 * id put back, all in place, whatever the outcome but E_NOENT and E_MALF of
 * tsig_find().  What rr points to stays valid as long as msg.
 *
 * A fudge above TSIG_FUDGE is taken as that: how long a message may be
 * replayed is ours to bound, not the sender's.
 */
int tsig_check_request(uint8_t *msg, size_t *len,
    const struct tsig_key *const *keys, size_t nkeys, int64_t now,
    struct tsig_state *st, struct tsig_rr *rr);
/*
 * Signs a request: msg[*len] with room for cap; fills st with key and MAC.
 */
int tsig_sign_request(uint8_t *msg, size_t *len, size_t cap,
    const struct tsig_key *key, int64_t now, struct tsig_state *st);
/*
 * Signs the (first or only) answer to the request in st and updates st->mac.
 * error: 0, 22 (BADTRUNC), or 18 (BADTIME): then the client's time goes in as
 * time signed and ours as other data.
 */
int tsig_sign_answer(uint8_t *msg, size_t *len, size_t cap,
    struct tsig_state *st, int64_t now, uint16_t error);
/* Unsigned TSIG record of a BADKEY or BADSIG answer (RFC 8945 5.3.2). */
int tsig_put_error(uint8_t *msg, size_t *len, size_t cap,
    const struct tsig_rr *req, int64_t now, uint16_t error);

/* Later messages of an answer in several: prior MAC and timers only. */
struct tsig_stream; /* incremental HMAC */
/* Takes over st's key and MAC: of the request (checking) or of it (signing). */
int tsig_stream_new(const struct tsig_state *st, struct tsig_stream **out);
void tsig_stream_free(struct tsig_stream *s);
/*
 * Signs the next message of an outgoing stream; the first one as an answer,
 * later ones with timers only.  E_SPACE: no room for tsig_wire_len() octets;
 * nothing happened, the message may be skipped or split.
 */
int tsig_stream_sign(struct tsig_stream *s, uint8_t *msg, size_t *len,
    size_t cap, int64_t now);
/*
 * Counts an outgoing message, as it is sent, that goes unsigned.  E_LIMIT: it
 * is the first, or 99 before it went unsigned: it must be signed.
 */
int tsig_stream_skip(struct tsig_stream *s, const uint8_t *msg, size_t len);
/*
 * Checks the next message of an incoming stream.  Strips a TSIG in place.  An
 * unsigned one is E_OK too unless it is the first or over the limit
 * (E_NOTSIGNED); tsig_stream_is_settled() tells whether the last one so far
 * was signed, which must hold at the end.  E_BADKEY, E_BADSIG, E_BADTIME and
 * E_BADTRUNC are our verdict, or the peer's on our request, by its TSIG error.
 * After a failure all later calls return the same code.  A single answer is a
 * stream of one.
 */
int tsig_stream_check(struct tsig_stream *s, uint8_t *msg, size_t *len,
    int64_t now);
bool tsig_stream_is_settled(const struct tsig_stream *s);

#endif
