/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bulk of a zone: all records that are not managed (not the SOA, none of
 * the six apex types), as DNS messages that are ready to be sent, with an index
 * to find a record.  Immutable once built; shared by references.
 *
 * One layout for files (mapped) and for small zones (kept in memory and in the
 * database, without table and index, which are made when first needed):
 *
 *   header    64 octets, see struct base_header in base.c
 *   messages  { length (2) | message } …, id 0, one question (QTYPE AXFR) or
 *             none, answer records only
 *   table     offset of each message's length field, 4 octets each
 *   index     { hash (4) | offset of the record's owner (4) } …, ascending
 *
 * Offsets count from the start of the file; the hash is the upper half of
 * dns_rr_hash() under the key in the header.  All integers little-endian.
 */
#ifndef COMBINER_BASE_H
#define COMBINER_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/dns_wire.h"

#define BASE_INLINE_MAX 65536 /* octets; larger ones are files */

struct base_entry {
	uint32_t hash, offset;
};

struct base {
	unsigned refs;
	const uint8_t *data;
	size_t len;
	bool is_mapped;
	char *file; /* name inside the state folder, NULL: in memory */
	uint32_t nmsgs, nrecords;
	size_t msgs_end; /* messages stand at BASE_HEADER_LEN … msgs_end */
	struct dns_hash_key key;
	const uint32_t *table;          /* nmsgs, little-endian */
	const struct base_entry *index; /* nrecords */
	void *own_index; /* table and index made in memory, or NULL */
};

#define BASE_HEADER_LEN 64

/* Maps dir/file and checks its form (not its content).  E_STORE, -errno. */
int base_open(const char *dir, const char *file, struct base **out);
/* Takes data (malloc'd) over. */
int base_from_memory(uint8_t *data, size_t len, struct base **out);
struct base *base_ref(struct base *b);
void base_unref(struct base *b);
/* Gives back the last use of a base and removes its file, if it has one. */
void base_discard(struct base *b, const char *dir);
/* Makes table and index when they are not there yet. */
int base_need_index(struct base *b);

/* The k-th message, lent. */
const uint8_t *base_message(const struct base *b, uint32_t k, size_t *len);
/* Which message holds this offset. */
uint32_t base_message_at(const struct base *b, uint32_t offset);
/*
 * The record at an offset: message it stands in, and the record with offsets
 * inside that message.  false: not a record (a damaged file).
 */
bool base_record(const struct base *b, uint32_t offset, const uint8_t **msg,
    size_t *len, struct dns_rr *rr);
/*
 * Finds records with this hash: *pos is 0 at first; each call gives the next
 * candidate's offset, or 0 when there is none left.
 */
uint32_t base_find(const struct base *b, uint64_t hash, size_t *pos);

/* ---- building ---- */

struct base_builder;

/*
 * dir: the state folder; key: for the hashes.  Everything below works in any
 * one thread at a time.
 */
int base_builder_new(const char *dir, const struct dns_hash_key *key,
    struct base_builder **out);
void base_builder_free(struct base_builder *bb); /* removes what is unfinished */
/*
 * Adds a whole message (id, flags and QTYPE are normalised here; cut after the
 * answer section).  All its records go in: the caller has looked at them.
 * hashes: those of its records in order, upper halves, count of them.
 */
int base_builder_message(struct base_builder *bb, const uint8_t *msg,
    size_t len, const struct dns_rr *rrs, const uint32_t *hashes,
    size_t count);
/* Adds one record (uncompressed RDATA), packed with others by the builder. */
int base_builder_rr(struct base_builder *bb, const uint8_t *zone,
    const uint8_t *owner, uint16_t type, uint16_t class, uint32_t ttl,
    const uint8_t *rdata, uint16_t rdlen);
uint32_t base_builder_count(const struct base_builder *bb);
uint64_t base_builder_octets(const struct base_builder *bb);
/*
 * Sorts, writes, syncs.  Records that stand twice are put to *dups (malloc'd
 * offsets, the later ones; caller frees), as no list of removals can be written
 * into a finished file.  The builder is used up, freed in any case.
 */
int base_builder_finish(struct base_builder *bb, struct base **out,
    uint32_t **dups, size_t *ndups);

#endif
