/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries and answers of the owner's primary for measurements: no I/O. */
#ifndef TESTS_BENCH_OWNER_MSG_H
#define TESTS_BENCH_OWNER_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/bench/gen.h"

enum {
	OWNER_SOA = 6,
	OWNER_IXFR = 251,
	OWNER_AXFR = 252
};

struct owner_query {
	size_t name_len; /* the name stands at octet 12 */
	uint16_t type;
	size_t end;	 /* of the question */
	uint32_t serial; /* of IXFR */
	bool has_serial;
	const struct gen_zone *gen; /* the caller's; NULL: REFUSED */
};

/* false: not a query that can be answered. */
bool owner_read_query(struct owner_query *q, const uint8_t *m, size_t len);
/* Both write to to[65535] and return the length. */
size_t owner_answer_soa(uint8_t *to, const uint8_t *m,
    const struct owner_query *q);
/* The differences since q->serial; 0 if there are none that fit. */
size_t owner_answer_ixfr(uint8_t *to, const uint8_t *m,
    const struct owner_query *q);

#endif
