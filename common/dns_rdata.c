/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The form of RDATA, by type.  One table, no allocation: the check runs over
 * every record of every zone that comes in.
 */
#include "common/dns_rrset.h"

#include "common/dns_wire.h"
#include "common/errcode.h"

/*
 * One character for each part; what follows the last part must be nothing.
 *   1 … 9  that many octets          n  a name, uncompressed
 *   s      a character-string        S  one or more of them
 *   r      the rest, maybe empty     R  the rest, at least one octet
 *   b      a type bitmap (RFC 4034 4.1.2), maybe empty
 *   l      length octet and that many octets
 *   D      digest type and digest (RFC 4034 5.1)
 *   K      flags, protocol, algorithm, key (RFC 4034 2.1)
 *   p      parameters of SVCB (RFC 9460 2.2)
 *   a      APL items (RFC 3123)      i  gateway type, algorithm, gateway
 */
struct layout {
	uint16_t type;
	const char *parts;
};

static const struct layout layouts[] = {
    {1, "4"},	   /* A */
    {2, "n"},	   /* NS */
    {5, "n"},	   /* CNAME */
    {6, "nn992"},  /* SOA: 20 octets of numbers */
    {12, "n"},	   /* PTR */
    {13, "ss"},	   /* HINFO */
    {14, "nn"},	   /* MINFO */
    {15, "2n"},	   /* MX */
    {16, "S"},	   /* TXT */
    {17, "nn"},	   /* RP */
    {18, "2n"},	   /* AFSDB */
    {21, "2n"},	   /* RT */
    {24, "99nR"},  /* SIG */
    {25, "K"},	   /* KEY */
    {28, "97"},	   /* AAAA */
    {29, "97"},	   /* LOC */
    {33, "6n"},	   /* SRV */
    {35, "4sssn"}, /* NAPTR */
    {36, "2n"},	   /* KX */
    {37, "5R"},	   /* CERT */
    {39, "n"},	   /* DNAME */
    {42, "a"},	   /* APL */
    {43, "3D"},	   /* DS */
    {44, "2R"},	   /* SSHFP */
    {45, "1iR"},   /* IPSECKEY */
    {46, "99nR"},  /* RRSIG */
    {47, "nb"},	   /* NSEC */
    {48, "K"},	   /* DNSKEY */
    {49, "3R"},	   /* DHCID */
    {50, "4llb"},  /* NSEC3 */
    {51, "4l"},	   /* NSEC3PARAM */
    {52, "3R"},	   /* TLSA */
    {53, "3R"},	   /* SMIMEA */
    {55, "4R"},	   /* HIP */
    {59, "3D"},	   /* CDS */
    {60, "K"},	   /* CDNSKEY */
    {61, "R"},	   /* OPENPGPKEY */
    {62, "6b"},	   /* CSYNC */
    {63, "6R"},	   /* ZONEMD */
    {64, "2np"},   /* SVCB */
    {65, "2np"},   /* HTTPS */
    {99, "S"},	   /* SPF */
    {104, "91"},   /* NID */
    {105, "6"},	   /* L32 */
    {106, "91"},   /* L64 */
    {107, "2n"},   /* LP */
    {108, "6"},	   /* EUI48 */
    {109, "8"},	   /* EUI64 */
    {256, "4R"},   /* URI */
    {257, "1sr"},  /* CAA: flags, tag, value */
};

static const char *
layout_of(uint16_t type)
{
	size_t lo = 0, hi = sizeof(layouts) / sizeof(layouts[0]);

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (layouts[mid].type == type) {
			return layouts[mid].parts;
		}
		if (layouts[mid].type < type) {
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	return NULL;
}

bool
rdata_has_names(uint16_t type)
{
	switch (type) {
	case DNS_NS:
	case 3: /* MD */
	case 4: /* MF */
	case DNS_CNAME:
	case DNS_SOA:
	case 7: /* MB */
	case 8: /* MG */
	case 9: /* MR */
	case DNS_PTR:
	case 14: /* MINFO */
	case 15: /* MX */
	case 17: /* RP */
	case 18: /* AFSDB */
	case 21: /* RT */
	case DNS_SIG:
	case 26: /* PX */
	case 30: /* NXT */
	case 33: /* SRV */
	case 35: /* NAPTR */
	case 36: /* KX */
	case 39: /* DNAME */
	case DNS_RRSIG:
		return true;
	default:
		return false;
	}
}

/* Windows ascend, 1 to 32 octets each, the last octet not zero. */
static bool
bitmap_is_good(struct rbuf *b)
{
	int last = -1;

	while (rbuf_left(b) > 0) {
		int window = rbuf_u8(b);
		uint8_t len = rbuf_u8(b);
		if (window <= last || len == 0 || len > 32) {
			return false;
		}
		const uint8_t *p = rbuf_take(b, len);
		if (p == NULL || p[len - 1] == 0) {
			return false;
		}
		last = window;
	}
	return true;
}

/* 0: any length but none. */
static size_t
digest_len(uint8_t type)
{
	switch (type) {
	case 1: /* SHA-1 */
		return 20;
	case 2: /* SHA-256 */
	case 3: /* GOST R 34.11-94 */
		return 32;
	case 4: /* SHA-384 */
		return 48;
	default:
		return 0;
	}
}

static bool
digest_is_good(struct rbuf *b)
{
	size_t want = digest_len(rbuf_u8(b));
	size_t left = rbuf_left(b);

	rbuf_skip(b, left);
	return want == 0 ? left > 0 : left == want;
}

static bool
key_is_good(uint16_t type, struct rbuf *b)
{
	uint16_t flags = rbuf_u16(b);

	rbuf_skip(b, 2);
	size_t left = rbuf_left(b);
	rbuf_skip(b, left);
	/* a KEY may say that there is no key (RFC 2535 3.1.2) */
	return left > 0 || (type == DNS_KEY && (flags & 0xc000) == 0xc000);
}

static bool
params_are_good(struct rbuf *b)
{
	int last = -1;

	while (rbuf_left(b) > 0) {
		int key = rbuf_u16(b);
		rbuf_skip(b, rbuf_u16(b));
		if (key <= last) {
			return false;
		}
		last = key;
	}
	return true;
}

static bool
apl_is_good(struct rbuf *b)
{
	while (rbuf_left(b) > 0) {
		rbuf_skip(b, 3);
		rbuf_skip(b, rbuf_u8(b) & 0x7fu);
	}
	return true;
}

static bool
take_name(struct rbuf *b)
{
	size_t left = rbuf_left(b);
	size_t n = left > 0 ? name_check(b->base + b->pos, left) : 0;

	rbuf_skip(b, n);
	return n > 0;
}

static bool
gateway_is_good(struct rbuf *b)
{
	uint8_t type = rbuf_u8(b);

	rbuf_skip(b, 1);
	switch (type) {
	case 0:
		return true;
	case 1:
		rbuf_skip(b, 4);
		return true;
	case 2:
		rbuf_skip(b, 16);
		return true;
	case 3:
		return take_name(b);
	default:
		return false;
	}
}

static bool
part_is_good(char part, uint16_t type, struct rbuf *b)
{
	bool some = rbuf_left(b) > 0;

	switch (part) {
	case 'n':
		return take_name(b);
	case 's':
	case 'l':
		rbuf_skip(b, rbuf_u8(b));
		return true;
	case 'S':
		do {
			rbuf_skip(b, rbuf_u8(b));
		} while (rbuf_left(b) > 0 && b->err == E_OK);
		return true;
	case 'r':
	case 'R':
		rbuf_skip(b, rbuf_left(b));
		return some || part == 'r';
	case 'b':
		return bitmap_is_good(b);
	case 'D':
		return digest_is_good(b);
	case 'K':
		return key_is_good(type, b);
	case 'p':
		return params_are_good(b);
	case 'a':
		return apl_is_good(b);
	case 'i':
		return gateway_is_good(b);
	default:
		rbuf_skip(b, (size_t)(part - '0'));
		return true;
	}
}

int
rdata_check(uint16_t type, const uint8_t *rdata, uint16_t len)
{
	const char *parts = layout_of(type);
	struct rbuf b;

	if (parts == NULL) {
		return E_OK;
	}
	rbuf_init(&b, rdata, len);
	for (; *parts != '\0'; parts++) {
		if (!part_is_good(*parts, type, &b) || b.err != E_OK) {
			return E_MALF;
		}
	}
	return rbuf_left(&b) == 0 ? E_OK : E_MALF;
}
