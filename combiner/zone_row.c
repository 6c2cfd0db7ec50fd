/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pipeline: what was prepared, as a change for the store. */
#include <stdlib.h>
#include <string.h>

#include "combiner/combiner.h"
#include "combiner/zone_op.h"
#include "common/buf.h"
#include "common/errcode.h"

static int
encode(const struct apex *a, uint8_t **bin, size_t *len)
{
	struct wbuf w;

	if (a == NULL) {
		return E_OK;
	}
	*len = apex_encoded_len(a);
	*bin = malloc(*len + 1);
	if (*bin == NULL) {
		return E_NOMEM;
	}
	wbuf_init(&w, *bin, *len);
	apex_encode(&w, a);
	return w.err;
}

/* The base that goes with the change, if it comes with one. */
static void
fill_base(struct zone_op *op, struct store_change *row)
{
	const struct base *b = NULL;
	uint32_t version = row->zone.seq;

	if (op->kind == ZONE_OP_MERGE) {
		b = zmerge_base(op->merge, &version);
	} else if (op->data != NULL) {
		b = op->data->base;
	}
	if (b == NULL) {
		b = op->z->data != NULL ? op->z->data->base : NULL;
		row->zone.base_file = b != NULL ? b->file : NULL;
		return;
	}
	row->zone.base_seq = version;
	row->zone.base_file = b->file;
	row->base = b->file != NULL ? STORE_BASE_FILE : STORE_BASE_INLINE;
	row->base_data = b->data;
	row->base_len = b->len;
}

/* Copies of what zone_assign() or a reload may take away meanwhile. */
static int
copy_origin(struct zone_op *op)
{
	const struct zone *z = op->z;

	if (z->member_id != NULL &&
	    (op->member_id = strdup(z->member_id)) == NULL) {
		return E_NOMEM;
	}
	if (z->catalog == NULL) {
		return E_OK;
	}
	op->catalog_name = malloc(name_len(z->catalog->name));
	if (op->catalog_name == NULL) {
		return E_NOMEM;
	}
	memcpy(op->catalog_name, z->catalog->name, name_len(z->catalog->name));
	if (z->rules->id != NULL &&
	    (op->group = strdup(z->rules->id)) == NULL) {
		return E_NOMEM;
	}
	return E_OK;
}

static int
fill_contrib(struct zone_op *op, struct store_change *row)
{
	const struct contrib *c = op->contrib;
	int ret;

	if (!op->has_contrib) {
		return E_OK;
	}
	ret = encode(c != NULL ? c->sets : NULL, &op->sets_bin, &row->sets_len);
	row->source = op->source;
	row->sets = op->sets_bin; /* NULL: the row goes */
	row->changed_sec = c != NULL ? c->changed_sec : 0;
	return ret;
}

int
zone_op_fill_row(struct zone_op *op)
{
	struct zone *z = op->z;
	struct store_change *row = &op->change_row;
	bool is_merge = op->kind == ZONE_OP_MERGE;
	int ret = copy_origin(op);

	if (ret != E_OK) {
		return ret;
	}
	row->zone = (struct store_zone){
	    .id = z->id, .name = z->name, .member_id = op->member_id,
	    .catalog = op->catalog_name, .group = op->group,
	    .soa = is_merge ? z->soa : op->soa,
	    .soa_len = is_merge ? z->soa_len : op->soa_len,
	    .soa_ttl = is_merge ? z->soa_ttl : op->soa_ttl,
	    .owner_signed = is_merge ? z->owner_signed : op->owner_signed,
	    .owner_serial = is_merge ? z->owner_serial : op->owner_serial,
	    .has_out = z->has_out || op->publishes,
	    .out_serial = op->publishes ? op->out_serial : z->out_serial,
	    .seq = z->seq + (op->publishes ? 1 : 0),
	    .base_seq = z->base_seq,
	    .checked_sec = op->kind == ZONE_OP_OWNER
	        ? loop_wall_sec(z->combiner->loop)
	        : z->checked_sec,
	    .published_sec = op->publishes
	        ? loop_wall_sec(z->combiner->loop)
	        : z->published_sec,
	};
	if ((ret = encode(is_merge ? z->owner_apex : op->owner_apex,
	         &op->owner_apex_bin, &row->zone.owner_apex_len)) != E_OK ||
	    (ret = encode(op->publishes ? op->out_apex : z->out_apex,
	         &op->out_apex_bin, &row->zone.out_apex_len)) != E_OK) {
		return ret;
	}
	row->zone.owner_apex = op->owner_apex_bin;
	row->zone.out_apex = op->out_apex_bin;
	fill_base(op, row);
	row->entry = op->entry;
	row->serial_from = z->out_serial;
	row->drop_journal = op->drop_journal;
	row->keep_versions = z->rules->journal_versions;
	row->keep_octets = z->data != NULL
	    ? z->data->base->len * z->rules->journal_percent / 100
	    : 0;
	ret = fill_contrib(op, row);
	if (ret == E_OK) { /* another zone_assign() sets it again */
		op->was_stale = z->row_stale;
		z->row_stale = false;
	}
	return ret;
}
