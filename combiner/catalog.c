/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "combiner/catalog.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/dns_name.h"
#include "common/dns_wire.h"
#include "common/errcode.h"

#define LOSE_PART 10
#define LOSE_MIN 10

enum kind { KIND_MEMBER = 0, KIND_COO, KIND_GROUP };

struct catalog_entry {
	uint8_t kind;
	uint16_t len;      /* octets of value */
	const uint8_t *id; /* text, NUL-ended; behind the value */
	uint8_t value[];   /* name in wire form, or text with NUL */
};

struct catalog {
	uint8_t name[NAME_MAX_LEN];
	unsigned labels;
	struct catalog_entry **entries;
	size_t nentries, cap;
	unsigned nversions;
	bool is_version_2;
	bool has_bad_ptr;
	struct catalog_member *members;
	size_t nmembers;
};

int
catalog_new(const uint8_t *name, struct catalog **out)
{
	struct catalog *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		return E_NOMEM;
	}
	memcpy(c->name, name, name_len(name));
	c->labels = name_labels(name);
	*out = c;
	return E_OK;
}

void
catalog_free(struct catalog *c)
{
	size_t i;

	if (c == NULL) {
		return;
	}
	for (i = 0; i < c->nentries; i++) {
		free(c->entries[i]);
	}
	free(c->entries);
	free(c->members);
	free(c);
}

/* ---- records ---- */

static bool
label_is(const uint8_t *label, const char *text)
{
	return label[0] == strlen(text) &&
	    strncasecmp((const char *)label + 1, text, label[0]) == 0;
}

/* One label as text in lower case, without dot. */
static size_t
label_text(const uint8_t *label, char out[NAME_STRLEN])
{
	uint8_t name[65];
	size_t len;

	memcpy(name, label, label[0] + 1u);
	name[label[0] + 1] = 0;
	name_to_lower(name);
	name_to_str(name, out);
	len = strlen(out);
	if (len > 0 && out[len - 1] == '.') {
		out[--len] = '\0';
	}
	return len;
}

static int
grow(struct catalog *c)
{
	size_t cap = c->cap == 0 ? 64 : c->cap * 2;
	struct catalog_entry **e;

	if (c->nentries < c->cap) {
		return E_OK;
	}
	e = realloc(c->entries, cap * sizeof(struct catalog_entry *));
	if (e == NULL) {
		return E_NOMEM;
	}
	c->entries = e;
	c->cap = cap;
	return E_OK;
}

static int
add_entry(struct catalog *c, enum kind kind, const uint8_t *id_label,
    const uint8_t *value, uint16_t len)
{
	char id[NAME_STRLEN];
	size_t id_len = label_text(id_label, id);
	struct catalog_entry *e;

	if (grow(c) != E_OK) {
		return E_NOMEM;
	}
	/* value, NUL, id, NUL */
	e = malloc(sizeof(*e) + len + 1u + id_len + 1);
	if (e == NULL) {
		return E_NOMEM;
	}
	e->kind = (uint8_t)kind;
	e->len = len;
	memcpy(e->value, value, len);
	e->value[len] = 0;
	memcpy(e->value + len + 1, id, id_len + 1);
	e->id = e->value + len + 1;
	c->entries[c->nentries++] = e;
	return E_OK;
}

static int
add_name(struct catalog *c, enum kind kind, const uint8_t *id_label,
    const uint8_t *rdata, uint16_t rdlen)
{
	uint8_t name[NAME_MAX_LEN];

	/* name_check() says 0 of a bad name, and of no octets, too */
	if (rdlen == 0 || name_check(rdata, rdlen) != rdlen) {
		c->has_bad_ptr = true;
		return E_OK;
	}
	memcpy(name, rdata, rdlen);
	name_to_lower(name);
	return add_entry(c, kind, id_label, name, rdlen);
}

/* A TXT of exactly one string, which has to be usable as a name of a template. */
static int
add_group(struct catalog *c, const uint8_t *id_label, const uint8_t *rdata,
    uint16_t rdlen)
{
	if (rdlen < 2 || rdata[0] + 1u != rdlen ||
	    memchr(rdata + 1, 0, rdata[0]) != NULL) {
		return E_OK;
	}
	return add_entry(c, KIND_GROUP, id_label, rdata + 1, rdata[0]);
}

static void
add_version(struct catalog *c, const uint8_t *rdata, uint16_t rdlen)
{
	c->nversions++;
	c->is_version_2 = rdlen == 2 && rdata[0] == 1 && rdata[1] == '2';
}

int
catalog_add_record(const uint8_t *owner, uint16_t type, uint16_t class,
    uint32_t ttl, const uint8_t *rdata, uint16_t rdlen, void *arg)
{
	struct catalog *c = arg;
	const uint8_t *l1, *l2, *l3; /* labels from the left */
	unsigned depth;

	(void)ttl;
	if (class != DNS_IN || (type != DNS_PTR && type != DNS_TXT) ||
	    !name_is_under(owner, c->name)) {
		return E_OK;
	}
	depth = name_labels(owner) - c->labels;
	l1 = owner;
	l2 = name_parent(l1);
	l3 = name_parent(l2);
	if (depth == 1 && type == DNS_TXT && label_is(l1, "version")) {
		add_version(c, rdata, rdlen);
	} else if (depth == 2 && type == DNS_PTR && label_is(l2, "zones")) {
		return add_name(c, KIND_MEMBER, l1, rdata, rdlen);
	} else if (depth == 3 && label_is(l3, "zones")) {
		if (type == DNS_TXT && label_is(l1, "group")) {
			return add_group(c, l2, rdata, rdlen);
		}
		if (type == DNS_PTR && label_is(l1, "coo")) {
			return add_name(c, KIND_COO, l2, rdata, rdlen);
		}
	}
	return E_OK;
}

/* ---- members ---- */

static int
cmp_entries(const void *pa, const void *pb)
{
	const struct catalog_entry *a = *(struct catalog_entry *const *)pa;
	const struct catalog_entry *b = *(struct catalog_entry *const *)pb;
	int d = strcmp((const char *)a->id, (const char *)b->id);
	size_t n = a->len < b->len ? a->len : b->len;

	if (d == 0) {
		d = a->kind - b->kind;
	}
	if (d == 0) {
		d = memcmp(a->value, b->value, n);
	}
	return d != 0 ? d : (int)a->len - (int)b->len;
}

static int
cmp_members(const void *pa, const void *pb)
{
	const struct catalog_member *a = pa, *b = pb;

	return name_cmp(a->name, b->name);
}

/* Entries i … of one id become one member; returns where the next id starts. */
static size_t
gather(struct catalog *c, size_t i, struct catalog_member *m, size_t *nptrs)
{
	const uint8_t *id = c->entries[i]->id;
	size_t ncoos = 0;

	memset(m, 0, sizeof(*m));
	m->id = (const char *)id;
	*nptrs = 0;
	for (; i < c->nentries &&
	     strcmp((const char *)c->entries[i]->id, (const char *)id) == 0;
	     i++) {
		struct catalog_entry *e = c->entries[i];

		switch (e->kind) {
		case KIND_MEMBER:
			m->name = e->value;
			++*nptrs;
			break;
		case KIND_COO:
			/* Several say nothing that could be followed. */
			m->coo = ++ncoos == 1 ? e->value : NULL;
			break;
		case KIND_GROUP:
			if (m->ngroups++ == 0) {
				m->groups = &c->entries[i];
			}
			break;
		}
	}
	return i;
}

int
catalog_finish(struct catalog *c, const char **why)
{
	size_t i = 0, nptrs, k;

	if (c->nversions != 1 || !c->is_version_2) {
		*why = "version is not exactly one TXT \"2\"";
		return E_MALF;
	}
	if (c->has_bad_ptr) {
		*why = "a PTR is malformed";
		return E_MALF;
	}
	if (c->nentries == 0) {
		return E_OK;
	}
	qsort(c->entries, c->nentries, sizeof(struct catalog_entry *),
	    cmp_entries);
	c->members = calloc(c->nentries, sizeof(*c->members));
	if (c->members == NULL) {
		*why = "out of memory";
		return E_NOMEM;
	}
	while (i < c->nentries) {
		i = gather(c, i, &c->members[c->nmembers], &nptrs);
		if (nptrs > 1) {
			*why = "two PTR records at one id";
			goto broken;
		}
		c->nmembers += nptrs; /* properties of no member: ignored */
	}
	qsort(c->members, c->nmembers, sizeof(*c->members), cmp_members);
	for (k = 1; k < c->nmembers; k++) {
		if (name_equal(c->members[k - 1].name, c->members[k].name)) {
			*why = "one member under two ids";
			goto broken;
		}
	}
	return E_OK;
broken:
	c->nmembers = 0;
	return E_MALF;
}

size_t
catalog_count(const struct catalog *c)
{
	return c->nmembers;
}

const struct catalog_member *
catalog_at(const struct catalog *c, size_t k)
{
	return k < c->nmembers ? &c->members[k] : NULL;
}

const struct catalog_member *
catalog_find(const struct catalog *c, const uint8_t *name)
{
	struct catalog_member key = {.name = name};

	if (c->nmembers == 0) {
		return NULL;
	}
	return bsearch(&key, c->members, c->nmembers, sizeof(*c->members),
	    cmp_members);
}

const char *
catalog_group(const struct catalog_member *m, size_t k)
{
	return k < m->ngroups ? (const char *)m->groups[k]->value : NULL;
}

/* ---- difference ---- */

void
catalog_diff(const struct catalog_have *have, size_t count,
    const struct catalog *c, catalog_diff_fn fn, void *arg)
{
	size_t i = 0, k = 0;
	int d;

	while (i < count || k < c->nmembers) {
		const struct catalog_member *m = catalog_at(c, k);

		if (i == count) {
			d = 1;
		} else if (m == NULL) {
			d = -1;
		} else {
			d = name_cmp(have[i].name, m->name);
		}
		if (d > 0) {
			fn(CATALOG_ADD, NULL, m, arg);
			k++;
		} else if (d < 0) {
			fn(CATALOG_REMOVE, &have[i++], NULL, arg);
		} else {
			fn(strcmp(have[i].id, m->id) == 0 ? CATALOG_KEEP :
							    CATALOG_RESET,
			    &have[i], m, arg);
			i++;
			k++;
		}
	}
}

static void
count_lost(enum catalog_change change, const struct catalog_have *have,
    const struct catalog_member *m, void *arg)
{
	size_t *lost = arg;

	(void)have;
	(void)m;
	*lost += change == CATALOG_REMOVE || change == CATALOG_RESET;
}

size_t
catalog_lost(const struct catalog_have *have, size_t count,
    const struct catalog *c)
{
	size_t lost = 0;

	catalog_diff(have, count, c, count_lost, &lost);
	return lost;
}

bool
catalog_may_lose(size_t count, size_t lost)
{
	size_t most = count / LOSE_PART;

	return lost <= (most > LOSE_MIN ? most : LOSE_MIN);
}
