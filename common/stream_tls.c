/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between a stream and its TLS session. */
#include "common/stream.h"

#include "common/errcode.h"
#include "common/stream_inner.h"

static ssize_t
on_push(void *arg, const void *data, size_t len)
{
	int r = stream_write_gather(arg, data, len);

	return r == E_OK ? (ssize_t)len : r;
}

int
stream_tls_init(struct stream *s, struct tls_ctx *ctx, const char *server_name)
{
	return tls_session_new(ctx, server_name, on_push, s, &s->tls);
}

/* Handshake messages, alerts: nobody waits for them to be written. */
static void
flush(struct stream *s)
{
	int r;

	if (s->is_closing || s->out == NULL) {
		return;
	}
	r = stream_write_out(s, NULL, NULL);
	if (r != E_OK) {
		stream_fail_later(s, r);
	}
}

/* E_OK: done, and nobody closed the stream. */
static int
handshake(struct stream *s)
{
	int r = tls_session_handshake(s->tls);

	flush(s); /* an alert too */
	if (r == E_OK) {
		stream_opened(s);
		return s->is_closing ? E_CANCEL : E_OK;
	}
	if (r != E_AGAIN) {
		stream_fail(s, r);
	}
	return r;
}

void
stream_tls_run(struct stream *s)
{
	uint8_t *plain = loop_scratch(s->loop);
	ssize_t n;

	if (s->is_closing || s->is_draining || s->is_told || s->is_broken) {
		return;
	}
	if (plain == NULL) {
		stream_fail(s, E_NOMEM);
		return;
	}
	if (!s->is_open && handshake(s) != E_OK) {
		return;
	}
	plain += STREAM_READ_SIZE;
	while (!s->is_paused && !s->is_closing && !s->is_draining &&
	    !s->is_told && !s->is_broken) {
		n = tls_session_read(s->tls, plain, STREAM_PLAIN_SIZE);
		if (n > 0) {
			if (s->ev.on_read != NULL) {
				s->ev.on_read(s, plain, (size_t)n, s->arg);
			}
		} else if (n == E_AGAIN) {
			break;
		} else {
			flush(s);
			stream_fail(s, n == 0 ? E_CLOSED : (int)n);
			return;
		}
	}
	flush(s);
}

void
stream_tls_on_read(struct stream *s, const uint8_t *data, size_t len)
{
	int r = tls_session_feed(s->tls, data, len);

	if (r != E_OK) {
		stream_fail(s, r);
		return;
	}
	stream_tls_run(s);
}

int
stream_tls_write(struct stream *s, const struct iovec *iov, size_t count,
    stream_write_fn done, void *arg)
{
	int r = tls_session_writev(s->tls, iov, count);

	return r == E_OK ? stream_write_out(s, done, arg) : r;
}

void
stream_tls_bye(struct stream *s)
{
	if (s->tls == NULL || !s->is_open || s->is_broken || s->is_draining) {
		return;
	}
	tls_session_bye(s->tls);
	if (s->out != NULL && stream_write_out(s, NULL, NULL) != E_OK) {
		s->is_broken = true;
	}
}

bool
stream_is_tls(const struct stream *s)
{
	return s->tls != NULL;
}

const char *
stream_tls_error(const struct stream *s)
{
	const char *text = s->tls != NULL ? tls_session_error(s->tls) : NULL;

	return text != NULL ? text : "";
}

const uint8_t *
stream_peer_pin(const struct stream *s)
{
	return s->tls != NULL ? tls_session_peer_pin(s->tls) : NULL;
}
