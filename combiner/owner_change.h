/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a transfer from the owner came to: ingest.c fills it, zone.c uses it. */
#ifndef COMBINER_OWNER_CHANGE_H
#define COMBINER_OWNER_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "combiner/apex.h"
#include "combiner/base.h"

/* A step of a difference, in the order in which it came. */
struct owner_step { /* followed by len octets: one uncompressed RR */
	uint32_t len;
	bool is_add;
	bool at_apex; /* a managed type at the apex */
};

struct owner_change {
	bool is_full;
	bool is_signed;   /* an RRSIG covers the apex SOA */
	bool passes_sigs; /* … and goes through as it is (rules) */
	uint8_t soa[2 * NAME_MAX_LEN + 20]; /* the new one, RDATA */
	uint16_t soa_len;
	uint32_t soa_ttl;
	uint32_t serial;
	/* full */
	struct base *base;
	struct apex *apex;
	/* difference */
	uint32_t from_serial;
	uint8_t *steps; /* struct owner_step + octets, 8-octet aligned */
	size_t steps_len, steps_cap;

	uint64_t records, octets; /* as transferred */
};

/* Octets that a step takes in `steps`. */
static inline size_t
owner_step_size(uint32_t len)
{
	return (sizeof(struct owner_step) + len + 7) & ~(size_t)7;
}

#endif
