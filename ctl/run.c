/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The calls: one, all pages of a list, again and again, or a stream. */
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/errcode.h"
#include "ctl/ctl.h"

#define RUN_DIR "/run/polyphony"
#define WATCH_MS 1000u /* again after so long, or … */
#define GATHER_MS 200u /* … so long after an event: more come with it */
#define DAY_MS 86400000u

struct session {
	const struct ctl_cmd *cmd;
	char path[256];
	struct ipc_sync *sync;
	json_t *last; /* result that --watch printed */
	bool is_tty;
};

/* ---- what went wrong ---- */

static void
complain_access(const struct session *s)
{
	const struct group *g = NULL;
	struct stat st;

	if (stat(s->path, &st) == 0) {
		g = getgrgid(st.st_gid);
	}
	ctl_complain("you may not connect to %s", s->path);
	ctl_complain("only root and members of the group \"%s\" may; log in "
		     "again after you were added to it",
	    g != NULL ? g->gr_name : "polyphony");
}

static enum ctl_status
unreachable(const struct session *s, int err)
{
	const char *service = s->cmd->service;

	switch (err) {
	case -ENOENT:
	case -ECONNREFUSED:
		ctl_complain("%s is not reachable at %s: %s", service, s->path,
		    err_text(err));
		ctl_complain("is it running? Look at its log, start it; or "
			     "name another --socket");
		break;
	case -EACCES:
	case -EPERM:
		complain_access(s);
		break;
	case E_TIMEOUT:
		ctl_complain("%s does not answer within %u.%u s; -t waits "
			     "longer",
		    service, s->cmd->timeout_ms / 1000,
		    s->cmd->timeout_ms % 1000 / 100);
		break;
	case E_CLOSED:
		ctl_complain(
		    "%s closed the connection; its log says why", service);
		break;
	case E_VERSION:
		ctl_complain("%s speaks another version of the protocol; use "
			     "the polyctl that came with it",
		    service);
		break;
	default:
		ctl_complain("%s at %s: %s", service, s->path, err_text(err));
		break;
	}
	return CTL_UNREACHABLE;
}

static enum ctl_status
refused(const struct session *s, const json_t *error)
{
	const char *message, *remedy;
	struct ctl_out o;
	int code;

	if (s->cmd->is_json) {
		json_t *v = json_pack("{s:O}", "error", error);

		ctl_print_json(stdout, v, false);
		json_decref(v);
		return CTL_FAILED;
	}
	ctl_out_init(&o, stderr);
	code = (int)json_integer_value(json_object_get(error, "code"));
	message = json_string_value(json_object_get(error, "message"));
	remedy = json_string_value(
	    json_object_get(json_object_get(error, "data"), "remedy"));
	ctl_putf(&o, CTL_RED, "polyctl: %s", ipc_code_str(code));
	ctl_putf(&o, CTL_PLAIN, ": %s\n", message != NULL ? message : "");
	if (remedy != NULL) {
		ctl_putf(&o, CTL_PLAIN, "polyctl: do: %s\n", remedy);
	}
	return CTL_FAILED;
}

/* ---- calls ---- */

static enum ctl_status
open_session(struct session *s)
{
	int r = ipc_sync_open(s->path, "polyctl", s->cmd->timeout_ms, &s->sync);

	return r == E_OK ? CTL_OK : unreachable(s, r);
}

static enum ctl_status
call_once(
    struct session *s, const char *method, json_t *params, json_t **result)
{
	enum ctl_status status = CTL_OK;
	json_t *error = NULL;
	int r;

	*result = NULL;
	r = ipc_sync_call(
	    s->sync, method, params, s->cmd->timeout_ms, result, &error);
	if (r != E_OK) {
		return unreachable(s, r);
	}
	if (error != NULL) {
		status = refused(s, error);
		json_decref(error);
	}
	return status;
}

/* Appends the lists of one page to those of the pages before. */
static void
add_page(json_t *all, const json_t *page)
{
	const char *key;
	const json_t *v;

	json_object_foreach ((json_t *)(uintptr_t)page, key, v) {
		if (json_is_array(v)) {
			(void)json_array_extend(
			    json_object_get(all, key), (json_t *)(uintptr_t)v);
		}
	}
}

/* The call with all of its pages: a member next goes back as after. */
static enum ctl_status
call_all(struct session *s, json_t **result)
{
	json_t *params = json_deep_copy(s->cmd->params), *page = NULL;
	const char *method = s->cmd->method->name;
	bool is_paged = json_object_get(params, "limit") == NULL;
	enum ctl_status status;
	json_t *next;

	status = call_once(s, method, json_incref(params), result);
	while (status == CTL_OK && is_paged &&
	       (next = json_object_get(*result, "next")) != NULL) {
		(void)json_object_set(params, "after", next);
		(void)json_object_del(*result, "next");
		status = call_once(s, method, json_incref(params), &page);
		if (status == CTL_OK) {
			add_page(*result, page);
			next = json_object_get(page, "next");
			if (next != NULL) {
				(void)json_object_set(*result, "next", next);
			}
		}
		json_decref(page);
		page = NULL;
	}
	json_decref(params);
	return status;
}

/* ---- showing ---- */

static void
show(const struct session *s, const json_t *result)
{
	struct ctl_out o;

	if (s->cmd->is_json) {
		ctl_print_json(stdout, result, s->cmd->is_watch);
	} else {
		ctl_out_init(&o, stdout);
		ctl_print_text(&o, s->cmd->service, s->cmd->method, result);
	}
}

/*
 * On a terminal the screen is drawn anew each time, as ages run on; elsewhere
 * only what differs is printed.
 */
static void
show_again(struct session *s, json_t *result)
{
	bool is_same = s->last != NULL && json_equal(s->last, result);

	if (s->is_tty && !s->cmd->is_json) {
		fputs("\033[H\033[2J", stdout);
		show(s, result);
	} else if (!is_same) {
		if (s->last != NULL && !s->cmd->is_json) {
			fputc('\n', stdout);
		}
		show(s, result);
	}
	json_decref(s->last);
	s->last = result;
	(void)fflush(stdout); /* main() looks at stdout at the end */
}

/* Waits for a change or a while; false: the connection is lost. */
static bool
wait_change(struct session *s)
{
	json_t *event;
	int r = ipc_sync_event(s->sync, WATCH_MS, &event);

	while (r == E_OK) {
		json_decref(event);
		r = ipc_sync_event(s->sync, GATHER_MS, &event);
	}
	return r == E_TIMEOUT;
}

static enum ctl_status
watch_connected(struct session *s)
{
	enum ctl_status status;
	json_t *result = NULL;

	status = call_once(s, "subscribe", NULL, &result);
	json_decref(result);
	while (status == CTL_OK) {
		status = call_all(s, &result);
		if (status != CTL_OK) {
			json_decref(result);
			return status;
		}
		show_again(s, result);
		if (ferror(stdout) || !wait_change(s)) {
			break;
		}
	}
	return ferror(stdout) ? CTL_FAILED : status;
}

/* Until the daemon says no; one that went away is waited for. */
static enum ctl_status
watch(struct session *s)
{
	enum ctl_status status;

	for (;;) {
		status = watch_connected(s);
		ipc_sync_close(s->sync);
		s->sync = NULL;
		if (status == CTL_FAILED) {
			return status;
		}
		while (ipc_sync_open(s->path, "polyctl", s->cmd->timeout_ms,
			   &s->sync) != E_OK) {
			(void)sleep(WATCH_MS / 1000);
		}
	}
}

static enum ctl_status
stream_events(struct session *s)
{
	struct ctl_out o;
	enum ctl_status status;
	json_t *v = NULL;
	int r;

	status = call_once(s, "subscribe", json_incref(s->cmd->params), &v);
	json_decref(v);
	if (status != CTL_OK) {
		return status;
	}
	do {
		r = ipc_sync_event(s->sync, DAY_MS, &v);
		if (r == E_OK) {
			ctl_out_init(&o, stdout);
			if (s->cmd->is_json) {
				ctl_print_json(stdout, v, true);
			} else {
				ctl_print_event(&o, v);
			}
			json_decref(v);
			(void)fflush(stdout); /* main() looks at stdout */
		}
	} while ((r == E_OK || r == E_TIMEOUT) && !ferror(stdout));
	return ferror(stdout) ? CTL_FAILED : unreachable(s, r);
}

enum ctl_status
ctl_run(const struct ctl_cmd *c)
{
	struct session s = {.cmd = c, .is_tty = isatty(STDOUT_FILENO)};
	enum ctl_status status;
	json_t *result = NULL;

	if (c->socket != NULL) {
		(void)snprintf(s.path, sizeof(s.path), "%s", c->socket);
	} else {
		(void)snprintf(
		    s.path, sizeof(s.path), RUN_DIR "/%s.sock", c->service);
	}
	status = open_session(&s);
	if (status != CTL_OK) {
		return status;
	}
	if (strcmp(c->method->name, "subscribe") == 0) {
		status = stream_events(&s);
	} else if (c->is_watch) {
		status = watch(&s);
	} else {
		status = call_all(&s, &result);
		if (status == CTL_OK) {
			show(&s, result);
		}
		json_decref(result);
	}
	json_decref(s.last);
	ipc_sync_close(s.sync);
	return status;
}
