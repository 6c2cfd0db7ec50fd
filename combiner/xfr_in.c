/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "combiner/xfr_in.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "combiner/ingest.h"
#include "combiner/zdata.h"
#include "common/buf.h"
#include "common/errcode.h"

/* One record with all that is decided about it. */
struct seen {
	const uint8_t *msg;
	size_t len;
	struct dns_rr rr;
	uint8_t canon[DNS_CANON_MAX]; /* dns_rr_canon() */
	size_t canon_len, owner_len;
	bool at_apex;
};

static int
fail(struct xfr_in *x, int err, const char *why)
{
	x->why = why;
	return err;
}

int
xfr_in_init(struct xfr_in *x, const struct xfr_in_conf *conf)
{
	memset(x, 0, sizeof(*x));
	x->conf = *conf;
	x->change = calloc(1, sizeof(*x->change));
	x->apex = apex_new();
	if (x->change == NULL || x->apex == NULL) {
		xfr_in_clear(x);
		return E_NOMEM;
	}
	return E_OK;
}

void
xfr_in_clear(struct xfr_in *x)
{
	base_builder_free(x->bb);
	x->bb = NULL;
	if (x->change != NULL && x->change->base != NULL) {
		/* not handed over: its file is nobody's */
		base_discard(x->change->base, x->conf.dir);
		x->change->base = NULL;
	}
	apex_unref(x->apex);
	x->apex = NULL;
	owner_change_free(x->change);
	x->change = NULL;
}

void
owner_change_free(struct owner_change *c)
{
	if (c == NULL) {
		return;
	}
	base_unref(c->base);
	apex_unref(c->apex);
	free(c->steps);
	free(c);
}

void
owner_change_discard(struct owner_change *c, const char *dir)
{
	if (c != NULL && c->base != NULL) {
		base_discard(c->base, dir);
		c->base = NULL;
	}
	owner_change_free(c);
}

/* Types that a signer makes anew: dropped unless the zone passes signed. */
static bool
is_sig_type(uint16_t type, bool at_apex)
{
	return type == DNS_RRSIG || type == DNS_NSEC || type == DNS_NSEC3 ||
	    type == DNS_NSEC3PARAM || (type == DNS_ZONEMD && at_apex);
}

/* Does the RDATA parse?  The common types here, the others by their codec. */
static bool
form_ok(const struct seen *s)
{
	const uint8_t *rdata = s->canon + s->owner_len + 4;
	size_t len = s->canon_len - s->owner_len - 4;

	switch (s->rr.type) {
	case DNS_A:
		return len == 4;
	case DNS_AAAA:
		return len == 16;
	case DNS_NS:
	case DNS_CNAME:
	case DNS_PTR:
	case DNS_SOA:
	case DNS_RRSIG:
	case 15: /* MX */
	case 33: /* SRV */
		return true; /* dns_rr_canon() walked them */
	case DNS_DS:
		return len > 4;
	case DNS_TXT:
		for (size_t at = 0; at < len; at += rdata[at] + 1u) {
			if (len - at <= rdata[at]) {
				return false;
			}
		}
		return len > 0;
	default:
		return rdata_check(s->rr.type, rdata, (uint16_t)len) == E_OK;
	}
}

static int
look(struct xfr_in *x, struct seen *s)
{
	int n;

	if (s->rr.class != DNS_IN) {
		return fail(x, E_MALF, "record of a class other than IN");
	}
	n = dns_rr_canon(s->msg, s->len, &s->rr, s->canon);
	if (n < 0) {
		return fail(x, E_MALF, "record that cannot be parsed");
	}
	s->canon_len = (size_t)n;
	s->owner_len = name_len(s->canon);
	if (!name_is_under(s->canon, x->conf.zone)) {
		return fail(x, E_MALF, "record outside the zone");
	}
	s->at_apex = s->owner_len == name_len(x->conf.zone);
	if (!form_ok(s)) {
		return fail(x, E_MALF, "RDATA that does not fit its type");
	}
	if (s->rr.type == DNS_SOA && !s->at_apex) {
		return fail(x, E_MALF, "SOA below the apex");
	}
	return E_OK;
}

/* RDATA of the record, uncompressed, letter case kept. */
static int
plain_rdata(const struct seen *s, uint8_t *out)
{
	return dns_rdata_expand(s->msg, s->len, &s->rr, false, out,
	    DNS_MSG_MAX);
}

static int
on_first_soa(struct xfr_in *x, const struct seen *s)
{
	struct owner_change *c = x->change;
	uint8_t rdata[DNS_MSG_MAX];
	struct dns_soa soa;
	int n = plain_rdata(s, rdata);

	if (s->rr.type != DNS_SOA || n < 0 || n > (int)sizeof(c->soa) ||
	    dns_soa_read(rdata, (size_t)n, &soa) != E_OK) {
		return fail(x, E_MALF, "stream does not begin with the SOA");
	}
	memcpy(c->soa, rdata, (size_t)n);
	c->soa_len = (uint16_t)n;
	c->soa_ttl = s->rr.ttl;
	c->serial = soa.serial;
	x->soa_hash = dns_hash(&x->conf.key, s->canon, s->canon_len);
	if (x->conf.has_copy && !x->conf.force &&
	    !(x->conf.again && soa.serial == x->conf.held_serial) &&
	    !serial_gt(soa.serial, x->conf.held_serial)) {
		return E_STALE;
	}
	x->state = x->conf.is_ixfr ? XFR_IN_SECOND : XFR_IN_FULL;
	c->is_full = !x->conf.is_ixfr;
	return E_OK;
}

static uint32_t
soa_serial(const struct seen *s)
{
	/* canonical RDATA: two names were walked, five numbers must follow */
	return get_be32(s->canon + s->canon_len - 20);
}

static bool
is_soa(const struct seen *s)
{
	return s->rr.type == DNS_SOA &&
	    s->canon_len >= s->owner_len + 4 + 2 + 20;
}

/* A record of the difference: kept until the zone's turn to take it. */
static int
keep_step(struct xfr_in *x, const struct seen *s, bool is_add)
{
	struct owner_change *c = x->change;
	uint8_t rr[ZREC_MAX];

	if (is_sig_type(s->rr.type, s->at_apex)) {
		bool soa_sig = s->rr.type == DNS_RRSIG && s->at_apex &&
		    get_be16(s->canon + s->owner_len + 4) == DNS_SOA;
		if (soa_sig && is_add && x->conf.pass_sigs &&
		    !x->conf.held_signed) {
			return fail(x, E_MISFIT, "the zone becomes signed");
		}
		if (!x->conf.held_signed) {
			return E_OK;
		}
		x->soa_sig_gone = soa_sig ? !is_add : x->soa_sig_gone;
	}
	int n = zrec_write(s->msg, s->len, &s->rr, rr, sizeof(rr));
	if (n < 0) {
		return fail(x, E_MALF, "record that cannot be parsed");
	}
	size_t size = owner_step_size((uint32_t)n);
	if (c->steps_len + size > c->steps_cap) {
		size_t cap = c->steps_cap * 2 + size + 1024;
		uint8_t *fresh = realloc(c->steps, cap);
		if (fresh == NULL) {
			return E_NOMEM;
		}
		c->steps = fresh;
		c->steps_cap = cap;
	}
	struct owner_step step = {.len = (uint32_t)n, .is_add = is_add};
	step.at_apex = s->at_apex && apex_is_managed(s->rr.type);
	memcpy(c->steps + c->steps_len, &step, sizeof(step));
	memcpy(c->steps + c->steps_len + sizeof(step), rr, (size_t)n);
	c->steps_len += size;
	return E_OK;
}

/* Grammar of RFC 1995 4 from the second record on. */
static int
on_diff_record(struct xfr_in *x, const struct seen *s)
{
	struct owner_change *c = x->change;

	if (!is_soa(s)) {
		return keep_step(x, s, x->state == XFR_IN_ADD);
	}
	uint32_t serial = soa_serial(s);
	if (x->state == XFR_IN_DEL) {
		if (!serial_gt(serial, x->diff_serial)) {
			return fail(x, E_MISFIT, "differences go backwards");
		}
		x->diff_serial = serial;
		x->state = XFR_IN_ADD;
		return E_OK;
	}
	if (serial != x->diff_serial) {
		return fail(x, E_MISFIT, "differences do not follow another");
	}
	if (serial == c->serial && x->soa_sig_gone) {
		return fail(x, E_MISFIT, "the zone becomes unsigned");
	}
	x->state = serial == c->serial ? XFR_IN_END : XFR_IN_DEL;
	return E_OK;
}

/* The second record of an answer to IXFR tells which form it has. */
static int
on_second(struct xfr_in *x, const struct seen *s)
{
	if (!is_soa(s)) {
		x->state = XFR_IN_FULL;
		x->change->is_full = true;
		return E_AGAIN; /* to be looked at as part of a full one */
	}
	if (soa_serial(s) != x->conf.held_serial) {
		return fail(x, E_MISFIT, "differences start at another serial");
	}
	if (x->conf.held_signed && !x->conf.pass_sigs) {
		return fail(x, E_MISFIT, "signatures are to be stripped now");
	}
	x->change->from_serial = x->diff_serial = x->conf.held_serial;
	x->state = XFR_IN_DEL;
	return E_OK;
}

/* Keep: true when the record stays in the base. */
static int
on_full_record(struct xfr_in *x, const struct seen *s, bool *keep)
{
	uint8_t rdata[DNS_MSG_MAX];

	*keep = false;
	if (s->rr.type == DNS_SOA) {
		if (dns_hash(&x->conf.key, s->canon, s->canon_len) !=
		    x->soa_hash) {
			return fail(x, E_MALF,
			    "last SOA is not like the first");
		}
		x->state = XFR_IN_END;
		return E_OK;
	}
	if (s->at_apex && apex_is_managed(s->rr.type)) {
		struct rrset *set = apex_edit(x->apex, s->rr.type);
		int n = plain_rdata(s, rdata);
		if (set == NULL || n < 0) {
			return set == NULL ? E_NOMEM : E_MALF;
		}
		if (set->count == 0 || s->rr.ttl < set->ttl) {
			set->ttl = s->rr.ttl;
		}
		return rrset_add(set, rdata, (uint16_t)n);
	}
	if (is_sig_type(s->rr.type, s->at_apex)) {
		x->has_sigs = true;
		if (s->rr.type == DNS_RRSIG && s->at_apex &&
		    get_be16(s->canon + s->owner_len + 4) == DNS_SOA) {
			x->change->is_signed = true;
		}
	}
	*keep = true;
	return E_OK;
}

/* Records of the message under way that go to the base. */
struct kept {
	struct dns_rr *rrs;
	uint32_t *hashes;
	size_t count, all; /* all: records seen */
};

/* The message goes over whole if nothing was taken out of it. */
static int
to_base(struct xfr_in *x, const uint8_t *msg, size_t len, const struct kept *k)
{
	uint8_t rr[ZREC_MAX];
	int ret = E_OK;

	if (k->count == 0) {
		return E_OK;
	}
	if (x->bb == NULL) {
		ret = base_builder_new(x->conf.dir, &x->conf.key, &x->bb);
		if (ret != E_OK) {
			return ret;
		}
	}
	if (k->count == k->all) {
		return base_builder_message(x->bb, msg, len, k->rrs, k->hashes,
		    k->count);
	}
	for (size_t i = 0; ret == E_OK && i < k->count; i++) {
		struct dns_rr flat;
		int n = zrec_write(msg, len, &k->rrs[i], rr, sizeof(rr));
		if (n < 0 || !zrec_parse(rr, (size_t)n, &flat)) {
			return E_MALF;
		}
		ret = base_builder_rr(x->bb, x->conf.zone, rr, flat.type,
		    flat.class, flat.ttl, rr + flat.rdata, flat.rdlen);
	}
	return ret;
}

static int
on_record(struct xfr_in *x, struct seen *s, struct kept *k)
{
	bool keep;
	int ret = look(x, s);

	if (ret != E_OK) {
		return ret;
	}
	if (++x->change->records > x->conf.max_records) {
		return fail(x, E_LIMIT, "more records than allowed");
	}
	k->all++;
	if (x->state == XFR_IN_FIRST) {
		return on_first_soa(x, s);
	}
	if (x->state == XFR_IN_SECOND) {
		ret = on_second(x, s);
		if (ret != E_AGAIN) {
			return ret;
		}
	} else if (x->state == XFR_IN_DEL || x->state == XFR_IN_ADD) {
		return on_diff_record(x, s);
	} else if (x->state == XFR_IN_END) {
		return fail(x, E_PROTO, "records after the last SOA");
	}
	ret = on_full_record(x, s, &keep);
	if (ret == E_OK && keep) {
		k->hashes[k->count] = (uint32_t)(dns_hash(&x->conf.key,
		    s->canon, s->canon_len) >> 32);
		k->rrs[k->count++] = s->rr;
	}
	return ret;
}

/* RCODE, question and sections of a message, before its records. */
static int
check_header(struct xfr_in *x, const struct dns_walk *w)
{
	uint8_t qname[NAME_MAX_LEN];

	x->rcode = dns_flags_rcode(w->h.flags);
	if ((w->h.flags & DNS_FLAG_QR) == 0 ||
	    dns_flags_opcode(w->h.flags) != DNS_QUERY) {
		return fail(x, E_PROTO, "not an answer to a query");
	}
	if (x->rcode != DNS_NOERROR) {
		return E_RCODE;
	}
	if ((w->h.flags & DNS_FLAG_TC) != 0) {
		return fail(x, E_PROTO, "truncated over TCP");
	}
	if (w->qname != 0 &&
	    (name_from_msg(w->msg, w->len, w->qname, qname, NULL) < 0 ||
	        !name_equal(qname, x->conf.zone) || w->qclass != DNS_IN ||
	        (w->qtype != DNS_AXFR && w->qtype != DNS_IXFR))) {
		return fail(x, E_PROTO, "question is another");
	}
	if (w->h.count[2] != 0) {
		return fail(x, E_PROTO, "records in the authority section");
	}
	return E_OK;
}

int
xfr_in_message(struct xfr_in *x, const uint8_t *msg, size_t len)
{
	struct kept k = {0};
	struct dns_walk w;
	struct seen *s = NULL;
	int ret = dns_walk_init(&w, msg, len);

	if (ret != E_OK) {
		return fail(x, E_MALF, "message that cannot be parsed");
	}
	ret = check_header(x, &w);
	if (ret != E_OK) {
		return ret;
	}
	x->change->octets += len;
	if (x->change->octets > x->conf.max_octets) {
		return fail(x, E_LIMIT, "more octets than allowed");
	}
	/* no more records than octets can hold, whatever the count says */
	size_t room = w.h.count[1] < len / (DNS_RR_FIXED + 1)
	    ? w.h.count[1]
	    : len / (DNS_RR_FIXED + 1);
	k.rrs = malloc((room + 1) * sizeof(*k.rrs));
	k.hashes = malloc((room + 1) * sizeof(*k.hashes));
	s = malloc(sizeof(*s));
	if (k.rrs == NULL || k.hashes == NULL || s == NULL) {
		ret = E_NOMEM;
		goto out;
	}
	s->msg = msg;
	s->len = len;
	while (ret == E_OK && (ret = dns_walk_next(&w, &s->rr)) == E_OK) {
		if (s->rr.section == 1) {
			ret = on_record(x, s, &k);
		} else if (s->rr.type != DNS_OPT) {
			ret = fail(x, E_PROTO, "unexpected additional record");
		}
	}
	if (ret == E_MALF && x->why == NULL) {
		x->why = "message that cannot be parsed";
	}
	if (ret != E_DONE) {
		goto out;
	}
	ret = to_base(x, msg, len, &k);
	if (ret == E_OK && x->state == XFR_IN_SECOND) {
		/* one SOA alone, and it is newer: RFC 1995 4 */
		ret = fail(x, E_AGAIN, "a single SOA came");
	} else if (ret == E_OK && x->state == XFR_IN_END) {
		ret = E_DONE;
	}
out:
	free(k.rrs);
	free(k.hashes);
	free(s);
	return ret;
}

/* Offsets of all records that a signer makes, in the finished base. */
static int
find_sigs(const struct xfr_in *x, const struct base *b, uint32_t **offsets,
    size_t *count)
{
	size_t cap = 0;

	for (uint32_t m = 0; m < b->nmsgs; m++) {
		uint8_t owner[NAME_MAX_LEN];
		size_t len;
		const uint8_t *msg = base_message(b, m, &len);
		struct dns_walk w;
		struct dns_rr rr;
		if (dns_walk_init(&w, msg, len) != E_OK) {
			return E_STORE;
		}
		while (dns_walk_next(&w, &rr) == E_OK) {
			if (!is_sig_type(rr.type, true) ||
			    name_from_msg(msg, len, rr.owner, owner, NULL) < 0 ||
			    !is_sig_type(rr.type,
			        name_equal(owner, x->conf.zone))) {
				continue;
			}
			if (*count == cap) {
				cap = cap * 2 + 64;
				void *p = realloc(*offsets, cap * 4);
				if (p == NULL) {
					return E_NOMEM;
				}
				*offsets = p;
			}
			(*offsets)[(*count)++] =
			    (uint32_t)(msg - b->data) + rr.owner;
		}
	}
	return E_OK;
}

/* Writes the base anew without these records (double ones, signatures). */
static int
rewrite(struct xfr_in *x, struct base **b, const uint32_t *offsets,
    size_t count)
{
	struct zdata *d = NULL;
	struct zmerge *m = NULL;
	uint32_t version;
	int ret = zdata_new(base_ref(*b), 1, &d);

	if (ret != E_OK) {
		base_unref(*b);
		return ret;
	}
	if ((ret = zdata_drop(d, offsets, count, 1)) == E_OK &&
	    (ret = zmerge_new(d, x->conf.zone, x->conf.dir, &m)) == E_OK &&
	    (ret = zmerge_run(m)) == E_OK) {
		struct base *fresh = base_ref(zmerge_base(m, &version));
		base_discard(*b, x->conf.dir);
		*b = fresh;
	}
	zmerge_free(m);
	zdata_unref(d);
	return ret;
}

int
xfr_in_finish(struct xfr_in *x, struct owner_change **out)
{
	struct owner_change *c = x->change;
	uint32_t *dups = NULL, *sigs = NULL;
	size_t ndups = 0, nsigs = 0;
	int ret = E_OK;

	c->passes_sigs = c->is_signed && x->conf.pass_sigs;
	if (!c->is_full) {
		c->passes_sigs = x->conf.held_signed;
		goto out;
	}
	if (x->bb == NULL) {
		ret = base_builder_new(x->conf.dir, &x->conf.key, &x->bb);
		if (ret != E_OK) {
			goto out;
		}
	}
	struct base_builder *bb = x->bb;
	x->bb = NULL;
	ret = base_builder_finish(bb, &c->base, &dups, &ndups);
	if (ret == E_OK && ndups > 0) {
		ret = rewrite(x, &c->base, dups, ndups);
	}
	if (ret == E_OK && x->has_sigs && !c->passes_sigs &&
	    (ret = base_need_index(c->base)) == E_OK &&
	    (ret = find_sigs(x, c->base, &sigs, &nsigs)) == E_OK &&
	    nsigs > 0) {
		ret = rewrite(x, &c->base, sigs, nsigs);
	}
	apex_prune(x->apex);
	c->apex = x->apex;
	x->apex = NULL;
out:
	free(dups);
	free(sigs);
	if (ret == E_OK) {
		*out = c;
		x->change = NULL;
	}
	return ret;
}
