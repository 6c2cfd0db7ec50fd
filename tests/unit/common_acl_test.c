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

#include "common/acl.h"
#include "common/conf.h"
#include "common/errcode.h"

#define SECRET "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define OTHER "AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static const struct conf_section schema[] = {
	{ .name = "key", .items = acl_key_items, .is_list = true },
	{ .name = "remote", .items = acl_remote_items, .is_list = true },
	{ .name = "acl", .items = acl_rule_items, .is_list = true },
	{ .name = NULL },
};

static const char good[] =
    "remote:\n"
    "  - id: owner\n"
    "    address: [ 192.0.2.1, 2001:db8::1@5353 ]\n"
    "    via: 192.0.2.9\n"
    "    key: [ New, old. ]\n"
    "  - id: xot\n"
    "    address: 192.0.2.2\n"
    "    tls: on\n"
    "    cert-key: " SECRET "\n"
    "    hostname: NS.example\n"
    "    alpn: tolerate\n"
    "key:\n"
    "  - id: old\n"
    "    secret: " SECRET "\n"
    "  - id: new.\n"
    "    algorithm: hmac-sha512\n"
    "    secret: " OTHER "\n"
    "acl:\n"
    "  - id: no\n"
    "    address: 10.0.0.66\n"
    "    deny: on\n"
    "  - id: net\n"
    "    address: [ 10.0.0.0/8, 2001:db8::-2001:db8::ff ]\n"
    "    action: [ transfer, notify ]\n"
    "  - id: keyed\n"
    "    key: [ old, new ]\n"
    "    action: transfer\n"
    "  - id: pinned\n"
    "    cert-key: " SECRET "\n"
    "    tls: on\n"
    "    action: query\n";

static struct acl_db *
load(const char *text, struct conf **conf)
{
	struct acl_db *db = NULL;
	char *errs;
	int r = conf_load_string(schema, text, conf, &errs);

	if (r != E_OK) {
		print_error("%s", errs);
	}
	assert_int_equal(r, E_OK);
	r = acl_db_new(*conf, &db);
	if (r != E_OK) {
		print_error("%s", conf_errors(*conf));
	}
	assert_int_equal(r, E_OK);
	return db;
}

static void
test_build(void **state)
{
	struct conf *conf;
	struct acl_db *db = load(good, &conf);
	const struct acl_remote *r = acl_remote_find(db, "owner");
	char s[NET_ADDR_STRLEN];

	(void)state;
	/* it must not lean on the configuration any more */
	conf_free(conf);
	assert_int_equal(db->nkeys, 2);
	assert_ptr_equal(db->tsig[1], &db->keys[1].tsig);
	assert_int_equal(db->keys[1].tsig.alg, TSIG_HMAC_SHA512);
	assert_int_equal(db->keys[1].tsig.secret_len, 32);
	assert_int_equal(db->keys[1].tsig.secret[0], 1);
	assert_int_equal(db->keys[0].tsig.name_len, 5);
	assert_memory_equal(db->keys[0].tsig.name, "\3old", 5);
	assert_ptr_equal(acl_key_find(db, "new."), &db->keys[1]);
	assert_null(acl_key_find(db, "none."));
	assert_int_equal(r->naddrs, 2);
	assert_string_equal(net_addr_str(&r->addrs[0], s), "192.0.2.1@53");
	assert_string_equal(net_addr_str(&r->addrs[1], s),
	    "2001:db8::1@5353");
	assert_string_equal(net_addr_host_str(&r->via, s), "192.0.2.9");
	assert_int_equal(net_addr_port(&r->via), 0);
	assert_int_equal(r->nkeys, 2);
	assert_string_equal(r->keys[0]->id, "new.");
	assert_null(r->tls);
	r = acl_remote_find(db, "xot");
	assert_non_null(r->tls);
	assert_string_equal(r->server_name, "ns.example");
	assert_int_equal(net_addr_port(&r->addrs[0]), 853);
	assert_int_equal(r->via.u.sa.sa_family, 0);
	assert_null(acl_remote_find(db, "none"));
	assert_int_equal(acl_rule_find(db, "no")->actions,
	    ACL_TRANSFER | ACL_NOTIFY | ACL_QUERY);
	assert_null(acl_rule_find(db, "none"));
	acl_db_free(db);
	acl_db_free(NULL);
}

static void
test_decision(void **state)
{
	static const struct {
		const char *addr;
		int key; /* of db, or -1 */
		bool pin, tls;
		enum acl_action action;
		bool want;
	} cases[] = {
		{ "10.1.2.3", -1, false, false, ACL_TRANSFER, true },
		{ "10.1.2.3", -1, false, false, ACL_NOTIFY, true },
		{ "10.1.2.3", -1, false, false, ACL_QUERY, true },
		{ "10.0.0.66", -1, false, false, ACL_TRANSFER, false },
		{ "10.0.0.66", -1, false, false, ACL_QUERY, false },
		{ "11.0.0.1", -1, false, false, ACL_TRANSFER, false },
		{ "2001:db8::80", -1, false, false, ACL_NOTIFY, true },
		{ "2001:db8::100", -1, false, false, ACL_NOTIFY, false },
		/* signed: rules without a key do not fit, not even deny */
		{ "10.1.2.3", 0, false, false, ACL_NOTIFY, false },
		{ "10.0.0.66", 0, false, false, ACL_TRANSFER, true },
		{ "192.0.2.77", 1, false, false, ACL_TRANSFER, true },
		{ "192.0.2.77", 1, false, false, ACL_QUERY, true },
		{ "192.0.2.77", 1, false, false, ACL_NOTIFY, false },
		{ "192.0.2.77", -1, true, true, ACL_QUERY, true },
		{ "192.0.2.77", -1, true, false, ACL_QUERY, false },
		{ "192.0.2.77", -1, false, true, ACL_QUERY, false },
		{ "192.0.2.77", -1, true, true, ACL_TRANSFER, false },
	};
	struct conf *conf;
	struct acl_db *db = load(good, &conf);
	const struct acl_rule *rules[4];
	uint8_t pin[TLS_PIN_LEN];

	(void)state;
	conf_free(conf);
	for (size_t i = 0; i < 4; i++) {
		rules[i] = &db->rules[i];
	}
	memcpy(pin, db->rules[3].pins[0], sizeof(pin));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct net_addr a;
		struct tsig_key key = { 0 };
		struct acl_subject who = { .addr = &a,
			.is_tls = cases[i].tls,
			.pin = cases[i].pin ? pin : NULL };

		assert_int_equal(net_addr_parse(cases[i].addr, 1, &a), E_OK);
		if (cases[i].key >= 0) {
			/* a copy, as of an older configuration */
			key = db->keys[cases[i].key].tsig;
			who.key = &key;
		}
		if (acl_allows(rules, 4, &who, cases[i].action) !=
		    cases[i].want) {
			print_error("case %zu\n", i);
			fail();
		}
		assert_false(acl_allows(NULL, 0, &who, cases[i].action));
	}
	/* the name alone is not the key */
	struct tsig_key wrong = db->keys[0].tsig;
	struct net_addr a;
	struct acl_subject who = { .addr = &a, .key = &wrong };

	assert_int_equal(net_addr_parse("192.0.2.1", 1, &a), E_OK);
	wrong.alg = TSIG_HMAC_SHA384;
	assert_false(acl_allows(rules, 4, &who, ACL_TRANSFER));
	pin[0] ^= 1;
	who = (struct acl_subject){ .addr = &a, .pin = pin, .is_tls = true };
	assert_false(acl_allows(rules, 4, &who, ACL_QUERY));
	acl_db_free(db);
}

static void
test_errors(void **state)
{
	static const struct {
		const char *text, *errs;
	} cases[] = {
		{ "key:\n  - id: k\n",
		    "text:2: key[k.].secret: expected a secret or a "
		    "secret-file, and not both\n" },
		{ "key:\n  - id: k\n    secret: " SECRET "\n"
		  "    secret-file: x\n",
		    "text:3: key[k.].secret: expected a secret or a "
		    "secret-file, and not both\n" },
		{ "key:\n  - id: k\n    secret: c2hvcnQ=\n",
		    "text:3: key[k.].secret: shorter than 32 octets\n" },
		{ "key:\n  - id: k\n    secret-file: /nonexistent/x\n",
		    "text:3: key[k.].secret-file: /nonexistent/x: No such "
		    "file or directory\n" },
		{ "key:\n  - id: k\n    secret-file: /\n",
		    "text:3: key[k.].secret-file: /: no ordinary file\n" },
		{ "remote:\n  - id: r\n    address: ::1\n    tls: on\n",
		    "text:4: remote[r].tls: expected a cert-key, or a ca-file "
		    "and a hostname, to know the server by\n" },
		{ "remote:\n  - id: r\n    address: ::1\n    tls: on\n"
		  "    ca-file: /x\n    cert-file: /y\n",
		    "text:5: remote[r].ca-file: expected a hostname, too\n"
		    "text:6: remote[r].cert-file: expected cert-file and "
		    "key-file, or none of them\n" },
		{ "remote:\n  - id: r\n    address: ::1\n"
		  "    hostname: x.example\n    alpn: strict\n",
		    "text:4: remote[r].hostname: has a meaning only with "
		    "tls: on\n" },
		{ "acl:\n  - id: a\n    address: ::1\n",
		    "text:2: acl[a].action: must be given: expected transfer, "
		    "notify, query\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct acl_db *db = NULL;
		struct conf *conf;
		char *errs;

		assert_int_equal(conf_load_string(schema, cases[i].text,
		    &conf, &errs), E_OK);
		assert_int_equal(acl_db_new(conf, &db), E_CONF);
		assert_non_null(db);
		assert_string_equal(conf_errors(conf), cases[i].errs);
		acl_db_free(db);
		conf_free(conf);
	}
}

static void
test_bad_tls_files(void **state)
{
	struct acl_db *db = NULL;
	struct conf *conf;
	char *errs;

	(void)state;
	assert_int_equal(conf_load_string(schema,
	    "remote:\n  - id: r\n    address: ::1\n    tls: on\n"
	    "    hostname: x.example\n    ca-file: /nonexistent/ca.pem\n",
	    &conf, &errs), E_OK);
	assert_int_equal(acl_db_new(conf, &db), E_CONF);
	assert_non_null(strstr(conf_errors(conf), "text:4: remote[r].tls: "));
	assert_non_null(strstr(conf_errors(conf), "/nonexistent/ca.pem"));
	acl_db_free(db);
	conf_free(conf);
}

static void
test_secret_file(void **state)
{
	static const struct {
		const char *content;
		mode_t mode;
		const char *err; /* NULL: good */
	} cases[] = {
		{ SECRET "\n", 0600, NULL },
		{ SECRET, 0640, NULL },
		{ SECRET "\n", 0644, "others may read or write it" },
		{ SECRET "\n", 0602, "others may read or write it" },
		{ "c2hvcnQ=\n", 0600, "shorter than 32 octets" },
		{ "", 0600, "shorter than 32 octets" },
		{ "not base64\n", 0600, "expected one line of base64" },
		{ SECRET SECRET SECRET SECRET SECRET SECRET SECRET, 0600,
		    "too long" },
	};
	char path[] = "/tmp/acl_test.XXXXXX", text[200];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	snprintf(text, sizeof(text), "key:\n  - id: k\n    secret-file: %s\n",
	    path);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct acl_db *db = NULL;
		struct conf *conf;
		char *errs;
		FILE *f = fopen(path, "w");

		assert_non_null(f);
		fputs(cases[i].content, f);
		fclose(f);
		assert_int_equal(chmod(path, cases[i].mode), 0);
		assert_int_equal(conf_load_string(schema, text, &conf, &errs),
		    E_OK);
		assert_int_equal(acl_db_new(conf, &db),
		    cases[i].err == NULL ? E_OK : E_CONF);
		if (cases[i].err == NULL) {
			assert_int_equal(db->keys[0].tsig.secret_len, 32);
			assert_int_equal(db->keys[0].tsig.secret[31], 31);
		} else {
			assert_non_null(strstr(conf_errors(conf),
			    cases[i].err));
			assert_null(strstr(conf_errors(conf), "AAEC"));
		}
		acl_db_free(db);
		conf_free(conf);
	}
	unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_decision),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_bad_tls_files),
		cmocka_unit_test(test_secret_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
