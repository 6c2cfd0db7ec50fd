/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Requests without TSIG: EDNS, and the answer from a zone.  The first octet
 * chooses transport and room for TSIG.  Whatever is asked, the answer is a
 * whole message within its limits.
 */
#include <stdint.h>
#include <stdlib.h>

#include "combiner/query.h"
#include "common/errcode.h"

static const uint8_t zone[] = "\x04zone\x07" "example";
static const uint8_t soa[22];

static void
check_answer(const struct reply_to *to, const uint8_t *mem, size_t len)
{
	struct dns_walk w;
	struct dns_rr rr;
	struct edns e;
	int r = dns_walk_init(&w, mem, len);

	while (r == E_OK) {
		r = dns_walk_next(&w, &rr);
	}
	if (r != E_DONE || edns_read(mem, len, &e) != E_OK ||
	    e.is_there != to->edns->is_there || len + to->tsig_len > 65535 ||
	    (to->proto == DNS_UDP && len > 1232)) {
		abort();
	}
	if (to->proto == DNS_TLS && e.is_there &&
	    (len + to->tsig_len) % EDNS_PAD_BLOCK != 0) {
		abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t mem[REPLY_ROOM];
	struct edns e;

	if (len < 1 + DNS_HEADER_LEN ||
	    edns_read(data + 1, len - 1, &e) != E_OK) {
		return 0;
	}
	struct apex *sets = apex_new();
	if (sets == NULL ||
	    rrset_add(apex_edit(sets, DNS_NS), zone, sizeof(zone)) != E_OK) {
		abort();
	}
	struct query_view v = {.zone = zone, .soa = soa,
	    .soa_len = sizeof(soa), .sets = sets};
	struct reply_to to = {.msg = data + 1, .len = len - 1,
	    .proto = data[0] % 3, .edns = &e, .tsig_len = data[0] & 0x7cu,
	    .idle_ms = 30000};
	check_answer(&to, mem, query_answer(&to, &v, mem));
	check_answer(&to, mem, reply_rcode(&to, DNS_REFUSED, 21, mem));
	apex_unref(sets);
	return 0;
}
