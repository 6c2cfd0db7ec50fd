/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * First half of the pipeline: from a request to what the zone will be, with
 * all checks, the next serial and the entry for the journal.  Changes nothing
 * of the zone.
 */
#include <stdlib.h>
#include <string.h>

#include "combiner/combiner.h"
#include "combiner/zone_op.h"
#include "common/buf.h"
#include "common/errcode.h"

size_t
zone_soa_rr(const uint8_t *zone, const uint8_t *rdata, uint16_t len,
    uint32_t ttl, uint32_t serial, uint8_t out[ZREC_MAX])
{
	size_t n = name_len(zone);

	memcpy(out, zone, n);
	put_be16(out + n, DNS_SOA);
	put_be16(out + n + 2, DNS_IN);
	put_be32(out + n + 4, ttl);
	put_be16(out + n + 8, len);
	memcpy(out + n + DNS_RR_FIXED, rdata, len);
	put_be32(out + n + DNS_RR_FIXED + len - 20, serial);
	return n + DNS_RR_FIXED + len;
}

/* ---- the source's store ---- */

static int
prepare_contrib(struct zone_op *op)
{
	struct zone *z = op->z;
	struct contrib *held = contrib_find(z->contribs, op->source);
	struct apex *copy = held != NULL ? apex_copy(held->sets) : apex_new();
	int ret;

	if (copy == NULL) {
		return E_NOMEM;
	}
	ret = op->edit(z, copy, op->arg);
	if (ret != E_OK) {
		goto out;
	}
	apex_prune(copy);
	if (held != NULL ? apex_equal(copy, held->sets) : copy->count == 0) {
		ret = E_DONE;
		goto out;
	}
	op->has_contrib = true;
	if (copy->count > 0) {
		op->contrib = contrib_new(op->source, copy,
		    loop_wall_sec(z->combiner->loop));
		if (op->contrib == NULL) {
			ret = E_NOMEM;
			goto out;
		}
		copy = NULL; /* taken over */
	}
out:
	apex_unref(copy);
	return ret;
}

/*
 * The contributions as they will be, as a list of shallow copies in *mem (to be
 * freed; the sets stay their owners').
 */
static int
next_contribs(const struct zone_op *op, struct contrib **mem,
    const struct contrib **list)
{
	size_t n = 1, k = 0;

	*mem = NULL;
	*list = op->z->contribs;
	if (!op->has_contrib) {
		return E_OK;
	}
	for (const struct contrib *c = op->z->contribs; c != NULL; c = c->next) {
		n++;
	}
	*mem = calloc(n, sizeof(**mem));
	if (*mem == NULL) {
		return E_NOMEM;
	}
	for (const struct contrib *c = op->z->contribs; c != NULL; c = c->next) {
		if (strcmp(c->source, op->source) != 0) {
			(*mem)[k++] = *c;
		}
	}
	if (op->contrib != NULL) {
		(*mem)[k++] = *op->contrib;
	}
	for (size_t i = 0; i < k; i++) {
		(*mem)[i].next = i + 1 < k ? &(*mem)[i + 1] : NULL;
	}
	*list = k > 0 ? *mem : NULL;
	return E_OK;
}

static int
combine(struct zone_op *op)
{
	struct contrib *mem;
	struct combine_in in = {
	    .owner = op->owner_apex,
	    .owner_signed = op->owner_signed,
	    .omit = op->z->rules->omit_types,
	    .nomit = op->z->rules->nomit,
	};
	int ret = next_contribs(op, &mem, &in.contribs);

	if (ret == E_OK) {
		ret = combine_apex(&in, &op->out_apex, &op->combine_alerts);
	}
	free(mem);
	return ret;
}

/* ---- the owner's new version ---- */

/* One step that touches a managed set of the owner. */
static int
step_apex(struct apex *apex, const struct owner_step *step, const uint8_t *rr)
{
	struct dns_rr r;

	if (!zrec_parse(rr, step->len, &r)) {
		return E_MALF;
	}
	struct rrset *set = apex_edit(apex, r.type);
	if (set == NULL) {
		return E_NOMEM;
	}
	/* "delete what exists, add what does not" */
	if (rrset_has(set, rr + r.rdata, r.rdlen) == step->is_add) {
		return E_MISFIT;
	}
	if (!step->is_add) {
		return rrset_del(set, rr + r.rdata, r.rdlen);
	}
	if (set->count == 0 || r.ttl < set->ttl) {
		set->ttl = r.ttl;
	}
	return rrset_add(set, rr + r.rdata, r.rdlen);
}

static int
prepare_difference(struct zone_op *op)
{
	struct zone *z = op->z;
	const struct owner_change *c = op->change;
	struct apex *apex = NULL;
	int ret;

	if (z->data == NULL || c->from_serial != z->owner_serial) {
		return E_MISFIT;
	}
	ret = delta_new(z->data, &op->delta);
	if (ret != E_OK) {
		return ret;
	}
	apex = apex_copy(z->owner_apex);
	if (apex == NULL) {
		return E_NOMEM;
	}
	for (size_t at = 0; ret == E_OK && at < c->steps_len;) {
		struct owner_step step;
		memcpy(&step, c->steps + at, sizeof(step));
		const uint8_t *rr = c->steps + at + sizeof(step);
		ret = step.at_apex ? step_apex(apex, &step, rr)
		    : step.is_add  ? delta_add(op->delta, rr, step.len)
				   : delta_del(op->delta, rr, step.len);
		at += owner_step_size(step.len);
	}
	if (ret == E_OK) {
		apex_prune(apex);
		op->data_changed = !delta_is_empty(op->delta);
		ret = delta_reserve(op->delta);
	}
	if (ret != E_OK) {
		apex_unref(apex);
		return ret;
	}
	if (apex_equal(apex, z->owner_apex)) {
		apex_unref(apex); /* go on sharing the one that is there */
		apex = apex_ref(z->owner_apex);
	}
	op->owner_apex = apex;
	return E_OK;
}

static int
on_diff_del(const uint8_t *rr, size_t len, void *arg)
{
	struct zone_op *op = arg;

	journal_put(&op->journal, JOURNAL_DEL_DATA, rr, len);
	op->data_changed = true;
	return op->journal.err;
}

static int
on_diff_add(const uint8_t *rr, size_t len, void *arg)
{
	struct zone_op *op = arg;

	journal_put(&op->journal, JOURNAL_ADD_DATA, rr, len);
	op->data_changed = true;
	return op->journal.err;
}

/* Collected apart, as the journal wants deletions first. */
static void
diff_work(struct loop_job *job)
{
	struct zone_op *op = job->arg;

	op->job_result = zdata_diff(op->z->data, op->data, op->diff_limit,
	    on_diff_del, on_diff_add, op);
}

static void
diff_done(struct loop_job *job, int status)
{
	struct zone_op *op = job->arg;
	int ret = status;

	if (op->z->gone) {
		ret = E_CANCEL; /* its rules may be gone too */
	} else if (ret == E_OK) {
		ret = zone_op_prepare_rest(op);
	}
	zone_op_prepared(op, ret);
}

static void
begin_journal(struct zone_op *op)
{
	uint8_t from[ZREC_MAX], to[ZREC_MAX];
	const struct zone *z = op->z;

	size_t fl = zone_soa_rr(z->name, z->soa, z->soa_len, z->soa_ttl,
	    z->out_serial, from);
	size_t tl = zone_soa_rr(z->name, op->soa, op->soa_len, op->soa_ttl,
	    op->out_serial, to);
	journal_begin(&op->journal, from, fl, to, tl);
	op->has_journal = true;
}

/*
 * A whole new version: its difference to the old one is worked out too, so
 * that the signers can go on with IXFR though the owner cannot.
 */
static int
prepare_full(struct zone_op *op)
{
	struct zone *z = op->z;
	struct owner_change *c = op->change;
	int ret;

	op->owner_apex = apex_equal(c->apex, z->owner_apex)
	    ? apex_ref(z->owner_apex)
	    : apex_ref(c->apex);
	ret = zdata_new(base_ref(c->base), z->seq + 1, &op->data);
	if (ret != E_OK) {
		base_unref(c->base);
		return ret;
	}
	if (z->data == NULL) {
		op->data_changed = true;
		return E_OK;
	}
	if ((ret = base_need_index(z->data->base)) != E_OK ||
	    (ret = base_need_index(op->data->base)) != E_OK) {
		return ret;
	}
	op->diff_limit = z->data->count * z->rules->journal_percent / 100 + 64;
	op->job.work = diff_work;
	op->job.done = diff_done;
	op->job.arg = op;
	return E_AGAIN;
}

static int
prepare_owner(struct zone_op *op)
{
	struct zone *z = op->z;
	const struct owner_change *c = op->change;
	int ret;

	op->soa_own = malloc(c->soa_len);
	if (op->soa_own == NULL) {
		return E_NOMEM;
	}
	memcpy(op->soa_own, c->soa, c->soa_len);
	op->soa = op->soa_own;
	op->soa_len = c->soa_len;
	op->soa_ttl = c->soa_ttl;
	op->owner_serial = c->serial;
	op->owner_signed = c->passes_sigs;
	ret = c->is_full ? prepare_full(op) : prepare_difference(op);
	if (ret == E_MISFIT) {
		return ret; /* refresh.c asks for the whole zone */
	}
	if (ret == E_OK || ret == E_AGAIN) {
		int cret = combine(op);
		if (cret != E_OK) {
			return cret;
		}
		/* spec 5.1: at least one NS, or one contributed */
		if (!z->is_catalog &&
		    (op->combine_alerts & COMBINE_NO_NS) != 0) {
			zone_alert_set(z, ZONE_ALERT_BAD_ZONE,
			    "the owner's version %u has no NS at the apex",
			    c->serial);
			return E_DENIED;
		}
		zone_alert_clear(z, ZONE_ALERT_BAD_ZONE);
	}
	return ret;
}

/* ---- serial, journal, row ---- */

static bool
soa_changed(const struct zone_op *op)
{
	const struct zone *z = op->z;
	uint16_t n = op->soa_len;

	/* all but the serial, which stands 20 octets before the end */
	return z->soa == NULL || n != z->soa_len || op->soa_ttl != z->soa_ttl ||
	    memcmp(op->soa, z->soa, n - 20u) != 0 ||
	    memcmp(op->soa + n - 16, z->soa + n - 16, 16) != 0;
}

/* Spec 4: follows the owner's serial where it can, and always grows. */
static int
next_serial(struct zone_op *op)
{
	const struct zone *z = op->z;

	op->out_serial = op->owner_serial;
	if (!z->has_out) {
		if (z->has_floor && !op->owner_signed &&
		    !serial_gt(op->owner_serial, z->serial_floor)) {
			op->out_serial = z->serial_floor + 1;
		}
		return E_OK;
	}
	if (serial_gt(op->owner_serial, z->out_serial)) {
		return E_OK;
	}
	if (op->owner_signed) {
		/* its SOA is signed: the serial cannot be another */
		zone_alert_set(op->z, ZONE_ALERT_SERIAL_BACK,
		    "the owner signs, and its serial %u is not ahead of the "
		    "published %u",
		    op->owner_serial, z->out_serial);
		return E_STALE;
	}
	op->out_serial = z->out_serial + 1;
	return E_OK;
}

struct put_ctx {
	struct journal_writer *w;
	enum journal_part part;
};

static int
put_record(const uint8_t *rr, size_t len, void *arg)
{
	struct put_ctx *p = arg;

	journal_put(p->w, p->part, rr, len);
	return p->w->err;
}

/* Records of a that b lacks (or has with another TTL), to the journal. */
static void
put_apex(struct zone_op *op, const struct apex *a, const struct apex *b,
    enum journal_part part)
{
	uint8_t rr[ZREC_MAX];
	const uint8_t *zone = op->z->name;
	size_t n = name_len(zone);

	memcpy(rr, zone, n);
	for (unsigned i = 0; a != NULL && i < a->count; i++) {
		const struct rrset *s = &a->sets[i];
		const struct rrset *other = apex_get(b, s->type);
		for (uint16_t k = 0; k < s->count; k++) {
			uint16_t len;
			const uint8_t *rdata = rrset_rdata(s, k, &len);
			if (other != NULL && other->ttl == s->ttl &&
			    rrset_has(other, rdata, len)) {
				continue;
			}
			put_be16(rr + n, s->type);
			put_be16(rr + n + 2, DNS_IN);
			put_be32(rr + n + 4, s->ttl);
			put_be16(rr + n + 8, len);
			memcpy(rr + n + DNS_RR_FIXED, rdata, len);
			journal_put(&op->journal, part, rr,
			    n + DNS_RR_FIXED + len);
		}
	}
}

static int
make_entry(struct zone_op *op)
{
	struct zone *z = op->z;
	struct put_ctx put = {.w = &op->journal};

	if (!op->has_journal) {
		begin_journal(op);
	}
	if (op->delta != NULL) {
		put.part = JOURNAL_DEL_DATA;
		(void)delta_each_del(op->delta, put_record, &put);
		put.part = JOURNAL_ADD_DATA;
		(void)delta_each_add(op->delta, put_record, &put);
	}
	put_apex(op, z->out_apex, op->out_apex, JOURNAL_DEL_APEX);
	put_apex(op, op->out_apex, z->out_apex, JOURNAL_ADD_APEX);
	op->has_journal = false;
	/* the errors of all steps above come out here */
	return journal_end(&op->journal, &op->entry);
}

int
zone_op_prepare_rest(struct zone_op *op)
{
	struct zone *z = op->z;
	int ret;

	if (op->kind == ZONE_OP_OWNER && op->job_result == E_LIMIT) {
		/* too much has changed: signers get the whole zone */
		journal_abandon(&op->journal);
		op->has_journal = false;
		op->drop_journal = op->data_changed = true;
	} else if (op->job_result != E_OK) {
		return op->job_result;
	}
	op->publishes = op->soa != NULL &&
	    (!z->has_out || op->data_changed || soa_changed(op) ||
	        !apex_equal(op->out_apex, z->out_apex) ||
	        serial_gt(op->owner_serial, z->out_serial));
	if (!op->publishes) {
		bool owner_moved = op->kind == ZONE_OP_OWNER &&
		    (op->owner_serial != z->owner_serial ||
		        !apex_equal(op->owner_apex, z->owner_apex));
		if (op->data != NULL) {
			op->data->version = z->seq; /* there is no new one */
		}
		return op->has_contrib || owner_moved || z->row_stale ? E_OK
								      : E_DONE;
	}
	ret = next_serial(op);
	if (z->has_out && z->soa == NULL) {
		op->drop_journal = true; /* the copy was lost */
	}
	if (ret == E_OK && z->has_out && !op->drop_journal) {
		ret = make_entry(op);
	}
	if (ret == E_LIMIT) { /* larger than a row may be */
		op->drop_journal = true;
		ret = op->data == NULL ? E_MISFIT : E_OK;
	}
	return ret;
}

static int
prepare_merge(struct zone_op *op)
{
	if (op->z->data == NULL || !zmerge_is_of(op->merge, op->z->data)) {
		return E_DONE; /* the whole zone was replaced meanwhile */
	}
	/* nothing changes until it is applied, as one operation runs at a time */
	return zmerge_finish(op->merge, &op->data);
}

int
zone_op_prepare(struct zone_op *op)
{
	struct zone *z = op->z;
	int ret = E_OK;

	if (op->kind == ZONE_OP_MERGE) {
		return prepare_merge(op);
	}
	if (op->kind == ZONE_OP_OWNER) {
		if (zone_serial_must_ask(z) && z->combiner->stopping) {
			return E_CANCEL; /* nobody is asked any more */
		}
		if (zone_serial_must_ask(z) && zone_serial_ask(op) == E_OK) {
			return E_AGAIN;
		}
		ret = prepare_owner(op);
		if (ret == E_AGAIN) {
			/* serials are told once they are known to be needed */
			op->out_serial =
			    serial_gt(op->owner_serial, z->out_serial)
			    ? op->owner_serial
			    : z->out_serial + 1;
			begin_journal(op);
			ret = loop_job_start(z->combiner->loop, &op->job);
			return ret == E_OK ? E_AGAIN : ret;
		}
		return ret == E_OK ? zone_op_prepare_rest(op) : ret;
	}
	if (op->kind == ZONE_OP_CONTRIB) {
		ret = prepare_contrib(op);
		if (ret != E_OK) {
			return ret;
		}
	}
	op->soa = z->soa;
	op->soa_len = z->soa_len;
	op->soa_ttl = z->soa_ttl;
	op->owner_serial = z->owner_serial;
	op->owner_signed = z->owner_signed;
	if (z->owner_apex != NULL) {
		op->owner_apex = apex_ref(z->owner_apex);
	}
	ret = z->soa != NULL ? combine(op) : E_OK;
	return ret == E_OK ? zone_op_prepare_rest(op) : ret;
}
