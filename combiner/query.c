/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "combiner/query.h"

#include "common/dns_wire.h"
#include "common/errcode.h"

/* TTL of a negative answer, RFC 2308 5. */
static uint32_t
negative_ttl(const struct query_view *v)
{
	struct dns_soa soa = {0};

	if (dns_soa_read(v->soa, v->soa_len, &soa) != E_OK) {
		return 0;
	}
	return soa.minimum < v->soa_ttl ? soa.minimum : v->soa_ttl;
}

static void
put_set(struct reply *r, const struct query_view *v, const struct rrset *s)
{
	const uint8_t *rdata;
	uint32_t pos = 0;
	uint16_t len;

	while ((rdata = rrset_next(s, &pos, &len)) != NULL) {
		if (reply_rr(r, 1, v->zone, s->type, s->ttl, rdata, len) !=
		    E_OK) {
			return;
		}
	}
}

size_t
query_answer(const struct reply_to *to, const struct query_view *v, void *mem)
{
	uint8_t name[NAME_MAX_LEN];
	const struct rrset *s;
	struct dns_walk w;
	struct reply r;

	if (dns_walk_init(&w, to->msg, to->len) != E_OK || w.qname == 0 ||
	    name_from_msg(to->msg, to->len, w.qname, name, NULL) < 0) {
		return reply_rcode(to, DNS_FORMERR, 0, mem);
	}
	if (w.qclass != DNS_IN || !name_equal(name, v->zone)) {
		return reply_rcode(to, DNS_REFUSED, 0, mem);
	}
	reply_begin(&r, to, mem, DNS_FLAG_AA);
	s = v->sets != NULL ? apex_get(v->sets, w.qtype) : NULL;
	if (s != NULL) {
		put_set(&r, v, s);
	} else if (v->soa != NULL) {
		bool is_asked = w.qtype == DNS_SOA || w.qtype == DNS_ANY;
		(void)reply_rr(&r, is_asked ? 1 : 2, v->zone, DNS_SOA,
		    is_asked ? v->soa_ttl : negative_ttl(v), v->soa,
		    v->soa_len); /* TC says what did not fit */
	}
	return reply_finish(&r);
}
