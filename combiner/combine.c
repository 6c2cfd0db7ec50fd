/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "combiner/combine.h"

#include <stdlib.h>
#include <string.h>

#include "common/dns_wire.h"
#include "common/errcode.h"

/* What becomes of the owner's set of a type, spec 2. */
enum owner_rule {
	OWNER_JOINS = 0,   /* union with the contributions */
	OWNER_YIELDS = 1,  /* replaced as soon as there is a contribution */
	OWNER_DROPPED = 2, /* never: the owner gave these up (DMS 3) */
};

static enum owner_rule
rule_of(uint16_t type)
{
	switch (type) {
	case DNS_NS:
		return OWNER_YIELDS;
	case DNS_CDS:
	case DNS_CDNSKEY:
	case DNS_CSYNC:
		return OWNER_DROPPED;
	default:
		return OWNER_JOINS;
	}
}

static bool
is_omitted(const struct combine_in *in, uint16_t type)
{
	for (size_t i = 0; i < in->nomit; i++) {
		if (in->omit[i] == type) {
			return true;
		}
	}
	return false;
}

static bool
has_contribution(const struct contrib *list, uint16_t type)
{
	for (; list != NULL; list = list->next) {
		if (apex_get(list->sets, type) != NULL) {
			return true;
		}
	}
	return false;
}

/* Does the owner's set of this type come out as it is? */
static bool
is_untouched(const struct combine_in *in, uint16_t type)
{
	const struct rrset *own = apex_get(in->owner, type);

	if (own == NULL) {
		return is_omitted(in, type) ||
		       !has_contribution(in->contribs, type);
	}
	return rule_of(type) != OWNER_DROPPED && !is_omitted(in, type) &&
	       !has_contribution(in->contribs, type);
}

static int
combine_type(const struct combine_in *in, uint16_t type, struct apex *out,
    unsigned *alerts)
{
	const struct rrset *own =
	    in->owner != NULL ? apex_get(in->owner, type) : NULL;
	enum owner_rule rule = rule_of(type);
	bool any = has_contribution(in->contribs, type);
	int r = E_OK;

	if (own != NULL && rule == OWNER_DROPPED) {
		*alerts |= COMBINE_OWNER_DROPPED;
	}
	if (own == NULL || rule == OWNER_DROPPED ||
	    (rule == OWNER_YIELDS && any)) {
		own = NULL;
	}
	if (own == NULL && !any) {
		return E_OK;
	}
	struct rrset *s = apex_edit(out, type);
	if (s == NULL) {
		return E_NOMEM;
	}
	if (own != NULL) {
		r = rrset_merge(s, own);
	}
	for (const struct contrib *c = in->contribs; c != NULL && r == E_OK;
	     c = c->next) {
		const struct rrset *t = apex_get(c->sets, type);
		if (t != NULL) {
			r = rrset_merge(s, t);
		}
	}
	if (r == E_OK && type == DNS_CSYNC && s->count > 1) {
		/* parents ignore several (RFC 7477 2.1), so none is honest */
		*alerts |= COMBINE_CSYNC_MANY;
		apex_drop(out, type);
	}
	return r;
}

static bool
has_any(const struct contrib *list)
{
	for (; list != NULL; list = list->next) {
		for (unsigned i = 0; i < list->sets->count; i++) {
			if (list->sets->sets[i].count > 0) {
				return true;
			}
		}
	}
	return false;
}

/*
 * In most zones most of the time nothing is laid over the owner's apex: then
 * both are one object, which is what keeps ten thousand zones small.
 */
static bool
is_owners(const struct combine_in *in)
{
	if (in->owner == NULL) {
		return false;
	}
	for (unsigned i = 0; i < APEX_NTYPES; i++) {
		if (!is_untouched(in, apex_types[i])) {
			return false;
		}
	}
	return true;
}

/* combine.h lends the owner's apex as const; a reference is no change. */
static struct apex *
share(const struct apex *a)
{
	union {
		const struct apex *lent;
		struct apex *held;
	} u = {.lent = a};

	return apex_ref(u.held);
}

int
combine_apex(const struct combine_in *in, struct apex **out, unsigned *alerts)
{
	struct apex *a = NULL;
	unsigned found = 0;
	int r = E_OK;

	if (in->owner_signed && in->owner != NULL) {
		found = has_any(in->contribs) ? COMBINE_OWNER_SIGNED : 0;
		a = share(in->owner);
		goto done;
	}
	if (is_owners(in)) {
		a = share(in->owner);
		goto done;
	}
	a = apex_new();
	if (a == NULL) {
		return E_NOMEM;
	}
	for (unsigned i = 0; i < APEX_NTYPES && r == E_OK; i++) {
		r = combine_type(in, apex_types[i], a, &found);
	}
	if (r != E_OK) {
		apex_unref(a);
		return r;
	}
	for (size_t i = 0; i < in->nomit; i++) {
		apex_drop(a, in->omit[i]);
	}
done:
	if (apex_get(a, DNS_NS) == NULL) {
		found |= COMBINE_NO_NS;
	}
	*out = a;
	*alerts = found;
	return E_OK;
}

struct contrib *
contrib_find(struct contrib *list, const char *source)
{
	while (list != NULL && strcmp(list->source, source) != 0) {
		list = list->next;
	}
	return list;
}

struct contrib *
contrib_new(const char *source, struct apex *sets, int64_t now_sec)
{
	struct contrib *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		return NULL;
	}
	c->source = strdup(source);
	if (c->source == NULL) {
		free(c);
		return NULL;
	}
	c->sets = sets;
	c->changed_sec = now_sec;
	return c;
}

static void
contrib_free(struct contrib *c)
{
	apex_unref(c->sets);
	free(c->source);
	free(c);
}

void
contrib_replace(struct contrib **list, struct contrib *c)
{
	contrib_remove(list, c->source);
	while (*list != NULL && strcmp((*list)->source, c->source) < 0) {
		list = &(*list)->next;
	}
	c->next = *list;
	*list = c;
}

void
contrib_remove(struct contrib **list, const char *source)
{
	while (*list != NULL && strcmp((*list)->source, source) != 0) {
		list = &(*list)->next;
	}
	if (*list != NULL) {
		struct contrib *c = *list;
		*list = c->next;
		contrib_free(c);
	}
}

void
contrib_free_all(struct contrib *list)
{
	while (list != NULL) {
		struct contrib *next = list->next;
		contrib_free(list);
		list = next;
	}
}
