/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/dns_reply.h"

#include <string.h>

#include "common/dns_wire.h"
#include "common/errcode.h"

#define UDP_SIZE_PLAIN 512 /* RFC 1035 4.2.1 */
#define FLAG_RD 0x0100u
#define FLAG_OPCODE 0x7800u
/* OPT without options, EDE, keepalive, padding of one block at the most */
#define OPT_FIXED 11
#define OPTIONS_MAX (6 + 6 + 4 + EDNS_PAD_BLOCK)

static bool
has_edns(const struct reply_to *to)
{
	return to->edns != NULL && to->edns->is_there;
}

static size_t
size_limit(const struct reply_to *to)
{
	size_t limit = DNS_MSG_MAX;

	if (to->proto == DNS_UDP) {
		limit = UDP_SIZE_PLAIN;
		if (has_edns(to)) {
			limit = to->edns->udp_size < EDNS_UDP_SIZE
				    ? to->edns->udp_size
				    : EDNS_UDP_SIZE;
		}
	}
	return limit;
}

/* Room that records must leave for what comes behind them. */
static size_t
tail_room(const struct reply_to *to)
{
	size_t opt = 0;

	if (has_edns(to)) {
		opt =
		    OPT_FIXED + (to->proto == DNS_TLS ? OPTIONS_MAX : 6u + 6u);
	}
	return opt + to->tsig_len;
}

static void
put_question(struct reply *r)
{
	const struct reply_to *to = r->to;
	uint8_t name[NAME_MAX_LEN];
	struct dns_walk w;

	if (dns_walk_init(&w, to->msg, to->len) == E_OK && w.h.count[0] == 1 &&
	    name_from_msg(to->msg, to->len, w.qname, name, NULL) > 0) {
		/* a plain answer of 512 octets has room for any question */
		(void)dns_pack_question(&r->pack, name, w.qtype, w.qclass);
	}
}

void
reply_begin(
    struct reply *r, const struct reply_to *to, void *mem, uint16_t flags)
{
	uint16_t asked = get_be16(to->msg + 2);

	r->to = to;
	r->rcode = DNS_NOERROR;
	r->ede = 0;
	dns_pack_init(&r->pack, mem, size_limit(to), get_be16(to->msg),
	    (uint16_t)(DNS_FLAG_QR | (asked & (FLAG_OPCODE | FLAG_RD)) |
		       flags));
	put_question(r);
	/*
	 * A long question with a long key name may leave less than nothing:
	 * then the answer is these alone, and a little larger than asked for.
	 */
	size_t tail = tail_room(to);
	r->pack.cap =
	    r->pack.cap > r->pack.len + tail ? r->pack.cap - tail : r->pack.len;
}

static void
set_flags(struct reply *r, uint16_t flags)
{
	put_be16(r->pack.msg + 2, get_be16(r->pack.msg + 2) | flags);
}

int
reply_rr(struct reply *r, unsigned section, const uint8_t *owner, uint16_t type,
    uint32_t ttl, const uint8_t *rdata, uint16_t len)
{
	if (get_be16(r->pack.msg + 2) & DNS_FLAG_TC) {
		return E_SPACE;
	}
	dns_pack_section(&r->pack, section);
	int e = dns_pack_rr(&r->pack, owner, type, DNS_IN, ttl, rdata, len);
	if (e == E_SPACE) {
		unsigned rcode = r->rcode;
		uint16_t ede = r->ede;
		uint8_t *mem = r->pack.msg;
		reply_begin(r, r->to, mem, get_be16(mem + 2) | DNS_FLAG_TC);
		r->rcode = rcode;
		r->ede = ede;
	}
	return e;
}

static void
put_opt(struct reply *r)
{
	const struct reply_to *to = r->to;
	uint8_t options[OPTIONS_MAX];
	struct wbuf b;

	wbuf_init(&b, options, sizeof(options));
	if (r->ede != 0) {
		edns_put_ede(&b, r->ede);
	}
	if (to->proto != DNS_UDP && to->edns->wants_keepalive) {
		edns_put_keepalive(&b, to->idle_ms);
	}
	if (to->proto == DNS_TLS) {
		edns_put_padding(&b,
		    r->pack.len + OPT_FIXED + b.len + to->tsig_len,
		    EDNS_PAD_BLOCK);
	}
	(void)dns_pack_opt(&r->pack, EDNS_UDP_SIZE, (uint8_t)(r->rcode >> 4),
	    to->edns->dnssec_ok, options, (uint16_t)b.len);
}

size_t
reply_finish(struct reply *r)
{
	r->pack.cap = DNS_MSG_MAX; /* the room was kept by reply_begin() */
	if (has_edns(r->to)) {
		put_opt(r);
	}
	set_flags(r, r->rcode & 15);
	return dns_pack_finish(&r->pack);
}

size_t
reply_rcode(const struct reply_to *to, unsigned rcode, uint16_t ede, void *mem)
{
	struct reply r;

	reply_begin(&r, to, mem, 0);
	r.rcode = rcode;
	r.ede = ede;
	return reply_finish(&r);
}
