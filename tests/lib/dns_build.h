/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records and messages from text, for unit tests. */
#ifndef TESTS_DNS_BUILD_H
#define TESTS_DNS_BUILD_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/dns_pack.h"
#include "common/dns_rrset.h"
#include "common/errcode.h"

#define BUILD_RR_MAX (NAME_MAX_LEN + DNS_RR_FIXED + DNS_MSG_MAX)

/* "owner TTL TYPE rdata" as an uncompressed record; its length. */
static inline size_t
build_rr(uint8_t out[BUILD_RR_MAX], const char *text)
{
	static const uint8_t root[1];
	char owner[NAME_STRLEN], type_name[16];
	unsigned ttl;
	uint16_t type;
	int at = 0, n, r;

	if (sscanf(text, "%1023s %u %15s %n", owner, &ttl, type_name, &at) < 3 ||
	    at == 0 || dns_type_from_str(type_name, &type) != E_OK ||
	    (n = name_from_str(owner, out)) < 0 ||
	    (r = rdata_from_str(type, text + at, root, out + n + DNS_RR_FIXED,
	         DNS_MSG_MAX)) < 0) {
		(void)fprintf(stderr, "not a record: %s\n", text);
		abort();
	}
	put_be16(out + n, type);
	put_be16(out + n + 2, DNS_IN);
	put_be32(out + n + 4, ttl);
	put_be16(out + n + 8, (uint16_t)r);
	return (size_t)n + DNS_RR_FIXED + (size_t)r;
}

/* Adds the record to the message under construction; dns_pack_rr()'s code. */
static inline int
build_pack(struct dns_pack *p, const char *text)
{
	uint8_t *rr = malloc(BUILD_RR_MAX);
	size_t len, n;
	int ret;

	if (rr == NULL) {
		abort();
	}
	len = build_rr(rr, text);
	n = name_len(rr);
	ret = dns_pack_rr(p, rr, get_be16(rr + n), get_be16(rr + n + 2),
	    get_be32(rr + n + 4), rr + n + DNS_RR_FIXED,
	    (uint16_t)(len - n - DNS_RR_FIXED));
	free(rr);
	return ret;
}

/* A small reproducible generator. */
static inline uint32_t
build_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

#endif
