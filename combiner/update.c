/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "combiner/update.h"

#include <string.h>

#include "common/errcode.h"

/* The sections of an UPDATE under their names of RFC 2136 2. */
enum {
	SECTION_PREREQ = 1,
	SECTION_UPDATE = 2
};

/* QTYPEs and meta-TYPEs (RFC 6895 3.1), and OPT, are no data. */
static bool
is_meta(uint16_t type)
{
	return type == 0 || type == DNS_OPT || (type >= 128 && type <= 255);
}

/* Is the owner the apex?  E_OK or RCODE. */
static int
check_owner(const struct update *u, const struct dns_rr *rr, const char **why)
{
	uint8_t owner[NAME_MAX_LEN];

	if (name_from_msg(u->msg, u->len, rr->owner, owner, NULL) < 0) {
		*why = "malformed owner name";
		return DNS_FORMERR;
	}
	if (name_equal(owner, u->zone)) {
		return E_OK;
	}
	if (name_is_under(owner, u->zone)) {
		*why = "owner is not the apex of the zone";
		return DNS_REFUSED;
	}
	*why = "owner is not in the zone";
	return DNS_NOTZONE;
}

static int
check_type(uint16_t type, bool any_is_fine, const char **why)
{
	if (type == DNS_ANY && any_is_fine) {
		return E_OK;
	}
	if (is_meta(type)) {
		*why = "type is not one of data";
		return DNS_FORMERR;
	}
	if (!apex_is_managed(type)) {
		*why = "type is not NS, KEY, DNSKEY, CDS, CDNSKEY or CSYNC";
		return DNS_REFUSED;
	}
	return E_OK;
}

/* Is the RDATA there what could be a record (names inside it whole)? */
static int
check_rdata(const struct update *u, const struct dns_rr *rr, const char **why)
{
	uint8_t rdata[DNS_MSG_MAX];

	if (rr->class == DNS_IN && rr->rdlen == 0) {
		*why = "record without RDATA";
		return DNS_FORMERR;
	}
	if (dns_rdata_expand(u->msg, u->len, rr, false, rdata, sizeof(rdata)) <
	    0) {
		*why = "malformed name in RDATA";
		return DNS_FORMERR;
	}
	return E_OK;
}

/* RFC 2136 2.4 and 3.2.5 */
static int
check_prereq(const struct update *u, const struct dns_rr *rr, const char **why)
{
	int r;

	if (rr->ttl != 0) {
		*why = "prerequisite with a TTL";
		return DNS_FORMERR;
	}
	switch (rr->class) {
	case DNS_ANY_CLASS:
	case DNS_NONE:
		if (rr->rdlen != 0) {
			*why = "prerequisite of class ANY or NONE with RDATA";
			return DNS_FORMERR;
		}
		r = check_owner(u, rr, why);
		return r != E_OK ? r : check_type(rr->type, true, why);
	case DNS_IN:
		r = check_owner(u, rr, why);
		if (r == E_OK) {
			r = check_type(rr->type, false, why);
		}
		return r != E_OK ? r : check_rdata(u, rr, why);
	default:
		*why = "prerequisite of another class";
		return DNS_FORMERR;
	}
}

/* RFC 2136 2.5 and 3.4.1 */
static int
check_update(const struct update *u, const struct dns_rr *rr, const char **why)
{
	int r = check_owner(u, rr, why);

	if (r != E_OK && r != DNS_REFUSED) {
		return r;
	}
	if (rr->class != DNS_IN && rr->class != DNS_NONE &&
	    rr->class != DNS_ANY_CLASS) {
		*why = "update of another class";
		return DNS_FORMERR;
	}
	if (rr->class != DNS_IN && rr->ttl != 0) {
		*why = "deletion with a TTL";
		return DNS_FORMERR;
	}
	if (rr->class == DNS_ANY_CLASS && rr->rdlen != 0) {
		*why = "deletion of an RRset with RDATA";
		return DNS_FORMERR;
	}
	const char *form = NULL;
	int t = check_type(rr->type, rr->class == DNS_ANY_CLASS, &form);
	if (t == E_OK) {
		t = check_rdata(u, rr, &form);
	}
	/* a record that is out of form is so wherever it stands */
	if (t == DNS_FORMERR || r == E_OK) {
		r = t;
		*why = t != E_OK ? form : *why;
	}
	return r;
}

static int
check_records(struct update *u, struct dns_walk *w, const char **why)
{
	int worst = E_OK;
	struct dns_rr rr;
	int r;

	while ((r = dns_walk_next(w, &rr)) == E_OK) {
		const char *reason = NULL;
		int code = E_OK;
		if (rr.section == SECTION_PREREQ) {
			code = check_prereq(u, &rr, &reason);
		} else if (rr.section == SECTION_UPDATE) {
			code = check_update(u, &rr, &reason);
		}
		/* the first fault counts, but a broken message is FORMERR */
		if (code != E_OK && (worst == E_OK || code == DNS_FORMERR)) {
			worst = code;
			*why = reason;
		}
		if (code == DNS_FORMERR) {
			return code;
		}
	}
	if (r != E_DONE) {
		*why = "record cut off, or octets after the last one";
		return DNS_FORMERR;
	}
	return worst;
}

int
update_decode(
    const uint8_t *msg, size_t len, struct update *u, const char **why)
{
	struct dns_walk w;

	memset(u, 0, sizeof(*u));
	*why = NULL;
	if (dns_walk_init(&w, msg, len) != E_OK || w.h.count[0] != 1 ||
	    name_from_msg(msg, len, w.qname, u->zone, NULL) < 0) {
		*why = "zone section is not one whole record";
		return DNS_FORMERR;
	}
	if (w.qtype != DNS_SOA) {
		*why = "type in the zone section is not SOA";
		return DNS_FORMERR;
	}
	name_to_lower(u->zone);
	u->msg = msg;
	u->len = len;
	u->nprereq = w.h.count[1];
	u->nupdate = w.h.count[2];
	if (w.qclass != DNS_IN) {
		*why = "class of the zone is not IN";
		return DNS_NOTAUTH;
	}
	u->has_zone = true;
	return check_records(u, &w, why);
}

static bool
is_empty(const struct apex *sets)
{
	for (unsigned i = 0; i < sets->count; i++) {
		if (sets->sets[i].count > 0) {
			return false;
		}
	}
	return true;
}

/*
 * One prerequisite without a value; those with one are gathered in wanted.
 * E_OK, RCODE, E_NOMEM.
 */
static int
test_prereq(const struct update *u, const struct dns_rr *rr,
    const struct apex *sets, struct apex *wanted)
{
	uint8_t rdata[DNS_MSG_MAX];
	bool is_there = rr->type == DNS_ANY ? !is_empty(sets)
					    : apex_get(sets, rr->type) != NULL;

	if (rr->class == DNS_ANY_CLASS) {
		return is_there		     ? E_OK
		       : rr->type == DNS_ANY ? DNS_NXDOMAIN
					     : DNS_NXRRSET;
	}
	if (rr->class == DNS_NONE) {
		return !is_there	     ? E_OK
		       : rr->type == DNS_ANY ? DNS_YXDOMAIN
					     : DNS_YXRRSET;
	}
	int n =
	    dns_rdata_expand(u->msg, u->len, rr, false, rdata, sizeof(rdata));
	struct rrset *s = apex_edit(wanted, rr->type);
	if (n < 0 || s == NULL) {
		return n < 0 ? DNS_FORMERR : E_NOMEM;
	}
	return rrset_add(s, rdata, (uint16_t)n);
}

/* The sets named by value must be just so (RFC 2136 3.2.3). */
static int
test_values(const struct apex *sets, const struct apex *wanted)
{
	for (unsigned i = 0; i < wanted->count; i++) {
		const struct rrset *want = &wanted->sets[i];
		const struct rrset *have = apex_get(sets, want->type);
		if (have == NULL || !rrset_equal(have, want, false)) {
			return DNS_NXRRSET;
		}
	}
	return E_OK;
}

/* RFC 2136 3.4.2; what "zone" is there is the store of one source here. */
static int
apply_rr(const struct update *u, const struct dns_rr *rr, struct apex *sets,
    const struct guard *guard, const char **why)
{
	uint8_t rdata[DNS_MSG_MAX];

	if (rr->class == DNS_ANY_CLASS) {
		for (unsigned i = 0; i < APEX_NTYPES; i++) {
			if (rr->type == DNS_ANY || rr->type == apex_types[i]) {
				apex_drop(sets, apex_types[i]);
			}
		}
		return E_OK;
	}
	int n =
	    dns_rdata_expand(u->msg, u->len, rr, false, rdata, sizeof(rdata));
	if (n < 0) {
		return DNS_FORMERR;
	}
	if (rr->class == DNS_IN && guard != NULL &&
	    guard_check_rr(guard, rr->type, rdata, (uint16_t)n, why) != E_OK) {
		return DNS_REFUSED;
	}
	struct rrset *s = apex_edit(sets, rr->type);
	if (s == NULL) {
		return E_NOMEM;
	}
	if (rr->class == DNS_NONE) {
		return rrset_del(s, rdata, (uint16_t)n);
	}
	/* a TTL with its top bit set counts as zero (RFC 2181 8) */
	s->ttl = rr->ttl > INT32_MAX ? 0 : rr->ttl;
	return rrset_add(s, rdata, (uint16_t)n);
}

static int
for_section(const struct update *u, unsigned section, struct apex *sets,
    struct apex *wanted, const struct guard *guard, const char **why)
{
	struct dns_walk w;
	struct dns_rr rr;
	int r = dns_walk_init(&w, u->msg, u->len);

	while (r == E_OK && dns_walk_next(&w, &rr) == E_OK) {
		if (rr.section != section) {
			continue;
		}
		r = section == SECTION_PREREQ
			? test_prereq(u, &rr, sets, wanted)
			: apply_rr(u, &rr, sets, guard, why);
	}
	return r;
}

int
update_apply(const struct update *u, struct apex *sets,
    const struct guard *guard, const char **why)
{
	*why = NULL;
	if (u->nprereq > 0) {
		struct apex *wanted = apex_new();
		if (wanted == NULL) {
			return E_NOMEM;
		}
		int r = for_section(u, SECTION_PREREQ, sets, wanted, NULL, why);
		if (r == E_OK) {
			r = test_values(sets, wanted);
		}
		apex_unref(wanted);
		if (r != E_OK) {
			*why = "prerequisite is not met";
			return r;
		}
	}
	int r = for_section(u, SECTION_UPDATE, sets, NULL, guard, why);
	if (r != E_OK) {
		return r;
	}
	apex_prune(sets);
	if (guard != NULL && guard_check(guard, sets, why) != E_OK) {
		return DNS_REFUSED;
	}
	return E_OK;
}
