/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writing: at once if the kernel takes it, else by libuv's queue. */
#include "common/stream.h"

#include <stdlib.h>
#include <string.h>

#include "common/errcode.h"
#include "common/stream_inner.h"

/*
 * done may write again, and its done again …: as long as the kernel takes all,
 * that would never come back to the loop.
 */
#define MAX_NESTED 4

#define OUT_FIRST 4096u
#define OUT_MAX (1u << 18)

/* One write under way; those of TLS and of copies bring their octets along. */
struct stream_out {
	uv_write_t uv; /* first: the request is this struct */
	stream_write_fn done;
	void *arg;
	size_t len, cap;
	uint8_t data[];
};

size_t
stream_queued(const struct stream *s)
{
	return uv_stream_get_write_queue_size(&s->uv.stream) +
	    (s->out != NULL ? s->out->len : 0);
}

static struct stream_out *
new_out(size_t cap)
{
	struct stream_out *o = malloc(sizeof(*o) + cap);

	if (o != NULL) {
		memset(o, 0, sizeof(*o));
		o->cap = cap;
	}
	return o;
}

static void
call_done(struct stream *s, stream_write_fn done, void *arg, int err)
{
	if (done != NULL) {
		s->nested++;
		done(arg, err);
		s->nested--;
	}
}

static void
on_uv_write(uv_write_t *req, int status)
{
	struct stream_out *o = (struct stream_out *)req;
	struct stream *s = req->handle->data;
	int err = status == 0 ? E_OK : stream_error(status);

	call_done(s, o->done, o->arg, err);
	free(o);
	if (s->is_closing) {
		return;
	}
	if (err != E_OK) {
		stream_fail(s, err);
	} else if (s->is_draining && stream_queued(s) == 0) {
		stream_drained(s);
	}
}

/* How much the kernel takes now; all of it, some, nothing or an error. */
static ssize_t
try_write(struct stream *s, const uv_buf_t *bufs, size_t count)
{
	int n;

	if (s->nested >= MAX_NESTED) {
		return 0;
	}
	n = uv_try_write(&s->uv.stream, bufs, (unsigned)count);
	return n == UV_EAGAIN ? 0 : n;
}

/* The caller's octets from `skip` on, which are some; o is new. */
static int
queue_lent(struct stream *s, struct stream_out *o, const uv_buf_t *bufs,
    size_t count, size_t skip)
{
	uv_buf_t few[16], *rest = few;
	int r;

	while (count > 0 && skip >= bufs->len) {
		skip -= bufs->len;
		bufs++;
		count--;
	}
	if (count > sizeof(few) / sizeof(few[0])) {
		rest = malloc(count * sizeof(*rest));
		if (rest == NULL) {
			return E_NOMEM;
		}
	}
	memcpy(rest, bufs, count * sizeof(*rest));
	rest[0].base += skip;
	rest[0].len -= skip;
	r = uv_write(&o->uv, &s->uv.stream, rest, (unsigned)count,
	    on_uv_write); /* copies the list */
	if (rest != few) {
		free(rest);
	}
	return r;
}

static int
check_writable(const struct stream *s)
{
	if (s->is_closing || s->is_draining) {
		return E_CANCEL;
	}
	if (!s->is_open) {
		return E_AGAIN;
	}
	if (s->is_broken) {
		return s->end_err != E_OK ? s->end_err : E_CLOSED;
	}
	return E_OK;
}

static int
write_plain(struct stream *s, const uv_buf_t *bufs, size_t count,
    stream_write_fn done, void *arg)
{
	struct stream_out *o;
	size_t total = 0, i;
	ssize_t n;
	int r;

	for (i = 0; i < count; i++) {
		total += bufs[i].len;
	}
	n = total == 0 ? 0 : try_write(s, bufs, count);
	if (n < 0) {
		return stream_error((int)n);
	}
	if ((size_t)n == total) {
		call_done(s, done, arg, E_OK);
		return E_OK;
	}
	o = new_out(0);
	if (o == NULL) {
		return E_NOMEM;
	}
	o->done = done;
	o->arg = arg;
	r = queue_lent(s, o, bufs, count, (size_t)n);
	if (r != 0) {
		free(o);
		return stream_error(r);
	}
	return E_OK;
}

int
stream_write(struct stream *s, const struct iovec *iov, size_t count,
    stream_write_fn done, void *arg)
{
	int r;

	_Static_assert(sizeof(uv_buf_t) == sizeof(struct iovec) &&
	    offsetof(uv_buf_t, len) == offsetof(struct iovec, iov_len),
	    "uv_buf_t is an iovec on all Unix systems");
	r = check_writable(s);
	if (r != E_OK) {
		return r;
	}
	if (s->tls != NULL) {
		r = stream_tls_write(s, iov, count, done, arg);
	} else {
		r = write_plain(s, (const uv_buf_t *)(const void *)iov, count,
		    done, arg);
	}
	if (r != E_OK) {
		stream_fail_later(s, r);
	}
	return r;
}

int
stream_write_out(struct stream *s, stream_write_fn done, void *arg)
{
	struct stream_out *o = s->out;
	uv_buf_t buf;
	ssize_t n;
	int r;

	s->out = NULL;
	if (o == NULL) {
		call_done(s, done, arg, E_OK);
		return E_OK;
	}
	buf.base = (char *)o->data;
	buf.len = o->len;
	n = try_write(s, &buf, 1);
	if (n < 0 || (size_t)n == o->len) {
		free(o);
		if (n < 0) {
			return stream_error((int)n);
		}
		call_done(s, done, arg, E_OK);
		return E_OK;
	}
	o->done = done;
	o->arg = arg;
	buf.base += n;
	buf.len -= (size_t)n;
	r = uv_write(&o->uv, &s->uv.stream, &buf, 1, on_uv_write);
	if (r != 0) {
		free(o);
		return stream_error(r);
	}
	return E_OK;
}

/* Room for len octets more in s->out. */
static int
make_room(struct stream *s, size_t len)
{
	struct stream_out *o;
	size_t cap;
	int r;

	if (s->out != NULL && s->out->len > 0 &&
	    s->out->len + len > OUT_MAX) {
		r = stream_write_out(s, NULL, NULL);
		if (r != E_OK) {
			return r;
		}
	}
	if (s->out == NULL) {
		s->out = new_out(len > OUT_FIRST ? len : OUT_FIRST);
		return s->out != NULL ? E_OK : E_NOMEM;
	}
	if (s->out->cap - s->out->len >= len) {
		return E_OK;
	}
	cap = s->out->cap * 2;
	if (cap < s->out->len + len) {
		cap = s->out->len + len;
	}
	o = realloc(s->out, sizeof(*o) + cap);
	if (o == NULL) {
		return E_NOMEM;
	}
	o->cap = cap;
	s->out = o;
	return E_OK;
}

int
stream_write_gather(struct stream *s, const void *data, size_t len)
{
	int r = make_room(s, len);

	if (r == E_OK) {
		memcpy(s->out->data + s->out->len, data, len);
		s->out->len += len;
	}
	return r;
}

static int
copy_plain(struct stream *s, const uint8_t *data, size_t len)
{
	/* uv_buf_t has no const; nobody writes there. */
	const struct iovec iov = {(void *)(uintptr_t)data, len};
	ssize_t n = len == 0 ? 0 :
	    try_write(s, (const uv_buf_t *)(const void *)&iov, 1);
	int r;

	if (n < 0) {
		return stream_error((int)n);
	}
	if ((size_t)n == len) {
		return E_OK;
	}
	s->out = new_out(len - (size_t)n);
	if (s->out == NULL) {
		return E_NOMEM;
	}
	r = stream_write_gather(s, data + n, len - (size_t)n);
	return r == E_OK ? stream_write_out(s, NULL, NULL) : r;
}

int
stream_write_copy(struct stream *s, const void *data, size_t len)
{
	int r;

	if (s->tls != NULL) { /* encrypts into a buffer of its own */
		const struct iovec iov = {(void *)(uintptr_t)data, len};

		return stream_write(s, &iov, 1, NULL, NULL);
	}
	r = check_writable(s);
	if (r != E_OK) {
		return r;
	}
	r = copy_plain(s, data, len);
	if (r != E_OK) {
		stream_fail_later(s, r);
	}
	return r;
}
