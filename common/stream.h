/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A connected byte stream on the loop: TCP, TLS over TCP, or a Unix socket.
 * One interface for all three, so that nothing above knows which it is.
 *
 * Reading: on_read lends the octets for the time of the call.  Writing:
 * stream_write takes a reference to the octets by iovec and calls `done` when
 * they are handed to the kernel (TLS: encrypted and handed over).  Callers keep
 * stream_queued() bounded: stop producing above STREAM_HIGH, go on at done.
 */
#ifndef COMMON_STREAM_H
#define COMMON_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "common/net.h"

struct loop;
struct stream;
struct stream_listener;
struct tls_ctx; /* common/tls.h */

#define STREAM_HIGH (1u << 20) /* octets waiting: stop producing */

struct stream_events {
	/* Connected (TLS: handshake and checks of the peer passed), or err. */
	void (*on_open)(struct stream *s, int err, void *arg);
	/* data is valid for this call only. */
	void (*on_read)(struct stream *s, const uint8_t *data, size_t len,
	    void *arg);
	/*
	 * The stream ended: E_CLOSED (regular end), or why.  Called at most
	 * once, never after stream_close().  The owner then calls stream_close.
	 */
	void (*on_end)(struct stream *s, int err, void *arg);
};

/* All of the octets were passed on, or err. */
typedef void (*stream_write_fn)(void *arg, int err);

/*
 * Starts to connect.  from: source address or NULL.  tls: NULL for plain TCP;
 * borrowed, must outlive the stream (the context counts references).
 * server_name for SNI and dNSName checks, or NULL.
 */
int stream_connect(struct loop *loop, const struct net_addr *to,
    const struct net_addr *from, struct tls_ctx *tls, const char *server_name,
    const struct stream_events *ev, void *arg, struct stream **out);
int stream_connect_unix(struct loop *loop, const char *path,
    const struct stream_events *ev, void *arg, struct stream **out);

/*
 * Queues count iovecs; the octets must stay valid and unchanged until done is
 * called (also on failure and on stream_close, then with E_CANCEL).  done may
 * be NULL.  Tries to write at once; done may be called before this returns
 * (and may write again: nested a few deep at the most).  If this returns an
 * error, done is not called; the stream is broken, and on_end tells it at the
 * end of the turn.  Only an open stream can be written to, else E_AGAIN; one
 * whose peer has ended (on_end with E_CLOSED) can still be.
 */
int stream_write(struct stream *s, const struct iovec *iov, size_t count,
    stream_write_fn done, void *arg);
/* The same, but the octets are copied. */
int stream_write_copy(struct stream *s, const void *data, size_t len);
size_t stream_queued(const struct stream *s);
/* Stops and starts the calls of on_read (back-pressure to the peer). */
void stream_read_pause(struct stream *s);
void stream_read_resume(struct stream *s);
/* Frees the stream later; no callback but pending `done`s after this. */
void stream_close(struct stream *s);
/*
 * Writes what is queued, then closes; for the owner it is closed from now on.
 * A peer that takes nothing for 30 s loses the rest.
 */
void stream_close_after_write(struct stream *s);

const struct net_addr *stream_peer(const struct stream *s); /* NULL on Unix */
bool stream_is_tls(const struct stream *s);
/* Why it ended with E_TLS, for a log line; "" when nothing is known. */
const char *stream_tls_error(const struct stream *s);
/* SHA-256 of the peer's SubjectPublicKeyInfo, 32 octets, or NULL. */
const uint8_t *stream_peer_pin(const struct stream *s);
/* The kernel's word on who is behind a Unix socket. */
int stream_peer_cred(const struct stream *s, uid_t *uid, gid_t *gid,
    pid_t *pid);
/* Is the peer, by uid or any of its groups, in this group? */
bool stream_peer_in_group(const struct stream *s, gid_t gid);

/* Called for each accepted stream, after its handshake; it has no on_open. */
typedef void (*stream_accept_fn)(struct stream *s, void *arg);

struct stream_listen_opts {
	unsigned max_conns;      /* 0 = 1000; more are closed at once */
	unsigned max_per_addr;   /* 0 = no limit; IPv6: for each /56 */
	unsigned handshake_ms;   /* TLS handshake must end by then; 0 = 10000 */
	int backlog;             /* 0 = 512 */
	mode_t mode;             /* Unix socket; 0 = 0600 */
	gid_t gid;               /* Unix socket, (gid_t)-1 = as is */
};

/*
 * on_accept gets an open stream and must call stream_set_events on it, or
 * stream_close.  tls may be NULL.  Streams over the limits are closed at once
 * and logged at a limited rate.
 */
int stream_listen(struct loop *loop, const struct net_addr *at,
    struct tls_ctx *tls, const struct stream_listen_opts *opts,
    stream_accept_fn on_accept, void *arg, struct stream_listener **out);
/*
 * Binds a temporary name and renames it, so that a restart never has a moment
 * without socket; a path on which somebody answers is E_EXIST.
 */
int stream_listen_unix(struct loop *loop, const char *path,
    const struct stream_listen_opts *opts, stream_accept_fn on_accept,
    void *arg, struct stream_listener **out);
/* Replaces the TLS context for connections to come (certificate roll). */
void stream_listener_set_tls(struct stream_listener *l, struct tls_ctx *tls);
/* Other limits for connections to come; 0 as in the options. */
void stream_listener_set_limits(struct stream_listener *l, unsigned max_conns,
    unsigned max_per_addr);
/* Port that was really bound. */
uint16_t stream_listener_port(const struct stream_listener *l);
unsigned stream_listener_conns(const struct stream_listener *l);
/* Stops listening; accepted streams live on, those in a handshake end. */
void stream_listener_free(struct stream_listener *l);

void stream_set_events(struct stream *s, const struct stream_events *ev,
    void *arg);

#endif
