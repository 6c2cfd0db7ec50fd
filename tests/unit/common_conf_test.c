/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base64.h"
#include "common/conf.h"
#include "common/errcode.h"

static const char *const colours[] = { "red", "green", "blue", NULL };

static const struct conf_item server_items[] = {
	{ .name = "listen", .type = CONF_ADDR, .flags = CONF_MULTI,
	    .port = 53, .dflt = "127.0.0.1, ::1", .man = "Where." },
	{ .name = "on", .type = CONF_BOOL, .dflt = "on" },
	{ .name = "count", .type = CONF_INT, .min = 1, .max = 100,
	    .dflt = "7" },
	{ .name = "any", .type = CONF_INT },
	{ .name = "size", .type = CONF_SIZE, .dflt = "2G" },
	{ .name = "wait", .type = CONF_TIME, .min = 1000, .max = 604800000,
	    .dflt = "90s" },
	{ .name = "text", .type = CONF_STR, .flags = CONF_RESTART },
	{ .name = "file", .type = CONF_PATH },
	{ .name = "secret", .type = CONF_B64, .flags = CONF_SECRET },
	{ .name = "pin", .type = CONF_PIN, .flags = CONF_MULTI },
	{ .name = "from", .type = CONF_PREFIX, .flags = CONF_MULTI },
	{ .name = "colour", .type = CONF_ENUM, .words = colours,
	    .flags = CONF_MULTI, .dflt = "green" },
	{ .name = NULL },
};

static const struct conf_item zone_items[] = {
	{ .name = "domain", .type = CONF_NAME, .flags = CONF_ID },
	{ .name = "master", .type = CONF_REF, .ref = "remote,remotes",
	    .flags = CONF_MULTI | CONF_REQUIRED },
	{ .name = "parent", .type = CONF_REF, .ref = "zone" },
	{ .name = NULL },
};

static const struct conf_item remote_items[] = {
	{ .name = "id", .type = CONF_STR, .flags = CONF_ID },
	{ .name = "address", .type = CONF_ADDR, .flags = CONF_REQUIRED,
	    .port = 53 },
	{ .name = NULL },
};

static const struct conf_item remotes_items[] = {
	{ .name = "id", .type = CONF_STR, .flags = CONF_ID },
	{ .name = "remote", .type = CONF_REF, .flags = CONF_MULTI,
	    .ref = "remote" },
	{ .name = NULL },
};

static const struct conf_section schema[] = {
	{ .name = "server", .items = server_items },
	{ .name = "zone", .items = zone_items, .is_list = true },
	{ .name = "remote", .items = remote_items, .is_list = true },
	{ .name = "remotes", .items = remotes_items, .is_list = true },
	{ .name = NULL },
};

static struct conf *
load_ok(const char *text)
{
	struct conf *c = NULL;
	char *errs;
	int r = conf_load_string(schema, text, &c, &errs);

	if (r != E_OK) {
		print_error("%s", errs);
	}
	assert_int_equal(r, E_OK);
	assert_null(errs);
	return c;
}

static void
test_defaults(void **state)
{
	struct conf *c = load_ok("");
	const struct conf_row *s = conf_row(c, "server", 0);
	struct net_addr a, b;

	(void)state;
	assert_int_equal(conf_count(c, "server"), 1);
	assert_int_equal(conf_count(c, "zone"), 0);
	assert_int_equal(conf_count(c, "nothing"), 0);
	assert_null(conf_row(c, "zone", 0));
	assert_int_equal(conf_values(s, "listen"), 2);
	assert_false(conf_is_set(s, "listen"));
	assert_int_equal(conf_addr(s, "listen", 1, &a), E_OK);
	assert_int_equal(net_addr_parse("::1@53", 1, &b), E_OK);
	assert_true(net_addr_equal(&a, &b));
	assert_int_equal(conf_addr(s, "listen", 2, &a), E_NOENT);
	assert_true(conf_bool(s, "on"));
	assert_int_equal(conf_int(s, "count"), 7);
	assert_int_equal(conf_int(s, "any"), 0);
	assert_int_equal(conf_int(s, "size"), INT64_C(2) << 30);
	assert_int_equal(conf_int(s, "wait"), 90000);
	assert_null(conf_str(s, "text", 0));
	assert_null(conf_bytes(s, "secret", 0, NULL));
	assert_null(conf_ref(s, "secret", 0));
	assert_int_equal(conf_int(s, "colour"), 1);
	assert_null(conf_id(s));
	conf_free(c);
	conf_free(NULL);
}

static void
test_values(void **state)
{
	struct conf *c = load_ok("server:\n"
				 "  listen: 192.0.2.1@5353\n"
				 "  on: False\n"
				 "  count: 100\n"
				 "  size: 64k\n"
				 "  wait: 2h\n"
				 "  text: \"a \\\"b\\\" #c\"\n"
				 "  secret: AAECAw==\n"
				 "  pin: [ sha256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
				 "GBkaGxwdHh8= ]\n"
				 "  from: [ 10.0.0.0/8, 2001:db8::1-2001:db8::9 ]\n"
				 "  colour: [ blue, red ]\n"
				 "zone:\n"
				 "  - domain: ZONE.Example\n"
				 "    master: a\n"
				 "    master: [ group, a ]\n"
				 "    parent: Other.example\n"
				 "  - domain: other.example\n"
				 "    master: a\n"
				 "remotes:\n"
				 "  - id: group\n"
				 "    remote: [ a, b ]\n"
				 "remote:\n"
				 "  - id: a\n"
				 "    address: 192.0.2.1\n"
				 "  - id: b\n"
				 "    address: 192.0.2.2@54\n");
	const struct conf_row *s = conf_row(c, "server", 0), *z, *m;
	struct net_prefix p;
	struct net_addr a;
	const uint8_t *b;
	size_t len;

	(void)state;
	assert_int_equal(conf_values(s, "listen"), 1);
	assert_string_equal(conf_str(s, "listen", 0), "192.0.2.1@5353");
	assert_false(conf_bool(s, "on"));
	assert_int_equal(conf_int(s, "count"), 100);
	assert_int_equal(conf_int(s, "size"), 65536);
	assert_int_equal(conf_int(s, "wait"), 7200000);
	assert_string_equal(conf_str(s, "text", 0), "a \"b\" #c");
	b = conf_bytes(s, "secret", 0, &len);
	assert_int_equal(len, 4);
	assert_memory_equal(b, "\0\1\2\3", 4);
	b = conf_bytes(s, "pin", 0, &len);
	assert_int_equal(len, 32);
	assert_int_equal(b[31], 31);
	assert_int_equal(conf_prefix(s, "from", 1, &p), E_OK);
	assert_int_equal(conf_prefix(s, "from", 2, &p), E_NOENT);
	assert_int_equal(conf_int_at(s, "colour", 0), 2);
	assert_int_equal(conf_int_at(s, "colour", 1), 0);
	z = conf_row(c, "zone", 0);
	assert_string_equal(conf_id(z), "zone.example.");
	assert_ptr_equal(conf_find(c, "zone", "zone.example."), z);
	assert_null(conf_find(c, "zone", "none."));
	assert_null(conf_find(c, "server", "x"));
	assert_int_equal(conf_line(z), 13);
	b = conf_bytes(z, "domain", 0, &len);
	assert_int_equal(len, 14);
	assert_memory_equal(b, "\4zone\7example", 14);
	assert_int_equal(conf_values(z, "master"), 3);
	m = conf_ref(z, "master", 1);
	assert_string_equal(conf_row_section(m), "remotes");
	assert_int_equal(conf_addr(conf_ref(m, "remote", 1), "address", 0, &a),
	    E_OK);
	assert_int_equal(net_addr_port(&a), 54);
	assert_string_equal(conf_id(conf_ref(z, "parent", 0)),
	    "other.example.");
	conf_free(c);
}

static const struct {
	const char *text, *errs;
} bad[] = {
	{ "server:\n  count: 0\n",
	    "text:2: server.count: expected a number between 1 and 100, not "
	    "\"0\"\n" },
	{ "server:\n  count: 7x\n  size: 3Q\n  any: -1\n  any: 3\n",
	    "text:2: server.count: expected a number between 1 and 100, not "
	    "\"7x\"\n"
	    "text:3: server.size: expected a size such as 512K or 2G, not "
	    "\"3Q\"\n"
	    "text:4: server.any: expected a number, not \"-1\"\n"
	    "text:5: server.any: only one value is allowed, and there is one "
	    "already\n" },
	{ "server:\n  wait: 8d\n",
	    "text:2: server.wait: expected a time such as 30s or 2h between "
	    "1s and 7d, not \"8d\"\n" },
	{ "server:\n  wait:\n",
	    "text:2: server.wait: expected a time such as 30s or 2h between "
	    "1s and 7d, there is no value\n" },
	{ "server:\n  size: 9223372036854775807G\n",
	    "text:2: server.size: expected a size such as 512K or 2G, not "
	    "\"9223372036854775807G\"\n" },
	{ "server:\n  size: 99999999999999999999\n",
	    "text:2: server.size: expected a size such as 512K or 2G, not "
	    "\"99999999999999999999\"\n" },
	{ "server:\n  on: perhaps\n",
	    "text:2: server.on: expected on or off, not \"perhaps\"\n" },
	{ "server:\n  colour: [ red, pink ]\n",
	    "text:2: server.colour: expected one of red, green, blue, not "
	    "\"pink\"\n" },
	{ "server:\n  on: [ on, off ]\n",
	    "text:2: server.on: only one value is allowed, and there is one "
	    "already\n" },
	{ "server:\n  secret: dG9wIHNlY3JldA\n",
	    "text:2: server.secret: expected base64\n" },
	{ "server:\n  pin: AAEC\n",
	    "text:2: server.pin: expected a SHA-256 pin: 32 octets in base64, "
	    "not \"AAEC\"\n" },
	{ "server:\n  from: 10.0.0.0/33\n",
	    "text:2: server.from: expected an address, a prefix such as "
	    "192.0.2.0/24, or a range such as 192.0.2.1-192.0.2.9, not "
	    "\"10.0.0.0/33\"\n" },
	{ "server:\n  listen: localhost\n",
	    "text:2: server.listen: expected an address such as 192.0.2.1@53 "
	    "or 2001:db8::1, not \"localhost\"\n" },
	{ "server:\n  lisetn: 127.0.0.1\n  nothing-like-it: 1\n",
	    "text:2: server.lisetn: unknown item of section server, did you "
	    "mean \"listen\"?\n"
	    "text:3: server.nothing-like-it: unknown item of section server\n" },
	{ "sever:\n  on: on\nzebra:\n  a: b\n",
	    "text:1: sever: unknown section, did you mean \"server\"?\n"
	    "text:3: zebra: unknown section\n" },
	{ "server: x\n",
	    "text:1: server: a section has items on the following lines, no "
	    "value\n" },
	{ "server:\n  - on: off\n",
	    "text:2: server: this section is no list, no \"-\" is allowed\n" },
	{ "zone:\n  master: a\n  parent: b\n",
	    "text:2: zone: expected \"- domain:\" first\n" },
	{ "zone:\n  - master: a\n    parent: x\n",
	    "text:2: zone: expected \"- domain:\", not \"- master:\"\n" },
	{ "remote:\n  - id: \"\"\n    address: ::1\n",
	    "text:2: remote.id: expected text in UTF-8 without control "
	    "characters, there is no value\n" },
	{ "remote:\n  - id: a\n",
	    "text:2: remote[a].address: must be given: expected an address "
	    "such as 192.0.2.1@53 or 2001:db8::1\n" },
	{ "zone:\n  - domain: a\n    master:\n",
	    "text:2: zone[a.].master: must be given: expected the id of a "
	    "remote or remotes\n" },
	{ "zone:\n  - domain: a..b\n    master: primry\n"
	  "remote:\n  - id: primary\n    address: ::1\n",
	    "text:2: zone.domain: expected a domain name, not "
	    "\"a..b\"\n"
	    "text:3: zone[a..b].master: there is no remote or remotes "
	    "\"primry\", did you mean \"primary\"?\n" },
	{ "remote:\n  - id: a\n    address: ::1\n  - id: b\n"
	  "    address: ::1\n  - id: a\n    address: ::1\n",
	    "text:6: remote[a]: there is one with this id already, at "
	    "text:2\n" },
	{ "zone:\n  - domain: X.Example\n    master: a\n"
	  "  - domain: x.example.\n    master: a\n"
	  "remote:\n  - id: a\n    address: ::1\n",
	    "text:4: zone[x.example.]: there is one with this id already, at "
	    "text:2\n" },
	{ "server:\n\ton: on\n",
	    "text:2: tabulator character is not allowed\n" },
	{ "server:\n  on: on\n   count: 3\n",
	    "text:3: invalid indentation\n" },
	{ "server:\n  text: \"no end\n", "text:2: syntax error\n" },
	{ "server:\n  text: \"a\xff\"\n  text: \"b\x01\"\n",
	    "text:2: server.text: expected text in UTF-8 without control "
	    "characters, not \"a?\"\n"
	    "text:3: syntax error\n" },
	{ "include: /nonexistent/file.conf\n",
	    "text:1: include: /nonexistent/file.conf: No such file or "
	    "directory\n" },
	{ "include: /\n", "/: Is a directory\n" },
	{ "include:\n", "text:1: include: expected a path\n" },
	/* a syntax error hides what may stand behind it */
	{ "remote:\n  - id: a\n  x\n", "text:3: invalid indentation\n" },
};

static void
test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct conf *c = NULL;
		char *errs = NULL;
		int r = conf_load_string(schema, bad[i].text, &c, &errs);

		if (r != E_CONF || errs == NULL ||
		    strcmp(errs, bad[i].errs) != 0) {
			print_error("case %zu:\n%s-> %d\n%swant\n%s", i,
			    bad[i].text, r, errs != NULL ? errs : "(none)\n",
			    bad[i].errs);
		}
		assert_int_equal(r, E_CONF);
		assert_null(c);
		assert_non_null(errs);
		assert_string_equal(errs, bad[i].errs);
		free(errs);
	}
}

static void
test_empty_list(void **state)
{
	struct conf *c = load_ok("server:\n  listen:\n  colour: \"\"\n");
	const struct conf_row *s = conf_row(c, "server", 0);

	(void)state;
	assert_true(conf_is_set(s, "listen"));
	assert_int_equal(conf_values(s, "listen"), 0);
	assert_int_equal(conf_values(s, "colour"), 0);
	conf_free(c);
}

static void
put_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void
remove_files(const char *dir)
{
	static const char *const names[] = { "main.conf", "sub/a.conf",
		"sub/b.conf", "sub/empty.conf", "loop.conf", "sub" };
	char path[256];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)remove(path); /* not every case makes all */
	}
	(void)rmdir(dir);
}

static void
test_include(void **state)
{
	char dir[] = "/tmp/conf_test.XXXXXX", path[300], want[300];
	struct conf *c;
	char *errs;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sub", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	put_file(dir, "main.conf", "include: sub/*.conf\n"
				   "include: none-*.conf\n"
				   "include: none/*.conf\n"
				   "server:\n  file: main.key\n");
	put_file(dir, "sub/a.conf", "server:\n  text: hello\n");
	put_file(dir, "sub/b.conf", "remote:\n  - id: a\n    address: ::1\n");
	put_file(dir, "sub/empty.conf", "");
	snprintf(path, sizeof(path), "%s/main.conf", dir);
	assert_int_equal(conf_load(schema, path, &c, &errs), E_OK);
	assert_string_equal(conf_str(conf_row(c, "server", 0), "text", 0),
	    "hello");
	snprintf(want, sizeof(want), "%s/main.key", dir);
	assert_string_equal(conf_str(conf_row(c, "server", 0), "file", 0),
	    want);
	assert_non_null(conf_find(c, "remote", "a"));
	conf_free(c);
	/* the error names the included file */
	put_file(dir, "sub/b.conf", "\nserver:\n  on: x\n");
	assert_int_equal(conf_load(schema, path, &c, &errs), E_CONF);
	snprintf(want, sizeof(want),
	    "%s/sub/b.conf:3: server.on: expected on or off, not \"x\"\n",
	    dir);
	assert_string_equal(errs, want);
	free(errs);
	/* a loop ends */
	put_file(dir, "loop.conf", "include: loop.conf\n");
	snprintf(path, sizeof(path), "%s/loop.conf", dir);
	assert_int_equal(conf_load(schema, path, &c, &errs), E_CONF);
	assert_non_null(strstr(errs, ":1: include: files include each other "
				     "more than 8 deep\n"));
	free(errs);
	assert_int_equal(conf_load(schema, "/nonexistent", &c, &errs), E_CONF);
	assert_string_equal(errs, "/nonexistent: No such file or directory\n");
	free(errs);
	remove_files(dir);
}

static void
test_own_errors(void **state)
{
	const struct conf_row *s;
	struct conf *c = load_ok("server:\n  on: on\n  text: x\n");

	(void)state;
	s = conf_row(c, "server", 0);
	assert_string_equal(conf_errors(c), "");
	conf_warning(c, s, "on", "hardly %s", "meant");
	assert_int_equal(conf_status(c), E_OK);
	conf_error(c, s, "text", "no good");
	conf_error(c, s, NULL, "not at all");
	conf_error(c, NULL, NULL, "as a whole");
	assert_int_equal(conf_status(c), E_CONF);
	assert_string_equal(conf_errors(c),
	    "warning: text:2: server.on: hardly meant\n"
	    "text:3: server.text: no good\n"
	    "text:1: server: not at all\n"
	    "text: as a whole\n");
	conf_free(c);
}

static void
test_dump(void **state)
{
	struct conf *c = load_ok("server:\n  secret: c2VjcmV0\n  any: 3\n"
				 "  from: ::1\n"
				 "remote:\n  - id: a\n    address: ::1\n");
	char *text = conf_dump_json(c);

	(void)state;
	assert_non_null(text);
	assert_null(strstr(text, "c2VjcmV0"));
	assert_non_null(strstr(text, "\"secret\": \"(hidden)\""));
	assert_non_null(strstr(text, "\"any\": 3"));
	assert_non_null(strstr(text, "\"wait\": \"90s\""));
	assert_non_null(strstr(text, "\"size\": \"2G\""));
	assert_non_null(strstr(text, "\"zone\": []"));
	assert_non_null(strstr(text, "\"address\": \"::1@53\""));
	free(text);
	conf_free(c);
	text = conf_schema_mdoc(schema);
	assert_non_null(strstr(text, ".Ss server\n"));
	assert_non_null(strstr(text, ".It Cm listen : Ar address Ns Op @ Ns "
				     "Ar port ...\nWhere.\n"));
	free(text);
}

/* 10,000 rows are found, and the errors stay within bounds. */
static void
test_many(void **state)
{
	size_t cap = 2000000, len = 0;
	char *text = malloc(cap), *errs = NULL;
	unsigned lines = 0;
	struct conf *c;

	(void)state;
	assert_non_null(text);
	len += (size_t)snprintf(text, cap, "remote:\n  - id: a\n"
					   "    address: ::1\nzone:\n");
	for (int i = 0; i < 10000; i++) {
		len += (size_t)snprintf(text + len, cap - len,
		    "  - domain: z%d.example\n    master: a\n", i);
	}
	c = load_ok(text);
	assert_int_equal(conf_count(c, "zone"), 10000);
	assert_non_null(conf_find(c, "zone", "z9999.example."));
	conf_free(c);
	text[16] = 'b'; /* no remote "a" any more */
	assert_int_equal(conf_load_string(schema, text, &c, &errs), E_CONF);
	for (const char *p = errs; (p = strchr(p, '\n')) != NULL; p++) {
		lines++;
	}
	assert_int_equal(lines, 201);
	assert_non_null(strstr(errs, "\n9800 more errors\n"));
	free(errs);
	free(text);
}

static void
test_base64(void **state)
{
	static const struct {
		const char *text;
		int len; /* or error */
	} cases[] = {
		{ "", 0 },	     { "AA==", 1 },
		{ "AAA=", 2 },	     { "AAAA", 3 },
		{ "AAAAAA==", 4 },   { "AB==", E_MALF },
		{ "AAB=", E_MALF },  { "A===", E_MALF },
		{ "====", E_MALF },  { "AA=A", E_MALF },
		{ "A=AA", E_MALF }, { "AAA", E_MALF },
		{ "AA A", E_MALF },  { "AA-_", E_MALF },
		{ "+/+/", 3 },	     { "AAAAAAAA", E_SPACE },
	};
	uint8_t out[4], in[64];
	char text[100];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int r = base64_decode(cases[i].text, strlen(cases[i].text),
		    out, sizeof(out), &len);

		assert_int_equal(r == E_OK ? (int)len : r, cases[i].len);
	}
	for (size_t n = 0; n < sizeof(in); n++) {
		uint8_t back[64];

		in[n] = (uint8_t)(n * 37 + 11);
		assert_int_equal(base64_encode(in, n, text, sizeof(text)),
		    E_OK);
		assert_int_equal(base64_encode(in, n, text, strlen(text)),
		    E_SPACE);
		assert_int_equal(base64_encode(in, n, text,
		    strlen(text) + 1), E_OK);
		assert_int_equal(base64_decode(text, strlen(text), back,
		    sizeof(back), &len), E_OK);
		assert_int_equal(len, n);
		assert_memory_equal(back, in, n);
	}
}

/* A daemon keeps its own structs: the rows of lists go, the rest stays. */
static void
test_forget_lists(void **state)
{
	struct conf *c = load_ok("server:\n    listen: 127.0.0.1\n"
				 "remote:\n  - id: a\n    address: 127.0.0.1\n");

	(void)state;
	assert_int_equal(conf_count(c, "remote"), 1);
	conf_forget_lists(c);
	assert_int_equal(conf_count(c, "remote"), 0);
	assert_null(conf_find(c, "remote", "a"));
	assert_int_equal(conf_count(c, "server"), 1);
	assert_int_equal(conf_values(conf_row(c, "server", 0), "listen"), 1);
	conf_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_empty_list),
		cmocka_unit_test(test_include),
		cmocka_unit_test(test_own_errors),
		cmocka_unit_test(test_dump),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_forget_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
