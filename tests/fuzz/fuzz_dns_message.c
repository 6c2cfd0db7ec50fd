/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Walks a message, expands its records, and packs them again: what is read from
 * the new message must be the same records, octet for octet.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "combiner/zdata.h"
#include "common/dns_pack.h"
#include "common/errcode.h"

static uint8_t packed[DNS_MSG_MAX];
static uint8_t plain[ZREC_MAX], again[ZREC_MAX];
static uint8_t canon[DNS_CANON_MAX], canon2[DNS_CANON_MAX];

static void
need(int is_so)
{
	if (!is_so) {
		abort();
	}
}

/* The record as it stands in msg, and its canonical form, by two ways. */
static int
look(const uint8_t *msg, size_t len, const struct dns_rr *rr)
{
	static const struct dns_hash_key key = {1, 2};
	struct dns_rr flat;
	uint64_t h1, h2;
	int n = zrec_write(msg, len, rr, plain, sizeof(plain));
	int c = dns_rr_canon(msg, len, rr, canon);

	if (n < 0) {
		need(c < 0);
		return n;
	}
	need(c > 0 && zrec_parse(plain, (size_t)n, &flat));
	need(dns_rr_canon(plain, (size_t)n, &flat, canon2) == c &&
	    memcmp(canon, canon2, (size_t)c) == 0);
	need(dns_rr_hash(&key, msg, len, rr, &h1) == E_OK &&
	    dns_rr_hash(&key, plain, (size_t)n, &flat, &h2) == E_OK &&
	    h1 == h2 && h1 == dns_hash(&key, canon, (size_t)c));
	need(dns_rr_same(msg, len, rr, plain, (size_t)n, &flat));
	(void)name_check(plain, (size_t)n);
	return n;
}

static void
pack_all(const uint8_t *msg, size_t len, struct dns_pack *p)
{
	uint8_t qname[NAME_MAX_LEN];
	struct dns_walk w;
	struct dns_rr rr;

	dns_pack_init(p, packed, sizeof(packed), 0, 0);
	if (dns_walk_init(&w, msg, len) != E_OK) {
		return;
	}
	if (w.qname != 0 &&
	    name_from_msg(msg, len, w.qname, qname, NULL) > 0) {
		need(dns_pack_question(p, qname, w.qtype, w.qclass) == E_OK);
	}
	while (dns_walk_next(&w, &rr) == E_OK) {
		if (look(msg, len, &rr) < 0) {
			continue;
		}
		struct dns_rr f;
		int n = zrec_write(msg, len, &rr, plain, sizeof(plain));
		need(zrec_parse(plain, (size_t)n, &f));
		dns_pack_section(p, rr.section);
		size_t before = p->len;
		if (dns_pack_rr(p, plain, f.type, f.class, f.ttl,
		        plain + f.rdata, f.rdlen) != E_OK) {
			need(p->len == before);
		}
	}
	(void)dns_pack_finish(p);
}

/* Both messages side by side. */
static void
compare(const uint8_t *msg, size_t len, size_t packed_len)
{
	struct dns_walk w, v;
	struct dns_rr rr, other;

	need(dns_walk_init(&v, packed, packed_len) == E_OK);
	if (dns_walk_init(&w, msg, len) != E_OK) {
		return;
	}
	int more = dns_walk_next(&v, &other);
	while (more == E_OK && dns_walk_next(&w, &rr) == E_OK) {
		int n = zrec_write(msg, len, &rr, plain, sizeof(plain));
		int m = zrec_write(packed, packed_len, &other, again,
		    sizeof(again));
		need(m > 0);
		/* those that did not parse, or fit, are not in it */
		if (n == m && memcmp(plain, again, (size_t)n) == 0) {
			more = dns_walk_next(&v, &other);
		}
	}
	need(more == E_DONE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct dns_pack p;

	pack_all(data, len, &p);
	compare(data, len, p.len);
	return 0;
}
