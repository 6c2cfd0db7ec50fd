/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "combiner/notify_msg.h"

#include <string.h>

#include "common/buf.h"
#include "common/dns_edns.h"
#include "common/dns_pack.h"
#include "common/errcode.h"

#define SOA_RDATA_MAX (2 * NAME_MAX_LEN + 20)
#define NOTIFY_FLAGS ((uint16_t)(DNS_NOTIFY << 11))

int
notify_msg_decode(const uint8_t *msg, size_t len, struct notify_msg *out)
{
	uint8_t owner[NAME_MAX_LEN], rdata[SOA_RDATA_MAX];
	struct dns_walk w;
	struct dns_rr rr;
	struct dns_soa soa;
	int err, n;

	memset(out, 0, sizeof(*out));
	if (dns_walk_init(&w, msg, len) != E_OK || w.h.count[0] != 1 ||
	    dns_flags_opcode(w.h.flags) != DNS_NOTIFY ||
	    name_from_msg(msg, len, w.qname, out->zone, NULL) < 0) {
		return DNS_FORMERR;
	}
	name_to_lower(out->zone);
	if (w.qclass != DNS_IN) {
		return DNS_FORMERR;
	}
	if (w.qtype != DNS_SOA) {
		return DNS_NOTIMP;
	}
	while ((err = dns_walk_next(&w, &rr)) == E_OK) {
		if (rr.section != 1 || rr.type != DNS_SOA ||
		    rr.class != DNS_IN || out->has_serial ||
		    name_from_msg(msg, len, rr.owner, owner, NULL) < 0 ||
		    !name_equal(owner, out->zone)) {
			continue;
		}
		n = dns_rdata_expand(msg, len, &rr, false, rdata,
		    sizeof(rdata));
		if (n < 0 || dns_soa_read(rdata, (size_t)n, &soa) != E_OK) {
			return DNS_FORMERR;
		}
		out->has_serial = true;
		out->serial = soa.serial;
	}
	return err == E_DONE ? E_OK : DNS_FORMERR;
}

size_t
notify_msg_answer(const uint8_t *req, size_t len, unsigned rcode, uint8_t *out,
    size_t cap)
{
	uint8_t name[NAME_MAX_LEN];
	size_t end = DNS_HEADER_LEN, name_end;
	/* root, OPT, size, RCODE and flags, no options */
	static const uint8_t opt[] = {0, 0, DNS_OPT, EDNS_UDP_SIZE >> 8,
	    EDNS_UDP_SIZE & 255, 0, 0, 0, 0, 0, 0};
	struct dns_walk w;
	struct edns edns;
	bool has_question = false;
	uint16_t flags;

	if (len < DNS_HEADER_LEN || cap < DNS_HEADER_LEN) {
		return 0;
	}
	/* The walk does not mind a name that is too long. */
	if (dns_walk_init(&w, req, len) == E_OK && w.h.count[0] == 1 &&
	    name_from_msg(req, len, DNS_HEADER_LEN, name, &name_end) >= 0) {
		end = name_end + 4;
		has_question = true;
	}
	if (end > cap) {
		return 0;
	}
	memset(out, 0, DNS_HEADER_LEN);
	memcpy(out, req, 2);
	flags = (uint16_t)(DNS_FLAG_QR | NOTIFY_FLAGS | (rcode & 15));
	if (rcode == DNS_NOERROR) {
		flags |= DNS_FLAG_AA;
	}
	put_be16(out + 2, flags);
	put_be16(out + 4, has_question);
	memcpy(out + DNS_HEADER_LEN, req + DNS_HEADER_LEN,
	    end - DNS_HEADER_LEN);
	/* RFC 6891 6.1.1: who sends OPT gets one. */
	if (edns_read(req, len, &edns) == E_OK && edns.is_there &&
	    cap - end >= sizeof(opt)) {
		memcpy(out + end, opt, sizeof(opt));
		put_be16(out + 10, 1);
		end += sizeof(opt);
	}
	return end;
}

int
notify_msg_encode(const uint8_t *zone, const uint8_t *soa, uint16_t soa_len,
    uint32_t ttl, uint8_t *out, size_t cap, size_t *len)
{
	struct dns_pack p;
	int err;

	dns_pack_init(&p, out, cap, 0, NOTIFY_FLAGS | DNS_FLAG_AA);
	err = dns_pack_question(&p, zone, DNS_SOA, DNS_IN);
	if (err == E_OK) {
		dns_pack_section(&p, 1);
		err = dns_pack_rr(&p, zone, DNS_SOA, DNS_IN, ttl, soa, soa_len);
	}
	if (err == E_OK) {
		*len = dns_pack_finish(&p);
	}
	return err;
}

int
notify_msg_rcode(const uint8_t *msg, size_t len)
{
	uint16_t flags;

	if (len < DNS_HEADER_LEN) {
		return E_MALF;
	}
	flags = get_be16(msg + 2);
	/* NOTIMP may come from something that does not know the opcode. */
	if ((flags & DNS_FLAG_QR) == 0 ||
	    (dns_flags_opcode(flags) != DNS_NOTIFY &&
		dns_flags_rcode(flags) != DNS_NOTIMP)) {
		return E_MALF;
	}
	return (int)dns_flags_rcode(flags);
}

static bool
is_key_of(const struct acl_remote *remote, const struct tsig_key *key)
{
	size_t i;

	for (i = 0; key != NULL && i < remote->nkeys; i++) {
		if (name_equal(remote->keys[i]->tsig.name, key->name)) {
			return true;
		}
	}
	return false;
}

bool
notify_msg_is_allowed(const struct combiner_rules *rules,
    const struct acl_subject *who)
{
	const struct acl_remote *remote;
	size_t i, k;

	for (i = 0; i < rules->nmasters; i++) {
		remote = rules->masters[i];
		if (is_key_of(remote, who->key)) {
			return true;
		}
		/* unsigned, too: all that it can cause is a look at the master */
		for (k = 0; k < remote->naddrs; k++) {
			if (net_addr_same_host(&remote->addrs[k], who->addr)) {
				return true;
			}
		}
	}
	return acl_allows(rules->acl, rules->nacl, who, ACL_NOTIFY);
}
