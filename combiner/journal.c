/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "combiner/journal.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/dns_wire.h"
#include "common/errcode.h"

#define JOURNAL_VERSION 1
#define HEAD_LEN (1 + 4 * JOURNAL_NPARTS)
#define ENTRY_MAX 999000000u /* SQLite takes values of 10^9 octets */

struct blob *
blob_new(size_t len)
{
	struct blob *b = malloc(sizeof(*b) + len);

	if (b != NULL) {
		b->refs = 1;
		b->len = len;
	}
	return b;
}

struct blob *
blob_ref(struct blob *b)
{
	b->refs++;
	return b;
}

void
blob_unref(struct blob *b)
{
	if (b != NULL && --b->refs == 0) {
		free(b);
	}
}

static void
put(struct journal_writer *w, const uint8_t *rr, size_t len)
{
	if (w->err != E_OK) {
		return;
	}
	if (w->len + len + 4 > w->cap) {
		size_t cap = w->cap * 2 + len + 256;
		uint8_t *fresh = cap > ENTRY_MAX ? NULL : realloc(w->data, cap);
		if (fresh == NULL) {
			w->err = cap > ENTRY_MAX ? E_LIMIT : E_NOMEM;
			return;
		}
		w->data = fresh;
		w->cap = cap;
	}
	put_be32(w->data + w->len, (uint32_t)len);
	memcpy(w->data + w->len + 4, rr, len);
	w->len += len + 4;
}

void
journal_begin(struct journal_writer *w, const uint8_t *old_soa,
    size_t old_len, const uint8_t *new_soa, size_t new_len)
{
	memset(w, 0, sizeof(*w));
	w->data = calloc(1, 512);
	if (w->data == NULL) {
		w->err = E_NOMEM;
		return;
	}
	w->cap = 512;
	w->len = HEAD_LEN;
	w->data[0] = JOURNAL_VERSION;
	put(w, old_soa, old_len);
	put(w, new_soa, new_len);
}

void
journal_put(struct journal_writer *w, enum journal_part part,
    const uint8_t *rr, size_t len)
{
	put(w, rr, len);
	w->count[part]++;
}

int
journal_end(struct journal_writer *w, struct blob **out)
{
	struct blob *b = w->err == E_OK ? blob_new(w->len) : NULL;
	int ret = w->err;

	if (ret == E_OK && b == NULL) {
		ret = E_NOMEM;
	}
	if (ret == E_OK) {
		for (unsigned i = 0; i < JOURNAL_NPARTS; i++) {
			put_be32(w->data + 1 + 4 * i, w->count[i]);
		}
		memcpy(b->data, w->data, w->len);
		*out = b;
	}
	journal_abandon(w);
	return ret;
}

void
journal_abandon(struct journal_writer *w)
{
	free(w->data);
	w->data = NULL;
}

/* One length-prefixed record. */
static int
take(struct journal_reader *r, const uint8_t **rr, size_t *len)
{
	if (r->len - r->pos < 4) {
		return E_STORE;
	}
	*len = get_be32(r->data + r->pos);
	if (r->len - r->pos - 4 < *len) {
		return E_STORE;
	}
	*rr = r->data + r->pos + 4;
	r->pos += 4 + *len;
	return E_OK;
}

int
journal_open(struct journal_reader *r, const uint8_t *data, size_t len)
{
	int ret;

	memset(r, 0, sizeof(*r));
	if (len < HEAD_LEN || data[0] != JOURNAL_VERSION) {
		return E_STORE;
	}
	r->data = data;
	r->len = len;
	r->pos = HEAD_LEN;
	for (unsigned i = 0; i < JOURNAL_NPARTS; i++) {
		r->left[i] = get_be32(data + 1 + 4 * i);
	}
	ret = take(r, &r->old_soa, &r->old_len);
	return ret == E_OK ? take(r, &r->new_soa, &r->new_len) : ret;
}

int
journal_next(struct journal_reader *r, enum journal_part *part,
    const uint8_t **rr, size_t *len)
{
	for (unsigned i = 0; i < JOURNAL_NPARTS; i++) {
		if (r->left[i] > 0) {
			r->left[i]--;
			*part = (enum journal_part)i;
			return take(r, rr, len);
		}
	}
	return r->pos == r->len ? E_DONE : E_STORE;
}
