/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines, envelopes and members of local messages; the tables themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/errcode.h"
#include "common/ipc_msg.h"

/* The same octets in pieces of every size give the same lines. */
static void
test_lines(void **state)
{
	static const char text[] = "one\n\ntwo words\nthree\r\nrest";
	static const char *const want[] = {"one", "", "two words", "three\r"};

	(void)state;
	for (size_t step = 1; step <= sizeof(text); step++) {
		struct ipc_lines l = {0};
		size_t n = 0, len;
		const char *line;

		for (size_t i = 0; i < strlen(text); i += step) {
			size_t left = strlen(text) - i;

			assert_int_equal(ipc_lines_push(&l, text + i,
					     left < step ? left : step),
			    E_OK);
			while (ipc_lines_next(&l, &line, &len) == E_OK) {
				assert_true(n < 4);
				assert_int_equal(len, strlen(want[n]));
				assert_memory_equal(line, want[n], len);
				n++;
			}
		}
		assert_int_equal(n, 4);
		assert_true(ipc_lines_has_more(&l));
		ipc_lines_clear(&l);
	}
}

static void
test_line_limit(void **state)
{
	struct ipc_lines l = {0};
	char *big = malloc(IPC_LINE_MAX + 2);
	const char *line;
	size_t len;

	(void)state;
	assert_non_null(big);
	memset(big, 'x', IPC_LINE_MAX + 2);
	big[IPC_LINE_MAX] = '\n';
	assert_int_equal(ipc_lines_push(&l, big, IPC_LINE_MAX + 1), E_OK);
	assert_int_equal(ipc_lines_next(&l, &line, &len), E_OK);
	assert_int_equal(len, IPC_LINE_MAX);
	assert_int_equal(ipc_lines_next(&l, &line, &len), E_AGAIN);
	/* a large buffer is not kept for a small line */
	assert_int_equal(ipc_lines_push(&l, "a\n", 2), E_OK);
	assert_true(l.cap < IPC_LINE_MAX);
	assert_int_equal(ipc_lines_next(&l, &line, &len), E_OK);

	/* one too long, found before its end has come and after */
	big[IPC_LINE_MAX] = 'x';
	assert_int_equal(ipc_lines_push(&l, big, IPC_LINE_MAX + 1), E_OK);
	assert_int_equal(ipc_lines_next(&l, &line, &len), E_LIMIT);
	ipc_lines_clear(&l);
	big[IPC_LINE_MAX + 1] = '\n';
	assert_int_equal(ipc_lines_push(&l, big, IPC_LINE_MAX + 2), E_OK);
	assert_int_equal(ipc_lines_next(&l, &line, &len), E_LIMIT);
	ipc_lines_clear(&l);
	free(big);
}

static void
test_requests(void **state)
{
	static const struct {
		const char *text;
		int want;
		bool has_id;
	} cases[] = {
	    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\"}", E_OK, true},
	    {"{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"a\","
	     "\"params\":{},\"more\":1}",
		E_OK, true},
	    {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"a\"}", E_OK, true},
	    {"{\"jsonrpc\":\"2.0\",\"method\":\"a\"}", E_OK, false},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"a\"}", E_INVAL,
		false},
	    {"{\"jsonrpc\":\"2.0\",\"id\":[],\"method\":\"a\"}", E_INVAL,
		false},
	    {"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"a\"}", E_INVAL, true},
	    {"{\"id\":1,\"method\":\"a\"}", E_INVAL, true},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1}", E_INVAL, true},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", E_INVAL, true},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\",\"params\":[]}",
		E_INVAL, true},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\",\"params\":null}",
		E_INVAL, true},
	    {"[]", E_INVAL, false},
	    {"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\"}]", E_INVAL,
		false},
	    {"", E_MALF, false},
	    {"{", E_MALF, false},
	    {"{} {}", E_MALF, false},
	    {"{\"id\":1,\"id\":1}", E_MALF, false}, /* twice the same member */
	    {"{\"a\":\"\xff\"}", E_MALF, false},    /* not UTF-8 */
	    {"{\"a\":\"\\u0000\"}", E_MALF, false},
	};
	char why[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ipc_request r;

		assert_int_equal(
		    ipc_request_decode(cases[i].text, strlen(cases[i].text), &r,
			why, sizeof(why)),
		    cases[i].want);
		assert_int_equal(r.id != NULL, cases[i].has_id);
		if (cases[i].want == E_OK) {
			assert_true(json_is_object(r.params));
			assert_string_equal(r.method, "a");
		}
		ipc_request_clear(&r);
	}
}

static void
test_request_truncated(void **state)
{
	static const char text[] =
	    "{\"jsonrpc\":\"2.0\",\"id\":1,"
	    "\"method\":\"a\",\"params\":{\"x\":[true,\"\\u20ac\",1e3]}}";
	char why[128];

	(void)state;
	for (size_t len = 0; len < strlen(text); len++) {
		struct ipc_request r;
		char *exact = malloc(len + 1);

		assert_non_null(exact);
		memcpy(exact, text, len);
		assert_int_equal(
		    ipc_request_decode(exact, len, &r, why, sizeof(why)),
		    E_MALF);
		ipc_request_clear(&r);
		free(exact);
	}
}

static json_t *
good_value(enum ipc_type type)
{
	switch (type) {
	case IPC_STRING:
		return json_string("a");
	case IPC_INTEGER:
		return json_integer(1);
	case IPC_BOOLEAN:
		return json_true();
	case IPC_ARRAY:
		return json_array();
	case IPC_OBJECT:
		return json_object();
	case IPC_STRINGS:
		return json_pack("[s, s]", "a", "b");
	}
	return NULL;
}

static json_t *
good_params(const struct ipc_member *list)
{
	json_t *p = json_object();

	for (; list->name != NULL; list++) {
		json_object_set_new(p, list->name, good_value(list->type));
	}
	return p;
}

/* One method of a table: each member missing, of each wrong type, unknown. */
static void
check_method(const struct ipc_method *m)
{
	static const enum ipc_type types[] = {IPC_STRING, IPC_INTEGER,
	    IPC_BOOLEAN, IPC_ARRAY, IPC_OBJECT, IPC_STRINGS};
	json_t *p = good_params(m->params);
	char why[256];

	assert_int_equal(ipc_params_check(m, p, why, sizeof(why)), E_OK);
	json_object_set_new(p, "unknown", json_true());
	assert_int_equal(ipc_params_check(m, p, why, sizeof(why)), E_OK);
	for (const struct ipc_member *x = m->params; x->name != NULL; x++) {
		json_object_del(p, x->name);
		assert_int_equal(ipc_params_check(m, p, why, sizeof(why)),
		    x->is_optional ? E_OK : E_INVAL);
		json_object_set_new(p, x->name, json_null());
		assert_int_equal(
		    ipc_params_check(m, p, why, sizeof(why)), E_INVAL);
		for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
			/* an empty array is an array of strings */
			if (types[i] == x->type ||
			    (types[i] == IPC_ARRAY && x->type == IPC_STRINGS)) {
				continue;
			}
			if (types[i] == IPC_STRINGS && x->type == IPC_ARRAY) {
				continue;
			}
			json_object_set_new(p, x->name, good_value(types[i]));
			assert_int_equal(
			    ipc_params_check(m, p, why, sizeof(why)), E_INVAL);
			assert_non_null(strstr(why, x->name));
		}
		if (x->type == IPC_STRINGS) {
			json_object_set_new(
			    p, x->name, json_pack("[s, i]", "a", 1));
			assert_int_equal(
			    ipc_params_check(m, p, why, sizeof(why)), E_INVAL);
		}
		json_object_set_new(p, x->name, good_value(x->type));
	}
	json_decref(p);
}

static void
test_params(void **state)
{
	(void)state;
	for (const struct ipc_method *m = ipc_methods_common(); m->name != NULL;
	     m++) {
		check_method(m);
	}
	for (const char *const *s = ipc_services(); *s != NULL; s++) {
		for (const struct ipc_method *m = ipc_methods(*s);
		     m->name != NULL; m++) {
			check_method(m);
		}
	}
}

static void
check_row(const char *name, const char *man, const struct ipc_member *list)
{
	size_t len = strlen(man);

	assert_true(
	    strspn(name, "abcdefghijklmnopqrstuvwxyz._") == strlen(name));
	assert_true(len > 0 && man[len - 1] == '.');
	for (; list->name != NULL; list++) {
		assert_non_null(list->man);
		assert_int_equal(list->man[strlen(list->man) - 1], '.');
	}
}

/* Names are unique, all is documented, and words of polyctl too. */
static void
test_tables(void **state)
{
	(void)state;
	assert_null(ipc_methods("nobody"));
	assert_null(ipc_events("nobody"));
	for (const char *const *s = ipc_services(); *s != NULL; s++) {
		const struct ipc_method *list = ipc_methods(*s);

		assert_non_null(list);
		for (const struct ipc_method *m = list; m->name != NULL; m++) {
			check_row(m->name, m->man, m->params);
			check_row(m->name, m->man, m->result);
			assert_ptr_equal(ipc_method_find(list, m->name), m);
			for (const struct ipc_method *o = m + 1;
			     o->name != NULL; o++) {
				assert_string_not_equal(m->cli, o->cli);
			}
			for (const enum ipc_code *e = m->errors; *e != 0; e++) {
				assert_string_not_equal(
				    ipc_code_str(*e), "unknown error");
			}
		}
		for (const struct ipc_event_type *e = ipc_events(*s);
		     e->name != NULL; e++) {
			check_row(e->name, e->man, e->params);
		}
		assert_non_null(ipc_method_find(list, "hello"));
		assert_null(ipc_method_find(list, "hell"));
	}
}

/* What one side builds the other one reads. */
static void
test_round_trip(void **state)
{
	struct ipc_incoming in;
	struct ipc_request r;
	bool too_long;
	json_t *id = json_integer(42);
	char *line, why[64];
	size_t len;

	(void)state;
	line =
	    ipc_msg_call(42, "zone.list", json_pack("{s:i}", "limit", 3), &len);
	assert_int_equal(line[len - 1], '\n');
	assert_int_equal(
	    ipc_request_decode(line, len - 1, &r, why, sizeof(why)), E_OK);
	assert_int_equal(json_integer_value(r.id), 42);
	assert_int_equal(
	    json_integer_value(json_object_get(r.params, "limit")), 3);
	ipc_request_clear(&r);
	free(line);

	line =
	    ipc_msg_result(id, json_pack("{s:s}", "a", "b"), &len, &too_long);
	assert_int_equal(ipc_incoming_decode(line, len - 1, &in), E_OK);
	assert_int_equal(in.kind, IPC_IN_RESULT);
	assert_int_equal(in.id, 42);
	json_decref(in.root);
	free(line);

	line = ipc_msg_error(NULL, IPC_BUSY, "later \xff", NULL, &len);
	assert_int_equal(ipc_incoming_decode(line, len - 1, &in), E_OK);
	assert_int_equal(in.kind, IPC_IN_ERROR);
	assert_int_equal(in.id, -1);
	json_decref(in.root);
	free(line);

	line = ipc_msg_event("zone.failed", json_object(), &len);
	assert_int_equal(ipc_incoming_decode(line, len - 1, &in), E_OK);
	assert_int_equal(in.kind, IPC_IN_EVENT);
	assert_string_equal(in.event, "zone.failed");
	json_decref(in.root);
	free(line);
	json_decref(id);
}

static void
test_too_long(void **state)
{
	char *big = malloc(IPC_LINE_MAX + 1);
	bool too_long;
	size_t len;

	(void)state;
	memset(big, 'x', IPC_LINE_MAX);
	big[IPC_LINE_MAX] = '\0';
	assert_null(ipc_msg_result(NULL, json_string(big), &len, &too_long));
	assert_true(too_long);
	free(big);
}

static void
test_incoming_bad(void **state)
{
	static const char *const cases[] = {"", "7", "[]", "{}", "{\"id\":1}",
	    "{\"id\":\"a\",\"result\":{}}",
	    "{\"id\":1,\"result\":{},\"error\":{}}",
	    "{\"id\":1,\"error\":\"x\"}", "{\"method\":\"e\"}",
	    "{\"method\":\"e\",\"params\":[]}", "{\"result\":{}}"};
	struct ipc_incoming in;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
		    ipc_incoming_decode(cases[i], strlen(cases[i]), &in),
		    E_PROTO);
		assert_null(in.root);
	}
}

static void
test_time(void **state)
{
	json_t *t = ipc_time(1788264000);

	(void)state;
	assert_string_equal(json_string_value(t), "2026-09-01T12:00:00Z");
	json_decref(t);
	assert_null(ipc_time(INT64_MAX));
	assert_null(ipc_time(INT64_C(253402300800))); /* year 10000 */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_line_limit),
	    cmocka_unit_test(test_requests),
	    cmocka_unit_test(test_request_truncated),
	    cmocka_unit_test(test_params),
	    cmocka_unit_test(test_tables),
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_too_long),
	    cmocka_unit_test(test_incoming_bad),
	    cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
