/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/priv.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#ifdef HAVE_SECCOMP
#include <seccomp.h>
#endif

#include "common/errcode.h"
#include "common/log.h"

/* ---- user, groups, capabilities ---- */

struct identity {
	uid_t uid;
	gid_t gid;
};

static int
look_up(const struct priv_opts *opts, struct identity *id)
{
	const struct passwd *pw = getpwnam(opts->user);
	const struct group *gr;

	if (pw == NULL) {
		log_err(NULL, "there is no user %s", opts->user);
		return E_NOENT;
	}
	id->uid = pw->pw_uid;
	id->gid = pw->pw_gid;
	if (opts->group == NULL) {
		return E_OK;
	}
	gr = getgrnam(opts->group);
	if (gr == NULL) {
		log_err(NULL, "there is no group %s", opts->group);
		return E_NOENT;
	}
	id->gid = gr->gr_gid;
	return E_OK;
}

static int
become(const struct priv_opts *opts, const struct identity *id)
{
	if (initgroups(opts->user, id->gid) != 0 ||
	    setresgid(id->gid, id->gid, id->gid) != 0 ||
	    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 ||
	    setresuid(id->uid, id->uid, id->uid) != 0 ||
	    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0) {
		return -errno;
	}
	return E_OK;
}

/* Before the user changes: it takes CAP_SETPCAP.  Who lacks that has none. */
static void
drop_bounding(bool keep_net_bind)
{
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0;
	     cap++) {
		if (cap != CAP_NET_BIND_SERVICE || !keep_net_bind) {
			(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
		}
	}
}

/*
 * The system calls themselves: what is needed of libcap-ng would be longer.
 * Version 3 has two words of 32 bits.
 */
static int
set_caps(bool keep_net_bind)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];
	uint32_t kept = keep_net_bind ? 1u << CAP_NET_BIND_SERVICE : 0;

	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capget, &head, data) != 0) {
		return -errno;
	}
	data[0].permitted &= kept;
	data[0].effective = data[0].permitted;
	data[0].inheritable = 0;
	memset(&data[1], 0, sizeof(data[1]));
	if (syscall(SYS_capset, &head, data) != 0) {
		return -errno;
	}
	return E_OK;
}

int
priv_drop(const struct priv_opts *opts)
{
	struct identity id = {geteuid(), getegid()};
	int r = E_OK;

	if (opts->user != NULL) {
		r = look_up(opts, &id);
		if (r != E_OK) {
			return r;
		}
	}
	if (id.uid != geteuid()) {
		drop_bounding(opts->keep_net_bind);
		r = become(opts, &id);
		if (r != E_OK) {
			log_err(
			    F(.err = r), "cannot become user %s", opts->user);
			return r;
		}
	} else if (id.uid == 0) {
		log_warning(NULL, "running as root: set server.user");
		return E_OK;
	}
	r = set_caps(opts->keep_net_bind);
	if (r != E_OK) {
		log_err(F(.err = r), "cannot drop capabilities");
		return r;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		r = -errno;
		log_err(F(.err = r), "cannot refuse new privileges");
	}
	return r;
}

/* ---- system calls ---- */

/* Sanitizers need others, and change with each compiler. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || \
    __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#if defined(HAVE_SECCOMP) && !defined(SANITIZED)

/* Names that a system does not know are passed over. */
/* clang-format off */
static const char *const allowed[] = {
	/* memory and threads of libc */
	"brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "clone",
	"clone3", "set_robust_list", "rseq", "futex", "futex_time64",
	"futex_waitv", "sched_yield", "sched_getaffinity",
	"sched_setaffinity", "set_tid_address", "membarrier", "exit",
	"exit_group", "restart_syscall", "arch_prctl", "prctl", "gettid",
	"mlock", "munlock", "get_mempolicy", "setpriority", "getpriority",
	/* signals; abort() needs tgkill */
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait",
	"sigaltstack", "sigreturn", "tgkill", "kill", "signalfd4", "pause",
	/* time */
	"clock_gettime", "clock_gettime64", "clock_getres",
	"clock_nanosleep", "gettimeofday", "nanosleep", "time",
	"timerfd_create", "timerfd_settime", "timerfd_gettime", "times",
	/* the event loop */
	"epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait",
	"epoll_pwait", "epoll_pwait2", "eventfd", "eventfd2", "poll",
	"ppoll", "select", "pselect6", "pipe", "pipe2", "io_uring_setup",
	"io_uring_enter", "io_uring_register",
	/* sockets */
	"socket", "socketpair", "bind", "listen", "accept", "accept4",
	"connect", "shutdown", "getsockname", "getpeername", "getsockopt",
	"setsockopt", "sendto", "recvfrom", "sendmsg", "recvmsg",
	"sendmmsg", "recvmmsg", "sendfile", "sendfile64", "splice",
	/* files: reading, and the store with its locks, renames and syncs */
	"open", "openat", "openat2", "creat", "close", "close_range", "read",
	"pread64", "readv", "preadv", "preadv2", "write", "pwrite64",
	"writev", "pwritev", "pwritev2", "lseek", "_llseek", "stat", "fstat",
	"lstat", "newfstatat", "fstatat64", "stat64", "fstat64", "lstat64",
	"statx", "statfs", "fstatfs", "statfs64", "fstatfs64", "access",
	"faccessat", "faccessat2", "readlink", "readlinkat", "getdents",
	"getdents64", "fcntl", "fcntl64", "flock", "ioctl", "dup", "dup2",
	"dup3", "fsync", "fdatasync", "sync_file_range", "syncfs",
	"ftruncate", "ftruncate64", "truncate", "fallocate", "fadvise64",
	"posix_fadvise", "copy_file_range", "msync", "mincore", "mkdir",
	"mkdirat", "rmdir", "rename", "renameat", "renameat2", "link",
	"linkat", "symlink", "symlinkat", "unlink", "unlinkat", "utimensat",
	"umask", "chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown",
	"fchownat", "getcwd", "chdir", "fchdir", "readahead",
	"memfd_create", "inotify_init1", "inotify_add_watch",
	"inotify_rm_watch",
	/* who and where we are; sqlite asks for its euid */
	"getpid", "getppid", "getuid", "geteuid", "getgid", "getegid",
	"getgroups", "getresuid", "getresgid", "getpgrp", "getpgid",
	"getsid", "uname", "sysinfo", "getrlimit", "setrlimit", "prlimit64",
	"getrusage", "getrandom", "getcpu", "capget",
	NULL,
};
/* clang-format on */

static int
allow(scmp_filter_ctx ctx, const char *const *names)
{
	for (; *names != NULL; names++) {
		int nr = seccomp_syscall_resolve_name(*names);
		int r;

		if (nr == __NR_SCMP_ERROR) {
			continue;
		}
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0);
		if (r != 0) {
			return r;
		}
	}
	return 0;
}

int
priv_sandbox(const char *const *extra, bool *is_on)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = E_NOMEM;

	*is_on = false;
	if (ctx == NULL) {
		goto out;
	}
	/* threads of the pool that may be there already */
	r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (r == 0) {
		r = allow(ctx, allowed);
	}
	if (r == 0 && extra != NULL) {
		r = allow(ctx, extra);
	}
	if (r == 0) {
		r = seccomp_load(ctx); /* sets no-new-privs too */
	}
	*is_on = r == 0;
out:
	if (ctx != NULL) {
		seccomp_release(ctx);
	}
	return r;
}

#else

int
priv_sandbox(const char *const *extra, bool *is_on)
{
	(void)extra;
	*is_on = false;
	return E_OK;
}

#endif
