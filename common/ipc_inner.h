/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The server's own structs, for ipc_server.c, ipc_conn.c and ipc_common.c. */
#ifndef COMMON_IPC_INNER_H
#define COMMON_IPC_INNER_H

#include "common/ipc.h"
#include "common/ipc_msg.h"
#include "common/log.h"
#include "common/loop.h"

struct stream;
struct stream_listener;

#define IPC_CONNS_MAX 100u    /* connections … */
#define IPC_CONNS_OPERATE 10u /* … and so many more for operators alone */
#define IPC_CALLS_MAX 64u     /* of one connection, not answered yet */
#define IPC_LINES_TURN 64u    /* of one connection in one turn of the loop */
#define IPC_HELLO_MS 10000u   /* hello must have come by then */
#define IPC_TXID_MAX 64u
#define IPC_PEER_STRLEN 64

struct ipc_server {
	struct loop *loop;
	struct ipc_service service;
	struct stream_listener *listener;
	gid_t operate_gid;
	struct ipc_conn *conns;
	unsigned nconns;
	unsigned nsubscribers;
	uint32_t txid_run; /* random, one a start */
	uint64_t txid_next;
	int64_t started_sec;
	struct log_limit bad_log, full_log, slow_log;
};

/*
 * Lives until its stream is closed and its last call and write are done: those
 * hold references.
 */
struct ipc_conn {
	struct ipc_server *server; /* NULL: closed */
	struct ipc_conn *next, *prev;
	struct stream *stream; /* NULL: closed */
	unsigned refs;
	unsigned calls; /* not answered yet */
	struct ipc_lines in;
	struct loop_defer more; /* go on with lines that are there already */
	struct loop_timer hello_timer;
	uid_t uid;
	gid_t gid;
	pid_t pid;
	bool is_owner;	  /* uid 0 or the daemon's own */
	bool is_operator; /* in the group */
	bool has_hello;
	bool is_paused; /* not reading */
	bool is_ending; /* said its last: closes when all is answered */
	bool is_subscribed;
	json_t *events; /* names wanted; NULL: all */
	char peer[IPC_PEER_STRLEN];
};

struct ipc_call {
	struct ipc_conn *conn; /* holds a reference */
	struct ipc_request req;
	const struct ipc_method *method;
	enum ipc_right right;
	uint64_t start_us;
	char txid[IPC_TXID_MAX + 1];
};

/* Takes the stream over. */
void ipc_conn_new(struct ipc_server *s, struct stream *stream);
/* Closes; the struct goes when nothing holds it any more. */
void ipc_conn_close(struct ipc_conn *c);
/* Writes what is queued, then closes. */
void ipc_conn_end(struct ipc_conn *c);
void ipc_conn_release(struct ipc_conn *c);
/* line is malloc'd and taken over; NULL (no memory) closes. */
void ipc_conn_send(struct ipc_conn *c, char *line, size_t len);
/* A call was answered: there may be room for more. */
void ipc_conn_on_answered(struct ipc_conn *c);
enum ipc_right ipc_conn_right(const struct ipc_conn *c);
const char *ipc_conn_source(const struct ipc_conn *c);

/* Handles one line; may close or end c. */
void ipc_dispatch(struct ipc_conn *c, const char *line, size_t len);

/* ipc_common.c: handlers of the common methods; their arg is the server. */
extern const struct ipc_handler ipc_common_handlers[];

#endif
