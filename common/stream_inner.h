/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside of streams, for stream*.c only.
 *
 *   connect: stream_connect → on_connect ─┐
 *   accept:  on_acceptable → accept_one ──┴→ start → [TLS handshake] → opened
 *   read:    on_uv_read → [stream_tls_on_read → stream_tls_run] → ev.on_read
 *   write:   stream_write → [stream_tls_write] → write_out → on_uv_write → done
 *   end:     stream_fail → tell_end → ev.on_end → stream_close → on_closed
 *
 * A stream is freed in on_closed alone, which the loop calls: after any
 * callback it is enough to look at is_closing.
 */
#ifndef COMMON_STREAM_INNER_H
#define COMMON_STREAM_INNER_H

#include <uv.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/stream.h"
#include "common/tls.h"

#define STREAM_READ_SIZE (1u << 18)  /* read at once, of the loop's scratch */
#define STREAM_PLAIN_SIZE (1u << 16) /* TLS: plain text, behind that */
#define STREAM_LISTENER_BUCKETS 64

struct stream_out;

struct stream {
	struct loop_handle base; /* first: data of the uv handle */
	struct loop *loop;
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} uv;
	union {
		uv_connect_t connect;
		uv_shutdown_t shutdown;
	} req;
	struct stream_events ev; /* zero until set */
	void *arg;
	struct net_addr peer; /* family 0: Unix */
	struct stream_listener *listener; /* accepted, and it still listens */
	struct stream *prev, *next;       /* of the same bucket there */
	struct tls_session *tls; /* NULL: plain */
	struct stream_out *out;  /* TLS: cipher text gathered for one write */
	struct loop_timer timer; /* of the handshake, or of draining */
	struct loop_defer defer; /* plain text held, or an end to tell */
	size_t queued_before;    /* while draining: at the last look */
	int end_err;             /* E_OK: neither side has ended */
	uint8_t nested;          /* calls of done from within stream_write */
	bool is_unix;
	bool is_open;
	bool is_paused;
	bool is_told;     /* on_end, or on_open with an error, was called */
	bool is_broken;   /* cannot be written to */
	bool is_draining; /* closed for its owner, but not yet written out */
	bool is_shut;     /* all is written, the end too */
	bool is_closing;  /* uv_close was called */
};

struct stream_listener {
	struct loop_handle base; /* first: data of the uv handle */
	struct loop *loop;
	uv_poll_t uv;
	int fd;
	bool is_closing;
	struct stream_listen_opts opts; /* defaults filled in */
	struct tls_ctx *tls;
	stream_accept_fn on_accept;
	void *arg;
	struct net_addr at; /* family 0: Unix */
	char *path;         /* Unix */
	dev_t dev;          /* of the path, as we made it */
	ino_t ino;
	struct loop_timer retry; /* out of descriptors: accept again then */
	struct log_limit limit;
	unsigned nconns;
	struct stream *conns[STREAM_LISTENER_BUCKETS]; /* by address */
};

/* libuv's error as one of ours. */
int stream_error(int uv_err);
/* Takes the descriptor, also when it fails. */
int stream_new_accepted(struct stream_listener *l, int fd,
    const struct net_addr *peer, struct stream **out);
/* Connected: begins the handshake, or is open. */
void stream_start(struct stream *s);
void stream_opened(struct stream *s);
/* It ended: tells the owner now, or ends the attempt to open it. */
void stream_fail(struct stream *s, int err);
/* The same, at the end of the turn. */
void stream_fail_later(struct stream *s, int err);
/* Nothing is left to write: the next step of draining. */
void stream_drained(struct stream *s);

int stream_write_out(struct stream *s, stream_write_fn done, void *arg);
/* Adds octets to s->out; writes it out first when it is full. */
int stream_write_gather(struct stream *s, const void *data, size_t len);

int stream_tls_init(struct stream *s, struct tls_ctx *ctx,
    const char *server_name);
void stream_tls_on_read(struct stream *s, const uint8_t *data, size_t len);
/* Goes on with the handshake, then reads as much as can be. */
void stream_tls_run(struct stream *s);
int stream_tls_write(struct stream *s, const struct iovec *iov, size_t count,
    stream_write_fn done, void *arg);
void stream_tls_bye(struct stream *s);

void stream_listener_add(struct stream_listener *l, struct stream *s);
void stream_listener_remove(struct stream *s);
/* Logs why a handshake failed. */
void stream_listener_refused(struct stream *s, int err);
/* Binds the Unix socket; fd, path, dev, ino are set. */
int stream_listen_unix_open(struct stream_listener *l, const char *path);
void stream_listen_unix_close(struct stream_listener *l);

#endif
