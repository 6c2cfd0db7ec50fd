/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The file of a Unix socket that listens. */
#include "common/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/errcode.h"
#include "common/stream_inner.h"

static int
fill_addr(struct sockaddr_un *un, const char *path)
{
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(un->sun_path)) {
		return E_INVAL;
	}
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, len + 1);
	return E_OK;
}

/* E_OK when nobody uses the path: nothing there, or a socket left behind. */
static int
check_unused(const char *path)
{
	struct sockaddr_un un;
	struct stat st;
	int r, fd;

	if (lstat(path, &st) != 0) {
		return errno == ENOENT ? E_OK : -errno;
	}
	if (!S_ISSOCK(st.st_mode)) {
		return E_EXIST;
	}
	r = fill_addr(&un, path);
	if (r != E_OK) {
		return r;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0 ||
	    errno == EAGAIN) { /* its backlog is full: it lives */
		r = E_EXIST;
	} else if (errno != ECONNREFUSED && errno != ENOENT) {
		r = -errno;
	}
	(void)close(fd); /* nothing was written to it */
	return r;
}

/*
 * Until listen() nobody can connect, so mode and group are right before the
 * first one comes.
 */
static int
bind_temp(struct stream_listener *l, const char *temp)
{
	struct sockaddr_un un;
	struct stat st;
	mode_t mode = l->opts.mode != 0 ? l->opts.mode : 0600;
	int r;

	r = fill_addr(&un, temp);
	if (r != E_OK) {
		return r;
	}
	if (unlink(temp) != 0 && errno != ENOENT) {
		return -errno;
	}
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0 ||
	    bind(l->fd, (struct sockaddr *)&un, sizeof(un)) != 0) {
		return -errno;
	}
	if ((l->opts.gid != (gid_t)-1 &&
	    lchown(temp, (uid_t)-1, l->opts.gid) != 0) ||
	    chmod(temp, mode) != 0 ||
	    listen(l->fd, l->opts.backlog) != 0 ||
	    lstat(temp, &st) != 0) {
		r = -errno;
		(void)unlink(temp); /* it is in the way of nothing */
		return r;
	}
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	return E_OK;
}

int
stream_listen_unix_open(struct stream_listener *l, const char *path)
{
	char temp[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int r, n;

	n = snprintf(temp, sizeof(temp), "%s.%ld", path, (long)getpid());
	if (n < 0 || (size_t)n >= sizeof(temp)) {
		return E_INVAL;
	}
	r = check_unused(path);
	if (r == E_OK) {
		r = bind_temp(l, temp);
	}
	if (r != E_OK) {
		return r;
	}
	l->path = strdup(path);
	if (l->path == NULL || rename(temp, path) != 0) {
		r = l->path == NULL ? E_NOMEM : -errno;
		(void)unlink(temp); /* it is in the way of nothing */
	}
	return r;
}

/* Another process may have taken the path over meanwhile. */
void
stream_listen_unix_close(struct stream_listener *l)
{
	struct stat st;

	if (l->path != NULL && lstat(l->path, &st) == 0 &&
	    st.st_dev == l->dev && st.st_ino == l->ino) {
		(void)unlink(l->path); /* not ours to remove: then it stays */
	}
}
