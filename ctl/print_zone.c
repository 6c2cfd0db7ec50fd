/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The combiner's zones, for somebody who was woken up: what is wrong and what
 * to do about it comes first, then who is waited for, then the rest.
 */
#include <string.h>

#include "ctl/ctl.h"

static const char *
str(const json_t *v, const char *key)
{
	const char *s = json_string_value(json_object_get(v, key));

	return s != NULL ? s : "";
}

static long long
num(const json_t *v, const char *key)
{
	return (long long)json_integer_value(json_object_get(v, key));
}

static bool
has(const json_t *v, const char *key)
{
	return json_object_get(v, key) != NULL;
}

/* "3m12s ago", or "-". */
static const char *
when(const struct ctl_out *o, const json_t *v, const char *key,
    char s[CTL_AGE_STRLEN])
{
	const char *text = str(v, key);

	return *text != '\0' ? ctl_when(o, text, s) : "-";
}

static void
number_cell(struct ctl_table *t, const json_t *v, const char *key)
{
	if (has(v, key)) {
		ctl_table_cell(t, "%lld", num(v, key));
	} else {
		ctl_table_cell(t, "-");
	}
}

/* ---- zone list ---- */

static void
list_row(struct ctl_table *t, const struct ctl_out *o, const json_t *z)
{
	const json_t *alerts = json_object_get(z, "alerts"), *a;
	char names[256] = "", age[CTL_AGE_STRLEN];
	size_t i, len;

	json_array_foreach (alerts, i, a) {
		len = strlen(names);
		(void)snprintf(names + len, sizeof(names) - len, "%s%s",
		    i > 0 ? "," : "", json_string_value(a));
	}
	ctl_table_cell(t, "%s", str(z, "name"));
	number_cell(t, z, "owner_serial");
	number_cell(t, z, "out_serial");
	ctl_table_cell(t, "%s", when(o, z, "published", age));
	ctl_table_cell(t, "%s", str(z, "state"));
	number_cell(t, z, "sources");
	number_cell(t, z, "records");
	number_cell(t, z, "waiting");
	ctl_table_cell(t, "%s", names[0] != '\0' ? names : "-");
	ctl_table_end_row(t, json_array_size(alerts) > 0 ? CTL_RED
			     : num(z, "waiting") > 0	 ? CTL_YELLOW
							 : CTL_PLAIN);
}

void
ctl_print_zone_list(const struct ctl_out *o, const json_t *r)
{
	static const char *const names[] = {"ZONE", "OWNER", "OUT", "PUBLISHED",
	    "WAY IN", "SOURCES", "RECORDS", "WAITS", "ALERTS", NULL};
	struct ctl_table *t = ctl_table_new(names);
	const json_t *zones = json_object_get(r, "zones"), *z;
	size_t i, bad = 0;

	/* those with alerts first */
	for (int pass = 0; pass < 2; pass++) {
		json_array_foreach (zones, i, z) {
			bool is_bad =
			    json_array_size(json_object_get(z, "alerts")) > 0;

			if (is_bad == (pass == 0)) {
				list_row(t, o, z);
				bad += is_bad;
			}
		}
	}
	ctl_table_print(t, o, 0);
	ctl_putf(o, bad > 0 ? CTL_RED : CTL_DIM,
	    "%zu of %lld zones, %zu with alerts\n", json_array_size(zones),
	    num(r, "total"), bad);
	if (has(r, "next")) {
		ctl_putf(o, CTL_DIM, "more: --after %s\n", str(r, "next"));
	}
}

/* ---- zone status ---- */

static void
print_alerts(const struct ctl_out *o, const json_t *r)
{
	char age[CTL_AGE_STRLEN];
	const json_t *a;
	size_t i;

	json_array_foreach (json_object_get(r, "alerts"), i, a) {
		ctl_putf(o, CTL_RED, "  ALERT %s", str(a, "name"));
		ctl_putf(o, CTL_PLAIN, ": %s\n", str(a, "text"));
		if (has(a, "since")) {
			ctl_putf(o, CTL_PLAIN, "    since  %s, %s\n",
			    str(a, "since"), when(o, a, "since", age));
		}
		ctl_putf(o, CTL_BOLD, "    do     %s\n", str(a, "remedy"));
	}
}

static void
print_waits(const struct ctl_out *o, const json_t *r)
{
	char age[CTL_AGE_STRLEN];
	const json_t *w;
	size_t i;

	json_array_foreach (json_object_get(r, "waits"), i, w) {
		ctl_putf(o, CTL_YELLOW, "  waits for %s\n", str(w, "for"));
		if (has(w, "since")) {
			ctl_putf(o, CTL_PLAIN, "    since  %s, %s\n",
			    str(w, "since"), when(o, w, "since", age));
		}
		if (has(w, "until")) {
			ctl_putf(o, CTL_PLAIN, "    until  %s, %s\n",
			    str(w, "until"), when(o, w, "until", age));
		}
		if (has(w, "remedy")) {
			ctl_putf(
			    o, CTL_PLAIN, "    do     %s\n", str(w, "remedy"));
		}
	}
}

static void
print_versions(const struct ctl_out *o, const json_t *r)
{
	const json_t *owner = json_object_get(r, "owner");
	const json_t *out = json_object_get(r, "out");
	char a[CTL_AGE_STRLEN], b[CTL_AGE_STRLEN];

	if (out != NULL) {
		ctl_putf(o, CTL_PLAIN, "  published  serial %lld, %s\n",
		    num(out, "serial"), when(o, out, "published", a));
	} else {
		ctl_put(o, CTL_YELLOW, "  published  nothing yet\n");
	}
	if (owner != NULL) {
		ctl_putf(o, CTL_PLAIN,
		    "  owner      serial %lld, confirmed %s, expires %s%s\n",
		    num(owner, "serial"), when(o, owner, "checked", a),
		    when(o, owner, "expires", b),
		    json_is_true(json_object_get(owner, "signed"))
			? ", signed by the owner"
			: "");
	} else {
		ctl_put(o, CTL_YELLOW, "  owner      no copy yet\n");
	}
	if (has(r, "records")) {
		ctl_putf(
		    o, CTL_PLAIN, "  records    %lld\n", num(r, "records"));
	}
	if (has(r, "catalog")) {
		ctl_putf(o, CTL_PLAIN, "  catalog    %s, id %s, template %s\n",
		    str(r, "catalog"), str(r, "member_id"), str(r, "template"));
	}
	if (num(r, "changes") > 0 || num(r, "held") > 0) {
		ctl_putf(o, CTL_PLAIN,
		    "  at work    %lld changes to disk, held by %lld transfers "
		    "or jobs\n",
		    num(r, "changes"), num(r, "held"));
	}
}

static void
print_refresh(const struct ctl_out *o, const json_t *r)
{
	const json_t *refresh = json_object_get(r, "refresh");
	const json_t *x = json_object_get(refresh, "transfer");
	char age[CTL_AGE_STRLEN];

	ctl_putf(o, CTL_PLAIN, "  way in     %s", str(refresh, "state"));
	if (has(refresh, "next")) {
		ctl_putf(o, CTL_PLAIN, ", next check %s",
		    when(o, refresh, "next", age));
	}
	if (num(refresh, "fails") > 0) {
		ctl_putf(o, CTL_RED, ", %lld failed rounds in a row",
		    num(refresh, "fails"));
	}
	if (x != NULL) {
		ctl_putf(o, CTL_PLAIN, ", %lld records, %lld octets in %s",
		    num(x, "records"), num(x, "octets"),
		    ctl_age(num(x, "for_ms") / 1000, age));
	}
	fputc('\n', o->f);
}

static void
print_masters(const struct ctl_out *o, const json_t *r)
{
	static const char *const names[] = {
	    "MASTER", "ADDRESS", "", "LAST", "RESULT", "SERIAL", NULL};
	struct ctl_table *t = ctl_table_new(names);
	char age[CTL_AGE_STRLEN];
	const json_t *m, *last;
	size_t i;

	json_array_foreach (json_object_get(r, "masters"), i, m) {
		const char *result;

		last = json_object_get(m, "last");
		result = str(last, "result");
		ctl_table_cell(t, "%s", str(m, "remote"));
		ctl_table_cell(t, "%s", str(m, "address"));
		ctl_table_cell(t, "%s",
		    json_is_true(json_object_get(m, "current")) ? "asked now"
		    : json_is_true(json_object_get(m, "preferred")) ? "first"
								    : "");
		ctl_table_cell(t, "%s", when(o, last, "time", age));
		ctl_table_cell(t, "%s%s%s", last != NULL ? result : "-",
		    has(last, "rcode") ? " " : "", str(last, "rcode"));
		number_cell(t, last, "serial");
		ctl_table_end_row(t, last == NULL || strcmp(result, "ok") == 0
					 ? CTL_PLAIN
					 : CTL_RED);
	}
	ctl_table_print(t, o, 2);
}

static enum ctl_color
signer_color(const char *state)
{
	if (strcmp(state, "refused") == 0 || strcmp(state, "silent") == 0) {
		return CTL_RED;
	}
	return strcmp(state, "pending") == 0 ? CTL_YELLOW : CTL_PLAIN;
}

static void
print_signers(const struct ctl_out *o, const json_t *r)
{
	static const char *const names[] = {"SIGNER", "ADDRESS", "NOTIFY",
	    "ANSWERED FOR", "SINCE", "NEXT TRY", "TRIES", "ERROR", NULL};
	struct ctl_table *t = ctl_table_new(names);
	char age[CTL_AGE_STRLEN];
	const json_t *s;
	size_t i;

	json_array_foreach (json_object_get(r, "signers"), i, s) {
		ctl_table_cell(t, "%s", str(s, "remote"));
		ctl_table_cell(t, "%s", str(s, "address"));
		ctl_table_cell(t, "%s", str(s, "state"));
		number_cell(t, s, "acked_serial");
		ctl_table_cell(t, "%s", when(o, s, "since", age));
		ctl_table_cell(t, "%s", when(o, s, "next", age));
		number_cell(t, s, "tries");
		ctl_table_cell(t, "%s%s%s", str(s, "error"),
		    has(s, "rcode") && has(s, "error") ? " " : "",
		    str(s, "rcode"));
		ctl_table_end_row(t, signer_color(str(s, "state")));
	}
	ctl_table_print(t, o, 2);
}

static void
print_stored(const struct ctl_out *o, const json_t *r)
{
	static const char *const names[] = {
	    "SOURCE", "TYPE", "RECORDS", "TTL", "ETAG", "CHANGED", NULL};
	struct ctl_table *t = ctl_table_new(names);
	char age[CTL_AGE_STRLEN];
	const json_t *c;
	size_t i;

	json_array_foreach (json_object_get(r, "contributions"), i, c) {
		ctl_table_cell(t, "%s", str(c, "source"));
		ctl_table_cell(t, "%s", str(c, "type"));
		number_cell(t, c, "count");
		number_cell(t, c, "ttl");
		ctl_table_cell(t, "%s", str(c, "etag"));
		ctl_table_cell(t, "%s", when(o, c, "changed", age));
		ctl_table_end_row(t, CTL_PLAIN);
	}
	ctl_table_print(t, o, 2);
}

void
ctl_print_zone_status(const struct ctl_out *o, const json_t *r)
{
	ctl_putf(o, CTL_BOLD, "%s\n", str(r, "zone"));
	print_alerts(o, r);
	print_waits(o, r);
	print_versions(o, r);
	print_refresh(o, r);
	print_masters(o, r);
	print_signers(o, r);
	print_stored(o, r);
}

/* ---- records ---- */

static void
print_record(const struct ctl_out *o, const char *zone, const json_t *set,
    const char *rdata)
{
	ctl_putf(o, CTL_PLAIN, "%s %lld IN %s ", zone, num(set, "ttl"),
	    str(set, "type"));
	ctl_put(o, CTL_PLAIN, rdata);
}

void
ctl_print_zone_apex(const struct ctl_out *o, const json_t *r)
{
	const json_t *set, *rec, *src;
	size_t i, k, n;

	if (has(r, "serial")) {
		ctl_putf(o, CTL_DIM, "; serial %lld\n", num(r, "serial"));
	} else {
		ctl_put(o, CTL_DIM, "; nothing is published yet\n");
	}
	json_array_foreach (json_object_get(r, "sets"), i, set) {
		json_array_foreach (json_object_get(set, "records"), k, rec) {
			print_record(o, str(r, "zone"), set, str(rec, "rdata"));
			ctl_put(o, CTL_DIM, " ;");
			json_array_foreach (
			    json_object_get(rec, "sources"), n, src) {
				ctl_putf(
				    o, CTL_DIM, " %s", json_string_value(src));
			}
			fputc('\n', o->f);
		}
	}
}

void
ctl_print_contributions(const struct ctl_out *o, const json_t *r)
{
	const json_t *sets = json_object_get(r, "contributions"), *set, *rec;
	char age[CTL_AGE_STRLEN];
	size_t i, k;

	if (json_array_size(sets) == 0) {
		ctl_put(o, CTL_DIM, "; nothing is contributed\n");
	}
	json_array_foreach (sets, i, set) {
		ctl_putf(o, CTL_DIM, "; source %s, etag %s, changed %s\n",
		    str(set, "source"), str(set, "etag"),
		    when(o, set, "changed", age));
		json_array_foreach (json_object_get(set, "records"), k, rec) {
			print_record(
			    o, str(r, "zone"), set, json_string_value(rec));
			fputc('\n', o->f);
		}
	}
}
