/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Small RRsets held in memory: the apex sets that the combiner and the msa
 * work with.  Kept in canonical order without duplicates: RDATA that differ
 * only in the case of names that RFC 4034 6.2 lowers are the same, and the one
 * that came first stays as it was written.  Also the way from and to
 * presentation text, for files, JSON and logs.
 */
#ifndef COMMON_DNS_RRSET_H
#define COMMON_DNS_RRSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

struct rrset {
	uint16_t type;
	uint16_t count;
	uint32_t ttl;
	uint32_t size;	/* octets at rdata */
	uint8_t *rdata; /* dns_rrset.c's own layout; owned */
};

void rrset_init(struct rrset *s, uint16_t type, uint32_t ttl);
void rrset_clear(struct rrset *s); /* frees RDATA, keeps type and TTL */
int rrset_copy(struct rrset *to, const struct rrset *from);
/*
 * rdata uncompressed.  Adding what is there is E_OK.  The form of the RDATA of
 * known types is checked by rdata_check(), not here.  E_LIMIT: 65535 are there.
 */
int rrset_add(struct rrset *s, const uint8_t *rdata, uint16_t len);
/* Removing what is not there is E_OK. */
int rrset_del(struct rrset *s, const uint8_t *rdata, uint16_t len);
bool rrset_has(const struct rrset *s, const uint8_t *rdata, uint16_t len);
/* Compares RDATA; TTLs too when with_ttl. */
bool rrset_equal(const struct rrset *a, const struct rrset *b, bool with_ttl);
/* to := union; TTL is the lower one (an empty set has none). */
int rrset_merge(struct rrset *to, const struct rrset *from);
/* The i-th RDATA, lent. */
const uint8_t *rrset_rdata(const struct rrset *s, uint16_t i, uint16_t *len);
/* The next RDATA, lent; *pos is 0 at first; NULL after the last. */
const uint8_t *rrset_next(const struct rrset *s, uint32_t *pos, uint16_t *len);

/* May the RDATA of this type hold names that RFC 4034 6.2 lowers? */
bool rdata_has_names(uint16_t type);
/*
 * Does the RDATA parse as its type says (all types with a known form; unknown
 * types always do)?  Names must be uncompressed.  E_MALF if not.  dns_rdata.c
 */
int rdata_check(uint16_t type, const uint8_t *rdata, uint16_t len);

/* Binary form for the state store: type, TTL, count, {len, RDATA}. */
void rrset_encode(struct wbuf *b, const struct rrset *s);
size_t rrset_encoded_len(const struct rrset *s);
int rrset_decode(struct rbuf *b, struct rrset *s);

/*
 * Presentation text of one RDATA ("257 3 13 …", RFC 3597 for unknown types).
 * Returns the length or E_SPACE.
 */
int rdata_to_str(
    uint16_t type, const uint8_t *rdata, uint16_t len, char *out, size_t cap);
/*
 * The reverse; names without final dot are relative to origin.  one line.
 * Returns the length, E_MALF, E_SPACE, E_NOMEM.
 */
int rdata_from_str(uint16_t type, const char *text, const uint8_t *origin,
    uint8_t *out, size_t cap);

#endif
