/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "combiner/apex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/dns_wire.h"
#include "common/errcode.h"

const uint16_t apex_types[APEX_NTYPES + 1] = {
    DNS_NS, DNS_KEY, DNS_DNSKEY, DNS_CDS, DNS_CDNSKEY, DNS_CSYNC, 0};

bool
apex_is_managed(uint16_t type)
{
	return type == DNS_NS || type == DNS_KEY || type == DNS_DNSKEY ||
	       type == DNS_CDS || type == DNS_CDNSKEY || type == DNS_CSYNC;
}

struct apex *
apex_new(void)
{
	struct apex *a = calloc(1, sizeof(*a));

	if (a != NULL) {
		a->refs = 1;
	}
	return a;
}

struct apex *
apex_copy(const struct apex *a)
{
	struct apex *c = apex_new();

	if (c == NULL) {
		return NULL;
	}
	for (; c->count < a->count; c->count++) {
		if (rrset_copy(&c->sets[c->count], &a->sets[c->count]) !=
		    E_OK) {
			apex_unref(c);
			return NULL;
		}
	}
	return c;
}

struct apex *
apex_ref(struct apex *a)
{
	a->refs++;
	return a;
}

void
apex_unref(struct apex *a)
{
	if (a == NULL || --a->refs > 0) {
		return;
	}
	for (unsigned i = 0; i < a->count; i++) {
		rrset_clear(&a->sets[i]);
	}
	free(a);
}

const struct rrset *
apex_get(const struct apex *a, uint16_t type)
{
	for (unsigned i = 0; a != NULL && i < a->count; i++) {
		if (a->sets[i].type == type && a->sets[i].count > 0) {
			return &a->sets[i];
		}
	}
	return NULL;
}

struct rrset *
apex_edit(struct apex *a, uint16_t type)
{
	unsigned i = 0;

	while (i < a->count && a->sets[i].type < type) {
		i++;
	}
	if (i < a->count && a->sets[i].type == type) {
		return &a->sets[i];
	}
	if (!apex_is_managed(type)) {
		return NULL; /* six sets are all there is room for */
	}
	memmove(
	    &a->sets[i + 1], &a->sets[i], (a->count - i) * sizeof(a->sets[0]));
	a->count++;
	rrset_init(&a->sets[i], type, 0);
	return &a->sets[i];
}

static void
drop_at(struct apex *a, unsigned i)
{
	rrset_clear(&a->sets[i]);
	a->count--;
	memmove(
	    &a->sets[i], &a->sets[i + 1], (a->count - i) * sizeof(a->sets[0]));
}

void
apex_drop(struct apex *a, uint16_t type)
{
	for (unsigned i = 0; i < a->count; i++) {
		if (a->sets[i].type == type) {
			drop_at(a, i);
			return;
		}
	}
}

void
apex_prune(struct apex *a)
{
	for (unsigned i = a->count; i-- > 0;) {
		if (a->sets[i].count == 0) {
			drop_at(a, i);
		}
	}
}

bool
apex_equal(const struct apex *a, const struct apex *b)
{
	if (a == b) {
		return true;
	}
	for (unsigned i = 0; i < APEX_NTYPES; i++) {
		const struct rrset *s = apex_get(a, apex_types[i]);
		const struct rrset *t = apex_get(b, apex_types[i]);
		if ((s == NULL) != (t == NULL) ||
		    (s != NULL && !rrset_equal(s, t, true))) {
			return false;
		}
	}
	return true;
}

/* number of sets (1) | sets as rrset_encode() writes them */

size_t
apex_encoded_len(const struct apex *a)
{
	size_t len = 1;

	for (unsigned i = 0; i < a->count; i++) {
		len += rrset_encoded_len(&a->sets[i]);
	}
	return len;
}

void
apex_encode(struct wbuf *b, const struct apex *a)
{
	wbuf_u8(b, (uint8_t)a->count);
	for (unsigned i = 0; i < a->count; i++) {
		rrset_encode(b, &a->sets[i]);
	}
}

int
apex_decode(const uint8_t *data, size_t len, struct apex **out)
{
	struct apex *a = apex_new();
	struct rbuf b;
	int r = E_OK;

	if (a == NULL) {
		return E_NOMEM;
	}
	rbuf_init(&b, data, len);
	unsigned count = rbuf_u8(&b);
	if (count > APEX_NTYPES) {
		r = E_MALF;
	}
	while (r == E_OK && a->count < count) {
		struct rrset *s = &a->sets[a->count];
		r = rrset_decode(&b, s);
		if (r != E_OK) {
			break;
		}
		a->count++;
		if (!apex_is_managed(s->type) ||
		    (a->count > 1 && s[-1].type >= s->type)) {
			r = E_MALF;
		}
	}
	if (r == E_OK && (b.err != E_OK || rbuf_left(&b) > 0)) {
		r = E_MALF;
	}
	if (r != E_OK) {
		apex_unref(a);
		return r;
	}
	apex_prune(a);
	*out = a;
	return E_OK;
}

void
apex_set_etag(const struct rrset *s, char etag[17])
{
	/* a fixed key: the tag must be the same tomorrow and elsewhere */
	struct dns_hash_key key = {0, 0x706f6c7970686f6eULL};
	uint8_t buf[DNS_MSG_MAX];
	const uint8_t *rdata;
	uint32_t pos = 0;
	uint16_t len;

	if (s == NULL || s->count == 0) {
		(void)snprintf(etag, 17, "%016x", 0);
		return;
	}
	put_be16(buf, s->type);
	put_be32(buf + 2, s->ttl);
	key.k0 = dns_hash(&key, buf, 6);
	while ((rdata = rrset_next(s, &pos, &len)) != NULL) {
		struct dns_rr rr = {
		    .type = s->type, .class = DNS_IN, .rdlen = len};
		int n =
		    dns_rdata_expand(rdata, len, &rr, true, buf, sizeof(buf));
		key.k0 = n >= 0 ? dns_hash(&key, buf, (size_t)n)
				: dns_hash(&key, rdata, len);
	}
	(void)snprintf(etag, 17, "%016llx", (unsigned long long)key.k0);
}
