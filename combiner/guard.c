/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The safety net before the store of a source (spec/combiner.md 1 to 3).  It
 * does not judge policy: it keeps out what would break the zone for certain.
 */
#include "combiner/combine.h"

#include <string.h>

#include "common/dns_wire.h"
#include "common/errcode.h"

/*
 * A set that fits no message cannot be transferred by anybody's signer in one
 * piece, nor be answered: 65535 octets less header, question, and some room
 * for TSIG and OPT.
 */
#define SET_OCTETS_MAX 64000u

/* Each record as sent: pointer to the owner name, fixed part, RDATA. */
static size_t
octets_as_sent(const struct rrset *s)
{
	return s->size + (size_t)s->count * (2 + DNS_RR_FIXED);
}

/* Algorithm 0 asks the parent to take the DS away (RFC 8078 4). */
static bool
is_delete(uint16_t type, const uint8_t *rdata, uint16_t len)
{
	if (type == DNS_CDS) {
		return len >= 3 && rdata[2] == 0;
	}
	return type == DNS_CDNSKEY && len >= 4 && rdata[3] == 0;
}

int
guard_check_rr(const struct guard *g, uint16_t type, const uint8_t *rdata,
    uint16_t len, const char **why)
{
	if (!apex_is_managed(type)) {
		*why = "this type is not the combiner's";
		return E_DENIED;
	}
	if (len == 0) {
		*why = "record without RDATA";
		return E_DENIED;
	}
	if (!g->allow_cds_delete && is_delete(type, rdata, len)) {
		*why = "a CDS or CDNSKEY that asks to go insecure is refused "
		       "(allow-cds-delete)";
		return E_DENIED;
	}
	if (g->is_on && rdata_check(type, rdata, len) != E_OK) {
		*why = "RDATA is not of the form of its type (guard)";
		return E_DENIED;
	}
	return E_OK;
}

static const struct apex *
held_by(const struct guard *g)
{
	for (const struct contrib *c = g->others; c != NULL; c = c->next) {
		if (strcmp(c->source, g->source) == 0) {
			return c->sets;
		}
	}
	return NULL;
}

/* Is there any NS besides what this source contributes? */
static bool
others_have_ns(const struct guard *g)
{
	if (g->owner == NULL || apex_get(g->owner, DNS_NS) != NULL) {
		return true; /* no copy of the owner's yet: nothing to lose */
	}
	for (const struct contrib *c = g->others; c != NULL; c = c->next) {
		if (strcmp(c->source, g->source) != 0 &&
		    apex_get(c->sets, DNS_NS) != NULL) {
			return true;
		}
	}
	return false;
}

static int
check_set(const struct guard *g, const struct rrset *s,
    const struct rrset *before, const char **why)
{
	const uint8_t *rdata;
	uint32_t pos = 0;
	uint16_t len;

	if (octets_as_sent(s) > SET_OCTETS_MAX) {
		*why = "RRset is larger than a DNS message";
		return E_DENIED;
	}
	while ((rdata = rrset_next(s, &pos, &len)) != NULL) {
		/* what was taken before a change of the rules may stay */
		if (before != NULL && rrset_has(before, rdata, len)) {
			continue;
		}
		int r = guard_check_rr(g, s->type, rdata, len, why);
		if (r != E_OK) {
			return r;
		}
	}
	return E_OK;
}

int
guard_check(const struct guard *g, const struct apex *fresh, const char **why)
{
	const struct apex *held = held_by(g);

	for (unsigned i = 0; i < fresh->count; i++) {
		const struct rrset *before =
		    held != NULL ? apex_get(held, fresh->sets[i].type) : NULL;
		int r = check_set(g, &fresh->sets[i], before, why);
		if (r != E_OK) {
			return r;
		}
	}
	if (!g->is_on) {
		return E_OK;
	}
	/* only who makes it worse is stopped, not every change after that */
	const struct rrset *csync = apex_get(fresh, DNS_CSYNC);
	const struct rrset *was =
	    held != NULL ? apex_get(held, DNS_CSYNC) : NULL;
	if (csync != NULL && csync->count > 1 &&
	    (was == NULL || csync->count > was->count)) {
		*why = "more than one CSYNC (guard)";
		return E_DENIED;
	}
	if (apex_get(fresh, DNS_NS) == NULL && held != NULL &&
	    apex_get(held, DNS_NS) != NULL && !others_have_ns(g)) {
		*why = "the zone would be left without NS (guard)";
		return E_DENIED;
	}
	return E_OK;
}
