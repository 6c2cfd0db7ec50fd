/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/daemon_start.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/daemon.h"
#include "common/errcode.h"
#include "common/log.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#ifndef POLYPHONY_VERSION
#define POLYPHONY_VERSION "unknown"
#endif

const char *
daemon_version(void)
{
	return POLYPHONY_VERSION;
}

static int
usage(const char *name)
{
	fprintf(stderr, "usage: %s [-dnVv] [-c file] [-T seconds] [-u user]\n",
	    name);
	return E_INVAL;
}

static int
parse_seconds(const char *s, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(s, &end, 10);
	return errno == 0 && end != s && *end == '\0' ? E_OK : E_INVAL;
}

int
daemon_options_parse(int argc, char **argv, const char *name,
    const char *default_conf, struct daemon_options *out)
{
	int c;

	memset(out, 0, sizeof(*out));
	out->conf_path = default_conf;
	optind = 1;
	while ((c = getopt(argc, argv, "c:dnT:u:Vv")) != -1) {
		switch (c) {
		case 'c':
			out->conf_path = optarg;
			break;
		case 'd':
			out->background = true;
			break;
		case 'n':
			out->check_only = true;
			break;
		case 'T':
			if (parse_seconds(optarg, &out->clock_offset_sec) !=
			    E_OK) {
				return usage(name);
			}
			break;
		case 'u':
			out->user = optarg;
			break;
		case 'V':
			printf("%s (polyphony) %s\n", name, daemon_version());
			return E_DONE;
		case 'v':
			out->verbose++;
			break;
		default:
			return usage(name);
		}
	}
	return optind == argc ? E_OK : usage(name);
}

int
daemon_background(int *ready_fd)
{
	int fds[2];
	pid_t pid;
	char c;

	if (pipe2(fds, O_CLOEXEC) != 0) {
		return -errno;
	}
	pid = fork();
	if (pid < 0) {
		int r = -errno;

		(void)close(fds[0]); /* nothing was written */
		(void)close(fds[1]);
		return r;
	}
	if (pid > 0) {
		ssize_t n;

		(void)close(fds[1]); /* so that the child's end is the last */
		do {
			n = read(fds[0], &c, 1);
		} while (n < 0 && errno == EINTR);
		_exit(n == 1 ? 0 : 1);
	}
	(void)close(fds[0]); /* the parent's end */
	if (setsid() < 0 || chdir("/") != 0) {
		return -errno;
	}
	*ready_fd = fds[1];
	return E_OK;
}

void
daemon_background_ready(int ready_fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	ssize_t n;

	if (null >= 0) {
		/* they stay on the terminal when that fails: no harm */
		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDOUT_FILENO);
		(void)dup2(null, STDERR_FILENO);
		(void)close(null); /* the copies stay */
	}
	n = write(ready_fd, "+", 1);
	(void)n; /* a parent that is gone already waits for nothing */
	(void)close(ready_fd);
}

int
daemon_pidfile_open(const char *path, int *fd_out)
{
	char text[32];
	int fd, len, r;

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0) {
		return -errno;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		r = errno == EWOULDBLOCK ? E_EXIST : -errno;
		goto fail;
	}
	len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) != 0 || write(fd, text, (size_t)len) != len) {
		r = errno != 0 ? -errno : E_SYSTEM;
		goto fail;
	}
	*fd_out = fd;
	return E_OK;
fail:
	(void)close(fd); /* nothing of value was written */
	return r;
}

void
daemon_pidfile_close(const char *path, int fd)
{
	/* without the right to remove it, at least nobody takes it for true */
	if (unlink(path) != 0 && ftruncate(fd, 0) != 0) {
		log_debug(F(.err = -errno), "cannot empty %s", path);
	}
	(void)close(fd); /* the lock goes with it */
}

void
daemon_notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t len = path != NULL ? strlen(path) : 0;
	int fd;

	if (len < 2 || len >= sizeof(to.sun_path)) {
		return;
	}
	memcpy(to.sun_path, path, len);
	if (to.sun_path[0] == '@') {
		to.sun_path[0] = '\0'; /* abstract name */
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return;
	}
	if (sendto(fd, text, strlen(text), MSG_NOSIGNAL,
		(const struct sockaddr *)&to,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) <
	    0) {
		log_debug(F(.err = -errno), "cannot tell the init system");
	}
	(void)close(fd); /* a datagram is sent or not */
}
