/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One change of a zone on its way through the pipeline (map in zone.h).  What
 * the zone will be is built beside what it is, and takes its place only when
 * it is on disk; until then a failure leaves everything as it was.
 */
#ifndef COMBINER_ZONE_OP_H
#define COMBINER_ZONE_OP_H

#include "combiner/owner_change.h"
#include "combiner/store.h"
#include "combiner/zdata.h"
#include "combiner/zone.h"

enum zone_op_kind {
	ZONE_OP_CONTRIB = 0,
	ZONE_OP_OWNER = 1,
	ZONE_OP_COMBINE = 2,
	ZONE_OP_MERGE = 3,
	ZONE_OP_LAST = 4, /* calls done and changes nothing */
};

struct zone_op {
	struct zone_op *next;
	struct zone *z; /* held */
	enum zone_op_kind kind;
	zone_done_fn done;
	void *arg;
	/* CONTRIB */
	char *source;
	zone_edit_fn edit;
	/* OWNER */
	struct owner_change *change;
	/* MERGE */
	struct zmerge *merge;

	/* what the zone will be; pointers equal to the zone's are shared */
	struct contrib *contrib; /* the new store of source, or NULL: removed */
	bool has_contrib;
	const uint8_t *soa;      /* RDATA */
	uint8_t *soa_own;        /* OWNER: the copy that the zone will hold */
	uint16_t soa_len;
	uint32_t soa_ttl, owner_serial, out_serial;
	bool owner_signed, publishes, data_changed;
	struct apex *owner_apex, *out_apex; /* one reference each */
	unsigned combine_alerts;
	struct zdata *data;  /* OWNER, full, and MERGE: the new one */
	struct delta *delta; /* OWNER, difference */

	struct journal_writer journal;
	bool has_journal, drop_journal;
	struct blob *entry;
	struct loop_job job; /* comparing two large versions */
	int job_result;
	size_t diff_limit;

	struct store_change change_row;
	uint8_t *owner_apex_bin, *out_apex_bin, *sets_bin;
	/* the zone may get others while the row is written */
	uint8_t *catalog_name;
	char *member_id, *group;
	bool was_stale; /* row_stale, when the row was filled */
};

/*
 * Works out what the zone will be.  E_OK: to the store.  E_DONE: nothing to
 * change.  E_AGAIN: a job runs, zone_op_prepared() will be called.  Else the
 * request fails.
 */
int zone_op_prepare(struct zone_op *op);
/* Second half, after the job of an E_AGAIN. */
int zone_op_prepare_rest(struct zone_op *op);
void zone_op_prepared(struct zone_op *op, int err);
/* Fills op->change_row from what was prepared. */
int zone_op_fill_row(struct zone_op *op);
/* Makes it so; cannot fail. */
void zone_op_apply(struct zone_op *op);

/* Is the signers' serial to be asked for before the first publish? */
bool zone_serial_must_ask(const struct zone *z);
/* E_OK: under way, zone_op_prepare() is called again after it. */
int zone_serial_ask(struct zone_op *op);

/* The SOA RR of a zone with this serial: uncompressed RR; its length. */
size_t zone_soa_rr(const uint8_t *zone, const uint8_t *rdata, uint16_t len,
    uint32_t ttl, uint32_t serial, uint8_t out[ZREC_MAX]);

#endif
