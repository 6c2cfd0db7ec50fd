/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Local messages: JSON-RPC 2.0, one UTF-8 object a line, at most 1 MiB, over
 * a Unix stream socket.  A service is one table (common/proto_<service>.def);
 * from it come the checks here, the client, polyctl's commands and the manual.
 *
 * Who may call what is decided by the kernel's word on the peer, never by what
 * it says.  The first that fits: uid 0 and the daemon's own uid have all
 * rights; users that the configuration names as a source have "contribute",
 * in whatever group they are to reach the socket; the group `operate` has all
 * rights; others "look" as far as the socket's mode lets them connect.
 *
 * Bad bytes close that one connection with one warning.  Unknown members are
 * ignored, unknown methods answered as such.
 */
#ifndef COMMON_IPC_H
#define COMMON_IPC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define IPC_LINE_MAX (1u << 20)
#define IPC_PROTOCOL "polyphony"
#define IPC_MAJOR 1
#define IPC_MINOR 0

enum ipc_right {
	IPC_LOOK = 0,
	IPC_CONTRIBUTE = 1,
	IPC_OPERATE = 2,
};

/* Error codes on the wire, numbered for ever. */
enum ipc_code {
	IPC_PARSE = -32700,
	IPC_REQUEST = -32600,
	IPC_NO_METHOD = -32601,
	IPC_PARAMS = -32602,
	IPC_INTERNAL = -32603,
	IPC_DENIED = 1,	   /* right missing */
	IPC_NOT_FOUND = 2, /* no such zone, source, … */
	IPC_REFUSED = 3,   /* a rule forbids it; message says which */
	IPC_CONFLICT = 4,  /* etag or state does not match */
	IPC_STORE = 5,	   /* could not be written; nothing changed */
	IPC_BUSY = 6,	   /* rate or queue limit: try again */
	IPC_VERSION = 7,   /* other major version */
	IPC_UNREADY = 8,   /* starting or stopping */
};

enum ipc_type {
	IPC_STRING,
	IPC_INTEGER,
	IPC_BOOLEAN,
	IPC_ARRAY,
	IPC_OBJECT,
	IPC_STRINGS, /* array of strings */
};

struct ipc_member {
	const char *name; /* NULL ends the list */
	enum ipc_type type;
	bool is_optional;
	const char *man;
};

struct ipc_method {
	const char *name; /* NULL ends the table */
	enum ipc_right right;
	const struct ipc_member *params;
	const struct ipc_member *result;
	const char *man;
	const char *cli; /* polyctl words, e.g. "zone status", or NULL */
	const enum ipc_code
	    *errors; /* beside those of every call; ends with 0 */
};

struct ipc_event_type {
	const char *name; /* NULL ends the table */
	const struct ipc_member *params;
	const char *man;
};

struct ipc_server;
struct ipc_call;
struct loop;

/*
 * Answers now (ipc_reply / ipc_error) or keeps the call and answers later.
 * params has been checked against the table; it is borrowed for the call.
 */
typedef void (*ipc_handler_fn)(
    struct ipc_call *call, const json_t *params, void *arg);

struct ipc_handler {
	const char *method; /* NULL ends the list */
	ipc_handler_fn fn;
};

struct ipc_service {
	const char *name; /* "combiner" */
	const char *program, *version;
	const struct ipc_method *methods; /* common ones are added by ipc.c */
	const struct ipc_handler *handlers;
	void *arg;
	/*
	 * The name of the configured source that this uid/gid may speak for, or
	 * NULL.  Gives right IPC_CONTRIBUTE.
	 */
	const char *(*source_of)(uid_t uid, gid_t gid, void *arg);
	/* Result of `status`, `metrics` (OpenMetrics text); taken over. */
	json_t *(*status)(void *arg);
	char *(*metrics)(void *arg);
	int (*reload)(void *arg, char *msg, size_t len);
	void (*stop)(void *arg);
};

int ipc_server_new(struct loop *loop, const struct ipc_service *service,
    const char *path, mode_t mode, gid_t operate_gid, struct ipc_server **out);
void ipc_server_free(struct ipc_server *s);

/* Result is taken over; NULL gives {}. */
void ipc_reply(struct ipc_call *call, json_t *result);
void ipc_error(struct ipc_call *call, enum ipc_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Local source name of the caller, or NULL (see source_of). */
const char *ipc_call_source(const struct ipc_call *call);
enum ipc_right ipc_call_right(const struct ipc_call *call);
const char *ipc_call_txid(const struct ipc_call *call);

/* Sends to all who subscribed; params is taken over. */
void ipc_event(struct ipc_server *s, const char *event, json_t *params);

/* ---- client ---- */

struct ipc_client;
/* Exactly one of result and error is set; both borrowed. err: E_CLOSED … */
typedef void (*ipc_reply_fn)(
    void *arg, int err, const json_t *result, const json_t *error);
typedef void (*ipc_event_fn)(
    void *arg, const char *event, const json_t *params);
/* Called with true after each connect and hello, with false when it is lost. */
typedef void (*ipc_up_fn)(void *arg, bool is_up);

/* Connects, says hello, comes back with back-off for as long as it lives. */
int ipc_client_new(struct loop *loop, const char *path, const char *program,
    ipc_up_fn on_up, ipc_event_fn on_event, void *arg, struct ipc_client **out);
void ipc_client_free(struct ipc_client *c);
bool ipc_client_is_up(const struct ipc_client *c);
/* params is taken over.  E_CLOSED while not connected. */
int ipc_client_call(struct ipc_client *c, const char *method, json_t *params,
    ipc_reply_fn cb, void *arg);

/* ---- client for tools: blocks ---- */

struct ipc_sync;
/*
 * Connects and says hello.  -errno of connect(), E_TIMEOUT, E_CLOSED, E_PROTO;
 * E_VERSION: the other side speaks another major version; E_DENIED: it said no
 * to hello.
 */
int ipc_sync_open(const char *path, const char *program, unsigned timeout_ms,
    struct ipc_sync **out);
void ipc_sync_close(struct ipc_sync *s);
/*
 * params is taken over.  E_OK with exactly one of *result and *error set, which
 * is the caller's; after any other value the connection is of no more use.
 */
int ipc_sync_call(struct ipc_sync *s, const char *method, json_t *params,
    unsigned timeout_ms, json_t **result, json_t **error);
/*
 * The next event (a whole notification: members method and params), which is
 * the caller's.  E_TIMEOUT: none came, the connection is still good.
 */
int ipc_sync_event(struct ipc_sync *s, unsigned timeout_ms, json_t **event);
/* All of it for one call. */
int ipc_call_once(const char *path, const char *program, const char *method,
    json_t *params, unsigned timeout_ms, json_t **result, json_t **error);

/* ---- the tables ---- */

/* Names of the services that have one, NULL-ended. */
const char *const *ipc_services(void);
/* By service name, without the common ones; NULL if unknown. */
const struct ipc_method *ipc_methods(const char *service);
const struct ipc_method *ipc_methods_common(void);
const struct ipc_event_type *ipc_events(const char *service);
/* Finds in the service's table, then in the common one; NULL if unknown. */
const struct ipc_method *
ipc_method_find(const struct ipc_method *methods, const char *name);
const char *ipc_type_str(enum ipc_type type);
const char *ipc_right_str(enum ipc_right right);
const char *ipc_code_str(int code); /* name of an error code */

/* "2026-09-01T12:00:00Z"; NULL: no memory, or a year over 9999. */
json_t *ipc_time(int64_t wall_sec);

#endif
