/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pipeline: queue, store, apply, publish.  Preparing is zone_prepare.c's. */
#include "combiner/zone_op.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "combiner/catalog.h"
#include "combiner/combiner.h"
#include "combiner/ingest.h"
#include "combiner/zone_inner.h"
#include "common/errcode.h"

#define TRIM_EVERY 64       /* publishes between looks at the journal's size */
#define LAST_ENTRY_MAX 4096 /* octets of an entry that is kept in memory */

static void run_queue(struct zone *z);

static int
enqueue(struct zone *z, const struct zone_op *proto)
{
	struct zone_op *op = malloc(sizeof(*op));

	if (op == NULL) {
		return E_NOMEM;
	}
	*op = *proto;
	op->z = z;
	zone_hold(z);
	op->next = NULL;
	*z->ops_tail = op;
	z->ops_tail = &op->next;
	if (z->ops == op) {
		run_queue(z);
	}
	return E_OK;
}

int
zone_contribute(struct zone *z, const char *source, zone_edit_fn edit,
    zone_done_fn done, void *arg)
{
	struct zone_op op = {.kind = ZONE_OP_CONTRIB, .edit = edit,
	    .done = done, .arg = arg, .source = strdup(source)};
	int ret = op.source == NULL ? E_NOMEM : E_CANCEL;

	if (op.source != NULL && !z->gone) {
		ret = enqueue(z, &op);
	}
	if (ret != E_OK) {
		free(op.source);
	}
	return ret;
}

int
zone_take_owner(struct zone *z, struct owner_change *change,
    zone_done_fn done, void *arg)
{
	struct zone_op op = {.kind = ZONE_OP_OWNER, .change = change,
	    .done = done, .arg = arg};
	int ret = z->gone ? E_CANCEL : enqueue(z, &op);

	/* a failure leaves the change with the caller's free, but no file */
	if (ret != E_OK && change->base != NULL) {
		base_discard(change->base, store_dir(z->combiner->store));
		change->base = NULL;
	}
	return ret;
}

int
zone_recombine(struct zone *z, zone_done_fn done, void *arg)
{
	struct zone_op op = {.kind = ZONE_OP_COMBINE, .done = done,
	    .arg = arg};

	return z->gone ? E_CANCEL : enqueue(z, &op);
}

int
zone_take_merge(struct zone *z, struct zmerge *m)
{
	struct zone_op op = {.kind = ZONE_OP_MERGE, .merge = m};

	return z->gone ? E_CANCEL : enqueue(z, &op);
}

int
zone_op_last(struct zone *z, zone_done_fn fn, void *arg)
{
	struct zone_op op = {.kind = ZONE_OP_LAST, .done = fn, .arg = arg};

	return enqueue(z, &op);
}

/* Files of bases that were written and did not come into use. */
static void
drop_unused_base(struct zone_op *op)
{
	const char *dir = store_dir(op->z->combiner->store);
	uint32_t version;

	if (op->kind == ZONE_OP_OWNER && op->change->base != NULL) {
		base_discard(op->change->base, dir);
		op->change->base = NULL;
	} else if (op->kind == ZONE_OP_MERGE && op->merge != NULL) {
		base_discard(base_ref(zmerge_base(op->merge, &version)), dir);
	}
}

static void
op_free(struct zone_op *op)
{
	if (op->has_contrib && op->contrib != NULL) {
		contrib_free_all(op->contrib);
	}
	if (op->change != NULL) {
		owner_change_free(op->change);
	}
	zmerge_free(op->merge);
	apex_unref(op->owner_apex);
	apex_unref(op->out_apex);
	zdata_unref(op->data);
	delta_free(op->delta);
	if (op->has_journal) {
		journal_abandon(&op->journal);
	}
	blob_unref(op->entry);
	free(op->soa_own);
	free(op->owner_apex_bin);
	free(op->out_apex_bin);
	free(op->sets_bin);
	free(op->catalog_name);
	free(op->member_id);
	free(op->group);
	free(op->source);
	free(op);
}

static void
tell_alerts(struct zone *z, unsigned alerts)
{
	static const struct {
		enum combine_alert in;
		enum zone_alert out;
		const char *text;
	} map[] = {
	    {COMBINE_CSYNC_MANY, ZONE_ALERT_CSYNC_MANY,
	        "more than one CSYNC: none is published"},
	    {COMBINE_OWNER_SIGNED, ZONE_ALERT_OWNER_SIGNED,
	        "the owner signs: contributions are stored, not applied"},
	    {COMBINE_NO_NS, ZONE_ALERT_NO_NS, "no NS at the apex"},
	    {COMBINE_OWNER_DROPPED, ZONE_ALERT_OWNER_DROPPED,
	        "CDS, CDNSKEY or CSYNC from the owner are left out"},
	};

	for (size_t i = 0; i < sizeof(map) / sizeof(*map); i++) {
		if ((alerts & map[i].in) != 0) {
			zone_alert_set(z, map[i].out, "%s", map[i].text);
		} else {
			zone_alert_clear(z, map[i].out);
		}
	}
}

static void
tell_published(struct zone *z, const struct zone_op *op)
{
	static const char *const ops[] = {"contribution", "owner", "combine",
	    "merge"};
	char name[NAME_STRLEN];

	z->combiner->stats.publishes++;
	z->published_sec = loop_wall_sec(z->combiner->loop);
	log_info(F(.zone = name_to_str(z->name, name), .op = "publish",
	             .serial = log_serial(z->out_serial),
	             .event = ops[op->kind]),
	    "published");
	if (z->combiner->ipc != NULL) {
		ipc_event(z->combiner->ipc, "zone.published",
		    json_pack("{s:s, s:I}", "zone", name, "serial",
		        (json_int_t)z->out_serial));
	}
	if (z->is_catalog) {
		if (!z->combiner->stopping) { /* or at the next start */
			catalog_on_change(z);
		}
	} else {
		notify_zone(z);
	}
}

/*
 * Ends the first operation of the zone.  It stays the first until its callbacks
 * have returned: what they queue waits behind it, and is started once.
 */
static void
finish(struct zone_op *op, int err)
{
	struct zone *z = op->z;
	bool published = err == E_OK && op->publishes;

	if (err != E_OK || op->job_result == E_DONE) {
		drop_unused_base(op);
	}
	if (zone_is_store_error(err)) {
		zone_alert_set(z, ZONE_ALERT_STORE,
		    "cannot write the state: %s", err_text(err));
	} else if (err == E_OK) {
		zone_alert_clear(z, ZONE_ALERT_STORE);
	}
	if (published && !z->gone) {
		tell_published(z, op);
	}
	if (op->done != NULL) {
		op->done(z, err, op->arg);
	}
	z->ops = op->next;
	if (z->ops == NULL) {
		z->ops_tail = &z->ops;
	}
	op_free(op);
	if (z->ops == NULL && !z->gone) {
		zone_merge_check(z);
	}
	zone_release(z);
}

static void
on_stored(struct store_change *row, int err)
{
	struct zone_op *op = row->arg;
	struct zone *z = op->z;

	zone_hold(z);
	if (err == E_OK) {
		z->id = row->zone.id;
		z->stored_sec = row->zone.checked_sec;
		zone_op_apply(op);
		if (op->kind != ZONE_OP_MERGE) {
			tell_alerts(z, op->combine_alerts);
		}
	} else if (op->was_stale) {
		z->row_stale = true;
	}
	finish(op, err);
	run_queue(z);
	zone_release(z);
}

/* What was prepared goes to disk, or ends here: true. */
static bool
settle(struct zone_op *op, int err)
{
	if (err == E_OK) {
		err = zone_op_fill_row(op);
	}
	if (err == E_OK) {
		op->change_row.done = on_stored;
		op->change_row.arg = op;
		op->change_row.trim = op->kind == ZONE_OP_MERGE ||
		    (op->publishes && op->change_row.zone.seq % TRIM_EVERY == 0);
		store_submit(op->z->combiner->store, &op->change_row);
		return false;
	}
	if (err == E_DONE) {
		op->job_result = E_DONE; /* nothing to write */
		op->publishes = false;
		if (op->out_apex != NULL) { /* it came to combining */
			tell_alerts(op->z, op->combine_alerts);
		}
		err = E_OK;
	}
	finish(op, err);
	return true;
}

void
zone_op_prepared(struct zone_op *op, int err)
{
	struct zone *z = op->z;

	zone_hold(z);
	if (settle(op, err)) {
		run_queue(z);
	}
	zone_release(z);
}

/* Starts the first operation, and those behind it while they end at once. */
static void
run_queue(struct zone *z)
{
	bool ended = true;

	zone_hold(z);
	while (ended && z->ops != NULL) {
		struct zone_op *op = z->ops;
		int ret = E_CANCEL;
		if (!z->gone && op->kind != ZONE_OP_LAST) {
			ret = zone_op_prepare(op);
		}
		ended = ret != E_AGAIN && settle(op, ret);
	}
	zone_release(z);
}

/* ---- applying ---- */

static void
apply_contrib(struct zone_op *op)
{
	struct zone *z = op->z;

	if (op->contrib == NULL) {
		contrib_remove(&z->contribs, op->source);
		zone_check_sources(z);
	} else {
		contrib_replace(&z->contribs, op->contrib);
	}
	op->has_contrib = false; /* the zone's now */
	z->combiner->stats.contributions++;
}

static void
replace_data(struct zone *z, struct zdata *fresh)
{
	struct zdata *old = z->data;

	z->data = fresh;
	if (old != NULL) {
		/* unlinks its file; readers keep the mapping */
		base_discard(base_ref(old->base),
		    store_dir(z->combiner->store));
		zdata_unref(old);
	}
}

static void
apply_owner(struct zone_op *op)
{
	struct zone *z = op->z;

	free(z->soa);
	z->soa = op->soa_own;
	op->soa_own = NULL;
	z->soa_len = op->soa_len;
	z->soa_ttl = op->soa_ttl;
	z->owner_serial = op->owner_serial;
	z->owner_signed = op->owner_signed;
	apex_unref(z->owner_apex);
	z->owner_apex = op->owner_apex;
	op->owner_apex = NULL;
	if (op->data != NULL) {
		replace_data(z, op->data);
		op->data = NULL;
		z->base_seq = op->change_row.zone.seq;
	} else if (op->delta != NULL) {
		delta_apply(op->delta, op->change_row.zone.seq);
		op->delta = NULL;
	}
}

static void
apply_merge(struct zone_op *op)
{
	(void)zmerge_base(op->merge, &op->z->base_seq);
	replace_data(op->z, op->data);
	op->data = NULL;
}

void
zone_op_apply(struct zone_op *op)
{
	struct zone *z = op->z;

	if (op->kind == ZONE_OP_MERGE) {
		apply_merge(op);
		return;
	}
	z->seq = op->change_row.zone.seq;
	if (op->kind == ZONE_OP_CONTRIB) {
		apply_contrib(op);
	} else if (op->kind == ZONE_OP_OWNER) {
		apply_owner(op);
	}
	if (!op->publishes) {
		return;
	}
	if (z->data != NULL && z->data->version < z->seq) {
		z->data->version = z->seq; /* only the apex has changed */
	}
	blob_unref(z->last_entry);
	z->last_entry = NULL;
	if (op->entry != NULL && op->entry->len <= LAST_ENTRY_MAX) {
		z->last_entry = blob_ref(op->entry);
		z->last_from = z->out_serial;
	}
	apex_unref(z->out_apex);
	z->out_apex = apex_ref(op->out_apex);
	z->out_serial = op->out_serial;
	z->has_out = true;
}
