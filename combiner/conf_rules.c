/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "combiner/conf_inner.h"
#include "common/errcode.h"

/* As the words of omit-types in conf_schema.c: NS, KEY, DNSKEY, CDS, … */
static const uint16_t managed_types[] = {2, 25, 48, 59, 60, 62};
#define NTYPES (sizeof(managed_types) / sizeof(managed_types[0]))

struct rows {
	struct conf *conf;
	const struct conf_row *own; /* may be NULL */
	const struct conf_row *base;
};

/* The row that decides on an item. */
static const struct conf_row *
row_of(const struct rows *rows, const char *item)
{
	return rows->own != NULL && conf_is_set(rows->own, item) ? rows->own
								 : rows->base;
}

static int64_t
number(const struct rows *rows, const char *item)
{
	return conf_int(row_of(rows, item), item);
}

/*
 * list[] becomes pointers into array[], one for each reference: the elements
 * of the array are in the order of the rows that they were made of.
 */
#define TAKE_LIST(rows, item, array, list, n)                                  \
	do {                                                                   \
		const struct conf_row *row_ = row_of(rows, item);              \
		size_t n_ = conf_values(row_, item);                           \
                                                                               \
		(list) = calloc(n_ + 1, sizeof((list)[0]));                    \
		if ((list) == NULL) {                                          \
			return E_NOMEM;                                        \
		}                                                              \
		for (; (n) < n_; (n)++) {                                      \
			(list)[n] =                                            \
			    &(array)[conf_row_index(conf_ref(row_, item, n))]; \
		}                                                              \
	} while (0)

static int
take_who(const struct rows *rows, const struct combiner_conf *c,
    struct combiner_rules *r)
{
	TAKE_LIST(rows, "master", c->acl->remotes, r->masters, r->nmasters);
	TAKE_LIST(rows, "notify", c->acl->remotes, r->notify, r->nnotify);
	TAKE_LIST(rows, "acl", c->acl->rules, r->acl, r->nacl);
	TAKE_LIST(rows, "msa", c->sources, r->sources, r->nsources);
	return E_OK;
}

static void
take_types(const struct rows *rows, struct combiner_rules *r)
{
	const struct conf_row *row = row_of(rows, "omit-types");

	for (size_t i = 0; i < conf_values(row, "omit-types"); i++) {
		uint16_t type =
		    managed_types[conf_int_at(row, "omit-types", i)];
		size_t k = 0;

		while (k < r->nomit && r->omit_types[k] != type) {
			k++;
		}
		if (k == r->nomit && k < NTYPES) {
			r->omit_types[r->nomit++] = type;
		}
	}
}

static void
take_numbers(const struct rows *rows, struct combiner_rules *r)
{
	r->guard = number(rows, "guard") != 0;
	r->allow_cds_delete = number(rows, "allow-cds-delete") != 0;
	r->owner_serial_reset = number(rows, "owner-serial-reset") != 0;
	r->expire = (enum combiner_expire)number(rows, "expire");
	r->owner_signatures =
	    (enum combiner_owner_sig)number(rows, "owner-signatures");
	r->max_records = (uint64_t)number(rows, "transfer-max-records");
	r->max_octets = (uint64_t)number(rows, "transfer-max-size");
	r->idle_ms = (uint64_t)number(rows, "transfer-idle-timeout");
	r->total_ms = (uint64_t)number(rows, "transfer-timeout");
	r->refresh_min_ms = (uint64_t)number(rows, "refresh-min-interval");
	r->refresh_max_ms = (uint64_t)number(rows, "refresh-max-interval");
	r->retry_min_ms = (uint64_t)number(rows, "retry-min-interval");
	r->retry_max_ms = (uint64_t)number(rows, "retry-max-interval");
	r->notify_retry_ms = (uint64_t)number(rows, "notify-retry");
	r->notify_tries = (unsigned)number(rows, "notify-tries");
	r->signer_serial_wait_ms =
	    (uint64_t)number(rows, "signer-serial-timeout");
	r->journal_versions = (unsigned)number(rows, "journal-versions");
	r->journal_percent = (unsigned)number(rows, "journal-percent");
}

static void
check(const struct rows *rows, const struct combiner_rules *r)
{
	const struct conf_row *row = rows->own != NULL ? rows->own : rows->base;

	if (r->refresh_min_ms > r->refresh_max_ms) {
		conf_error(rows->conf, row, "refresh-min-interval",
		    "greater than refresh-max-interval");
	}
	if (r->retry_min_ms > r->retry_max_ms) {
		conf_error(rows->conf, row, "retry-min-interval",
		    "greater than retry-max-interval");
	}
}

int
combiner_rules_new(struct conf *conf, const struct combiner_conf *c,
    const struct conf_row *own, const struct conf_row *base,
    struct combiner_rules **out)
{
	struct rows rows = {conf, own, base};
	struct combiner_rules *r = calloc(1, sizeof(*r));
	int ret = E_NOMEM;

	if (r == NULL) {
		return E_NOMEM;
	}
	if (own == NULL && conf_id(base) != NULL) {
		r->id = strdup(conf_id(base));
		if (r->id == NULL) {
			goto out;
		}
	}
	ret = take_who(&rows, c, r);
	take_types(&rows, r);
	take_numbers(&rows, r);
	check(&rows, r);
out:
	if (ret == E_OK) {
		*out = r;
	} else {
		combiner_rules_free(r);
	}
	return ret;
}

void
combiner_rules_free(struct combiner_rules *r)
{
	if (r == NULL) {
		return;
	}
	free(r->id);
	free(r->masters);
	free(r->notify);
	free(r->acl);
	free(r->sources);
	free(r);
}

void
combiner_rules_check_tls(struct conf *conf, const struct conf_row *row,
    const struct combiner_rules *r)
{
	bool is_tls = false, is_clear = false;

	for (size_t i = 0; i < r->nmasters; i++) {
		is_tls |= r->masters[i]->tls != NULL;
		is_clear |= r->masters[i]->tls == NULL;
	}
	for (size_t i = 0; i < r->nacl; i++) {
		const struct acl_rule *a = r->acl[i];

		if (a->deny || (a->actions & ACL_TRANSFER) == 0) {
			continue;
		}
		if (a->needs_tls || a->npins > 0) {
			is_tls = true;
		} else {
			is_clear = true;
		}
	}
	if (is_tls && is_clear) {
		conf_warning(conf, row, NULL,
		    "some transfers go over TLS and "
		    "some may go in the clear: the zone is as open as "
		    "without TLS (RFC 9103 11)");
	}
}
