/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/dns_rrset.h"

#include <stdlib.h>
#include <string.h>

#include "common/dns_wire.h"
#include "common/errcode.h"

/*
 * rdata is a row of { length (2, host order) | RDATA }, in canonical order
 * (RFC 4034 6.3).  Order and sameness go by canonical form (6.2), while the
 * octets keep the letter case of whoever brought them first; libknot's
 * rdataset, which compares octets alone, would keep ns1. and NS1. both.
 */
#define ITEM_HEAD 2u

void
rrset_init(struct rrset *s, uint16_t type, uint32_t ttl)
{
	memset(s, 0, sizeof(*s));
	s->type = type;
	s->ttl = ttl;
}

void
rrset_clear(struct rrset *s)
{
	free(s->rdata);
	s->rdata = NULL;
	s->size = 0;
	s->count = 0;
}

int
rrset_copy(struct rrset *to, const struct rrset *from)
{
	struct rrset s = *from;

	s.rdata = NULL;
	if (from->size > 0) {
		s.rdata = malloc(from->size);
		if (s.rdata == NULL) {
			return E_NOMEM;
		}
		memcpy(s.rdata, from->rdata, from->size);
	}
	*to = s;
	return E_OK;
}

static inline uint16_t
item_len(const uint8_t *item)
{
	uint16_t len;

	memcpy(&len, item, sizeof(len));
	return len;
}

static inline uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/*
 * Is the whole RDATA one name?  Then lowering octets is lowering the name: a
 * label's length is at most 63, below any letter.
 */
static bool
is_one_name(uint16_t type)
{
	return type == DNS_NS || type == DNS_CNAME || type == DNS_PTR ||
	       type == 39; /* DNAME */
}

/* Canonical form into buf; the octets themselves when there is none. */
static const uint8_t *
canon(uint16_t type, const uint8_t *rdata, uint16_t *len,
    uint8_t buf[DNS_MSG_MAX])
{
	struct dns_rr rr = {
	    .type = type, .class = DNS_IN, .rdlen = *len, .section = 1};
	int n = dns_rdata_expand(rdata, *len, &rr, true, buf, DNS_MSG_MAX);

	if (n < 0) {
		return rdata;
	}
	*len = (uint16_t)n;
	return buf;
}

static int
cmp_octets(const uint8_t *a, uint16_t alen, const uint8_t *b, uint16_t blen)
{
	uint16_t n = alen < blen ? alen : blen;
	int r = n > 0 ? memcmp(a, b, n) : 0;

	return r != 0 ? r : (int)alen - (int)blen;
}

static int
cmp_canon(uint16_t type, const uint8_t *a, uint16_t alen, const uint8_t *b,
    uint16_t blen)
{
	uint8_t abuf[DNS_MSG_MAX], bbuf[DNS_MSG_MAX];

	a = canon(type, a, &alen, abuf);
	b = canon(type, b, &blen, bbuf);
	return cmp_octets(a, alen, b, blen);
}

static int
cmp_rdata(uint16_t type, const uint8_t *a, uint16_t alen, const uint8_t *b,
    uint16_t blen)
{
	if (is_one_name(type)) {
		for (uint16_t i = 0; i < alen && i < blen; i++) {
			if (lower(a[i]) != lower(b[i])) {
				return (int)lower(a[i]) - (int)lower(b[i]);
			}
		}
		return (int)alen - (int)blen;
	}
	if (rdata_has_names(type)) {
		return cmp_canon(type, a, alen, b, blen);
	}
	return cmp_octets(a, alen, b, blen);
}

/* Offset of the item, or where it belongs. */
static uint32_t
find(const struct rrset *s, const uint8_t *rdata, uint16_t len, bool *found)
{
	uint32_t at = 0;

	*found = false;
	while (at < s->size) {
		uint16_t n = item_len(s->rdata + at);
		int c = cmp_rdata(
		    s->type, s->rdata + at + ITEM_HEAD, n, rdata, len);
		if (c >= 0) {
			*found = c == 0;
			break;
		}
		at += ITEM_HEAD + n;
	}
	return at;
}

int
rrset_add(struct rrset *s, const uint8_t *rdata, uint16_t len)
{
	bool found;
	uint32_t at = find(s, rdata, len, &found);
	uint32_t n = ITEM_HEAD + len;

	if (found) {
		return E_OK;
	}
	if (s->count == UINT16_MAX || s->size > UINT32_MAX - n) {
		return E_LIMIT;
	}
	uint8_t *mem = realloc(s->rdata, s->size + n);
	if (mem == NULL) {
		return E_NOMEM;
	}
	s->rdata = mem;
	memmove(mem + at + n, mem + at, s->size - at);
	memcpy(mem + at, &len, ITEM_HEAD);
	if (len > 0) {
		memcpy(mem + at + ITEM_HEAD, rdata, len);
	}
	s->size += n;
	s->count++;
	return E_OK;
}

int
rrset_del(struct rrset *s, const uint8_t *rdata, uint16_t len)
{
	bool found;
	uint32_t at = find(s, rdata, len, &found);

	if (!found) {
		return E_OK;
	}
	if (s->count == 1) {
		rrset_clear(s);
		return E_OK;
	}
	/* the item that is there may be of another length than asked for */
	uint32_t n = ITEM_HEAD + item_len(s->rdata + at);
	s->size -= n;
	memmove(s->rdata + at, s->rdata + at + n, s->size - at);
	s->count--;
	return E_OK;
}

bool
rrset_has(const struct rrset *s, const uint8_t *rdata, uint16_t len)
{
	bool found;

	(void)find(s, rdata, len, &found);
	return found;
}

bool
rrset_equal(const struct rrset *a, const struct rrset *b, bool with_ttl)
{
	uint32_t i = 0, j = 0;

	if (a->type != b->type || a->count != b->count ||
	    (with_ttl && a->count > 0 && a->ttl != b->ttl)) {
		return false;
	}
	while (i < a->size) {
		uint16_t n = item_len(a->rdata + i);
		uint16_t m = item_len(b->rdata + j);
		if (cmp_rdata(a->type, a->rdata + i + ITEM_HEAD, n,
			b->rdata + j + ITEM_HEAD, m) != 0) {
			return false;
		}
		i += ITEM_HEAD + n;
		j += ITEM_HEAD + m;
	}
	return true;
}

int
rrset_merge(struct rrset *to, const struct rrset *from)
{
	if (from->count == 0) {
		return E_OK;
	}
	uint32_t ttl =
	    to->count == 0 || from->ttl < to->ttl ? from->ttl : to->ttl;
	for (uint32_t at = 0; at < from->size;) {
		uint16_t n = item_len(from->rdata + at);
		int r = rrset_add(to, from->rdata + at + ITEM_HEAD, n);
		if (r != E_OK) {
			return r;
		}
		at += ITEM_HEAD + n;
	}
	to->ttl = ttl;
	return E_OK;
}

const uint8_t *
rrset_rdata(const struct rrset *s, uint16_t i, uint16_t *len)
{
	uint32_t at = 0;

	if (i >= s->count) {
		*len = 0;
		return NULL;
	}
	while (i-- > 0) {
		at += ITEM_HEAD + item_len(s->rdata + at);
	}
	*len = item_len(s->rdata + at);
	return s->rdata + at + ITEM_HEAD;
}

const uint8_t *
rrset_next(const struct rrset *s, uint32_t *pos, uint16_t *len)
{
	if (*pos >= s->size) {
		return NULL;
	}
	const uint8_t *item = s->rdata + *pos;
	*len = item_len(item);
	*pos += ITEM_HEAD + *len;
	return item + ITEM_HEAD;
}

/* type (2) | TTL (4) | count (2) | { length (2) | RDATA } …, big-endian */
#define ENCODED_HEAD 8u

void
rrset_encode(struct wbuf *b, const struct rrset *s)
{
	const uint8_t *rdata;
	uint32_t pos = 0;
	uint16_t len;

	wbuf_u16(b, s->type);
	wbuf_u32(b, s->ttl);
	wbuf_u16(b, s->count);
	while ((rdata = rrset_next(s, &pos, &len)) != NULL) {
		wbuf_u16(b, len);
		wbuf_put(b, rdata, len);
	}
}

size_t
rrset_encoded_len(const struct rrset *s)
{
	return ENCODED_HEAD + s->size;
}

int
rrset_decode(struct rbuf *b, struct rrset *s)
{
	uint16_t type = rbuf_u16(b);
	uint32_t ttl = rbuf_u32(b);
	uint16_t count = rbuf_u16(b);
	struct rrset fresh;
	int r = b->err;

	rrset_init(&fresh, type, ttl);
	for (uint16_t i = 0; i < count && r == E_OK; i++) {
		uint16_t len = rbuf_u16(b);
		const uint8_t *rdata = rbuf_take(b, len);
		r = b->err != E_OK ? b->err : rrset_add(&fresh, rdata, len);
	}
	if (r == E_OK && fresh.count != count) {
		r = E_MALF; /* duplicates: not of our writing */
	}
	if (r != E_OK) {
		rrset_clear(&fresh);
		return r;
	}
	*s = fresh;
	return E_OK;
}
