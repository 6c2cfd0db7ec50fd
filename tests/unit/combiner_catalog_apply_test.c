/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a catalog does to the set of zones, with zone.c and zdata.c replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "combiner/catalog.h"
#include "combiner/combiner.h"
#include "combiner/notify.h"
#include "combiner/refresh.h"
#include "combiner/zdata.h"
#include "common/errcode.h"

#define MAX_ZONES 256

/* ---- the world ---- */

struct fake_data {
	struct zdata d;
	const char *text; /* "id member group coo;…", "-" for none of both */
};

static struct zone *zones[MAX_ZONES];
static size_t nzones;
static char events[8192];
static char alert_text[512];

static void
event(const char *what, const struct zone *z, const char *more)
{
	char name[NAME_STRLEN];

	snprintf(events + strlen(events), sizeof(events) - strlen(events),
	    "%s %s%s%s;", what, name_to_str(z->name, name),
	    more[0] != '\0' ? " " : "", more);
}

struct zone *
zone_find(struct combiner *c, const uint8_t *name)
{
	size_t i;

	(void)c;
	for (i = 0; i < nzones; i++) {
		if (name_equal(zones[i]->name, name)) {
			return zones[i];
		}
	}
	return NULL;
}

size_t
zone_count(const struct combiner *c)
{
	(void)c;
	return nzones;
}

struct zone *
zone_at(const struct combiner *c, size_t k)
{
	(void)c;
	return k < nzones ? zones[k] : NULL;
}

int
zone_add(struct combiner *c, const uint8_t *name,
    const struct combiner_rules *rules, struct zone *catalog,
    const char *member_id, struct zone **out)
{
	struct zone *z = calloc(1, sizeof(*z));
	size_t i, k;

	assert_non_null(z);
	assert_true(nzones < MAX_ZONES);
	assert_null(zone_find(c, name));
	z->combiner = c;
	z->name = malloc(NAME_MAX_LEN);
	assert_non_null(z->name);
	memcpy(z->name, name, name_len(name));
	z->rules = rules;
	z->catalog = catalog;
	z->member_id = member_id != NULL ? strdup(member_id) : NULL;
	for (i = 0; i < nzones && name_cmp(zones[i]->name, name) < 0; i++) {
	}
	for (k = nzones++; k > i; k--) {
		zones[k] = zones[k - 1];
	}
	zones[i] = z;
	event("add", z, rules->id != NULL ? rules->id : "");
	*out = z;
	return E_OK;
}

int
zone_remove(struct zone *z, bool archive)
{
	size_t i = 0;

	assert_true(archive);
	event("remove", z, "");
	while (zones[i] != z) {
		i++;
	}
	memmove(&zones[i], &zones[i + 1],
	    (nzones - i - 1) * sizeof(struct zone *));
	nzones--;
	free(z->name);
	free(z->member_id);
	free(z);
	return E_OK;
}

int
zone_assign(struct zone *z, const struct combiner_rules *rules,
    struct zone *catalog, const char *member_id)
{
	char *id = strdup(member_id);

	free(z->member_id);
	z->member_id = id;
	z->catalog = catalog;
	z->rules = rules;
	event("assign", z, rules->id);
	return E_OK;
}

int
zone_recombine(struct zone *z, zone_done_fn done, void *arg)
{
	event("recombine", z, "");
	done(z, E_OK, arg);
	return E_OK;
}

void
refresh_reload(struct zone *z)
{
	event("refresh", z, "");
}

void
notify_reload(struct zone *z)
{
	event("notify", z, "");
}

void
zone_alert_set(struct zone *z, enum zone_alert a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(alert_text, sizeof(alert_text), fmt, ap);
	va_end(ap);
	z->alerts |= a;
}

void
zone_alert_clear(struct zone *z, enum zone_alert a)
{
	z->alerts &= ~(uint32_t)a;
}

const struct combiner_rules *
combiner_conf_template(const struct combiner_conf *c, const char *id)
{
	size_t i;

	for (i = 0; i < c->ntemplates; i++) {
		if (strcmp(c->templates[i]->id, id) == 0) {
			return c->templates[i];
		}
	}
	return NULL;
}

uint64_t
loop_now_ms(const struct loop *loop)
{
	(void)loop;
	return 1;
}

/* ---- records ---- */

static void
give(zdata_each_fn fn, void *arg, const char *prefix, const char *id,
    const char *catz, uint16_t type, const char *value)
{
	uint8_t owner[NAME_MAX_LEN], rdata[256];
	char text[256];
	int len;

	snprintf(text, sizeof(text), "%s%s.zones.%s", prefix, id, catz);
	assert_true(name_from_str(text, owner) > 0);
	if (type == DNS_PTR) {
		len = name_from_str(value, rdata);
		assert_true(len > 0);
	} else {
		rdata[0] = (uint8_t)strlen(value);
		memcpy(rdata + 1, value, rdata[0]);
		len = rdata[0] + 1;
	}
	assert_int_equal(fn(owner, type, DNS_IN, 0, rdata, (uint16_t)len, arg),
	    E_OK);
}

int
zdata_each(const struct zdata *d, zdata_each_fn fn, void *arg)
{
	const struct fake_data *f = (const struct fake_data *)d;
	const char *p = strchr(f->text, ':') + 1;
	char catz[64], id[64], member[64], group[64], coo[64];
	uint8_t owner[NAME_MAX_LEN];
	int used;

	snprintf(catz, sizeof(catz), "%.*s", (int)(p - f->text - 1), f->text);
	if (strchr(p, '!') == NULL) { /* '!': without version, broken */
		char text[80];

		snprintf(text, sizeof(text), "version.%s", catz);
		name_from_str(text, owner);
		fn(owner, DNS_TXT, DNS_IN, 0, (const uint8_t *)"\1" "2", 2, arg);
	}
	while (sscanf(p, "%63s %63s %63s %63[^; ];%n", id, member, group, coo,
		   &used) == 4) {
		p += used;
		give(fn, arg, "", id, catz, DNS_PTR, member);
		if (strcmp(group, "-") != 0) {
			give(fn, arg, "group.", id, catz, DNS_TXT, group);
		}
		if (strcmp(coo, "-") != 0) {
			give(fn, arg, "coo.", id, catz, DNS_PTR, coo);
		}
	}
	return E_OK;
}

/* ---- two catalogs, templates gold and default ---- */

struct setup {
	struct combiner c;
	struct combiner_conf conf;
	struct combiner_catalog_conf catalogs[2];
	struct combiner_rules gold, dflt;
	struct combiner_rules *templates[2];
	struct fake_data data[2];
	struct zone *catz[2];
	uint8_t soa[1];
};

static struct zone *
add(struct setup *s, const char *name)
{
	uint8_t n[NAME_MAX_LEN];
	struct zone *z;

	name_from_str(name, n);
	zone_add(&s->c, n, &s->dflt, NULL, NULL, &z);
	return z;
}

static void
setup(struct setup *s)
{
	static const char *const names[] = {"catz1.", "catz2."};
	size_t i;

	memset(s, 0, sizeof(*s));
	s->c.conf = &s->conf;
	s->gold.id = "gold";
	s->dflt.id = "default";
	s->templates[0] = &s->gold;
	s->templates[1] = &s->dflt;
	s->conf.templates = s->templates;
	s->conf.ntemplates = 2;
	s->conf.catalogs = s->catalogs;
	s->conf.ncatalogs = 2;
	for (i = 0; i < 2; i++) {
		name_from_str(names[i], s->catalogs[i].name);
		s->catz[i] = add(s, names[i]);
		s->catz[i]->is_catalog = true;
		s->data[i].text = i == 0 ? "catz1.:" : "catz2.:";
		s->catz[i]->data = &s->data[i].d;
		s->catz[i]->soa = s->soa;
	}
	events[0] = '\0';
}

static void
teardown(void)
{
	while (nzones > 0) {
		zone_remove(zones[0], true);
	}
}

static const char *
change(struct setup *s, size_t i, const char *text)
{
	s->data[i].text = text;
	events[0] = '\0';
	catalog_on_change(s->catz[i]);
	return events;
}

/* ---- tests ---- */

static void
test_life(void **state)
{
	struct setup s;

	(void)state;
	setup(&s);
	assert_string_equal(
	    change(&s, 0, "catz1.:1 b. - -;2 a. gold -;3 c. lead -;"),
	    "add a. gold;add b. default;add c. default;");
	/* the same again: nothing */
	assert_string_equal(
	    change(&s, 0, "catz1.:1 b. - -;2 a. gold -;3 c. lead -;"), "");
	/* one goes, one is reset, one changes its group, one comes */
	assert_string_equal(
	    change(&s, 0, "catz1.:9 b. - -;2 a. - -;4 d. gold -;"),
	    "remove b.;remove c.;assign a. default;refresh a.;notify a.;"
	    "recombine a.;add b. default;add d. gold;");
	/* broken: all stays */
	assert_string_equal(change(&s, 0, "catz1.:!"), "");
	assert_int_equal(s.catz[0]->alerts, ZONE_ALERT_CATALOG);
	assert_string_equal(change(&s, 0,
	    "catz1.:9 b. - -;8 b. - -;2 a. - -;4 d. gold -;"), "");
	assert_non_null(strstr(alert_text, "one member under two ids"));
	assert_string_equal(
	    change(&s, 0, "catz1.:9 b. - -;2 a. - -;4 d. gold -;"), "");
	assert_int_equal(s.catz[0]->alerts, 0);
	/* without a default, unknown groups are not taken, and stay if held */
	s.conf.ntemplates = 1;
	assert_string_equal(
	    change(&s, 0, "catz1.:9 b. - -;2 a. gold -;5 e. - -;"),
	    "remove d.;assign a. gold;refresh a.;notify a.;recombine a.;");
	teardown();
}

static void
test_clash(void **state)
{
	struct setup s;

	(void)state;
	setup(&s);
	add(&s, "own.");
	/* never by force: configured zones and those of another catalog */
	assert_string_equal(change(&s, 0, "catz1.:1 own. - -;2 x. - -;"),
	    "add x. default;");
	assert_string_equal(change(&s, 1, "catz2.:2 x. gold -;"), "");
	/* nor are they removed */
	assert_string_equal(change(&s, 1, "catz2.:"), "");
	assert_string_equal(change(&s, 1, "catz2.:2 x. gold -;"), "");
	/* the first lets it go: the other one has it, new */
	assert_string_equal(change(&s, 0, "catz1.:1 own. - -;"),
	    "remove x.;add x. gold;");
	/* a catalog that lists itself */
	assert_string_equal(change(&s, 0, "catz1.:1 catz1. - -;"), "");
	teardown();
}

static void
test_coo(void **state)
{
	struct setup s;

	(void)state;
	/* coo first, then the new catalog has it: same id, state kept */
	setup(&s);
	change(&s, 0, "catz1.:1 a. - catz2.;");
	assert_string_equal(change(&s, 1, "catz2.:1 a. gold -;"),
	    "assign a. gold;refresh a.;notify a.;recombine a.;");
	assert_string_equal(change(&s, 0, "catz1.:"), "");
	assert_ptr_equal(zones[0]->catalog, s.catz[1]);
	teardown();
	/* the new catalog has it first; other id: reset */
	setup(&s);
	change(&s, 0, "catz1.:1 a. - -;");
	assert_string_equal(change(&s, 1, "catz2.:7 a. gold -;"), "");
	assert_string_equal(change(&s, 0, "catz1.:1 a. - catz2.;"),
	    "remove a.;add a. gold;");
	assert_ptr_equal(zones[0]->catalog, s.catz[1]);
	assert_string_equal(change(&s, 0, "catz1.:1 a. - catz2.;"), "");
	teardown();
	/* coo to somebody else, or a newcatz that lacks it: nothing */
	setup(&s);
	change(&s, 0, "catz1.:1 a. - catz3.;2 b. - catz2.;");
	assert_string_equal(change(&s, 1, "catz2.:1 a. - -;"), "");
	/* what says so must be a good catalog */
	s.data[0].text = "catz1.:!";
	assert_string_equal(change(&s, 1, "catz2.:2 b. - -;"), "");
	teardown();
}

static void
test_guard(void **state)
{
	static char full[8192], part[8192];
	struct setup s;
	size_t i;

	(void)state;
	setup(&s);
	strcpy(full, "catz1.:");
	strcpy(part, "catz1.:");
	for (i = 0; i < 100; i++) {
		sprintf(full + strlen(full), "%zu z%zu. - -;", i, i);
		/* 11 go, one more than a tenth */
		if (i >= 11) {
			sprintf(part + strlen(part), "%zu z%zu. - -;", i, i);
		}
	}
	change(&s, 0, full);
	assert_int_equal(nzones, 102);
	assert_string_equal(change(&s, 0, part), "");
	assert_int_equal(s.catz[0]->alerts, ZONE_ALERT_CATALOG);
	assert_non_null(strstr(alert_text, "11 of 100"));
	/* ids are state too */
	for (i = 7; full[i] != '\0'; i++) {
		if (full[i - 1] == ';' || full[i - 1] == ':') {
			full[i] = 'x';
		}
	}
	assert_string_equal(change(&s, 0, full), "");
	s.catalogs[0].mass_removal = true;
	change(&s, 0, part);
	assert_int_equal(nzones, 91);
	assert_int_equal(s.catz[0]->alerts, 0);
	teardown();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_life),
	    cmocka_unit_test(test_clash),
	    cmocka_unit_test(test_coo),
	    cmocka_unit_test(test_guard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
