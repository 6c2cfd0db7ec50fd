/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/dns_wire.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#include <libknot/codes.h>
#include <libknot/descriptor.h>

#include "common/buf.h"
#include "common/errcode.h"

int
dns_walk_init(struct dns_walk *w, const uint8_t *msg, size_t len)
{
	memset(w, 0, sizeof(*w));
	if (len < DNS_HEADER_LEN || len > DNS_MSG_MAX) {
		return E_MALF;
	}
	w->msg = msg;
	w->len = len;
	w->h.id = get_be16(msg);
	w->h.flags = get_be16(msg + 2);
	for (unsigned i = 0; i < 4; i++) {
		w->h.count[i] = get_be16(msg + 4 + 2 * i);
	}
	w->pos = DNS_HEADER_LEN;
	if (w->h.count[0] > 1) {
		return E_MALF;
	}
	if (w->h.count[0] == 1) {
		size_t end = dns_skip_name(msg, len, w->pos);
		if (end == 0 || len - end < 4) {
			return E_MALF;
		}
		w->qname = (uint32_t)w->pos;
		w->qtype = get_be16(msg + end);
		w->qclass = get_be16(msg + end + 2);
		w->pos = end + 4;
	}
	w->section = 1;
	w->left = w->h.count[1];
	return E_OK;
}

size_t
dns_skip_name(const uint8_t *msg, size_t len, size_t pos)
{
	size_t start = pos;

	while (pos < len) {
		uint8_t c = msg[pos];
		if (c == 0) {
			return pos + 1 - start <= NAME_MAX_LEN ? pos + 1 : 0;
		}
		if (c >= 0xc0) {
			return len - pos >= 2 ? pos + 2 : 0;
		}
		if (c > 63) {
			return 0;
		}
		pos += c + 1u;
	}
	return 0;
}

int
dns_walk_next(struct dns_walk *w, struct dns_rr *rr)
{
	while (w->left == 0) {
		if (w->section == 3) {
			return w->pos == w->len ? E_DONE : E_MALF;
		}
		w->section++;
		w->left = w->h.count[w->section];
	}
	size_t end = dns_skip_name(w->msg, w->len, w->pos);
	if (end == 0 || w->len - end < DNS_RR_FIXED) {
		return E_MALF;
	}
	const uint8_t *p = w->msg + end;
	rr->owner = (uint32_t)w->pos;
	rr->type = get_be16(p);
	rr->class = get_be16(p + 2);
	rr->ttl = get_be32(p + 4);
	rr->rdlen = get_be16(p + 8);
	rr->rdata = (uint32_t)(end + DNS_RR_FIXED);
	rr->section = (uint8_t)w->section;
	if (w->len - rr->rdata < rr->rdlen) {
		return E_MALF;
	}
	w->pos = rr->rdata + rr->rdlen;
	w->left--;
	return E_OK;
}

/*
 * How RDATA with names is laid out: a digit or letter octet for each part.
 *   n  name            s  character-string       r  the rest
 *   anything below 32: that many octets
 * Types not listed hold no name that could be compressed or lowered
 * (RFC 3597 4; RFC 4034 6.2; NSEC was taken off by RFC 6840 5.1).
 */
static const char *
rdata_layout(uint16_t type)
{
	switch (type) {
	case 2:  /* NS */
	case 3:  /* MD */
	case 4:  /* MF */
	case 5:  /* CNAME */
	case 7:  /* MB */
	case 8:  /* MG */
	case 9:  /* MR */
	case 12: /* PTR */
	case 39: /* DNAME */
		return "n";
	case 6: /* SOA */
		return "nn\x14";
	case 14: /* MINFO */
	case 17: /* RP */
		return "nn";
	case 15: /* MX */
	case 18: /* AFSDB */
	case 21: /* RT */
	case 36: /* KX */
		return "\x02n";
	case 26: /* PX */
		return "\x02nn";
	case 33: /* SRV */
		return "\x06n";
	case 35: /* NAPTR */
		return "\x04sssn";
	case 24: /* SIG */
	case 46: /* RRSIG */
		return "\x12nr";
	case 30: /* NXT */
		return "nr";
	default:
		return NULL;
	}
}

/* One part that is not a name: its length at p, or -1 when it is cut off. */
static int
part_len(char kind, const uint8_t *p, size_t left)
{
	size_t n;

	if (kind == 'r') {
		n = left;
	} else if (kind == 's') {
		n = left > 0 ? p[0] + 1u : 1;
	} else {
		n = (unsigned char)kind;
	}
	return n <= left ? (int)n : -1;
}

int
dns_rdata_expand(const uint8_t *msg, size_t len, const struct dns_rr *rr,
    bool canonical, uint8_t *out, size_t cap)
{
	const char *layout = rdata_layout(rr->type);
	size_t pos = rr->rdata, end = pos + rr->rdlen, n = 0;

	(void)len; /* the record was checked against it by dns_walk_next() */
	/* UPDATE has records of class ANY and NONE without RDATA */
	if (layout == NULL || (rr->rdlen == 0 && rr->class != DNS_IN)) {
		if (rr->rdlen > cap) {
			return E_SPACE;
		}
		memcpy(out, msg + pos, rr->rdlen);
		return rr->rdlen;
	}
	for (; *layout != '\0'; layout++) {
		if (*layout == 'n') {
			uint8_t name[NAME_MAX_LEN];
			/* a name may point back, but not run out of the RDATA */
			int nl = name_from_msg(msg, end, pos, name, &pos);
			if (nl < 0) {
				return E_MALF;
			}
			if (canonical) {
				name_to_lower(name);
			}
			if ((size_t)nl > cap - n) {
				return E_SPACE;
			}
			memcpy(out + n, name, (size_t)nl);
			n += (size_t)nl;
			continue;
		}
		int pl = part_len(*layout, msg + pos, end - pos);
		if (pl < 0) {
			return E_MALF;
		}
		if ((size_t)pl > cap - n) {
			return E_SPACE;
		}
		memcpy(out + n, msg + pos, (size_t)pl);
		n += (size_t)pl;
		pos += (size_t)pl;
	}
	return pos == end && n <= UINT16_MAX ? (int)n : E_MALF;
}

static inline uint64_t
rotl(uint64_t x, int b)
{
	return (x << b) | (x >> (64 - b));
}

#define SIP_ROUND() \
	do { \
		v0 += v1; \
		v1 = rotl(v1, 13) ^ v0; \
		v0 = rotl(v0, 32); \
		v2 += v3; \
		v3 = rotl(v3, 16) ^ v2; \
		v0 += v3; \
		v3 = rotl(v3, 21) ^ v0; \
		v2 += v1; \
		v1 = rotl(v1, 17) ^ v2; \
		v2 = rotl(v2, 32); \
	} while (0)

/* SipHash-1-3 (Aumasson, Bernstein): keyed, so nobody can aim collisions. */
uint64_t
dns_hash(const struct dns_hash_key *key, const void *data, size_t len)
{
	uint64_t v0 = key->k0 ^ 0x736f6d6570736575ULL;
	uint64_t v1 = key->k1 ^ 0x646f72616e646f6dULL;
	uint64_t v2 = key->k0 ^ 0x6c7967656e657261ULL;
	uint64_t v3 = key->k1 ^ 0x7465646279746573ULL;
	const uint8_t *p = data;
	uint64_t m;

	for (size_t left = len; left >= 8; left -= 8, p += 8) {
		memcpy(&m, p, 8);
		m = le64toh(m);
		v3 ^= m;
		SIP_ROUND();
		v0 ^= m;
	}
	m = (uint64_t)len << 56;
	for (size_t i = 0; i < (len & 7); i++) {
		m |= (uint64_t)p[i] << (8 * i);
	}
	v3 ^= m;
	SIP_ROUND();
	v0 ^= m;
	v2 ^= 0xff;
	SIP_ROUND();
	SIP_ROUND();
	SIP_ROUND();
	return v0 ^ v1 ^ v2 ^ v3;
}

int
dns_rr_canon(const uint8_t *msg, size_t len, const struct dns_rr *rr,
    uint8_t out[DNS_CANON_MAX])
{
	int n = name_from_msg(msg, len, rr->owner, out, NULL);

	if (n < 0) {
		return n;
	}
	name_to_lower(out);
	put_be16(out + n, rr->type);
	put_be16(out + n + 2, rr->class);
	int rl = dns_rdata_expand(msg, len, rr, true, out + n + 4, DNS_MSG_MAX);
	return rl < 0 ? rl : n + 4 + rl;
}

int
dns_rr_hash(const struct dns_hash_key *key, const uint8_t *msg, size_t len,
    const struct dns_rr *rr, uint64_t *hash)
{
	uint8_t canon[DNS_CANON_MAX];
	int n = dns_rr_canon(msg, len, rr, canon);

	if (n < 0) {
		return n;
	}
	*hash = dns_hash(key, canon, (size_t)n);
	return E_OK;
}

bool
dns_rr_same(const uint8_t *amsg, size_t alen, const struct dns_rr *a,
    const uint8_t *bmsg, size_t blen, const struct dns_rr *b)
{
	uint8_t ac[DNS_CANON_MAX], bc[DNS_CANON_MAX];

	if (a->type != b->type || a->class != b->class) {
		return false;
	}
	int an = dns_rr_canon(amsg, alen, a, ac);
	int bn = dns_rr_canon(bmsg, blen, b, bc);
	return an >= 0 && an == bn && memcmp(ac, bc, (size_t)an) == 0;
}

int
dns_soa_numbers(const uint8_t *rdata, size_t len)
{
	size_t m = name_check(rdata, len);
	size_t r = m == 0 ? 0 : name_check(rdata + m, len - m);

	return r == 0 || len - m - r != 20 ? E_MALF : (int)(m + r);
}

int
dns_soa_read(const uint8_t *rdata, size_t len, struct dns_soa *soa)
{
	int at = dns_soa_numbers(rdata, len);

	if (at < 0) {
		return at;
	}
	soa->serial = get_be32(rdata + at);
	soa->refresh = get_be32(rdata + at + 4);
	soa->retry = get_be32(rdata + at + 8);
	soa->expire = get_be32(rdata + at + 12);
	soa->minimum = get_be32(rdata + at + 16);
	return E_OK;
}

const char *
dns_type_str(uint16_t type)
{
	/* of the thread: archives are written in the pool */
	static _Thread_local char ring[4][16];
	static _Thread_local unsigned next;
	char *s = ring[next++ % 4];

	if (knot_rrtype_to_string(type, s, sizeof(ring[0])) < 0) {
		(void)snprintf(s, sizeof(ring[0]), "TYPE%u", type);
	}
	return s;
}

int
dns_type_from_str(const char *s, uint16_t *type)
{
	return knot_rrtype_from_string(s, type) == 0 ? E_OK : E_NOENT;
}

const char *
dns_rcode_str(unsigned rcode)
{
	const knot_lookup_t *l =
	    knot_lookup_by_id(knot_rcode_names, (int)rcode);

	return l != NULL ? l->name : "unknown RCODE";
}
