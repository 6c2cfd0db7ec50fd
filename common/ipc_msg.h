/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Local messages as octets: lines out of a stream, JSON-RPC envelopes, members
 * against the table.  No I/O.  For ipc_*.c alone; the interface is ipc.h.
 */
#ifndef COMMON_IPC_MSG_H
#define COMMON_IPC_MSG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/ipc.h"

/*
 * Lines out of a stream that comes in pieces.  Zero it at first.  What has
 * been looked at for a line's end is not looked at again.
 */
struct ipc_lines {
	char *buf;
	size_t len, cap;
	size_t pos;	/* where the next line starts */
	size_t scanned; /* no line's end before this */
};

void ipc_lines_clear(struct ipc_lines *l);
/* E_NOMEM. */
int ipc_lines_push(struct ipc_lines *l, const void *data, size_t len);
/*
 * Lends the next line without its end, valid until the next call.  E_AGAIN: no
 * whole line is there; E_LIMIT: it is longer than IPC_LINE_MAX.
 */
int ipc_lines_next(struct ipc_lines *l, const char **line, size_t *len);
bool ipc_lines_has_more(const struct ipc_lines *l); /* undone octets */

struct ipc_request {
	json_t *root;	  /* owns all of the others */
	const json_t *id; /* string, integer, null; or NULL: no answer wanted */
	const char *method;
	const json_t *params; /* an object */
};

/*
 * E_OK, E_MALF: not JSON (*why in the caller's buffer), E_INVAL: JSON, but no
 * request (out->id is set where it could be read), E_NOMEM.  out must be
 * cleared in any case.
 */
int ipc_request_decode(const char *line, size_t len, struct ipc_request *out,
    char *why, size_t why_len);
void ipc_request_clear(struct ipc_request *r);

/* E_OK, or E_INVAL with *why: a member is missing or of the wrong type. */
int ipc_params_check(const struct ipc_method *m, const json_t *params,
    char *why, size_t why_len);

/*
 * Whole lines, malloc'd; NULL: no memory, or over IPC_LINE_MAX (*too_long,
 * which may be NULL).  result, error, params and the id of a call are taken
 * over, the id of an answer is borrowed (NULL: null).
 */
char *
ipc_msg_result(const json_t *id, json_t *result, size_t *len, bool *too_long);
char *ipc_msg_error(
    const json_t *id, int code, const char *message, json_t *data, size_t *len);
char *
ipc_msg_call(json_int_t id, const char *method, json_t *params, size_t *len);
char *ipc_msg_event(const char *event, json_t *params, size_t *len);
/* The members of hello. */
json_t *ipc_msg_hello(const char *program, const char *version);

/* Something that came to a client. */
enum ipc_incoming_kind {
	IPC_IN_RESULT,
	IPC_IN_ERROR,
	IPC_IN_EVENT
};
struct ipc_incoming {
	json_t *root; /* the caller's */
	enum ipc_incoming_kind kind;
	json_int_t id;	     /* result and error; -1: null */
	const json_t *value; /* result, error or params */
	const char *event;
};
/* E_PROTO: not an answer or event. */
int ipc_incoming_decode(const char *line, size_t len, struct ipc_incoming *out);

#endif
