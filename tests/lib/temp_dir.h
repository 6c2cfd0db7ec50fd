/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A folder for one test, removed with what is in it. */
#ifndef TESTS_TEMP_DIR_H
#define TESTS_TEMP_DIR_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEMP_DIR_MAX 64

static inline void
temp_dir_new(char dir[TEMP_DIR_MAX])
{
	(void)strcpy(dir, "/tmp/polyphony-test-XXXXXX");
	if (mkdtemp(dir) == NULL) {
		perror("mkdtemp");
		abort();
	}
}

/* How many of its files end so; removes them when asked to. */
static inline unsigned
temp_dir_count(const char *dir, const char *end, int and_remove)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	unsigned count = 0;
	char path[512];

	while (d != NULL && (e = readdir(d)) != NULL) {
		size_t n = strlen(e->d_name), k = strlen(end);
		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0 || n < k ||
		    strcmp(e->d_name + n - k, end) != 0) {
			continue;
		}
		count++;
		if (and_remove) {
			(void)snprintf(path, sizeof(path), "%s/%s", dir,
			    e->d_name);
			(void)unlink(path);
		}
	}
	if (d != NULL) {
		(void)closedir(d);
	}
	return count;
}

static inline void
temp_dir_remove(const char *dir)
{
	char sub[TEMP_DIR_MAX + 16];

	(void)snprintf(sub, sizeof(sub), "%s/archive", dir);
	(void)temp_dir_count(sub, "", 1);
	(void)rmdir(sub); /* if there is one */
	(void)temp_dir_count(dir, "", 1);
	(void)rmdir(dir);
}

#endif
