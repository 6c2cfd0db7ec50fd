/* SPDX-License-Identifier: GPL-3.0-or-later */
/* polyctl: words to calls, for every method of the tables; records; text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl/ctl.h"

#define WORDS_MAX 32

/* Splits at blanks; a blank inside of '…' stays. */
static enum ctl_status
parse(const char *line, struct ctl_cmd *c)
{
	static char text[512]; /* results point into it */
	char *argv[WORDS_MAX + 1], *p = text;
	int argc = 0;

	(void)snprintf(text, sizeof(text), "polyctl %s", line);
	while (*p != '\0' && argc < WORDS_MAX) {
		char end = *p == '\'' ? '\'' : ' ';

		p += end == '\'';
		argv[argc++] = p;
		p += strcspn(p, end == '\'' ? "'" : " ");
		if (*p != '\0') {
			*p++ = '\0';
		}
		p += strspn(p, " ");
	}
	argv[argc] = NULL;
	return ctl_parse(argc, argv, c);
}

/* params as JSON text with sorted members. */
static void
wants(const char *line, const char *method, const char *params)
{
	struct ctl_cmd c;
	char *text;

	assert_int_equal(parse(line, &c), CTL_OK);
	assert_non_null(c.method);
	assert_string_equal(c.method->name, method);
	text = json_dumps(c.params, JSON_SORT_KEYS | JSON_COMPACT);
	assert_string_equal(text, params);
	free(text);
	ctl_cmd_clear(&c);
}

static void
test_words(void **state)
{
	(void)state;
	wants("combiner status", "status", "{}");
	wants("combiner log level debug", "log.level", "{\"level\":\"debug\"}");
	wants("combiner zone list", "zone.list", "{}");
	wants("combiner zone list --limit 3 --alerts", "zone.list",
	    "{\"alerts\":true,\"limit\":3}");
	wants("combiner zone status MS.Test", "zone.status",
	    "{\"zone\":\"ms.test.\"}");
	wants("combiner zone status .", "zone.status", "{\"zone\":\".\"}");
	wants("combiner zone retransfer --force a.", "zone.retransfer",
	    "{\"force\":true,\"zone\":\"a.\"}");
	wants("combiner contribution get a --type ns --source=x",
	    "contribution.get",
	    "{\"source\":\"x\",\"type\":\"NS\",\"zone\":\"a.\"}");
	wants("combiner contribution put a ns n1. n2. --ttl 5",
	    "contribution.put",
	    "{\"records\":[\"n1.\",\"n2.\"],\"ttl\":5,\"type\":\"NS\","
	    "\"zone\":\"a.\"}");
	wants("combiner contribution put a ns --ttl 5 -- --ttl",
	    "contribution.put",
	    "{\"records\":[\"--ttl\"],\"ttl\":5,\"type\":\"NS\","
	    "\"zone\":\"a.\"}");
	wants("combiner subscribe", "subscribe", "{}");
	wants("combiner subscribe zone.failed", "subscribe",
	    "{\"events\":[\"zone.failed\"]}");
}

static void
test_options(void **state)
{
	struct ctl_cmd c;

	(void)state;
	assert_int_equal(
	    parse("--json combiner -s /x --watch zone list -t 0.5", &c),
	    CTL_OK);
	assert_true(c.is_json && c.is_watch);
	assert_string_equal(c.socket, "/x");
	assert_int_equal(c.timeout_ms, 500);
	ctl_cmd_clear(&c);
	assert_int_equal(
	    parse("combiner contribution put a NS --file=f --ttl 1", &c),
	    CTL_OK);
	assert_string_equal(c.file, "f");
	ctl_cmd_clear(&c);
}

static void
test_usage(void **state)
{
	static const char *const bad[] = {"", "msa", "combiner",
	    "combiner zone", "combiner zone statu", "combiner status x",
	    "combiner zone status", "combiner zone status a b",
	    "combiner zone list --limit", "combiner zone list --limit x",
	    "combiner zone list --limit 1x", "combiner zone list --limit ''",
	    "combiner zone list --alerts=1", "combiner zone list --nothing",
	    "combiner zone list -x", "--nothing combiner zone list",
	    "-t x combiner status", "-t 0 combiner status", "-t",
	    "combiner zone status a --zone b", "combiner hello",
	    "--watch combiner stop", "--watch combiner zone refresh a",
	    "combiner zone list --file x", "--mdoc combiner-nothing",
	    "--mdoc nobody-methods", "--mdoc x",
	    "combiner log level " /* a value is missing */,
	    "combiner aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	    "combiner a a a a a a a a a a a a a a a a a a a a a a a a a a"};
	struct ctl_cmd c;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (parse(bad[i], &c) != CTL_USAGE) {
			fail_msg("\"%s\" is not refused", bad[i]);
		}
		ctl_cmd_clear(&c);
	}
}

/* Each command of each table: its own words are found, and its members. */
static void
test_every_command(void **state)
{
	(void)state;
	for (const char *const *s = ipc_services(); *s != NULL; s++) {
		const struct ipc_method *tables[] = {
		    ipc_methods(*s), ipc_methods_common()};

		for (size_t t = 0; t < 2; t++) {
			for (const struct ipc_method *m = tables[t];
			     m->name != NULL; m++) {
				char line[256];
				struct ctl_cmd c;

				if (m->cli == NULL) {
					continue;
				}
				(void)snprintf(
				    line, sizeof(line), "%s %s", *s, m->cli);
				for (const struct ipc_member *p = m->params;
				     p->name != NULL; p++) {
					size_t n = strlen(line);

					(void)snprintf(line + n,
					    sizeof(line) - n, "%s%s%s",
					    ctl_is_positional(p) ||
						    p->type == IPC_STRINGS
						? ""
						: " --",
					    ctl_is_positional(p) ||
						    p->type == IPC_STRINGS
						? ""
						: p->name,
					    p->type == IPC_BOOLEAN ? "" : " 1");
				}
				assert_int_equal(parse(line, &c), CTL_OK);
				assert_ptr_equal(c.method, m);
				for (const struct ipc_member *p = m->params;
				     p->name != NULL; p++) {
					assert_non_null(
					    json_object_get(c.params, p->name));
				}
				ctl_cmd_clear(&c);
			}
		}
	}
}

/* ---- records ---- */

static void
test_record(void **state)
{
	static const struct {
		const char *text, *type, *rdata; /* rdata NULL: refused */
		int64_t ttl;
	} cases[] = {
	    {"257 3 13 abcd", "DNSKEY", "257 3 13 abcd", -1},
	    {"ms.test. 300 IN DNSKEY 257 3 13 a", "DNSKEY", "257 3 13 a", 300},
	    {"MS.TEST. IN 300 DNSKEY 257 3 13 a", "DNSKEY", "257 3 13 a", 300},
	    {"ms.test 1h30m dnskey 257 3 13 a", "DNSKEY", "257 3 13 a", 5400},
	    {"@ IN DNSKEY 257 3 13 a", "DNSKEY", "257 3 13 a", -1},
	    {"@\tDNSKEY\t257 3 13 a", "DNSKEY", "257 3 13 a", -1},
	    {"ns1.ms.test.", "NS", "ns1.ms.test.", -1},
	    {"ms.test.", "NS", "ms.test.", -1},
	    {"ms.test. 60 NS ns1.ms.test.", "NS", "ns1.ms.test.", 60},
	    {"66 3 A NS AAAA", "CSYNC", "66 3 A NS AAAA", -1},
	    {"66 3 CSYNC", "CSYNC", "66 3 CSYNC", -1},
	    {"ms.test. IN CSYNC 66 3 CSYNC", "CSYNC", "66 3 CSYNC", -1},
	    {"www.ms.test. 300 IN NS a.", "NS", NULL, 0},
	    {"other.test. NS a.", "NS", NULL, 0},
	    {"ms.test. IN A 192.0.2.1", "NS", NULL, 0},
	    {"ms.test. 99999999999 IN NS a.", "NS",
		"ms.test. 99999999999 IN "
		"NS a.",
		-1},
	    {"ms.test. IN NS", "NS", "", -1},
	    {"", "NS", "", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *copy = strdup(cases[i].text), *rdata;
		const char *why;
		int64_t ttl;

		rdata = ctl_record_parse(
		    copy, "ms.test.", cases[i].type, &ttl, &why);
		if (cases[i].rdata == NULL) {
			assert_null(rdata);
			assert_non_null(why);
		} else {
			assert_non_null(rdata);
			assert_string_equal(rdata, cases[i].rdata);
			assert_int_equal(ttl, cases[i].ttl);
		}
		free(copy);
	}
}

/* text as a file; wants this member records, or a refusal (NULL). */
static void
read_file(const char *text, const char *records, int ttl)
{
	char path[] = "/tmp/ctl-test-XXXXXX", line[128], *got;
	struct ctl_cmd c;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	(void)snprintf(line, sizeof(line),
	    "combiner contribution put ms.test CDS --file %s", path);
	assert_int_equal(parse(line, &c), CTL_OK);
	assert_int_equal(
	    ctl_records_read(&c), records != NULL ? CTL_OK : CTL_USAGE);
	if (records != NULL) {
		got = json_dumps(
		    json_object_get(c.params, "records"), JSON_COMPACT);
		assert_string_equal(got, records);
		free(got);
		assert_int_equal(
		    json_integer_value(json_object_get(c.params, "ttl")), ttl);
	}
	ctl_cmd_clear(&c);
	unlink(path);
}

static void
test_files(void **state)
{
	(void)state;
	read_file("ms.test. 300 IN CDS 1 13 2 aa\n"
		  "; a comment\n\n@ 60 CDS 2 13 2 bb ; another",
	    "[\"1 13 2 aa\",\"2 13 2 bb\"]", 60);
	read_file(
	    "@ 60 CDS 1 13 2 (aa\r\nbb) ; x\n", "[\"1 13 2  aa  bb\"]", 60);
	read_file("@ 60 CDS ( 1;\"(\n13 2 aa )", "[\"1 13 2 aa\"]", 60);
	read_file("1 13 2 aa\n", NULL, 0);   /* no TTL anywhere */
	read_file("; nothing\n\n", NULL, 0); /* removes nothing */
	read_file("@ 60 CDS 1 13 2 (aa\n", NULL, 0);
	read_file("@ 60 CDS\n", NULL, 0);
	read_file("@ 60 CDS \xff\n", NULL, 0); /* not UTF-8 */
	read_file("x.test. 60 IN CDS 1 13 2 aa\n", NULL, 0);
}

/* ---- text ---- */

/* What fn prints. */
static char *
print(void (*fn)(const struct ctl_out *o, const json_t *v), const char *json)
{
	struct ctl_out o = {.now_sec = 1788264000}; /* 2026-09-01T12:00:00Z */
	json_t *v = json_loads(json, 0, NULL);
	char *text = NULL;
	size_t len;

	assert_non_null(v);
	o.f = open_memstream(&text, &len);
	assert_non_null(o.f);
	fn(&o, v);
	(void)fclose(o.f);
	json_decref(v);
	return text;
}

static void
test_ages(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
	    {"2026-09-01T12:00:00Z", "now"},
	    {"2026-09-01T11:59:58Z", "2s ago"},
	    {"2026-09-01T11:56:48Z", "3m12s ago"},
	    {"2026-09-01T10:00:00Z", "2h00m ago"},
	    {"2026-08-01T11:00:00Z", "31d01h ago"},
	    {"2026-09-01T12:01:00Z", "in 1m00s"},
	    {"2026-09-01T12:01:00", "2026-09-01T12:01:00"},
	    {"2026-09-01T12:01:00Zx", "2026-09-01T12:01:00Zx"},
	    {"not a time", "not a time"},
	    {"", ""},
	};
	struct ctl_out o = {.now_sec = 1788264000};
	char s[CTL_AGE_STRLEN];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_string_equal(
		    ctl_when(&o, cases[i].text, s), cases[i].want);
	}
}

/* Nothing that came from a daemon commands the terminal. */
static void
test_escapes(void **state)
{
	char *text = print(ctl_print_zone_status,
	    "{\"zone\":\"\\u001b[2Ja.\",\"alerts\":[{\"name\":\"x\\u0007\","
	    "\"text\":\"\\u009b31m\\u007f\",\"remedy\":\"y\"}]}");

	(void)state;
	assert_null(strchr(text, 0x1b));
	assert_null(strchr(text, 0x07));
	assert_null(strchr(text, 0x7f));
	assert_null(strstr(text, "\xc2\x9b"));
	assert_non_null(strstr(text, "\\x1B[2Ja."));
	free(text);
}

static void
test_zone_status(void **state)
{
	char *text = print(ctl_print_zone_status,
	    "{\"zone\":\"ms.test.\",\"alerts\":[{\"name\":\"transfer\","
	    "\"text\":\"no master\",\"remedy\":\"look there\","
	    "\"since\":\"2026-09-01T11:00:00Z\"}],"
	    "\"waits\":[{\"for\":\"signer s1\","
	    "\"since\":\"2026-09-01T11:59:00Z\","
	    "\"until\":\"2026-09-01T12:00:30Z\"}],"
	    "\"out\":{\"serial\":7,\"published\":\"2026-09-01T11:59:00Z\"},"
	    "\"refresh\":{\"state\":\"idle\",\"fails\":2},"
	    "\"masters\":[{\"remote\":\"m\",\"address\":\"192.0.2.1@53\","
	    "\"last\":{\"time\":\"2026-09-01T11:59:00Z\","
	    "\"result\":\"timed out\"}}],"
	    "\"signers\":[{\"remote\":\"s1\",\"address\":\"192.0.2.2@53\","
	    "\"state\":\"pending\",\"acked_serial\":6,\"tries\":1}],"
	    "\"contributions\":[]}");
	const char *alert = strstr(text, "ALERT transfer: no master");
	const char *wait = strstr(text, "waits for signer s1");
	const char *serial = strstr(text, "serial 7, 1m00s ago");

	(void)state;
	assert_non_null(alert);
	assert_non_null(wait);
	assert_non_null(serial);
	assert_true(alert < wait && wait < serial);
	assert_non_null(strstr(text, "look there"));
	assert_non_null(strstr(text, "1h00m ago"));
	assert_non_null(strstr(text, "in 30s"));
	assert_non_null(strstr(text, "no copy yet"));
	assert_non_null(strstr(text, "2 failed rounds"));
	assert_non_null(strstr(text, "pending"));
	free(text);
}

/* Whatever a daemon of another version answers, something is printed. */
static void
test_odd_results(void **state)
{
	static const char *const odd[] = {"{}", "{\"zones\":7}",
	    "{\"zones\":[7,null,{}]}", "{\"alerts\":[1],\"waits\":{}}",
	    "{\"sets\":[{\"records\":[{}]}],\"contributions\":[{}]}",
	    "{\"sets\":[[]],\"contributions\":[{\"records\":[\"a\"]}]}",
	    "{\"masters\":[{\"last\":3}],\"signers\":[null]}",
	    "{\"zones\":[{\"alerts\":[\"a\",\"b\"]}],\"next\":5}"};
	static void (*const fns[])(const struct ctl_out *, const json_t *) = {
	    ctl_print_zone_status, ctl_print_zone_list, ctl_print_zone_apex,
	    ctl_print_contributions};

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		for (size_t k = 0; k < sizeof(fns) / sizeof(fns[0]); k++) {
			free(print(fns[k], odd[i]));
		}
	}
}

static void
print_any(const struct ctl_out *o, const json_t *v)
{
	ctl_print_object(o, v, 0);
}

static void
test_object(void **state)
{
	char *text = print(print_any,
	    "{\"a\":1,\"longer\":true,\"list\":[\"x\",2],\"rows\":[{\"k\":1},"
	    "{\"k\":22,\"l\":\"v\"}],\"o\":{\"p\":null},\"e\":[]}");

	(void)state;
	assert_string_equal(text,
	    "a       1\nlonger  yes\nlist  \n  x\n  2\nrows  \n"
	    "  k   l\n  1   \n  22  v\no     \n  p  -\ne       []\n");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_options),
	    cmocka_unit_test(test_usage),
	    cmocka_unit_test(test_every_command),
	    cmocka_unit_test(test_record),
	    cmocka_unit_test(test_files),
	    cmocka_unit_test(test_ages),
	    cmocka_unit_test(test_escapes),
	    cmocka_unit_test(test_zone_status),
	    cmocka_unit_test(test_odd_results),
	    cmocka_unit_test(test_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
