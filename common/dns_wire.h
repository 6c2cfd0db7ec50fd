/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Walking DNS messages by their lengths alone: no allocation, no copy, the
 * message stays as it came.  This is what the transfer path runs on, where a
 * parser that builds objects would cost ten times the whole rest.
 *
 * Nothing here trusts the message: every offset is checked against its length.
 */
#ifndef COMMON_DNS_WIRE_H
#define COMMON_DNS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/dns_name.h"

#define DNS_HEADER_LEN 12
#define DNS_MSG_MAX 65535
#define DNS_RR_FIXED 10 /* type, class, TTL, RDLENGTH */

enum dns_opcode { DNS_QUERY = 0, DNS_NOTIFY = 4, DNS_UPDATE = 5 };
enum dns_class { DNS_IN = 1, DNS_NONE = 254, DNS_ANY_CLASS = 255 };
enum dns_type {
	DNS_A = 1, DNS_NS = 2, DNS_CNAME = 5, DNS_SOA = 6, DNS_PTR = 12,
	DNS_TXT = 16, DNS_SIG = 24, DNS_KEY = 25, DNS_AAAA = 28, DNS_OPT = 41,
	DNS_DS = 43, DNS_RRSIG = 46, DNS_NSEC = 47, DNS_DNSKEY = 48,
	DNS_NSEC3 = 50, DNS_NSEC3PARAM = 51, DNS_CDS = 59, DNS_CDNSKEY = 60,
	DNS_CSYNC = 62, DNS_ZONEMD = 63, DNS_TSIG = 250, DNS_IXFR = 251,
	DNS_AXFR = 252, DNS_ANY = 255,
};
enum dns_rcode {
	DNS_NOERROR = 0, DNS_FORMERR = 1, DNS_SERVFAIL = 2, DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4, DNS_REFUSED = 5, DNS_YXDOMAIN = 6, DNS_YXRRSET = 7,
	DNS_NXRRSET = 8, DNS_NOTAUTH = 9, DNS_NOTZONE = 10,
	DNS_BADSIG = 16, DNS_BADKEY = 17, DNS_BADTIME = 18, DNS_BADTRUNC = 22,
};
#define DNS_EDE_NOT_SUPPORTED 21

/* Header bits in the second 16-bit word. */
#define DNS_FLAG_QR 0x8000u
#define DNS_FLAG_AA 0x0400u
#define DNS_FLAG_TC 0x0200u

struct dns_header {
	uint16_t id, flags;
	uint16_t count[4]; /* question, answer, authority, additional */
};

static inline unsigned
dns_flags_opcode(uint16_t flags)
{
	return (flags >> 11) & 15;
}

static inline unsigned
dns_flags_rcode(uint16_t flags)
{
	return flags & 15;
}

/* A record where it stands in its message. */
struct dns_rr {
	uint32_t owner; /* offset of the owner name */
	uint32_t rdata; /* offset of the RDATA */
	uint32_t ttl;
	uint16_t type, class, rdlen;
	uint8_t section; /* 1 answer, 2 authority, 3 additional */
};

/* A walk through one message. */
struct dns_walk {
	const uint8_t *msg;
	size_t len;
	size_t pos; /* next octet */
	struct dns_header h;
	unsigned section; /* 0 … 3, where the next record stands */
	unsigned left;    /* records left in that section */
	/* the question, when QDCOUNT is 1 */
	uint32_t qname; /* offset; 0 = no question */
	uint16_t qtype, qclass;
};

/* Reads header and question.  E_MALF: truncated, or QDCOUNT over 1. */
int dns_walk_init(struct dns_walk *w, const uint8_t *msg, size_t len);
/*
 * The next record of any section; E_DONE after the last (then the message
 * must have ended: trailing octets are E_MALF).
 */
int dns_walk_next(struct dns_walk *w, struct dns_rr *rr);
/* Skips one (maybe compressed) name; 0 if malformed, else the offset after. */
size_t dns_skip_name(const uint8_t *msg, size_t len, size_t pos);

/*
 * RDATA with all names in it decompressed (only types of RFC 1035 and those
 * of RFC 3597 4 may hold compressed ones).  canonical: also lower the names
 * that RFC 4034 6.2 lowers.  The form is checked against the type where it
 * holds names; other types are copied as they are.
 * Returns the length written, or E_MALF, E_SPACE.
 */
int dns_rdata_expand(const uint8_t *msg, size_t len, const struct dns_rr *rr,
    bool canonical, uint8_t *out, size_t cap);

/*
 * Canonical form of a record without TTL: owner in lower case | type | class |
 * canonical RDATA.  What hash and comparison see.  Returns the length, E_MALF.
 */
#define DNS_CANON_MAX (NAME_MAX_LEN + 4 + DNS_MSG_MAX)
int dns_rr_canon(const uint8_t *msg, size_t len, const struct dns_rr *rr,
    uint8_t out[DNS_CANON_MAX]);
/*
 * Keyed hash (SipHash-1-3) of owner in lower case, type, class and canonical
 * RDATA; the TTL is left out.  For records already expanded, too.
 */
struct dns_hash_key {
	uint64_t k0, k1;
};
int dns_rr_hash(const struct dns_hash_key *key, const uint8_t *msg, size_t len,
    const struct dns_rr *rr, uint64_t *hash);
uint64_t dns_hash(const struct dns_hash_key *key, const void *data, size_t len);
/* Same owner, type, class and RDATA by canonical form; TTL may differ. */
bool dns_rr_same(const uint8_t *amsg, size_t alen, const struct dns_rr *a,
    const uint8_t *bmsg, size_t blen, const struct dns_rr *b);

/* SOA RDATA, uncompressed: offset of the five numbers, or E_MALF. */
int dns_soa_numbers(const uint8_t *rdata, size_t len);
struct dns_soa {
	uint32_t serial, refresh, retry, expire, minimum;
};
int dns_soa_read(const uint8_t *rdata, size_t len, struct dns_soa *soa);

/* RFC 1982: a > b; a difference of exactly 2^31 is not greater. */
static inline bool
serial_gt(uint32_t a, uint32_t b)
{
	return a != b && (uint32_t)(a - b) < 0x80000000u;
}

/* Mnemonic or TYPEn, in a static ring of 4 buffers. */
const char *dns_type_str(uint16_t type);
int dns_type_from_str(const char *s, uint16_t *type);
const char *dns_rcode_str(unsigned rcode);

#endif
