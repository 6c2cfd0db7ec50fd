/* SPDX-License-Identifier: GPL-3.0-or-later */
/* With UPDATE_MANUAL set it writes its part of the manual page anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "combiner/conf.h"
#include "common/conf.h"
#include "common/errcode.h"

#define SECRET "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define OTHER "AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define BEGIN ".\\\" BEGIN SCHEMA\n"
#define END ".\\\" END SCHEMA\n"

#define BASE \
	"server:\n  listen: 127.0.0.1@5300\n" \
	"remote:\n  - id: owner\n    address: 192.0.2.1\n" \
	"  - id: signer\n    address: 192.0.2.2\n" \
	"  - id: xot\n    address: 192.0.2.3\n    tls: on\n" \
	"    cert-key: " SECRET "\n" \
	"acl:\n  - id: out\n    address: 192.0.2.2\n    action: transfer\n" \
	"  - id: xot-out\n    tls: on\n    action: transfer\n" \
	"key:\n  - id: k1\n    secret: " SECRET "\n" \
	"  - id: k2\n    secret: " OTHER "\n" \
	"msa:\n  - id: a\n    key: [ k1, k2 ]\n  - id: b\n" \
	"    user: [ root, 4242 ]\n"

/* The checked struct, and in *conf what it was made of. */
static struct combiner_conf *
load(const char *text, struct conf **conf)
{
	struct combiner_conf *c = NULL;
	char *errs;
	int r = conf_load_string(combiner_schema, text, conf, &errs);

	if (r != E_OK) {
		print_error("%s", errs);
	}
	assert_int_equal(r, E_OK);
	combiner_conf_check(*conf);
	assert_string_equal(conf_errors(*conf), "");
	assert_int_equal(combiner_conf_new(*conf, &c), E_OK);
	return c;
}

static void
test_server(void **state)
{
	struct conf *conf;
	struct combiner_conf *c = load(BASE, &conf);

	(void)state;
	conf_free(conf); /* it must stand alone */
	assert_int_equal(c->nlisten, 1);
	assert_int_equal(net_addr_port(&c->listen[0]), 5300);
	assert_int_equal(c->nlisten_tls, 0);
	assert_null(c->tls);
	assert_string_equal(c->rundir, "/run/polyphony");
	assert_string_equal(c->statedir, "/var/lib/polyphony");
	assert_string_equal(c->socket, "/run/polyphony/combiner.sock");
	assert_null(c->user);
	assert_int_equal(c->update_rate, 10);
	assert_int_equal(c->transfers_in, 200);
	assert_int_equal(c->transfers_out, 100);
	assert_int_equal(c->max_update_len, 65535);
	assert_int_equal(c->dns.max_tcp, 1000);
	assert_int_equal(c->dns.max_tcp_per_addr, 100);
	assert_int_equal(c->dns.max_pipeline, 64);
	assert_int_equal(c->dns.idle_ms, 30000);
	assert_int_equal(c->dns.message_ms, 10000);
	assert_int_equal(c->dns.write_ms, 60000);
	assert_int_equal(c->dns.max_udp_len, 4096);
	assert_ptr_equal(combiner_conf_ref(c), c);
	combiner_conf_unref(c);
	combiner_conf_unref(c);
	combiner_conf_unref(NULL);
}

static void
test_rules(void **state)
{
	struct conf *conf;
	struct combiner_conf *c = load(BASE
	    "template:\n  - id: default\n    master: owner\n    acl: out\n"
	    "    msa: [ a, b ]\n    notify: signer\n"
	    "    omit-types: [ CDS, CDNSKEY, CDS ]\n"
	    "  - id: gold\n    master: [ signer, owner ]\n"
	    "    journal-versions: 3\n"
	    "zone:\n  - domain: b.example\n  - domain: A.example\n"
	    "    template: gold\n    guard: off\n"
	    "    transfer-max-size: 1M\n"
	    "  - domain: c.example\n    template: gold\n"
	    "  - domain: example\n    notify:\n"
	    "catalog:\n  - domain: cat.example\n    template: gold\n"
	    "    catalog-mass-removal: on\n"
	    "  - domain: cat2.example\n    expire: stop\n", &conf);
	const struct combiner_rules *r;

	(void)state;
	conf_free(conf);
	/* in canonical order */
	assert_int_equal(c->nzones, 4);
	assert_string_equal(c->zones[0].name_str, "example.");
	assert_string_equal(c->zones[1].name_str, "a.example.");
	assert_string_equal(c->zones[2].name_str, "b.example.");
	assert_memory_equal(c->zones[1].name, "\1a\7example", 11);
	/* own rules only where something differs */
	assert_int_equal(c->nown, 3);
	assert_int_equal(c->ntemplates, 2);
	assert_ptr_equal(c->zones[2].rules,
	    combiner_conf_template(c, "default"));
	assert_ptr_equal(c->zones[3].rules, combiner_conf_template(c, "gold"));
	assert_null(combiner_conf_template(c, "none"));
	/* the defaults, as the specification has them */
	r = c->zones[2].rules;
	assert_string_equal(r->id, "default");
	assert_int_equal(r->nmasters, 1);
	assert_string_equal(r->masters[0]->id, "owner");
	assert_string_equal(r->notify[0]->id, "signer");
	assert_string_equal(r->acl[0]->id, "out");
	assert_int_equal(r->nsources, 2);
	assert_true(r->guard);
	assert_false(r->allow_cds_delete);
	assert_false(r->owner_serial_reset);
	assert_int_equal(r->nomit, 2);
	assert_int_equal(r->omit_types[0], 59);
	assert_int_equal(r->omit_types[1], 60);
	assert_int_equal(r->expire, COMBINER_EXPIRE_SERVE);
	assert_int_equal(r->owner_signatures, COMBINER_SIG_PASS);
	assert_int_equal(r->max_records, 10000000);
	assert_int_equal(r->max_octets, UINT64_C(2) << 30);
	assert_int_equal(r->idle_ms, 60000);
	assert_int_equal(r->total_ms, 3600000);
	assert_int_equal(r->refresh_min_ms, 2000);
	assert_int_equal(r->notify_retry_ms, 60000);
	assert_int_equal(r->notify_tries, 5);
	assert_int_equal(r->journal_versions, 20);
	assert_int_equal(r->journal_percent, 10);
	/* what a zone says goes before its template, list by list */
	r = c->zones[1].rules;
	assert_null(r->id);
	assert_false(r->guard);
	assert_int_equal(r->max_octets, 1 << 20);
	assert_int_equal(r->journal_versions, 3);
	assert_int_equal(r->nmasters, 2);
	assert_string_equal(r->masters[1]->id, "owner");
	r = c->zones[0].rules;
	assert_int_equal(r->nnotify, 0);
	assert_int_equal(r->nmasters, 1);
	assert_int_equal(c->ncatalogs, 2);
	assert_true(c->catalogs[0].mass_removal);
	assert_ptr_equal(c->catalogs[0].rules, c->zones[3].rules);
	assert_false(c->catalogs[1].mass_removal);
	assert_int_equal(c->catalogs[1].rules->expire, COMBINER_EXPIRE_STOP);
	combiner_conf_unref(c);
}

static void
test_sources(void **state)
{
	struct conf *conf;
	struct combiner_conf *c = load(BASE
	    "zone:\n  - domain: x.\n    master: owner\n    msa: a\n"
	    "  - domain: y.\n    master: owner\n    msa: b\n", &conf);
	struct tsig_key key;

	(void)state;
	conf_free(conf);
	key = c->acl->keys[1].tsig; /* a copy, as of an older configuration */
	assert_string_equal(combiner_source_by_key(c->zones[0].rules,
	    &key)->id, "a");
	assert_null(combiner_source_by_key(c->zones[1].rules, &key));
	key.alg = TSIG_HMAC_SHA512;
	assert_null(combiner_source_by_key(c->zones[0].rules, &key));
	assert_string_equal(combiner_source_by_uid(c, 0)->id, "b");
	assert_string_equal(combiner_source_by_uid(c, 4242)->id, "b");
	assert_null(combiner_source_by_uid(c, 4243));
	combiner_conf_unref(c);
}

static void
test_errors(void **state)
{
	static const struct {
		const char *text, *err; /* added to BASE; part of the errors */
	} cases[] = {
		{ "zone:\n  - domain: z.\n",
		    "zone[z.].master: must be given, here or in the "
		    "template\n" },
		{ "template:\n  - id: t\nzone:\n  - domain: z.\n"
		  "    template: t\n",
		    "zone[z.].master: must be given, here or in the "
		    "template\n" },
		{ "catalog:\n  - domain: z.\n    catalog-mass-removal: on\n",
		    "catalog[z.].master: must be given" },
		{ "zone:\n  - domain: z.\n    master: owner\n"
		  "catalog:\n  - domain: Z\n    master: owner\n",
		    "catalog[z.].domain: there is a zone of this name in "
		    "section zone, too\n" },
		{ "template:\n  - id: t\n    refresh-min-interval: 1h\n"
		  "    refresh-max-interval: 1m\n",
		    "template[t].refresh-min-interval: greater than "
		    "refresh-max-interval\n" },
		{ "template:\n  - id: t\n    retry-max-interval: 1s\n",
		    "template[t].retry-min-interval: greater than "
		    "retry-max-interval\n" },
		{ "msa:\n  - id: c\n    key: k2\n",
		    "msa[c].key: key k2. belongs to msa a already\n" },
		{ "msa:\n  - id: c\n    user: 0\n",
		    "msa[c].user: user 0 belongs to msa b already\n" },
		{ "msa:\n  - id: c\n    user: no-such-user\n",
		    "msa[c].user: there is no user \"no-such-user\"\n" },
		{ "msa:\n  - id: c\n    user: [ -1, 99999999999, 5x ]\n",
		    "msa[c].user: there is no user \"-1\"\n"
		    "text:" },
		{ "server:\n  listen-tls: 127.0.0.1\n",
		    "server.listen-tls: expected cert-file and key-file, "
		    "too\n" },
		{ "server:\n  listen-tls: 127.0.0.1\n"
		  "  cert-file: /nonexistent/c\n  key-file: /nonexistent/k\n",
		    "/nonexistent/c" },
		{ "zone:\n  - domain: z.\n    master: [ owner, xot ]\n",
		    "warning: text:30: zone[z.]: some transfers go over TLS" },
		{ "zone:\n  - domain: z.\n    master: xot\n    acl: out\n",
		    "warning: text:30: zone[z.]: some transfers go over TLS" },
		{ "zone:\n  - domain: z.\n    master: owner\n"
		  "    acl: xot-out\n",
		    "warning: text:30: zone[z.]: some transfers go over TLS" },
		{ "template:\n  - id: t\n    master: [ owner, xot ]\n",
		    "warning: text:30: template[t]: some transfers" },
		{ "catalog:\n  - domain: c.\n    master: [ owner, xot ]\n",
		    "warning: text:30: catalog[c.]: some transfers" },
		{ "zone:\n  - domain: z.\n    master: xot\n"
		  "    acl: xot-out\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[4096];
		struct conf *conf;
		char *errs;
		int r;

		snprintf(text, sizeof(text), "%s%s", BASE, cases[i].text);
		r = conf_load_string(combiner_schema, text, &conf, &errs);
		if (r != E_OK) {
			print_error("case %zu: %s", i, errs);
		}
		assert_int_equal(r, E_OK);
		combiner_conf_check(conf);
		if (strstr(conf_errors(conf), cases[i].err) == NULL) {
			print_error("case %zu: %s", i, conf_errors(conf));
		}
		assert_non_null(strstr(conf_errors(conf), cases[i].err));
		assert_int_equal(conf_status(conf), cases[i].err[0] == '\0' ||
		    strncmp(cases[i].err, "warning", 7) == 0 ? E_OK : E_CONF);
		conf_free(conf);
	}
}

static void
test_no_listen(void **state)
{
	struct combiner_conf *c;
	struct conf *conf;
	char *errs;

	(void)state;
	assert_int_equal(conf_load_string(combiner_schema, "", &conf, &errs),
	    E_OK);
	assert_int_equal(combiner_conf_new(conf, &c), E_CONF);
	assert_string_equal(conf_errors(conf), "text: server.listen: must be "
	    "given: expected an address such as 127.0.0.1@53, here or in "
	    "listen-tls\n");
	conf_free(conf);
}

static void
test_many(void **state)
{
	size_t cap = 2000000, len;
	char *text = malloc(cap), *errs;
	struct timespec a, b;
	struct combiner_conf *c;
	struct conf *conf;
	long ms;

	(void)state;
	assert_non_null(text);
	len = (size_t)snprintf(text, cap, "%s%s", BASE,
	    "template:\n  - id: default\n    master: owner\n"
	    "  - id: t\n    master: owner\nzone:\n");
	for (unsigned i = 0; i < 10000; i++) {
		len += (size_t)snprintf(text + len, cap - len,
		    "  - domain: z%u.example\n    template: t\n",
		    i * 2654435761u);
	}
	clock_gettime(CLOCK_MONOTONIC, &a);
	assert_int_equal(conf_load_string(combiner_schema, text, &conf, &errs),
	    E_OK);
	assert_int_equal(combiner_conf_new(conf, &c), E_OK);
	clock_gettime(CLOCK_MONOTONIC, &b);
	ms = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
	print_message("10,000 zones in %ld ms\n", ms);
	assert_true(ms < 5000); /* quadratic would be far above, even so */
	assert_int_equal(c->nzones, 10000);
	assert_int_equal(c->nown, 0);
	combiner_conf_unref(c);
	conf_free(conf);
	free(text);
}

/* ---- what is printed says the same again ---- */

static void
print_value(FILE *f, const char *item, const json_t *v)
{
	const char *s = json_string_value(v);

	if (json_is_boolean(v)) {
		fprintf(f, "%s: %s\n", item, json_is_true(v) ? "on" : "off");
	} else if (json_is_integer(v)) {
		fprintf(f, "%s: %" JSON_INTEGER_FORMAT "\n", item,
		    json_integer_value(v));
	} else {
		fprintf(f, "%s: \"%s\"\n", item,
		    strcmp(s, "(hidden)") == 0 ? SECRET : s);
	}
}

static void
print_row(FILE *f, json_t *row, bool is_list)
{
	const char *item, *indent = is_list ? "  - " : "    ";
	json_t *v, *e;
	size_t i;

	json_object_foreach(row, item, v) {
		if (json_is_array(v) && json_array_size(v) == 0) {
			fprintf(f, "%s%s:\n", indent, item);
		} else if (json_is_array(v)) {
			json_array_foreach(v, i, e) {
				fputs(indent, f);
				print_value(f, item, e);
			}
		} else {
			fputs(indent, f);
			print_value(f, item, v);
		}
		indent = "    ";
	}
}

/* From the JSON of a dump to the form that is read. */
static char *
as_text(const char *dump)
{
	json_t *all = json_loads(dump, 0, NULL), *section, *row;
	const char *name;
	char *text;
	size_t len, i;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(all);
	json_object_foreach(all, name, section) {
		fprintf(f, "%s:\n", name);
		if (json_is_object(section)) {
			print_row(f, section, false);
		}
		json_array_foreach(section, i, row) {
			print_row(f, row, true);
		}
	}
	fclose(f);
	json_decref(all);
	return text;
}

static char *
slurp(const char *path)
{
	char *text = calloc(1, 1 << 20);
	FILE *f = fopen(path, "r");

	assert_non_null(text);
	if (f == NULL) {
		free(text);
		return NULL;
	}
	assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
	fclose(f);
	return text;
}

/* Text of a file of the source tree; skips the test when it is not there. */
static char *
source_file(const char *name, char path[512])
{
	const char *dir = getenv("SRCDIR");
	char *text;

	snprintf(path, 512, "%s/%s", dir != NULL ? dir : ".", name);
	text = slurp(path);
	if (text == NULL) {
		print_message("no %s: set SRCDIR\n", path);
		skip();
	}
	return text;
}

static void
check_round_trip(const char *text)
{
	char *first, *second, *again, *errs;
	struct combiner_conf *c;
	struct conf *conf;
	int r;

	c = load(text, &conf);
	combiner_conf_unref(c);
	first = conf_dump_json(conf);
	conf_free(conf);
	again = as_text(first);
	r = conf_load_string(combiner_schema, again, &conf, &errs);
	if (r != E_OK) {
		print_error("%s\n%s", again, errs);
	}
	assert_int_equal(r, E_OK);
	combiner_conf_check(conf);
	assert_string_equal(conf_errors(conf), "");
	second = conf_dump_json(conf);
	assert_string_equal(first, second);
	conf_free(conf);
	free(first);
	free(second);
	free(again);
}

static void
test_round_trip(void **state)
{
	char path[512], *text;

	(void)state;
	check_round_trip(BASE
	    "template:\n  - id: default\n    master: owner\n    acl: out\n"
	    "    transfer-idle-timeout: 1500ms\n    transfer-max-size: 65537\n"
	    "    omit-types: [ NS, CSYNC ]\n"
	    "zone:\n  - domain: a\\.b.example\n    notify:\n"
	    "catalog:\n  - domain: cat.example\n");
	text = source_file("examples/combiner.conf", path);
	check_round_trip(text);
	free(text);
}

/* ---- the example and the manual know all items, and no others ---- */

/* Lines after the marker without "# ", as somebody would take them over. */
static char *
example_in_full(const char *text)
{
	static const char *const needs_files[] = { "listen-tls:",
		"cert-file:", "key-file:", "secret-file:", "client-cert:" };
	const char *p = strstr(text, "\n# server:\n");
	char *out = calloc(1, strlen(text) + 1000);

	assert_non_null(p);
	assert_non_null(out);
	memcpy(out, text, (size_t)(p + 1 - text));
	for (p++; *p != '\0'; p += strcspn(p, "\n") + 1) {
		size_t len = strcspn(p, "\n") + 1;
		bool leave_out = false;

		for (size_t i = 0; i < sizeof(needs_files) /
		    sizeof(needs_files[0]); i++) {
			const char *at = strstr(p, needs_files[i]);

			leave_out |= at != NULL && at < p + len;
		}
		if (strncmp(p, "#     secret-file:", 18) == 0) {
			strcat(out, "    secret: " SECRET "\n");
		} else if (!leave_out && len > 2) {
			strncat(out, p + 2, len - 2);
		}
	}
	return out;
}

static void
test_example(void **state)
{
	char path[512], *text = source_file("examples/combiner.conf", path);
	char *full = example_in_full(text), want[80], *errs;
	struct conf *conf;

	(void)state;
	for (const struct conf_section *s = combiner_schema; s->name != NULL;
	    s++) {
		for (size_t i = 0; s->items[i].name != NULL; i++) {
			snprintf(want, sizeof(want), " %s: ",
			    s->items[i].name);
			/* what two or three sections share stands once */
			if (strstr(text, want) == NULL &&
			    strcmp(s->items[i].name, "secret") != 0 &&
			    strcmp(s->items[i].name, "via") != 0 &&
			    strcmp(s->items[i].name, "ca-file") != 0 &&
			    strcmp(s->items[i].name, "hostname") != 0 &&
			    strcmp(s->items[i].name, "deny") != 0) {
				print_error("%s.%s is not in the example\n",
				    s->name, s->items[i].name);
				fail();
			}
		}
	}
	if (conf_load_string(combiner_schema, full, &conf, &errs) != E_OK) {
		print_error("%s%s", full, errs);
		fail();
	}
	combiner_conf_check(conf);
	assert_int_equal(conf_status(conf), E_OK);
	conf_free(conf);
	free(full);
	free(text);
}

static void
update_manual(const char *path, const char *text, const char *schema)
{
	const char *begin = strstr(text, BEGIN), *end = strstr(text, END);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fprintf(f, "%.*s%s%s", (int)(begin + strlen(BEGIN) - text), text,
	    schema, end);
	assert_int_equal(fclose(f), 0);
}

static void
test_manual(void **state)
{
	char path[512], *text = source_file("man/combiner.conf.5", path);
	char *schema = conf_schema_mdoc(combiner_schema), *begin, *end;

	(void)state;
	assert_non_null(schema);
	if (getenv("UPDATE_MANUAL") != NULL) {
		update_manual(path, text, schema);
		free(text);
		text = source_file("man/combiner.conf.5", path);
	}
	begin = strstr(text, BEGIN);
	end = strstr(text, END);
	assert_non_null(begin);
	assert_non_null(end);
	*end = '\0';
	assert_string_equal(begin + strlen(BEGIN), schema);
	free(schema);
	free(text);
}

/* Each item has words, or stands in a section whose words cover it. */
static void
test_words(void **state)
{
	(void)state;
	for (const struct conf_section *s = combiner_schema; s->name != NULL;
	    s++) {
		bool covers = s->man != NULL &&
		    strstr(s->man, "section template") != NULL;

		assert_non_null(s->man);
		for (const struct conf_item *i = s->items; i->name != NULL;
		    i++) {
			if (i->man == NULL && !covers) {
				print_error("%s.%s has no words\n", s->name,
				    i->name);
				fail();
			}
			assert_true(i->type != CONF_REF || i->ref != NULL);
			assert_true(i->type != CONF_ENUM || i->words != NULL);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_server),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_no_listen),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
