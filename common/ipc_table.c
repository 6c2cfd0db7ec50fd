/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tables of local messages, made from common/proto_<service>.def: each
 * row of such a file becomes one struct ipc_method or ipc_event_type, with the
 * lists of its members as arrays of their own.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/ipc.h"

#define MUST(name_, type_, man_) {name_, IPC_##type_, false, man_},
#define MAY(name_, type_, man_) {name_, IPC_##type_, true, man_},
#define PARAMS(...) __VA_ARGS__
#define RESULT(...) __VA_ARGS__
#define ERRORS(...) __VA_ARGS__
#define MEMBERS(...)                                  \
	(const struct ipc_member[])                   \
	{                                             \
		__VA_ARGS__                           \
		{                                     \
			NULL, IPC_STRING, false, NULL \
		}                                     \
	}
#define ERR(code_) IPC_##code_,
#define CODES(...)              \
	(const enum ipc_code[]) \
	{                       \
		__VA_ARGS__ 0   \
	}

#define METHOD(name_, right_, cli_, man_, params_, result_, errors_) \
	{                                                            \
	    .name = name_,                                           \
	    .right = IPC_##right_,                                   \
	    .params = MEMBERS(params_),                              \
	    .result = MEMBERS(result_),                              \
	    .man = man_,                                             \
	    .cli = cli_,                                             \
	    .errors = CODES(errors_),                                \
	},
#define EVENT(name_, man_, params_)

static const struct ipc_method common_methods[] = {
#include "common/proto_common.def"
    {0},
};
static const struct ipc_method combiner_methods[] = {
#include "common/proto_combiner.def"
    {0},
};

#undef METHOD
#undef EVENT
#define METHOD(name_, right_, cli_, man_, params_, result_, errors_)
#define EVENT(name_, man_, params_) \
	{.name = name_, .params = MEMBERS(params_), .man = man_},

static const struct ipc_event_type combiner_events[] = {
#include "common/proto_combiner.def"
    {0},
};

static const struct {
	const char *name;
	const struct ipc_method *methods;
	const struct ipc_event_type *events;
} services[] = {
    {"combiner", combiner_methods, combiner_events},
};
#define NSERVICES (sizeof(services) / sizeof(services[0]))

const char *const *
ipc_services(void)
{
	static const char *const names[NSERVICES + 1] = {"combiner"};

	return names;
}

const struct ipc_method *
ipc_methods_common(void)
{
	return common_methods;
}

const struct ipc_method *
ipc_methods(const char *service)
{
	for (size_t i = 0; i < NSERVICES; i++) {
		if (strcmp(services[i].name, service) == 0) {
			return services[i].methods;
		}
	}
	return NULL;
}

const struct ipc_event_type *
ipc_events(const char *service)
{
	for (size_t i = 0; i < NSERVICES; i++) {
		if (strcmp(services[i].name, service) == 0) {
			return services[i].events;
		}
	}
	return NULL;
}

static const struct ipc_method *
find_in(const struct ipc_method *methods, const char *name)
{
	for (const struct ipc_method *m = methods; m != NULL && m->name != NULL;
	     m++) {
		if (strcmp(m->name, name) == 0) {
			return m;
		}
	}
	return NULL;
}

const struct ipc_method *
ipc_method_find(const struct ipc_method *methods, const char *name)
{
	const struct ipc_method *m = find_in(methods, name);

	return m != NULL ? m : find_in(common_methods, name);
}

const char *
ipc_type_str(enum ipc_type type)
{
	switch (type) {
	case IPC_STRING:
		return "string";
	case IPC_INTEGER:
		return "integer";
	case IPC_BOOLEAN:
		return "boolean";
	case IPC_ARRAY:
		return "array";
	case IPC_OBJECT:
		return "object";
	case IPC_STRINGS:
		return "array of strings";
	}
	return "unknown";
}

const char *
ipc_right_str(enum ipc_right right)
{
	switch (right) {
	case IPC_LOOK:
		return "look";
	case IPC_CONTRIBUTE:
		return "contribute";
	case IPC_OPERATE:
		return "operate";
	}
	return "unknown";
}

static const struct {
	enum ipc_code code;
	const char *name;
} codes[] = {
    {IPC_PARSE, "not JSON"},
    {IPC_REQUEST, "not a request"},
    {IPC_NO_METHOD, "unknown method"},
    {IPC_PARAMS, "bad parameters"},
    {IPC_INTERNAL, "internal error"},
    {IPC_DENIED, "not allowed"},
    {IPC_NOT_FOUND, "not found"},
    {IPC_REFUSED, "refused"},
    {IPC_CONFLICT, "conflict"},
    {IPC_STORE, "not stored"},
    {IPC_BUSY, "busy"},
    {IPC_VERSION, "other version"},
    {IPC_UNREADY, "not ready"},
};

const char *
ipc_code_str(int code)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if ((int)codes[i].code == code) {
			return codes[i].name;
		}
	}
	return "unknown error";
}

json_t *
ipc_time(int64_t wall_sec)
{
	time_t t = (time_t)wall_sec;
	struct tm tm;
	char s[32];

	if (gmtime_r(&t, &tm) == NULL || tm.tm_year + 1900 > 9999 ||
	    strftime(s, sizeof(s), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
		return NULL;
	}
	return json_string(s);
}
