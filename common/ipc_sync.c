/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The client side of local messages for tools: blocks, no loop. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "config.h"

#include "common/errcode.h"
#include "common/ipc_msg.h"

#define READ_SIZE 65536

struct ipc_sync {
	int fd;
	struct ipc_lines in;
	json_int_t next_id;
	json_t *events; /* array: came while an answer was waited for */
};

/* ---- octets ---- */

static int64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* E_OK: ready for these events. */
static int
wait_for(int fd, short events, int64_t until_ms)
{
	struct pollfd p = {.fd = fd, .events = events};
	int64_t left;
	int n;

	do {
		left = until_ms - now_ms();
		n = poll(&p, 1, left > 0 ? (int)left : 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		return -errno;
	}
	return n > 0 ? E_OK : E_TIMEOUT;
}

static int
send_all(int fd, const char *data, size_t len, int64_t until_ms)
{
	ssize_t n;
	int r;

	while (len > 0) {
		n = send(fd, data, len, MSG_NOSIGNAL);
		if (n >= 0) {
			data += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			r = wait_for(fd, POLLOUT, until_ms);
			if (r != E_OK) {
				return r;
			}
		} else if (errno == EPIPE || errno == ECONNRESET) {
			return E_CLOSED;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return E_OK;
}

/* Reads what is there. */
static int
receive(struct ipc_sync *s, int64_t until_ms)
{
	char buf[READ_SIZE];
	ssize_t n;
	int r;

	r = wait_for(s->fd, POLLIN, until_ms);
	if (r != E_OK) {
		return r;
	}
	n = recv(s->fd, buf, sizeof(buf), 0);
	if (n < 0) {
		return errno == EAGAIN || errno == EINTR ? E_OK
		       : errno == ECONNRESET		 ? E_CLOSED
							 : -errno;
	}
	return n == 0 ? E_CLOSED : ipc_lines_push(&s->in, buf, (size_t)n);
}

static int
next_incoming(struct ipc_sync *s, int64_t until_ms, struct ipc_incoming *in)
{
	const char *line;
	size_t len;
	int r;

	while ((r = ipc_lines_next(&s->in, &line, &len)) == E_AGAIN) {
		r = receive(s, until_ms);
		if (r != E_OK) {
			return r;
		}
	}
	return r == E_OK ? ipc_incoming_decode(line, len, in) : E_PROTO;
}

/* ---- calls ---- */

/* Waits for the answer to this id; events are kept for later. */
static int
await(struct ipc_sync *s, json_int_t id, int64_t until_ms, json_t **result,
    json_t **error)
{
	struct ipc_incoming in;
	int r;

	for (;;) {
		r = next_incoming(s, until_ms, &in);
		if (r != E_OK) {
			return r;
		}
		if (in.kind == IPC_IN_EVENT) {
			(void)json_array_append_new(s->events, in.root);
			continue;
		}
		/* id null: what we sent was no request to the other side */
		if (in.id != id && !(in.id < 0 && in.kind == IPC_IN_ERROR)) {
			json_decref(in.root);
			return E_PROTO;
		}
		*result = *error = NULL;
		*(in.kind == IPC_IN_ERROR ? error : result) =
		    json_deep_copy(in.value);
		json_decref(in.root);
		return *result != NULL || *error != NULL ? E_OK : E_NOMEM;
	}
}

int
ipc_sync_call(struct ipc_sync *s, const char *method, json_t *params,
    unsigned timeout_ms, json_t **result, json_t **error)
{
	int64_t until_ms = now_ms() + timeout_ms;
	json_int_t id = s->next_id++;
	size_t len = 0;
	char *line;
	int r;

	line = ipc_msg_call(id, method, params, &len);
	if (line == NULL) {
		return E_LIMIT;
	}
	r = send_all(s->fd, line, len, until_ms);
	free(line);
	/* It may have said why before it closed. */
	if (r != E_OK && r != E_CLOSED) {
		return r;
	}
	return await(s, id, until_ms, result, error);
}

int
ipc_sync_event(struct ipc_sync *s, unsigned timeout_ms, json_t **event)
{
	int64_t until_ms = now_ms() + timeout_ms;
	struct ipc_incoming in;
	json_t *kept;
	int r;

	kept = json_array_get(s->events, 0);
	if (kept != NULL) {
		*event = json_incref(kept);
		(void)json_array_remove(s->events, 0);
		return E_OK;
	}
	r = next_incoming(s, until_ms, &in);
	if (r != E_OK) {
		return r;
	}
	if (in.kind != IPC_IN_EVENT) {
		json_decref(in.root);
		return E_PROTO;
	}
	*event = in.root;
	return E_OK;
}

/* ---- life ---- */

static int
connect_to(int fd, const char *path, int64_t until_ms)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	size_t len = strlen(path);

	if (len >= sizeof(un.sun_path)) {
		return -ENAMETOOLONG;
	}
	memcpy(un.sun_path, path, len + 1);
	/* EAGAIN: its backlog is full */
	while (connect(fd, (struct sockaddr *)&un, sizeof(un)) != 0) {
		if (errno != EAGAIN && errno != EINTR) {
			return -errno;
		}
		if (now_ms() >= until_ms) {
			return E_TIMEOUT;
		}
		(void)poll(NULL, 0, 20); /* nothing tells when to try again */
	}
	return E_OK;
}

static int
say_hello(struct ipc_sync *s, const char *program, unsigned timeout_ms)
{
	json_t *result = NULL, *error = NULL;
	json_int_t major, code;
	int r;

	r = ipc_sync_call(s, "hello", ipc_msg_hello(program, POLYPHONY_VERSION),
	    timeout_ms, &result, &error);
	if (r != E_OK) {
		return r;
	}
	major = json_integer_value(json_object_get(result, "major"));
	code = json_integer_value(json_object_get(error, "code"));
	if (error != NULL) {
		r = code == IPC_VERSION ? E_VERSION : E_DENIED;
	} else if (major != IPC_MAJOR) {
		r = E_VERSION;
	}
	json_decref(result);
	json_decref(error);
	return r;
}

int
ipc_sync_open(const char *path, const char *program, unsigned timeout_ms,
    struct ipc_sync **out)
{
	struct ipc_sync *s = calloc(1, sizeof(*s));
	int64_t until_ms = now_ms() + timeout_ms;
	int r = E_NOMEM;

	if (s == NULL) {
		return E_NOMEM;
	}
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0) {
		r = -errno;
		goto out;
	}
	s->events = json_array();
	if (s->events == NULL) {
		goto out;
	}
	r = connect_to(s->fd, path, until_ms);
	if (r == E_OK) {
		r = say_hello(s, program, timeout_ms);
	}
out:
	if (r != E_OK) {
		ipc_sync_close(s);
		return r;
	}
	*out = s;
	return E_OK;
}

void
ipc_sync_close(struct ipc_sync *s)
{
	if (s == NULL) {
		return;
	}
	if (s->fd >= 0) {
		(void)close(s->fd); /* all that matters was answered */
	}
	ipc_lines_clear(&s->in);
	json_decref(s->events);
	free(s);
}

int
ipc_call_once(const char *path, const char *program, const char *method,
    json_t *params, unsigned timeout_ms, json_t **result, json_t **error)
{
	struct ipc_sync *s = NULL;
	int r;

	r = ipc_sync_open(path, program, timeout_ms, &s);
	if (r != E_OK) {
		json_decref(params);
		return r;
	}
	r = ipc_sync_call(s, method, params, timeout_ms, result, error);
	ipc_sync_close(s);
	return r;
}
