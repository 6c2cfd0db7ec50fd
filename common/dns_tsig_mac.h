/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What dns_tsig.c and dns_tsig_stream.c share, and nobody else includes: the
 * pieces that a MAC is computed over (RFC 8945 4.3), the checks that are the
 * same for a single message and a stream, and the record on the wire.
 */
#ifndef COMMON_DNS_TSIG_MAC_H
#define COMMON_DNS_TSIG_MAC_H

#include <gnutls/gnutls.h>
#include <gnutls/crypto.h>

#include "common/dns_tsig.h"

/* A started HMAC; *mac is NULL after an error. */
int tsig_mac_new(const struct tsig_key *key, gnutls_hmac_hd_t *mac);
void tsig_mac_free(gnutls_hmac_hd_t mac);
int tsig_mac_add(gnutls_hmac_hd_t mac, const void *data, size_t len);
/* A MAC seen before, with its length in two octets. */
int tsig_mac_add_prior(gnutls_hmac_hd_t mac, const uint8_t *prior,
    uint16_t len);
/* All variables of the record; the timers alone. */
int tsig_mac_add_vars(gnutls_hmac_hd_t mac, const struct tsig_rr *rr);
int tsig_mac_add_timers(gnutls_hmac_hd_t mac, const struct tsig_rr *rr);
/* Writes the MAC; what comes after starts a new one with the same key. */
void tsig_mac_take(gnutls_hmac_hd_t mac, uint8_t out[TSIG_MAC_MAX]);

/* A record of this key, to be filled with MAC and error. */
void tsig_rr_init(struct tsig_rr *rr, const struct tsig_key *key, int64_t now,
    uint16_t orig_id);
/* Appends it and raises ARCOUNT.  E_SPACE: the message is as it was. */
int tsig_rr_put(const struct tsig_rr *rr, uint8_t *msg, size_t *len,
    size_t cap);
/* Takes it off: length, ARCOUNT, id.  What rr points to stays in place. */
void tsig_rr_strip(const struct tsig_rr *rr, uint8_t *msg, size_t *len);

bool tsig_rr_has_key(const struct tsig_rr *rr, const struct tsig_key *key);
/*
 * Steps 3 to 5 of the check: E_MALF (a length no MAC may have, RFC 8945
 * 5.2.2.1), E_BADSIG, E_BADTIME, E_BADTRUNC.  mac: what it should be, whole.
 */
int tsig_rr_judge(const struct tsig_rr *rr, const struct tsig_key *key,
    const uint8_t mac[TSIG_MAC_MAX], int64_t now);

#endif
