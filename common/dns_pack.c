/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/dns_pack.h"

#include <string.h>

#include "common/buf.h"
#include "common/errcode.h"

#define POINTER_MAX 0x3fff /* largest offset a pointer can name */

void
dns_pack_init(struct dns_pack *p, void *mem, size_t cap, uint16_t id,
    uint16_t flags)
{
	memset(p->count, 0, sizeof(p->count));
	memset(p->slot, 0, sizeof(p->slot));
	p->nslots = 0;
	p->msg = mem;
	p->cap = cap > DNS_MSG_MAX ? DNS_MSG_MAX : cap;
	p->len = DNS_HEADER_LEN;
	p->section = 0;
	memset(p->msg, 0, DNS_HEADER_LEN);
	put_be16(p->msg, id);
	put_be16(p->msg + 2, flags);
}

static uint32_t
suffix_hash(const uint8_t *name, size_t len)
{
	uint32_t h = 2166136261u; /* FNV-1a; the table is one message long */

	for (size_t i = 0; i < len; i++) {
		h = (h ^ name[i]) * 16777619u;
	}
	return h ^ (h >> 15);
}

/* Is the name at offset `at` of the message octet for octet this one? */
static bool
same_at(const struct dns_pack *p, size_t at, const uint8_t *name)
{
	for (;;) {
		uint8_t c = p->msg[at];
		if (c >= 0xc0) {
			at = get_be16(p->msg + at) & POINTER_MAX;
			continue;
		}
		if (c != *name || memcmp(p->msg + at, name, c + 1u) != 0) {
			return false;
		}
		if (c == 0) {
			return true;
		}
		at += c + 1u;
		name += c + 1u;
	}
}

/* Offset of this suffix if it was written before, else 0. */
static unsigned
find_suffix(const struct dns_pack *p, const uint8_t *suffix, uint32_t hash)
{
	unsigned at = hash % DNS_PACK_SLOTS;

	while (p->slot[at] != 0) {
		if (same_at(p, p->slot[at], suffix)) {
			return p->slot[at];
		}
		at = (at + 1) % DNS_PACK_SLOTS;
	}
	return 0;
}

static void
enter_suffix(struct dns_pack *p, size_t offset, uint32_t hash)
{
	unsigned at = hash % DNS_PACK_SLOTS;

	/* a full table only means less compression */
	if (p->nslots >= DNS_PACK_SLOTS * 3 / 4 || offset > POINTER_MAX) {
		return;
	}
	while (p->slot[at] != 0) {
		at = (at + 1) % DNS_PACK_SLOTS;
	}
	p->slot[at] = (uint16_t)offset;
	p->nslots++;
}

/* Writes a name at p->len; false: no room (p->len may have moved). */
static bool
put_name(struct dns_pack *p, const uint8_t *name)
{
	struct {
		uint32_t hash;
		uint16_t offset;
	} fresh[128];
	unsigned nfresh = 0;
	size_t left = name_len(name);

	while (*name != 0) {
		uint32_t hash = suffix_hash(name, left);
		unsigned at = find_suffix(p, name, hash);
		size_t n = at != 0 ? 2 : *name + 1u;
		if (p->cap - p->len < n) {
			return false;
		}
		if (at != 0) {
			put_be16(p->msg + p->len, (uint16_t)(0xc000u | at));
			p->len += 2;
			goto enter;
		}
		memcpy(p->msg + p->len, name, n);
		fresh[nfresh].hash = hash;
		fresh[nfresh++].offset = (uint16_t)p->len;
		p->len += n;
		name += n;
		left -= n;
	}
	if (p->cap - p->len < 1) {
		return false;
	}
	p->msg[p->len++] = 0;
enter:
	/* only now: a name half written must not be found by its own end */
	while (nfresh > 0) {
		nfresh--;
		enter_suffix(p, fresh[nfresh].offset, fresh[nfresh].hash);
	}
	return true;
}

/* Takes the names back that were written at or after `len`. */
static void
forget_from(struct dns_pack *p, size_t len)
{
	/*
	 * Open addressing does not allow to free single slots.  Failing to add
	 * ends a message in practice, so a new start of the table, with nothing
	 * in it, costs a little compression only.
	 */
	for (unsigned i = 0; i < DNS_PACK_SLOTS; i++) {
		if (p->slot[i] >= len) {
			memset(p->slot, 0, sizeof(p->slot));
			p->nslots = 0;
			return;
		}
	}
}

static bool
put_fixed(struct dns_pack *p, const void *data, size_t n)
{
	if (p->cap - p->len < n) {
		return false;
	}
	if (n > 0) { /* data may be NULL else */
		memcpy(p->msg + p->len, data, n);
		p->len += n;
	}
	return true;
}

/* RDATA; names are compressed where RFC 1035 defined the type. */
static bool
put_rdata(struct dns_pack *p, uint16_t type, const uint8_t *rdata, uint16_t len)
{
	size_t pre = 0, names = 1, n = 0;

	switch (type) {
	case DNS_NS:
	case DNS_CNAME:
	case DNS_PTR:
		break;
	case DNS_SOA:
		names = 2;
		break;
	case 15: /* MX */
		pre = 2;
		break;
	default:
		names = 0;
		break;
	}
	if (names == 0 || len < pre) {
		return put_fixed(p, rdata, len); /* as it is */
	}
	if (!put_fixed(p, rdata, pre)) {
		return false;
	}
	for (n = pre; names > 0; names--) {
		size_t nl = name_check(rdata + n, len - n);
		if (nl == 0) {
			break; /* not what its type says: pass it as it is */
		}
		if (!put_name(p, rdata + n)) {
			return false;
		}
		n += nl;
	}
	return put_fixed(p, rdata + n, len - n);
}

int
dns_pack_question(struct dns_pack *p, const uint8_t *name, uint16_t type,
    uint16_t class)
{
	size_t start = p->len;
	uint8_t fixed[4];

	put_be16(fixed, type);
	put_be16(fixed + 2, class);
	if (!put_name(p, name) || !put_fixed(p, fixed, 4)) {
		forget_from(p, start);
		p->len = start;
		return E_SPACE;
	}
	p->count[0]++;
	p->section = 1;
	return E_OK;
}

void
dns_pack_section(struct dns_pack *p, unsigned section)
{
	if (section > p->section && section <= 3) {
		p->section = section;
	}
}

int
dns_pack_rr(struct dns_pack *p, const uint8_t *owner, uint16_t type,
    uint16_t class, uint32_t ttl, const uint8_t *rdata, uint16_t rdlen)
{
	size_t start = p->len, at;
	uint8_t fixed[DNS_RR_FIXED];

	if (p->section == 0) {
		p->section = 1;
	}
	put_be16(fixed, type);
	put_be16(fixed + 2, class);
	put_be32(fixed + 4, ttl);
	put_be16(fixed + 8, 0);
	if (p->count[p->section] == UINT16_MAX || !put_name(p, owner) ||
	    !put_fixed(p, fixed, sizeof(fixed))) {
		goto space;
	}
	at = p->len;
	if (!put_rdata(p, type, rdata, rdlen)) {
		goto space;
	}
	put_be16(p->msg + at - 2, (uint16_t)(p->len - at));
	p->count[p->section]++;
	return E_OK;
space:
	forget_from(p, start);
	p->len = start;
	return E_SPACE;
}

int
dns_pack_opt(struct dns_pack *p, uint16_t udp_size, uint8_t ext_rcode,
    bool dnssec_ok, const uint8_t *options, uint16_t optlen)
{
	static const uint8_t root[1];
	uint32_t ttl = (uint32_t)ext_rcode << 24 | (dnssec_ok ? 0x8000u : 0);

	dns_pack_section(p, 3);
	return dns_pack_rr(p, root, DNS_OPT, udp_size, ttl, options, optlen);
}

size_t
dns_pack_finish(struct dns_pack *p)
{
	for (unsigned i = 0; i < 4; i++) {
		put_be16(p->msg + 4 + 2 * i, p->count[i]);
	}
	return p->len;
}
