/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/ipc_msg.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/errcode.h"

#define LINES_FIRST 4096u /* octets of the first buffer */
#define LINES_KEEP 65536u /* a larger one is given back when empty */

/* ---- lines ---- */

void
ipc_lines_clear(struct ipc_lines *l)
{
	free(l->buf);
	memset(l, 0, sizeof(*l));
}

/* Moves what is undone to the front. */
static void
lines_compact(struct ipc_lines *l)
{
	if (l->pos == 0) {
		return;
	}
	memmove(l->buf, l->buf + l->pos, l->len - l->pos);
	l->len -= l->pos;
	l->scanned -= l->pos;
	l->pos = 0;
	if (l->len == 0 && l->cap > LINES_KEEP) {
		ipc_lines_clear(l);
	}
}

int
ipc_lines_push(struct ipc_lines *l, const void *data, size_t len)
{
	size_t cap;
	char *p;

	if (len == 0) {
		return E_OK;
	}
	lines_compact(l);
	if (len > l->cap - l->len) {
		cap = l->cap > 0 ? l->cap : LINES_FIRST;
		while (cap - l->len < len) {
			cap *= 2;
		}
		p = realloc(l->buf, cap);
		if (p == NULL) {
			return E_NOMEM;
		}
		l->buf = p;
		l->cap = cap;
	}
	memcpy(l->buf + l->len, data, len);
	l->len += len;
	return E_OK;
}

int
ipc_lines_next(struct ipc_lines *l, const char **line, size_t *len)
{
	const char *end = NULL;

	if (l->scanned < l->len) {
		end = memchr(l->buf + l->scanned, '\n', l->len - l->scanned);
	}
	if (end == NULL) {
		l->scanned = l->len;
		return l->len - l->pos > IPC_LINE_MAX ? E_LIMIT : E_AGAIN;
	}
	*line = l->buf + l->pos;
	*len = (size_t)(end - *line);
	l->pos += *len + 1;
	l->scanned = l->pos;
	return *len > IPC_LINE_MAX ? E_LIMIT : E_OK;
}

bool
ipc_lines_has_more(const struct ipc_lines *l)
{
	return l->pos < l->len;
}

/* ---- requests ---- */

static bool
is_id(const json_t *id)
{
	return json_is_string(id) || json_is_integer(id) || json_is_null(id);
}

int
ipc_request_decode(const char *line, size_t len, struct ipc_request *out,
    char *why, size_t why_len)
{
	const char *version;
	json_error_t err;
	json_t *id;

	memset(out, 0, sizeof(*out));
	out->root = json_loadb(line, len, JSON_REJECT_DUPLICATES, &err);
	if (out->root == NULL) {
		(void)snprintf(
		    why, why_len, "%s at octet %d", err.text, err.position);
		return E_MALF;
	}
	(void)snprintf(why, why_len, "not a JSON-RPC 2.0 request object");
	if (!json_is_object(out->root)) {
		return E_INVAL;
	}
	id = json_object_get(out->root, "id");
	if (id != NULL && !is_id(id)) {
		(void)snprintf(why, why_len, "id is no string and no integer");
		return E_INVAL;
	}
	out->id = id;
	version = json_string_value(json_object_get(out->root, "jsonrpc"));
	out->method = json_string_value(json_object_get(out->root, "method"));
	if (version == NULL || strcmp(version, "2.0") != 0 ||
	    out->method == NULL) {
		return E_INVAL;
	}
	out->params = json_object_get(out->root, "params");
	if (out->params == NULL) {
		if (json_object_set_new(out->root, "params", json_object()) !=
		    0) {
			return E_NOMEM;
		}
		out->params = json_object_get(out->root, "params");
	}
	if (!json_is_object(out->params)) {
		(void)snprintf(why, why_len, "params is no object");
		return E_INVAL;
	}
	return E_OK;
}

void
ipc_request_clear(struct ipc_request *r)
{
	json_decref(r->root);
	memset(r, 0, sizeof(*r));
}

static bool
is_strings(const json_t *v)
{
	const json_t *e;
	size_t i;

	if (!json_is_array(v)) {
		return false;
	}
	json_array_foreach (v, i, e) {
		if (!json_is_string(e)) {
			return false;
		}
	}
	return true;
}

static bool
has_type(const json_t *v, enum ipc_type type)
{
	switch (type) {
	case IPC_STRING:
		return json_is_string(v);
	case IPC_INTEGER:
		return json_is_integer(v);
	case IPC_BOOLEAN:
		return json_is_boolean(v);
	case IPC_ARRAY:
		return json_is_array(v);
	case IPC_OBJECT:
		return json_is_object(v);
	case IPC_STRINGS:
		return is_strings(v);
	}
	return false;
}

int
ipc_params_check(
    const struct ipc_method *m, const json_t *params, char *why, size_t why_len)
{
	const json_t *v;

	for (const struct ipc_member *p = m->params; p->name != NULL; p++) {
		v = json_object_get(params, p->name);
		if (v == NULL && !p->is_optional) {
			(void)snprintf(why, why_len,
			    "%s: member \"%s\" is missing", m->name, p->name);
			return E_INVAL;
		}
		if (v != NULL && !has_type(v, p->type)) {
			(void)snprintf(why, why_len,
			    "%s: member \"%s\" must be of type %s", m->name,
			    p->name, ipc_type_str(p->type));
			return E_INVAL;
		}
	}
	return E_OK;
}

/* ---- building ---- */

/* Takes root over (NULL: building it failed). */
static char *
to_line(json_t *root, size_t *len, bool *too_long)
{
	char *text, *p;

	if (too_long != NULL) {
		*too_long = false;
	}
	if (root == NULL) {
		return NULL;
	}
	text = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	if (text == NULL) {
		return NULL;
	}
	*len = strlen(text);
	if (*len > IPC_LINE_MAX) {
		if (too_long != NULL) {
			*too_long = true;
		}
		free(text);
		return NULL;
	}
	p = realloc(text, *len + 2);
	if (p == NULL) {
		free(text);
		return NULL;
	}
	p[(*len)++] = '\n';
	p[*len] = '\0';
	return p;
}

static json_t *
id_copy(const json_t *id)
{
	return id != NULL ? json_copy((json_t *)(uintptr_t)id) : json_null();
}

char *
ipc_msg_result(const json_t *id, json_t *result, size_t *len, bool *too_long)
{
	return to_line(json_pack("{s:s, s:o, s:o}", "jsonrpc", "2.0", "id",
			   id_copy(id), "result", result),
	    len, too_long);
}

/* Of a text that is not UTF-8, as it was cut or came from elsewhere. */
static json_t *
ascii_string(const char *s)
{
	char *copy = strdup(s);
	json_t *v;

	for (char *p = copy; p != NULL && *p != '\0'; p++) {
		if ((unsigned char)*p >= 0x80) {
			*p = '?';
		}
	}
	v = copy != NULL ? json_string(copy) : NULL;
	free(copy);
	return v;
}

char *
ipc_msg_error(
    const json_t *id, int code, const char *message, json_t *data, size_t *len)
{
	json_t *text = json_string(message);

	if (text == NULL) {
		text = ascii_string(message);
	}
	return to_line(json_pack("{s:s, s:o, s:{s:i, s:o, s:o*}}", "jsonrpc",
			   "2.0", "id", id_copy(id), "error", "code", code,
			   "message", text, "data", data),
	    len, NULL);
}

char *
ipc_msg_call(json_int_t id, const char *method, json_t *params, size_t *len)
{
	return to_line(json_pack("{s:s, s:I, s:s, s:o*}", "jsonrpc", "2.0",
			   "id", id, "method", method, "params", params),
	    len, NULL);
}

char *
ipc_msg_event(const char *event, json_t *params, size_t *len)
{
	return to_line(json_pack("{s:s, s:s, s:o}", "jsonrpc", "2.0", "method",
			   event, "params", params),
	    len, NULL);
}

json_t *
ipc_msg_hello(const char *program, const char *version)
{
	return json_pack("{s:s, s:i, s:i, s:s, s:s}", "protocol", IPC_PROTOCOL,
	    "major", IPC_MAJOR, "minor", IPC_MINOR, "program", program,
	    "version", version);
}

/* ---- what comes to a client ---- */

int
ipc_incoming_decode(const char *line, size_t len, struct ipc_incoming *out)
{
	const json_t *result, *error, *id;

	memset(out, 0, sizeof(*out));
	out->root = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(out->root)) {
		goto bad;
	}
	id = json_object_get(out->root, "id");
	result = json_object_get(out->root, "result");
	error = json_object_get(out->root, "error");
	out->event = json_string_value(json_object_get(out->root, "method"));
	if (out->event != NULL && id == NULL) {
		out->kind = IPC_IN_EVENT;
		out->value = json_object_get(out->root, "params");
		if (!json_is_object(out->value)) {
			goto bad;
		}
		return E_OK;
	}
	if ((result == NULL) == (error == NULL) ||
	    !(json_is_integer(id) || json_is_null(id)) ||
	    (error != NULL && !json_is_object(error))) {
		goto bad;
	}
	out->kind = error != NULL ? IPC_IN_ERROR : IPC_IN_RESULT;
	out->value = error != NULL ? error : result;
	out->id = json_is_null(id) ? -1 : json_integer_value(id);
	return E_OK;
bad:
	json_decref(out->root);
	memset(out, 0, sizeof(*out));
	return E_PROTO;
}
