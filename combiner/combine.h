/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The combining rules (spec/combiner.md 2): owner's apex and all contributions
 * in, effective apex out.  Pure.
 */
#ifndef COMBINER_COMBINE_H
#define COMBINER_COMBINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "combiner/apex.h"

struct contrib { /* the store of one source in one zone */
	struct contrib *next; /* ascending by source */
	char *source;
	struct apex *sets;
	int64_t changed_sec; /* wall clock of the last change */
};

enum combine_alert {
	COMBINE_CSYNC_MANY = 1,  /* more than one CSYNC: left out */
	COMBINE_OWNER_SIGNED = 2, /* contributions stored, not applied */
	COMBINE_NO_NS = 4,       /* effective NS would be empty */
	COMBINE_OWNER_DROPPED = 8, /* owner's CDS, CDNSKEY or CSYNC left out */
};

struct combine_in {
	const struct apex *owner;
	const struct contrib *contribs;
	bool owner_signed; /* signed by the owner, and passed as it is */
	const uint16_t *omit;
	size_t nomit;
};

/* *out has a reference for the caller.  alerts: set of combine_alert. */
int combine_apex(const struct combine_in *in, struct apex **out,
    unsigned *alerts);

struct contrib *contrib_find(struct contrib *list, const char *source);
/* A contribution with these sets (reference taken over); NULL: no memory. */
struct contrib *contrib_new(const char *source, struct apex *sets,
    int64_t now_sec);
/* Puts c into the list, in place of the one of that source, which is freed. */
void contrib_replace(struct contrib **list, struct contrib *c);
void contrib_remove(struct contrib **list, const char *source);
void contrib_free_all(struct contrib *list);

/* What the guard asks (spec 2 and 3). */
struct guard {
	bool is_on;
	bool allow_cds_delete;
	const struct apex *owner;      /* may be NULL: no copy yet */
	const struct contrib *others;  /* all contributions; the one of source is
					* taken as `fresh` */
	const char *source;
};
/*
 * May `fresh` become the store of guard->source?  E_OK or E_DENIED, with the
 * reason as text (static storage) in *why.
 */
int guard_check(const struct guard *g, const struct apex *fresh,
    const char **why);
/*
 * The same for one RR to be added, before anything is stored: type allowed,
 * RDATA parses, no CDS/CDNSKEY delete.
 */
int guard_check_rr(const struct guard *g, uint16_t type, const uint8_t *rdata,
    uint16_t len, const char **why);

#endif
