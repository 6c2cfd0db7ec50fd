/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One published change as it stands in the store: from one version of the
 * combined zone to the next.  It serves IXFR out, and at start it brings the
 * base forward to the last published version.  Layout, integers big-endian:
 *
 *   version (1) = 1 | four counts (4 each) | old SOA | new SOA | records
 *
 * SOA and records are: length (4) | uncompressed RR.  The records stand in the
 * order of enum journal_part.
 */
#ifndef COMBINER_JOURNAL_H
#define COMBINER_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

enum journal_part {
	JOURNAL_DEL_DATA = 0, /* records of zdata */
	JOURNAL_ADD_DATA = 1,
	JOURNAL_DEL_APEX = 2, /* managed ones */
	JOURNAL_ADD_APEX = 3,
	JOURNAL_NPARTS = 4,
};

struct blob { /* shared octets */
	unsigned refs;
	size_t len;
	uint8_t data[];
};
struct blob *blob_new(size_t len); /* refs = 1; NULL: no memory */
struct blob *blob_ref(struct blob *b);
void blob_unref(struct blob *b);

struct journal_writer {
	uint8_t *data;
	size_t len, cap;
	uint32_t count[JOURNAL_NPARTS];
	int err; /* first error */
};

void journal_begin(struct journal_writer *w, const uint8_t *old_soa,
    size_t old_len, const uint8_t *new_soa, size_t new_len);
/* Parts in ascending order only. */
void journal_put(struct journal_writer *w, enum journal_part part,
    const uint8_t *rr, size_t len);
/* The finished entry (one reference), or an error; frees the writer's. */
int journal_end(struct journal_writer *w, struct blob **out);
void journal_abandon(struct journal_writer *w);

struct journal_reader {
	const uint8_t *data;
	size_t len, pos;
	uint32_t left[JOURNAL_NPARTS];
	const uint8_t *old_soa, *new_soa; /* RRs */
	size_t old_len, new_len;
};

/* E_STORE when the entry is damaged. */
int journal_open(struct journal_reader *r, const uint8_t *data, size_t len);
/* The next record; E_DONE after the last. */
int journal_next(struct journal_reader *r, enum journal_part *part,
    const uint8_t **rr, size_t *len);

#endif
