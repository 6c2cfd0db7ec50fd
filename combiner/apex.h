/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The apex RRsets of a zone that the combiner manages: NS, KEY, DNSKEY, CDS,
 * CDNSKEY, CSYNC.  A struct apex is built once and then immutable and shared
 * by references: the owner's, the combined one of a published version, and
 * each source's contribution are all of this kind.  Pure, no I/O.
 */
#ifndef COMBINER_APEX_H
#define COMBINER_APEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/dns_rrset.h"

#define APEX_NTYPES 6

struct apex {
	unsigned refs;
	uint16_t count;     /* sets, without empty ones, ascending by type */
	struct rrset sets[APEX_NTYPES];
};

/* The six types, ascending, 0-ended. */
extern const uint16_t apex_types[APEX_NTYPES + 1];
bool apex_is_managed(uint16_t type);
/* Empty and mutable until it is shared; refs = 1. */
struct apex *apex_new(void);
struct apex *apex_copy(const struct apex *a); /* mutable, refs = 1 */
struct apex *apex_ref(struct apex *a);
void apex_unref(struct apex *a); /* NULL is fine */
/* Lends the set of this type, or NULL when empty; a may be NULL. */
const struct rrset *apex_get(const struct apex *a, uint16_t type);
/* The set to be changed, made when missing; NULL: out of memory. */
struct rrset *apex_edit(struct apex *a, uint16_t type);
/* Removes a set; and all sets that became empty by editing. */
void apex_drop(struct apex *a, uint16_t type);
void apex_prune(struct apex *a);
bool apex_equal(const struct apex *a, const struct apex *b);
/* Binary form for the store. */
size_t apex_encoded_len(const struct apex *a);
void apex_encode(struct wbuf *b, const struct apex *a);
int apex_decode(const uint8_t *data, size_t len, struct apex **out);
/*
 * A short text that changes when the content does, for contribution.put and
 * its readers: 16 hex digits over the canonical form.
 */
void apex_set_etag(const struct rrset *s, char etag[17]);

#endif
