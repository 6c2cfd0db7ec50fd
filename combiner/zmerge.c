/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Merging an overlay into a new base.  See zdata.h. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "combiner/zdata.h"
#include "common/errcode.h"

struct zmerge {
	struct zdata *d; /* referenced: keeps base and records alive */
	uint32_t version;
	uint8_t zone[NAME_MAX_LEN];
	char *dir;
	struct zdata *frozen; /* base and removals of that version */
	const struct zrec **added; /* visible ones, in order */
	size_t nadded;
	struct base *base; /* the result */
};

void
zmerge_free(struct zmerge *m)
{
	if (m == NULL) {
		return;
	}
	base_unref(m->base);
	zdata_unref(m->frozen);
	zdata_unref(m->d);
	free(m->added);
	free(m->dir);
	free(m);
}

/* A zdata that shares the base and has the removals, but no additions. */
static int
freeze(const struct zdata *d, struct zdata **out)
{
	uint32_t *offsets = malloc((d->removed.count + 1ul) * sizeof(*offsets));
	size_t n = 0;
	int ret;

	if (offsets == NULL) {
		return E_NOMEM;
	}
	for (uint32_t i = 0; i < d->removed.cap; i++) {
		if (d->removed.keys[i] != 0 &&
		    d->removed.vals[i] <= d->version) {
			offsets[n++] = d->removed.keys[i];
		}
	}
	ret = zdata_new(base_ref(d->base), d->version, out);
	if (ret != E_OK) {
		base_unref(d->base);
	} else {
		ret = zdata_drop(*out, offsets, n, d->version);
	}
	free(offsets);
	return ret;
}

int
zmerge_new(struct zdata *d, const uint8_t *zone, const char *dir,
    struct zmerge **out)
{
	struct zmerge *m = calloc(1, sizeof(*m));
	int ret = E_NOMEM;

	if (m == NULL) {
		return E_NOMEM;
	}
	m->d = zdata_ref(d);
	m->version = d->version;
	memcpy(m->zone, zone, name_len(zone));
	m->dir = strdup(dir);
	m->added = malloc((d->nadded + 1ul) * sizeof(*m->added));
	if (m->dir == NULL || m->added == NULL) {
		goto out;
	}
	for (const struct zrec *r = d->first; r != NULL; r = r->next) {
		if (zrec_visible(r, d->version)) {
			m->added[m->nadded++] = r;
		}
	}
	ret = freeze(d, &m->frozen);
out:
	if (ret != E_OK) {
		zmerge_free(m);
		m = NULL;
	}
	*out = m;
	return ret;
}

struct emit {
	struct base_builder *bb;
	const uint8_t *zone;
};

static int
emit_record(const uint8_t *owner, uint16_t type, uint16_t class, uint32_t ttl,
    const uint8_t *rdata, uint16_t rdlen, void *arg)
{
	struct emit *e = arg;

	return base_builder_rr(e->bb, e->zone, owner, type, class, ttl, rdata,
	    rdlen);
}

/* An untouched message goes over as it is; only its hashes are made again. */
static int
copy_message(struct base_builder *bb, const struct base *b, uint32_t k)
{
	size_t len, n = 0;
	const uint8_t *msg = base_message(b, k, &len);
	struct dns_rr *rrs = NULL;
	uint32_t *hashes = NULL;
	struct dns_walk w;
	int ret = dns_walk_init(&w, msg, len);

	if (ret != E_OK) {
		return E_STORE;
	}
	unsigned count = w.h.count[1];
	rrs = malloc((count + 1ul) * sizeof(*rrs));
	hashes = malloc((count + 1ul) * sizeof(*hashes));
	if (rrs == NULL || hashes == NULL) {
		ret = E_NOMEM;
		goto out;
	}
	while (n < count && (ret = dns_walk_next(&w, &rrs[n])) == E_OK) {
		uint64_t hash;
		if (dns_rr_hash(&b->key, msg, len, &rrs[n], &hash) != E_OK) {
			ret = E_STORE;
			goto out;
		}
		hashes[n++] = (uint32_t)(hash >> 32);
	}
	ret = n == count
	    ? base_builder_message(bb, msg, len, rrs, hashes, n)
	    : E_STORE;
out:
	free(rrs);
	free(hashes);
	return ret;
}

int
zmerge_run(struct zmerge *m)
{
	const struct base *b = m->frozen->base;
	struct emit e = {.zone = m->zone};
	uint32_t *dups = NULL;
	size_t ndups = 0;
	int ret = base_builder_new(m->dir, &b->key, &e.bb);

	for (uint32_t k = 0; ret == E_OK && k < b->nmsgs; k++) {
		/* small bases are packed anew, so that one message remains */
		ret = b->is_mapped &&
		        !zdata_is_touched(m->frozen, k, m->version)
		    ? copy_message(e.bb, b, k)
		    : zdata_each_in_message(m->frozen, k, m->version,
		          emit_record, &e);
	}
	for (size_t i = 0; ret == E_OK && i < m->nadded; i++) {
		const struct zrec *r = m->added[i];
		struct dns_rr rr;
		ret = zrec_parse(r->rr, r->len, &rr)
		    ? emit_record(r->rr, rr.type, rr.class, rr.ttl,
		          r->rr + rr.rdata, rr.rdlen, &e)
		    : E_STORE;
	}
	if (ret != E_OK) {
		base_builder_free(e.bb);
		return ret;
	}
	ret = base_builder_finish(e.bb, &m->base, &dups, &ndups);
	if (ret == E_OK && ndups > 0) {
		ret = E_STORE; /* a zdata holds each record once */
		base_discard(m->base, m->dir);
		m->base = NULL;
	}
	free(dups);
	return ret;
}

struct base *
zmerge_base(const struct zmerge *m, uint32_t *version)
{
	*version = m->version;
	return m->base;
}

bool
zmerge_is_of(const struct zmerge *m, const struct zdata *d)
{
	return m->d == d;
}

/* What was removed from the old base, or from the overlay, since. */
static int
replay_removals(const struct zmerge *m, struct delta *x)
{
	const struct zdata *d = m->d;
	uint8_t buf[ZREC_MAX];
	int ret = E_OK;

	for (uint32_t i = 0; ret == E_OK && i < d->removed.cap; i++) {
		const uint8_t *msg;
		size_t len;
		struct dns_rr rr;
		if (d->removed.keys[i] == 0 ||
		    d->removed.vals[i] <= m->version) {
			continue;
		}
		int n = base_record(d->base, d->removed.keys[i], &msg, &len,
		            &rr)
		    ? zrec_write(msg, len, &rr, buf, sizeof(buf))
		    : E_STORE;
		ret = n < 0 ? E_STORE : delta_del(x, buf, (size_t)n);
	}
	for (const struct zrec *r = d->first; ret == E_OK && r != NULL;
	     r = r->next) {
		if (r->added <= m->version && r->removed > m->version) {
			ret = delta_del(x, r->rr, r->len);
		}
	}
	return ret;
}

int
zmerge_finish(struct zmerge *m, struct zdata **out)
{
	struct zdata *fresh = NULL;
	struct delta *x = NULL;
	int ret = zdata_new(base_ref(m->base), m->version, &fresh);

	if (ret != E_OK) {
		base_unref(m->base);
		return ret;
	}
	if (m->d->version == m->version) {
		*out = fresh;
		return E_OK;
	}
	ret = delta_new(fresh, &x);
	if (ret == E_OK) {
		ret = replay_removals(m, x);
	}
	for (const struct zrec *r = m->d->first; ret == E_OK && r != NULL;
	     r = r->next) {
		if (r->added > m->version && r->removed == 0) {
			ret = delta_add(x, r->rr, r->len);
		}
	}
	if (ret == E_OK) {
		ret = delta_reserve(x);
	}
	if (ret != E_OK) {
		delta_free(x);
		zdata_unref(fresh);
		return ret;
	}
	delta_apply(x, m->d->version);
	*out = fresh;
	return E_OK;
}
