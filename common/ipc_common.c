/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The methods that every service answers. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/errcode.h"
#include "common/ipc_inner.h"

static void
handle_hello(struct ipc_call *call, const json_t *params, void *arg)
{
	struct ipc_server *s = arg;
	struct ipc_conn *c = call->conn;
	const char *source = ipc_conn_source(c);
	json_t *result;

	log_debug(F(.op = "hello", .peer = c->peer, .proto = "unix"),
	    "%s %s, protocol %d.%d",
	    json_string_value(json_object_get(params, "program")),
	    json_string_value(json_object_get(params, "version")),
	    (int)json_integer_value(json_object_get(params, "major")),
	    (int)json_integer_value(json_object_get(params, "minor")));
	c->has_hello = true;
	loop_timer_stop(&c->hello_timer);
	result = ipc_msg_hello(s->service.program, s->service.version);
	(void)json_object_set_new(
	    result, "service", json_string(s->service.name));
	(void)json_object_set_new(
	    result, "right", json_string(ipc_right_str(ipc_call_right(call))));
	if (source != NULL) {
		(void)json_object_set_new(
		    result, "source", json_string(source));
	}
	ipc_reply(call, result);
}

static void
handle_status(struct ipc_call *call, const json_t *params, void *arg)
{
	struct ipc_server *s = arg;
	json_t *result, *own;

	(void)params;
	result = json_pack("{s:s, s:s, s:i, s:o, s:o, s:s, s:i, s:i}",
	    "service", s->service.name, "version", s->service.version, "pid",
	    (int)getpid(), "now", ipc_time(loop_wall_sec(s->loop)), "started",
	    ipc_time(s->started_sec), "log_level",
	    log_level_str(log_level_get()), "clients", (int)s->nconns,
	    "subscribers", (int)s->nsubscribers);
	if (s->service.status != NULL) {
		own = s->service.status(s->service.arg);
		(void)json_object_update(result, own);
		json_decref(own);
	}
	if (result == NULL) {
		ipc_error(call, IPC_INTERNAL, "out of memory");
		return;
	}
	ipc_reply(call, result);
}

static void
handle_reload(struct ipc_call *call, const json_t *params, void *arg)
{
	struct ipc_server *s = arg;
	char msg[512] = "";
	int r;

	(void)params;
	if (s->service.reload == NULL) {
		ipc_error(call, IPC_NO_METHOD, "this daemon has no reload");
		return;
	}
	r = s->service.reload(s->service.arg, msg, sizeof(msg));
	if (r != E_OK) {
		ipc_error(call, IPC_REFUSED,
		    "the configuration in force was kept: %s",
		    msg[0] != '\0' ? msg : err_text(r));
		return;
	}
	ipc_reply(call, NULL);
}

static void
handle_log_level(struct ipc_call *call, const json_t *params, void *arg)
{
	const char *text = json_string_value(json_object_get(params, "level"));
	enum log_level level;

	(void)arg;
	if (log_level_from_str(text, &level) != E_OK) {
		ipc_error(call, IPC_PARAMS,
		    "level is one of err, warning, notice, info, debug");
		return;
	}
	log_set_level(level);
	ipc_reply(call, json_pack("{s:s}", "level", log_level_str(level)));
}

static void
handle_metrics(struct ipc_call *call, const json_t *params, void *arg)
{
	struct ipc_server *s = arg;
	char *text = NULL;

	(void)params;
	if (s->service.metrics != NULL) {
		text = s->service.metrics(s->service.arg);
	}
	if (text == NULL) {
		ipc_error(call, IPC_INTERNAL, "no metrics now");
		return;
	}
	ipc_reply(call, json_pack("{s:s}", "text", text));
	free(text);
}

/* Names of all events of the service. */
static json_t *
all_events(const struct ipc_server *s)
{
	const struct ipc_event_type *e = ipc_events(s->service.name);
	json_t *list = json_array();

	for (; e != NULL && e->name != NULL; e++) {
		(void)json_array_append_new(list, json_string(e->name));
	}
	return list;
}

/* The first name that is no event of ours, or NULL. */
static const char *
unknown_event(const json_t *known, const json_t *wanted)
{
	const json_t *w, *k;
	size_t i, j;

	json_array_foreach (wanted, i, w) {
		bool found = false;

		json_array_foreach (known, j, k) {
			found = found || json_equal((json_t *)(uintptr_t)k,
					     (json_t *)(uintptr_t)w);
		}
		if (!found) {
			return json_string_value(w);
		}
	}
	return NULL;
}

static void
handle_subscribe(struct ipc_call *call, const json_t *params, void *arg)
{
	struct ipc_server *s = arg;
	struct ipc_conn *c = call->conn;
	const json_t *wanted = json_object_get(params, "events");
	json_t *known = all_events(s);
	const char *bad = unknown_event(known, wanted);

	if (bad != NULL) {
		ipc_error(call, IPC_PARAMS, "no event is called %.64s", bad);
		json_decref(known);
		return;
	}
	if (!c->is_subscribed) {
		c->is_subscribed = true;
		s->nsubscribers++;
	}
	json_decref(c->events);
	c->events = NULL;
	if (json_array_size(wanted) > 0) {
		c->events = json_deep_copy(wanted);
		json_decref(known);
		known = json_incref(c->events);
	}
	ipc_reply(call, json_pack("{s:o}", "events", known));
}

static void
handle_stop(struct ipc_call *call, const json_t *params, void *arg)
{
	struct ipc_server *s = arg;

	(void)params;
	if (s->service.stop == NULL) {
		ipc_error(call, IPC_NO_METHOD, "this daemon has no stop");
		return;
	}
	ipc_reply(call, NULL);
	s->service.stop(s->service.arg);
}

const struct ipc_handler ipc_common_handlers[] = {
    {"hello", handle_hello},
    {"status", handle_status},
    {"reload", handle_reload},
    {"log.level", handle_log_level},
    {"metrics", handle_metrics},
    {"subscribe", handle_subscribe},
    {"stop", handle_stop},
    {NULL, NULL},
};
