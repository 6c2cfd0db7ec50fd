/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/stream.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/errcode.h"
#include "common/stream_inner.h"

/* A peer that we left must take something in each of these spans. */
#define DRAIN_MS 30000
/*
 * After the last octet we read and drop what the peer still sends: closing
 * with unread input makes TCP reset, which destroys output on its way.
 */
#define LINGER_MS 1000

int
stream_error(int uv_err)
{
	switch (uv_err) {
	case UV_EOF:
		return E_CLOSED;
	case UV_ECANCELED:
		return E_CANCEL;
	case UV_ENOMEM:
	case UV_ENOBUFS:
		return E_NOMEM;
	default:
		return uv_err; /* -errno */
	}
}

static void
on_closed(uv_handle_t *h)
{
	struct stream *s = h->data;

	tls_session_free(s->tls);
	free(s->out);
	free(s);
}

static void
destroy(struct stream *s)
{
	s->is_closing = true;
	loop_timer_stop(&s->timer);
	loop_defer_cancel(s->loop, &s->defer);
	stream_listener_remove(s);
	uv_close(&s->uv.handle, on_closed);
}

static void
on_loop_free(struct loop_handle *h)
{
	destroy((struct stream *)h);
}

static void
tell_end(struct stream *s)
{
	if (s->is_told) {
		return;
	}
	s->is_told = true;
	if (s->ev.on_end != NULL) {
		s->ev.on_end(s, s->end_err, s->arg);
	}
}

void
stream_fail(struct stream *s, int err)
{
	if (s->is_closing) {
		return;
	}
	if (s->end_err == E_OK) {
		s->end_err = err;
	}
	if (err != E_CLOSED) {
		s->is_broken = true;
	}
	(void)uv_read_stop(&s->uv.stream);
	if (s->is_draining) {
		/* One who ends only its own side still gets the rest. */
		if (err != E_CLOSED || stream_queued(s) == 0) {
			destroy(s);
		}
	} else if (s->is_open) {
		tell_end(s);
	} else if (s->listener != NULL) {
		stream_listener_refused(s, err);
		destroy(s);
	} else if (!s->is_told) {
		s->is_told = true;
		if (s->ev.on_open != NULL) {
			s->ev.on_open(s, err, s->arg);
		}
	}
}

void
stream_fail_later(struct stream *s, int err)
{
	s->is_broken = true;
	if (s->end_err == E_OK) {
		s->end_err = err;
	}
	(void)uv_read_stop(&s->uv.stream);
	loop_defer(s->loop, &s->defer);
}

/* -- reading -------------------------------------------------------------- */
static void
on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct stream *s = h->data;
	uint8_t *scratch = loop_scratch(s->loop);

	(void)suggested;
	*buf = uv_buf_init((char *)scratch,
	    scratch == NULL ? 0 : STREAM_READ_SIZE);
}

static void
on_uv_read(uv_stream_t *h, ssize_t n, const uv_buf_t *buf)
{
	struct stream *s = h->data;
	const uint8_t *data = (const uint8_t *)buf->base;

	if (n == 0) {
		return; /* nothing there after all */
	}
	if (n < 0 && s->tls != NULL && s->is_open && !s->is_draining &&
	    n == UV_EOF) {
		/* What it sent before comes first. */
		stream_tls_run(s);
		if (s->is_paused && !s->is_closing && s->end_err == E_OK) {
			s->end_err = E_CLOSED;
			return;
		}
	}
	if (n < 0) {
		stream_fail(s, stream_error((int)n));
	} else if (s->is_draining) {
		return; /* see LINGER_MS */
	} else if (s->tls != NULL) {
		stream_tls_on_read(s, data, (size_t)n);
	} else if (s->ev.on_read != NULL) {
		s->ev.on_read(s, data, (size_t)n, s->arg);
	}
}

static void
read_start(struct stream *s)
{
	int r;

	if (s->is_closing || s->end_err != E_OK) {
		return;
	}
	r = uv_read_start(&s->uv.stream, on_alloc, on_uv_read);
	if (r != 0 && r != UV_EALREADY) {
		stream_fail_later(s, stream_error(r));
	}
}

void
stream_read_pause(struct stream *s)
{
	s->is_paused = true;
	if (s->is_open && !s->is_closing && !s->is_draining) {
		(void)uv_read_stop(&s->uv.stream);
	}
}

/*
 * Text that the TLS session holds comes before more is read, at the end of the
 * turn: now, the scratch may be lent to somebody.
 */
void
stream_read_resume(struct stream *s)
{
	s->is_paused = false;
	if (!s->is_open || s->is_closing || s->is_draining) {
		return;
	}
	if (s->tls == NULL && s->end_err == E_OK) {
		read_start(s);
	} else {
		loop_defer(s->loop, &s->defer);
	}
}

static void
on_defer(void *arg)
{
	struct stream *s = arg;

	if (s->tls != NULL) {
		stream_tls_run(s);
	}
	if (s->end_err != E_OK && (s->is_broken || !s->is_paused)) {
		stream_fail(s, s->end_err);
	} else if (!s->is_paused) {
		read_start(s);
	}
}

/* -- opening -------------------------------------------------------------- */
void
stream_opened(struct stream *s)
{
	s->is_open = true;
	loop_timer_stop(&s->timer);
	if (s->listener != NULL) {
		s->listener->on_accept(s, s->listener->arg);
	} else if (s->ev.on_open != NULL) {
		s->ev.on_open(s, E_OK, s->arg);
	}
	if (s->is_closing) {
		return;
	}
	if (s->is_paused && !s->is_draining) {
		(void)uv_read_stop(&s->uv.stream);
	} else {
		read_start(s);
	}
}

void
stream_start(struct stream *s)
{
	if (s->tls == NULL) {
		stream_opened(s);
		return;
	}
	read_start(s);
	stream_tls_run(s);
}

static void
on_connect(uv_connect_t *req, int status)
{
	struct stream *s = req->handle->data;

	if (s->is_closing) {
		return;
	}
	if (status != 0) {
		stream_fail(s, stream_error(status));
		return;
	}
	stream_start(s);
}

static struct stream *
alloc_stream(struct loop *loop)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (s != NULL) {
		s->base.close = on_loop_free;
		s->loop = loop;
		s->defer.fn = on_defer;
		s->defer.arg = s;
	}
	return s;
}

static int
bind_from(struct stream *s, const struct net_addr *from)
{
#ifdef IP_BIND_ADDRESS_NO_PORT
	/* The port is chosen with the peer known: many more are free. */
	int fd, on = 1;

	if (net_addr_port(from) == 0 &&
	    uv_fileno(&s->uv.handle, &fd) == 0) {
		/* Where the kernel cannot, bind chooses as ever. */
		(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
		    sizeof(on));
	}
#endif
	return uv_tcp_bind(&s->uv.tcp, &from->u.sa, 0);
}

int
stream_connect(struct loop *loop, const struct net_addr *to,
    const struct net_addr *from, struct tls_ctx *tls, const char *server_name,
    const struct stream_events *ev, void *arg, struct stream **out)
{
	struct stream *s = alloc_stream(loop);
	int r;

	if (s == NULL) {
		return E_NOMEM;
	}
	r = uv_tcp_init_ex(loop_raw(loop), &s->uv.tcp, to->u.sa.sa_family);
	if (r != 0) {
		free(s);
		return stream_error(r);
	}
	s->uv.handle.data = s;
	s->ev = *ev;
	s->arg = arg;
	s->peer = *to;
	(void)uv_tcp_nodelay(&s->uv.tcp, 1); /* slower without, not wrong */
	r = from != NULL ? bind_from(s, from) : 0;
	if (r == 0 && tls != NULL) {
		r = stream_tls_init(s, tls, server_name);
	}
	if (r == 0) {
		r = uv_tcp_connect(&s->req.connect, &s->uv.tcp, &to->u.sa,
		    on_connect);
	}
	if (r != 0) {
		destroy(s);
		return stream_error(r);
	}
	*out = s;
	return E_OK;
}

int
stream_connect_unix(struct loop *loop, const char *path,
    const struct stream_events *ev, void *arg, struct stream **out)
{
	struct stream *s;
	int r;

	/* libuv would shorten it. */
	if (*path == '\0' ||
	    strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
		return E_INVAL;
	}
	s = alloc_stream(loop);
	if (s == NULL) {
		return E_NOMEM;
	}
	r = uv_pipe_init(loop_raw(loop), &s->uv.pipe, 0);
	if (r != 0) {
		free(s);
		return stream_error(r);
	}
	s->uv.handle.data = s;
	s->ev = *ev;
	s->arg = arg;
	s->is_unix = true;
	uv_pipe_connect(&s->req.connect, &s->uv.pipe, path, on_connect);
	*out = s;
	return E_OK;
}

int
stream_new_accepted(struct stream_listener *l, int fd,
    const struct net_addr *peer, struct stream **out)
{
	struct stream *s = alloc_stream(l->loop);
	int r;

	if (s == NULL) {
		(void)close(fd);
		return E_NOMEM;
	}
	s->is_unix = peer->u.sa.sa_family == 0;
	s->peer = *peer;
	r = s->is_unix ? uv_pipe_init(loop_raw(l->loop), &s->uv.pipe, 0) :
	    uv_tcp_init(loop_raw(l->loop), &s->uv.tcp);
	if (r != 0) {
		(void)close(fd);
		free(s);
		return stream_error(r);
	}
	s->uv.handle.data = s;
	r = s->is_unix ? uv_pipe_open(&s->uv.pipe, fd) :
	    uv_tcp_open(&s->uv.tcp, fd);
	if (r != 0) {
		(void)close(fd);
	} else {
		if (!s->is_unix) {
			(void)uv_tcp_nodelay(&s->uv.tcp, 1);
		}
		r = l->tls != NULL ? stream_tls_init(s, l->tls, NULL) : 0;
	}
	if (r != 0) {
		destroy(s);
		return stream_error(r);
	}
	*out = s;
	return E_OK;
}

void
stream_set_events(struct stream *s, const struct stream_events *ev, void *arg)
{
	s->ev = *ev;
	s->arg = arg;
}

/* -- closing -------------------------------------------------------------- */
void
stream_close(struct stream *s)
{
	if (s == NULL || s->is_closing) {
		return;
	}
	stream_tls_bye(s);
	destroy(s);
}

static void
on_drain_timer(struct loop_timer *t, void *arg)
{
	struct stream *s = arg;
	size_t queued = stream_queued(s);

	if (queued == 0 || queued >= s->queued_before ||
	    loop_timer_start(s->loop, t, DRAIN_MS) != E_OK) {
		destroy(s);
		return;
	}
	s->queued_before = queued;
}

static void
on_shutdown(uv_shutdown_t *req, int status)
{
	struct stream *s = req->handle->data;

	if (s->is_closing) {
		return;
	}
	/* The end of the peer comes to on_uv_read, or the timer. */
	if (status != 0 || s->end_err != E_OK ||
	    loop_timer_start(s->loop, &s->timer, LINGER_MS) != E_OK) {
		destroy(s);
	}
}

void
stream_drained(struct stream *s)
{
	if (s->is_shut) {
		return;
	}
	s->is_shut = true;
	if (uv_shutdown(&s->req.shutdown, &s->uv.stream, on_shutdown) != 0) {
		destroy(s);
	}
}

void
stream_close_after_write(struct stream *s)
{
	if (s->is_closing || s->is_draining) {
		return;
	}
	if (!s->is_open || s->is_broken) {
		stream_close(s);
		return;
	}
	stream_tls_bye(s);
	s->is_draining = true;
	loop_defer_cancel(s->loop, &s->defer);
	s->queued_before = stream_queued(s);
	s->timer.cb = on_drain_timer;
	s->timer.arg = s;
	if (loop_timer_start(s->loop, &s->timer, DRAIN_MS) != E_OK) {
		destroy(s);
		return;
	}
	read_start(s);
	if (s->queued_before == 0) {
		stream_drained(s);
	}
}

/* -- what is known of it -------------------------------------------------- */
const struct net_addr *
stream_peer(const struct stream *s)
{
	return s->is_unix ? NULL : &s->peer;
}

int
stream_peer_cred(const struct stream *s, uid_t *uid, gid_t *gid, pid_t *pid)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int fd, r;

	r = uv_fileno(&s->uv.handle, &fd);
	if (r != 0 || !s->is_unix) {
		return r != 0 ? stream_error(r) : E_INVAL;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0) {
		return -errno;
	}
	*uid = cred.uid;
	*gid = cred.gid;
	*pid = cred.pid;
	return E_OK;
}

static bool
has_group(int fd, gid_t gid)
{
	gid_t few[64], *groups = few;
	socklen_t len = sizeof(few);
	bool found = false;
	size_t i;
	int r;

	r = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len);
	if (r != 0 && errno == ERANGE) { /* len is what it needs */
		groups = malloc(len);
		if (groups == NULL) {
			return false;
		}
		r = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len);
	}
	if (r == 0) {
		for (i = 0; i < len / sizeof(gid_t) && !found; i++) {
			found = groups[i] == gid;
		}
	}
	if (groups != few) {
		free(groups);
	}
	return found;
}

bool
stream_peer_in_group(const struct stream *s, gid_t gid)
{
	uid_t uid;
	gid_t own;
	pid_t pid;
	int fd;

	if (stream_peer_cred(s, &uid, &own, &pid) != E_OK ||
	    uv_fileno(&s->uv.handle, &fd) != 0) {
		return false;
	}
	return own == gid || has_group(fd, gid);
}
