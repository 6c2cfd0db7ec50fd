/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DNS UPDATE (RFC 2136) against the store of one source (spec/combiner.md 3):
 * decode and checks, prerequisites, application to a copy.  Pure; who may, and
 * what becomes of the result, is update_in.c's.
 */
#ifndef COMBINER_UPDATE_H
#define COMBINER_UPDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "combiner/combine.h"
#include "common/dns_wire.h"

struct update {
	uint8_t zone[NAME_MAX_LEN]; /* lower case */
	/*
	 * The zone section was read.  Set even if the rest is not in order, so
	 * that a zone which is unknown here can be answered as such.
	 */
	bool has_zone;
	const uint8_t *msg; /* lent; TSIG stripped */
	size_t len;
	uint16_t nprereq, nupdate;
};

/*
 * Header, zone section, and the form of each record (sections 2.4, 2.5 of the
 * RFC; owner is the apex; type is allowed).  Returns E_OK or the RCODE
 * (positive), *why says what is wrong (static).  All forms are looked at before
 * any prerequisite is tested: a message that is broken anywhere is FORMERR
 * whatever the store holds.  Records of the additional section are not used.
 */
int update_decode(
    const uint8_t *msg, size_t len, struct update *u, const char **why);
/*
 * Tests the prerequisites against `sets`, then applies all changes to it (a
 * copy of the caller's, which is thrown away on failure).  Returns E_OK, an
 * RCODE, or E_NOMEM, E_LIMIT.
 */
int update_apply(const struct update *u, struct apex *sets,
    const struct guard *guard, const char **why);

#endif
