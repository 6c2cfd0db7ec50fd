/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "combiner/zdata.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/errcode.h"

/* When the overlay is merged: entries, for bases in memory and in files. */
#define MERGE_INLINE 64
#define MERGE_FILE_MIN 1024
#define MERGE_FILE_MAX 32768

int
zdata_new(struct base *base, uint32_t version, struct zdata **out)
{
	struct zdata *d = calloc(1, sizeof(*d));

	if (d == NULL) {
		return E_NOMEM;
	}
	d->refs = 1;
	d->base = base;
	d->version = version;
	d->count = base->nrecords;
	d->last = &d->first;
	*out = d;
	return E_OK;
}

struct zdata *
zdata_ref(struct zdata *d)
{
	d->refs++;
	return d;
}

void
zdata_unref(struct zdata *d)
{
	if (d == NULL || --d->refs > 0) {
		return;
	}
	for (struct zrec *r = d->first; r != NULL;) {
		struct zrec *next = r->next;
		free(r);
		r = next;
	}
	base_unref(d->base);
	free(d->removed.keys);
	free(d->removed.vals);
	free(d->touched);
	free(d->bucket);
	free(d);
}

bool
zdata_wants_merge(const struct zdata *d)
{
	uint32_t entries = d->removed.count + d->nadded;

	if (!d->base->is_mapped) {
		return entries > MERGE_INLINE;
	}
	uint32_t limit = d->base->nrecords / 8;
	if (limit > MERGE_FILE_MAX) {
		limit = MERGE_FILE_MAX;
	}
	return entries > MERGE_FILE_MIN && entries > limit;
}

static uint32_t
zmap_slot(const struct zmap *m, uint32_t key)
{
	uint32_t at = (key * 2654435761u) & (m->cap - 1);

	while (m->keys[at] != 0 && m->keys[at] != key) {
		at = (at + 1) & (m->cap - 1);
	}
	return at;
}

/* Version in which this offset was removed, 0 = it was not. */
static uint32_t
zmap_get(const struct zmap *m, uint32_t key)
{
	return m->cap == 0 ? 0 : m->vals[zmap_slot(m, key)];
}

bool
zdata_base_visible(const struct zdata *d, uint32_t offset, uint32_t version)
{
	uint32_t removed = zmap_get(&d->removed, offset);

	return removed == 0 || removed > version;
}

bool
zdata_is_touched(const struct zdata *d, uint32_t k, uint32_t version)
{
	size_t len;

	if (d->touched == NULL || d->touched[k] == 0) {
		return false;
	}
	const uint8_t *msg = base_message(d->base, k, &len);
	uint32_t start = (uint32_t)(msg - d->base->data);
	struct dns_walk w;
	struct dns_rr rr;
	if (dns_walk_init(&w, msg, len) != E_OK) {
		return false;
	}
	while (dns_walk_next(&w, &rr) == E_OK) {
		if (!zdata_base_visible(d, start + rr.owner, version)) {
			return true;
		}
	}
	return false;
}

bool
zrec_parse(const uint8_t *rr, size_t len, struct dns_rr *out)
{
	size_t n = name_check(rr, len);

	if (n == 0 || len - n < DNS_RR_FIXED) {
		return false;
	}
	out->owner = 0;
	out->type = get_be16(rr + n);
	out->class = get_be16(rr + n + 2);
	out->ttl = get_be32(rr + n + 4);
	out->rdlen = get_be16(rr + n + 8);
	out->rdata = (uint32_t)n + DNS_RR_FIXED;
	out->section = 1;
	return len - out->rdata == out->rdlen;
}

int
zrec_write(const uint8_t *msg, size_t len, const struct dns_rr *rr,
    uint8_t *out, size_t cap)
{
	if (cap < NAME_MAX_LEN + DNS_RR_FIXED) {
		return E_SPACE;
	}
	int n = name_from_msg(msg, len, rr->owner, out, NULL);
	if (n < 0) {
		return n;
	}
	int rl = dns_rdata_expand(msg, len, rr, false,
	    out + n + DNS_RR_FIXED, cap - (size_t)n - DNS_RR_FIXED);
	if (rl < 0) {
		return rl;
	}
	put_be16(out + n, rr->type);
	put_be16(out + n + 2, rr->class);
	put_be32(out + n + 4, rr->ttl);
	put_be16(out + n + 8, (uint16_t)rl);
	return n + DNS_RR_FIXED + rl;
}

int
zdata_each_in_message(const struct zdata *d, uint32_t k, uint32_t version,
    zdata_each_fn fn, void *arg)
{
	size_t len;
	const uint8_t *msg = base_message(d->base, k, &len);
	uint32_t start = (uint32_t)(msg - d->base->data);
	uint8_t rr_buf[ZREC_MAX];
	struct dns_walk w;
	struct dns_rr rr, flat;
	int ret = dns_walk_init(&w, msg, len);

	while (ret == E_OK && (ret = dns_walk_next(&w, &rr)) == E_OK) {
		if (!zdata_base_visible(d, start + rr.owner, version)) {
			continue;
		}
		int n = zrec_write(msg, len, &rr, rr_buf, sizeof(rr_buf));
		if (n < 0 || !zrec_parse(rr_buf, (size_t)n, &flat)) {
			return E_STORE;
		}
		ret = fn(rr_buf, flat.type, flat.class, flat.ttl,
		    rr_buf + flat.rdata, flat.rdlen, arg);
	}
	return ret == E_DONE ? E_OK : ret;
}

int
zdata_each(const struct zdata *d, zdata_each_fn fn, void *arg)
{
	int ret = base_need_index(d->base);

	for (uint32_t k = 0; ret == E_OK && k < d->base->nmsgs; k++) {
		ret = zdata_each_in_message(d, k, d->version, fn, arg);
	}
	for (const struct zrec *r = d->first; ret == E_OK && r != NULL;
	     r = r->next) {
		struct dns_rr rr;
		if (zrec_visible(r, d->version) &&
		    zrec_parse(r->rr, r->len, &rr)) {
			ret = fn(r->rr, rr.type, rr.class, rr.ttl,
			    r->rr + rr.rdata, rr.rdlen, arg);
		}
	}
	return ret;
}

/* ---- comparing two versions ---- */

/* Does d hold this record (of any TTL)?  Looks at the base alone. */
static bool
base_has(const struct zdata *d, uint64_t hash, const uint8_t *msg, size_t len,
    const struct dns_rr *rr, uint32_t *ttl)
{
	size_t pos = 0;
	uint32_t offset;

	while ((offset = base_find(d->base, hash, &pos)) != 0) {
		const uint8_t *omsg;
		size_t olen;
		struct dns_rr other;
		if (zdata_base_visible(d, offset, d->version) &&
		    base_record(d->base, offset, &omsg, &olen, &other) &&
		    dns_rr_same(omsg, olen, &other, msg, len, rr)) {
			*ttl = other.ttl;
			return true;
		}
	}
	return false;
}

static bool
overlay_has(const struct zdata *d, uint64_t hash, const uint8_t *msg,
    size_t len, const struct dns_rr *rr, uint32_t *ttl)
{
	if (d->nbuckets == 0) {
		return false;
	}
	for (struct zrec *r = d->bucket[hash & (d->nbuckets - 1)]; r != NULL;
	     r = r->chain) {
		struct dns_rr other;
		if (r->hash == hash && zrec_visible(r, d->version) &&
		    zrec_parse(r->rr, r->len, &other) &&
		    dns_rr_same(r->rr, r->len, &other, msg, len, rr)) {
			*ttl = other.ttl;
			return true;
		}
	}
	return false;
}

struct differ {
	const struct zdata *a, *b; /* what of a is missing in b? */
	size_t *count, limit;
	delta_fn fn;
	void *arg;
};

/* Reports the record unless b has it with the same TTL. */
static int
differ_record(struct differ *x, const uint8_t *msg, size_t len,
    const struct dns_rr *rr, uint64_t hash)
{
	uint8_t buf[ZREC_MAX];
	uint32_t ttl;

	if ((base_has(x->b, hash, msg, len, rr, &ttl) ||
	        overlay_has(x->b, hash, msg, len, rr, &ttl)) &&
	    ttl == rr->ttl) {
		return E_OK;
	}
	if (++*x->count > x->limit) {
		return E_LIMIT;
	}
	int n = zrec_write(msg, len, rr, buf, sizeof(buf));
	return n < 0 ? E_STORE : x->fn(buf, (size_t)n, x->arg);
}

/*
 * The two indexes are sorted by the same hash, so equal stretches are passed
 * in step; only the records are compared whose hashes or TTLs may differ.
 */
static int
differ_base(struct differ *x)
{
	const struct base *a = x->a->base, *b = x->b->base;

	for (size_t i = 0, k = 0; i < a->nrecords; i++) {
		uint32_t h = le32toh(a->index[i].hash);
		uint32_t at = le32toh(a->index[i].offset);
		const uint8_t *msg, *omsg;
		size_t len, olen;
		struct dns_rr rr, other;
		uint64_t hash;

		if (!zdata_base_visible(x->a, at, x->a->version) ||
		    !base_record(a, at, &msg, &len, &rr)) {
			continue;
		}
		while (k < b->nrecords && le32toh(b->index[k].hash) < h) {
			k++;
		}
		if (k < b->nrecords && le32toh(b->index[k].hash) == h) {
			uint32_t off = le32toh(b->index[k].offset);
			if (zdata_base_visible(x->b, off, x->b->version) &&
			    base_record(b, off, &omsg, &olen, &other) &&
			    other.ttl == rr.ttl &&
			    dns_rr_same(msg, len, &rr, omsg, olen, &other)) {
				continue;
			}
		}
		if (dns_rr_hash(&a->key, msg, len, &rr, &hash) != E_OK) {
			return E_STORE;
		}
		int ret = differ_record(x, msg, len, &rr, hash);
		if (ret != E_OK) {
			return ret;
		}
	}
	return E_OK;
}

static int
differ_overlay(struct differ *x)
{
	for (const struct zrec *r = x->a->first; r != NULL; r = r->next) {
		struct dns_rr rr;
		if (!zrec_visible(r, x->a->version) ||
		    !zrec_parse(r->rr, r->len, &rr)) {
			continue;
		}
		int ret = differ_record(x, r->rr, r->len, &rr, r->hash);
		if (ret != E_OK) {
			return ret;
		}
	}
	return E_OK;
}

int
zdata_diff(const struct zdata *from, const struct zdata *to, size_t limit,
    delta_fn del, delta_fn add, void *arg)
{
	size_t count = 0;
	struct differ gone = {from, to, &count, limit, del, arg};
	struct differ come = {to, from, &count, limit, add, arg};
	int ret;

	if ((ret = base_need_index(from->base)) != E_OK ||
	    (ret = base_need_index(to->base)) != E_OK ||
	    (ret = differ_base(&gone)) != E_OK ||
	    (ret = differ_overlay(&gone)) != E_OK ||
	    (ret = differ_base(&come)) != E_OK) {
		return ret;
	}
	return differ_overlay(&come);
}
