/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A difference against a zdata: prepared with checks, applied without. */
#include <stdlib.h>
#include <string.h>

#include "combiner/zdata.h"
#include "common/errcode.h"

enum kind {
	KIND_DEL_BASE = 0,
	KIND_DEL_ADDED = 1,
	KIND_ADD = 2,
	KIND_NONE = 3, /* cancelled by a later step of the same difference */
};

struct step {
	struct step *chain; /* same bucket */
	uint64_t hash;
	enum kind kind;
	uint32_t offset;   /* DEL_BASE */
	struct zrec *rec;  /* DEL_ADDED: the zdata's; ADD: ours */
};

struct delta {
	struct zdata *d; /* referenced */
	struct step **steps; /* in order */
	size_t nsteps, cap;
	struct step **bucket;
	size_t nbuckets;
	uint32_t ndel, nadd;
};

int
delta_new(struct zdata *d, struct delta **out)
{
	struct delta *x;
	int ret = base_need_index(d->base);

	if (ret != E_OK) {
		return ret;
	}
	x = calloc(1, sizeof(*x));
	if (x == NULL) {
		return E_NOMEM;
	}
	x->d = zdata_ref(d);
	*out = x;
	return E_OK;
}

void
delta_free(struct delta *x)
{
	if (x == NULL) {
		return;
	}
	for (size_t i = 0; i < x->nsteps; i++) {
		if (x->steps[i]->kind == KIND_ADD) {
			free(x->steps[i]->rec);
		}
		free(x->steps[i]);
	}
	free(x->steps);
	free(x->bucket);
	zdata_unref(x->d);
	free(x);
}

static int
grow_buckets(struct delta *x)
{
	size_t n = x->nbuckets == 0 ? 16 : x->nbuckets * 4;
	struct step **fresh = calloc(n, sizeof(*fresh));

	if (fresh == NULL) {
		return E_NOMEM;
	}
	for (size_t i = 0; i < x->nsteps; i++) {
		struct step *s = x->steps[i];
		struct step **at = &fresh[s->hash & (n - 1)];
		s->chain = *at;
		*at = s;
	}
	free(x->bucket);
	x->bucket = fresh;
	x->nbuckets = n;
	return E_OK;
}

static int
new_step(struct delta *x, enum kind kind, uint64_t hash, struct step **out)
{
	if (x->nsteps == x->cap) {
		size_t n = x->cap == 0 ? 8 : x->cap * 2;
		struct step **fresh = realloc(x->steps, n * sizeof(*fresh));
		if (fresh == NULL) {
			return E_NOMEM;
		}
		x->steps = fresh;
		x->cap = n;
	}
	if (x->nsteps >= x->nbuckets && grow_buckets(x) != E_OK) {
		return E_NOMEM;
	}
	struct step *s = calloc(1, sizeof(*s));
	if (s == NULL) {
		return E_NOMEM;
	}
	s->kind = kind;
	s->hash = hash;
	s->chain = x->bucket[hash & (x->nbuckets - 1)];
	x->bucket[hash & (x->nbuckets - 1)] = s;
	x->steps[x->nsteps++] = s;
	*out = s;
	return E_OK;
}

/* The record behind a step, as it stands in the base or as zrec. */
static bool
step_record(const struct delta *x, const struct step *s, const uint8_t **msg,
    size_t *len, struct dns_rr *rr)
{
	if (s->kind == KIND_DEL_BASE) {
		return base_record(x->d->base, s->offset, msg, len, rr);
	}
	*msg = s->rec->rr;
	*len = s->rec->len;
	return zrec_parse(s->rec->rr, s->rec->len, rr);
}

/* A step of this record, of kind ADD or (want_add false) a deletion. */
static struct step *
find_step(const struct delta *x, uint64_t hash, const uint8_t *rr_octets,
    size_t len, const struct dns_rr *rr, bool want_add)
{
	if (x->nbuckets == 0) {
		return NULL;
	}
	for (struct step *s = x->bucket[hash & (x->nbuckets - 1)]; s != NULL;
	     s = s->chain) {
		const uint8_t *msg;
		size_t mlen;
		struct dns_rr other;
		if (s->hash != hash || s->kind == KIND_NONE ||
		    (s->kind == KIND_ADD) != want_add) {
			continue;
		}
		if (step_record(x, s, &msg, &mlen, &other) &&
		    dns_rr_same(msg, mlen, &other, rr_octets, len, rr)) {
			return s;
		}
	}
	return NULL;
}

/* Where the zdata has this record now: a base offset or an added record. */
static bool
find_held(const struct zdata *d, uint64_t hash, const uint8_t *octets,
    size_t len, const struct dns_rr *rr, uint32_t *offset, struct zrec **rec)
{
	size_t pos = 0;

	*rec = NULL;
	while ((*offset = base_find(d->base, hash, &pos)) != 0) {
		const uint8_t *msg;
		size_t mlen;
		struct dns_rr other;
		if (zdata_base_visible(d, *offset, d->version) &&
		    base_record(d->base, *offset, &msg, &mlen, &other) &&
		    dns_rr_same(msg, mlen, &other, octets, len, rr)) {
			return true;
		}
	}
	if (d->nbuckets == 0) {
		return false;
	}
	for (struct zrec *r = d->bucket[hash & (d->nbuckets - 1)]; r != NULL;
	     r = r->chain) {
		struct dns_rr other;
		if (r->hash == hash && zrec_visible(r, d->version) &&
		    zrec_parse(r->rr, r->len, &other) &&
		    dns_rr_same(r->rr, r->len, &other, octets, len, rr)) {
			*rec = r;
			return true;
		}
	}
	return false;
}

int
delta_del(struct delta *x, const uint8_t *octets, size_t len)
{
	struct dns_rr rr;
	struct step *s;
	uint64_t hash;
	uint32_t offset;
	struct zrec *rec;
	int ret;

	if (!zrec_parse(octets, len, &rr) ||
	    dns_rr_hash(&x->d->base->key, octets, len, &rr, &hash) != E_OK) {
		return E_MALF;
	}
	s = find_step(x, hash, octets, len, &rr, true);
	if (s != NULL) {
		free(s->rec);
		s->rec = NULL;
		s->kind = KIND_NONE;
		x->nadd--;
		return E_OK;
	}
	if (find_step(x, hash, octets, len, &rr, false) != NULL ||
	    !find_held(x->d, hash, octets, len, &rr, &offset, &rec)) {
		return E_MISFIT;
	}
	ret = new_step(x, rec != NULL ? KIND_DEL_ADDED : KIND_DEL_BASE, hash,
	    &s);
	if (ret == E_OK) {
		s->offset = offset;
		s->rec = rec;
		x->ndel++;
	}
	return ret;
}

int
delta_add(struct delta *x, const uint8_t *octets, size_t len)
{
	struct dns_rr rr, old;
	struct step *s;
	struct zrec *rec;
	uint64_t hash;
	uint32_t offset;
	const uint8_t *msg;
	size_t mlen;
	int ret;

	if (!zrec_parse(octets, len, &rr) ||
	    dns_rr_hash(&x->d->base->key, octets, len, &rr, &hash) != E_OK) {
		return E_MALF;
	}
	if (find_step(x, hash, octets, len, &rr, true) != NULL) {
		return E_MISFIT;
	}
	s = find_step(x, hash, octets, len, &rr, false);
	if (s != NULL && step_record(x, s, &msg, &mlen, &old) &&
	    old.ttl == rr.ttl) {
		s->kind = KIND_NONE; /* comes back as it was */
		s->rec = NULL;
		x->ndel--;
		return E_OK;
	}
	if (s == NULL &&
	    find_held(x->d, hash, octets, len, &rr, &offset, &rec)) {
		return E_MISFIT;
	}
	rec = malloc(sizeof(*rec) + len);
	if (rec == NULL) {
		return E_NOMEM;
	}
	memset(rec, 0, sizeof(*rec));
	rec->hash = hash;
	rec->len = (uint32_t)len;
	memcpy(rec->rr, octets, len);
	ret = new_step(x, KIND_ADD, hash, &s);
	if (ret != E_OK) {
		free(rec);
		return ret;
	}
	s->rec = rec;
	x->nadd++;
	return E_OK;
}

bool
delta_is_empty(const struct delta *x)
{
	return x->ndel == 0 && x->nadd == 0;
}

int
delta_each_del(const struct delta *x, delta_fn fn, void *arg)
{
	uint8_t buf[ZREC_MAX];
	int ret = E_OK;

	for (size_t i = 0; ret == E_OK && i < x->nsteps; i++) {
		const struct step *s = x->steps[i];
		const uint8_t *msg;
		size_t len;
		struct dns_rr rr;
		if (s->kind != KIND_DEL_BASE && s->kind != KIND_DEL_ADDED) {
			continue;
		}
		if (!step_record(x, s, &msg, &len, &rr)) {
			return E_STORE;
		}
		int n = zrec_write(msg, len, &rr, buf, sizeof(buf));
		ret = n < 0 ? E_STORE : fn(buf, (size_t)n, arg);
	}
	return ret;
}

int
delta_each_add(const struct delta *x, delta_fn fn, void *arg)
{
	int ret = E_OK;

	for (size_t i = 0; ret == E_OK && i < x->nsteps; i++) {
		const struct step *s = x->steps[i];
		if (s->kind == KIND_ADD) {
			ret = fn(s->rec->rr, s->rec->len, arg);
		}
	}
	return ret;
}

/* Room for `more` removals at a load of at most one half. */
static int
reserve_map(struct zmap *m, uint32_t more)
{
	uint32_t cap = m->cap == 0 ? 16 : m->cap;

	while (cap < 2 * (m->count + more)) {
		cap *= 2;
	}
	if (cap == m->cap) {
		return E_OK;
	}
	struct zmap fresh = {.cap = cap, .count = m->count};
	fresh.keys = calloc(cap, sizeof(*fresh.keys));
	fresh.vals = calloc(cap, sizeof(*fresh.vals));
	if (fresh.keys == NULL || fresh.vals == NULL) {
		free(fresh.keys);
		free(fresh.vals);
		return E_NOMEM;
	}
	for (uint32_t i = 0; i < m->cap; i++) {
		if (m->keys[i] == 0) {
			continue;
		}
		uint32_t at = (m->keys[i] * 2654435761u) & (cap - 1);
		while (fresh.keys[at] != 0) {
			at = (at + 1) & (cap - 1);
		}
		fresh.keys[at] = m->keys[i];
		fresh.vals[at] = m->vals[i];
	}
	free(m->keys);
	free(m->vals);
	*m = fresh;
	return E_OK;
}

static int
reserve_buckets(struct zdata *d, uint32_t more)
{
	uint32_t n = d->nbuckets == 0 ? 8 : d->nbuckets;

	while (n < d->nadded + more) {
		n *= 2;
	}
	if (n == d->nbuckets) {
		return E_OK;
	}
	struct zrec **fresh = calloc(n, sizeof(*fresh));
	if (fresh == NULL) {
		return E_NOMEM;
	}
	for (struct zrec *r = d->first; r != NULL; r = r->next) {
		r->chain = fresh[r->hash & (n - 1)];
		fresh[r->hash & (n - 1)] = r;
	}
	free(d->bucket);
	d->bucket = fresh;
	d->nbuckets = n;
	return E_OK;
}

int
delta_reserve(struct delta *x)
{
	struct zdata *d = x->d;

	if (x->ndel > 0) {
		if (d->touched == NULL && d->base->nmsgs > 0) {
			d->touched =
			    calloc(d->base->nmsgs, sizeof(*d->touched));
			if (d->touched == NULL) {
				return E_NOMEM;
			}
		}
		if (reserve_map(&d->removed, x->ndel) != E_OK) {
			return E_NOMEM;
		}
	}
	return x->nadd > 0 ? reserve_buckets(d, x->nadd) : E_OK;
}

static void
mark_removed(struct zdata *d, uint32_t offset, uint32_t version)
{
	struct zmap *m = &d->removed;
	uint32_t at = (offset * 2654435761u) & (m->cap - 1);

	while (m->keys[at] != 0 && m->keys[at] != offset) {
		at = (at + 1) & (m->cap - 1);
	}
	if (m->keys[at] == 0) {
		m->count++;
	}
	m->keys[at] = offset;
	m->vals[at] = version;
	uint16_t *t = &d->touched[base_message_at(d->base, offset)];
	if (*t < UINT16_MAX) {
		(*t)++;
	}
}

int
zdata_drop(struct zdata *d, const uint32_t *offsets, size_t count,
    uint32_t version)
{
	struct delta x = {.d = d, .ndel = (uint32_t)count};
	int ret = base_need_index(d->base);

	if (ret == E_OK) {
		ret = delta_reserve(&x);
	}
	for (size_t i = 0; ret == E_OK && i < count; i++) {
		mark_removed(d, offsets[i], version);
		d->count--;
	}
	return ret;
}

void
delta_apply(struct delta *x, uint32_t version)
{
	struct zdata *d = x->d;

	for (size_t i = 0; i < x->nsteps; i++) {
		struct step *s = x->steps[i];
		if (s->kind == KIND_DEL_BASE) {
			mark_removed(d, s->offset, version);
		} else if (s->kind == KIND_DEL_ADDED) {
			s->rec->removed = version;
		} else if (s->kind == KIND_ADD) {
			struct zrec *r = s->rec;
			r->added = version;
			*d->last = r;
			d->last = &r->next;
			d->nadded++;
			r->chain = d->bucket[r->hash & (d->nbuckets - 1)];
			d->bucket[r->hash & (d->nbuckets - 1)] = r;
			s->kind = KIND_NONE; /* the zdata's now */
		}
	}
	d->count = d->count - x->ndel + x->nadd;
	d->version = version;
	delta_free(x);
}
