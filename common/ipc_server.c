/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The server of local messages: the socket, and the way of one call
 *
 *   line -> ipc_dispatch -> version, method, right, members by the table
 *     -> handler -> ipc_reply or ipc_error, now or later
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/errcode.h"
#include "common/ipc_inner.h"
#include "common/stream.h"

#define MESSAGE_MAX 1024 /* text of an error */

/* ---- answers ---- */

static void
call_free(struct ipc_call *call)
{
	ipc_conn_on_answered(call->conn);
	ipc_conn_release(call->conn);
	ipc_request_clear(&call->req);
	free(call);
}

static void
send_error(
    struct ipc_conn *c, const json_t *id, enum ipc_code code, const char *text)
{
	size_t len = 0;
	char *line = ipc_msg_error(id, code, text, NULL, &len);

	ipc_conn_send(c, line, len);
}

static void
log_answer(const struct ipc_call *call, int code, const char *text)
{
	const struct ipc_server *s = call->conn->server;
	struct log_fields f = {
	    .op = "call",
	    .peer = call->conn->peer,
	    .proto = "unix",
	    .msg = call->method->name,
	    .zone =
		json_string_value(json_object_get(call->req.params, "zone")),
	    .txid = call->txid,
	};

	if (s != NULL) {
		f.dur_us = (int64_t)(loop_now_us(s->loop) - call->start_us);
	}
	if (code != 0) {
		log_info(&f, "%s: %s", ipc_code_str(code), text);
	} else if (call->method->right != IPC_LOOK) {
		log_info(&f, "done");
	} else {
		log_debug(&f, "answered");
	}
}

void
ipc_reply(struct ipc_call *call, json_t *result)
{
	bool too_long = false;
	size_t len = 0;
	char *line;

	if (result == NULL) {
		result = json_object();
	}
	if (call->req.id == NULL || call->conn->stream == NULL) {
		json_decref(result);
		log_answer(call, 0, NULL);
		call_free(call);
		return;
	}
	line = ipc_msg_result(call->req.id, result, &len, &too_long);
	if (too_long) {
		ipc_error(call, IPC_INTERNAL,
		    "the answer is longer than 1 MiB: ask for less at once");
		return;
	}
	log_answer(call, 0, NULL);
	ipc_conn_send(call->conn, line, len);
	call_free(call);
}

void
ipc_error(struct ipc_call *call, enum ipc_code code, const char *fmt, ...)
{
	char text[MESSAGE_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* may be cut */
	va_end(ap);
	log_answer(call, code, text);
	if (call->req.id != NULL) {
		send_error(call->conn, call->req.id, code, text);
	}
	call_free(call);
}

const char *
ipc_call_source(const struct ipc_call *call)
{
	return ipc_conn_source(call->conn);
}

enum ipc_right
ipc_call_right(const struct ipc_call *call)
{
	return call->right;
}

const char *
ipc_call_txid(const struct ipc_call *call)
{
	return call->txid;
}

/* ---- calls ---- */

/* Bad bytes: one answer, one warning, the end of this connection. */
static void
end_with_error(
    struct ipc_conn *c, const json_t *id, enum ipc_code code, const char *text)
{
	struct ipc_server *s = c->server;

	log_limited(&s->bad_log, loop_now_ms(s->loop), LOG_LEVEL_WARNING,
	    F(.peer = c->peer, .proto = "unix"), "local client: %s: closed",
	    text);
	send_error(c, id, code, text);
	ipc_conn_end(c);
}

static ipc_handler_fn
find_handler(const struct ipc_handler *h, const char *method)
{
	for (; h != NULL && h->method != NULL; h++) {
		if (strcmp(h->method, method) == 0) {
			return h->fn;
		}
	}
	return NULL;
}

/* A txid from the caller is kept if it looks like one. */
static void
set_txid(struct ipc_call *call, struct ipc_server *s)
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "abcdefghijklmnopqrstuvwxyz0123456789.:_-";
	const char *given =
	    json_string_value(json_object_get(call->req.params, "txid"));
	size_t len;

	if (given != NULL && (len = strlen(given)) > 0 && len <= IPC_TXID_MAX &&
	    strspn(given, good) == len) {
		memcpy(call->txid, given, len + 1);
		return;
	}
	(void)snprintf(call->txid, sizeof(call->txid), "%c-%08lx-%llu",
	    s->service.name[0], (unsigned long)s->txid_run,
	    (unsigned long long)s->txid_next++);
}

/* Takes req over; the handler answers. */
static void
start_call(struct ipc_conn *c, struct ipc_request *req,
    const struct ipc_method *m, ipc_handler_fn fn, void *arg)
{
	struct ipc_call *call = calloc(1, sizeof(*call));

	if (call == NULL) {
		send_error(c, req->id, IPC_INTERNAL, "out of memory");
		ipc_request_clear(req);
		return;
	}
	call->conn = c;
	c->refs++;
	c->calls++;
	call->req = *req;
	memset(req, 0, sizeof(*req));
	call->method = m;
	call->right = ipc_conn_right(c);
	call->start_us = loop_now_us(c->server->loop);
	set_txid(call, c->server);
	fn(call, call->req.params, arg);
}

/* Finds who answers, and checks right and members.  Takes req over. */
static void
handle_request(struct ipc_conn *c, struct ipc_request *req)
{
	struct ipc_server *s = c->server;
	const struct ipc_method *m;
	enum ipc_code code;
	ipc_handler_fn fn;
	void *arg = s;
	char why[256];

	m = ipc_method_find(s->service.methods, req->method);
	fn = find_handler(ipc_common_handlers, req->method);
	if (fn == NULL) {
		fn = find_handler(s->service.handlers, req->method);
		arg = s->service.arg;
	}
	if (m == NULL || fn == NULL) {
		(void)snprintf(why, sizeof(why), "no method of that name here");
		code = IPC_NO_METHOD;
	} else if (ipc_conn_right(c) < m->right) {
		(void)snprintf(why, sizeof(why),
		    "%s needs the right %s, this caller has %s", m->name,
		    ipc_right_str(m->right), ipc_right_str(ipc_conn_right(c)));
		code = IPC_DENIED;
	} else if (ipc_params_check(m, req->params, why, sizeof(why)) != E_OK) {
		code = IPC_PARAMS;
	} else {
		start_call(c, req, m, fn, arg);
		return;
	}
	log_info(F(.op = "call", .peer = c->peer, .proto = "unix",
		     .msg = req->method),
	    "%s: %s", ipc_code_str(code), why);
	if (req->id != NULL) {
		send_error(c, req->id, code, why);
	}
	ipc_request_clear(req);
}

/* Before anything else: do both sides speak the same? */
static void
handle_hello(struct ipc_conn *c, struct ipc_request *req)
{
	const json_t *p = req->params;
	const char *protocol =
	    json_string_value(json_object_get(p, "protocol"));
	const json_t *major = json_object_get(p, "major");

	if (strcmp(req->method, "hello") != 0) {
		end_with_error(
		    c, req->id, IPC_REQUEST, "the first call must be hello");
	} else if (protocol != NULL && strcmp(protocol, IPC_PROTOCOL) != 0) {
		end_with_error(c, req->id, IPC_VERSION,
		    "hello: this is the protocol polyphony");
	} else if (json_is_integer(major) &&
		   json_integer_value(major) != IPC_MAJOR) {
		end_with_error(c, req->id, IPC_VERSION,
		    "hello: this side speaks major version 1");
	} else {
		handle_request(c, req); /* has_hello is set by its handler */
		return;
	}
	ipc_request_clear(req);
}

void
ipc_dispatch(struct ipc_conn *c, const char *line, size_t len)
{
	struct ipc_request req;
	char why[256], text[300];
	int r;

	r = ipc_request_decode(line, len, &req, why, sizeof(why));
	if (r == E_MALF) {
		(void)snprintf(text, sizeof(text), "not JSON: %s", why);
		end_with_error(c, NULL, IPC_PARSE, text);
	} else if (r == E_INVAL && !c->has_hello) {
		end_with_error(c, req.id, IPC_REQUEST, why);
	} else if (r != E_OK) {
		send_error(c, req.id, r == E_INVAL ? IPC_REQUEST : IPC_INTERNAL,
		    r == E_INVAL ? why : "out of memory");
	} else if (!c->has_hello) {
		handle_hello(c, &req);
	} else {
		handle_request(c, &req);
	}
	ipc_request_clear(&req);
}

/* ---- events ---- */

static bool
wants(const struct ipc_conn *c, const char *event)
{
	const json_t *e;
	size_t i;

	if (!c->is_subscribed) {
		return false;
	}
	if (c->events == NULL) {
		return true;
	}
	json_array_foreach (c->events, i, e) {
		if (strcmp(json_string_value(e), event) == 0) {
			return true;
		}
	}
	return false;
}

static void
send_event(struct ipc_conn *c, const char *line, size_t len)
{
	struct ipc_server *s = c->server;

	if (stream_queued(c->stream) + len > 2 * (size_t)STREAM_HIGH) {
		log_limited(&s->slow_log, loop_now_ms(s->loop),
		    LOG_LEVEL_WARNING, F(.peer = c->peer, .proto = "unix"),
		    "subscriber does not read its events: closed");
		ipc_conn_close(c);
		return;
	}
	ipc_conn_send(c, strndup(line, len), len);
}

void
ipc_event(struct ipc_server *s, const char *event, json_t *params)
{
	struct ipc_conn *c, *next;
	size_t len = 0;
	char *line;

	if (s == NULL || s->nsubscribers == 0) {
		json_decref(params);
		return;
	}
	if (params != NULL && json_object_get(params, "time") == NULL) {
		(void)json_object_set_new(
		    params, "time", ipc_time(loop_wall_sec(s->loop)));
	}
	line = ipc_msg_event(event, params, &len);
	for (c = s->conns; c != NULL; c = next) {
		next = c->next;
		if (!wants(c, event)) {
			continue;
		}
		if (line == NULL) {
			ipc_conn_close(c); /* it would miss one */
		} else {
			send_event(c, line, len);
		}
	}
	free(line);
}

/* ---- life ---- */

static void
on_accept(struct stream *stream, void *arg)
{
	ipc_conn_new(arg, stream);
}

int
ipc_server_new(struct loop *loop, const struct ipc_service *service,
    const char *path, mode_t mode, gid_t operate_gid, struct ipc_server **out)
{
	struct stream_listen_opts opts = {
	    .max_conns = IPC_CONNS_MAX + IPC_CONNS_OPERATE,
	    .mode = mode,
	    .gid = operate_gid,
	};
	struct ipc_server *s = calloc(1, sizeof(*s));
	int r;

	if (s == NULL) {
		return E_NOMEM;
	}
	s->loop = loop;
	s->service = *service;
	s->operate_gid = operate_gid;
	s->started_sec = loop_wall_sec(loop);
	/* Only keeps two runs apart; zero would do. */
	(void)!getrandom(&s->txid_run, sizeof(s->txid_run), GRND_NONBLOCK);
	r = stream_listen_unix(loop, path, &opts, on_accept, s, &s->listener);
	if (r != E_OK) {
		free(s);
		return r;
	}
	*out = s;
	return E_OK;
}

void
ipc_server_free(struct ipc_server *s)
{
	if (s == NULL) {
		return;
	}
	stream_listener_free(s->listener);
	while (s->conns != NULL) {
		ipc_conn_end(s->conns);
	}
	free(s);
}
