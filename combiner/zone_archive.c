/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The last copy of a zone that a catalog has removed; nothing reads it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "combiner/zdata.h"
#include "combiner/zone_inner.h"
#include "common/errcode.h"

#define TEXT_MAX (4 * 65536) /* RDATA in presentation form */

struct out {
	FILE *f;
	char *text;
};

static int
put_record(const uint8_t *owner, uint16_t type, uint16_t class, uint32_t ttl,
    const uint8_t *rdata, uint16_t rdlen, void *arg)
{
	struct out *o = arg;
	char name[NAME_STRLEN];

	(void)class; /* IN, all of them */
	if (rdata_to_str(type, rdata, rdlen, o->text, TEXT_MAX) < 0) {
		return E_MALF;
	}
	return fprintf(o->f, "%s %u IN %s %s\n", name_to_str(owner, name), ttl,
	           dns_type_str(type), o->text) < 0
	    ? -errno
	    : E_OK;
}

static int
put_apex(struct out *o, const uint8_t *name, const struct apex *a,
    const char *prefix)
{
	int ret = E_OK;

	for (unsigned i = 0; a != NULL && i < a->count; i++) {
		const struct rrset *s = &a->sets[i];
		for (uint16_t k = 0; ret == E_OK && k < s->count; k++) {
			uint16_t len;
			const uint8_t *rdata = rrset_rdata(s, k, &len);
			(void)fputs(prefix, o->f); /* ferror() tells below */
			ret = put_record(name, s->type, DNS_IN, s->ttl, rdata,
			    len, o);
		}
	}
	return ret;
}

static int
put_zone(struct out *o, const struct zone *z)
{
	uint8_t soa[DNS_MSG_MAX];
	uint32_t ttl;
	int n = zone_out_soa(z, soa, &ttl);
	int ret = E_OK;

	if (n > 0) {
		ret = put_record(z->name, DNS_SOA, DNS_IN, ttl, soa,
		    (uint16_t)n, o);
	}
	if (ret == E_OK) {
		ret = put_apex(o, z->name, z->out_apex, "");
	}
	for (const struct contrib *c = z->contribs; ret == E_OK && c != NULL;
	     c = c->next) {
		(void)fprintf(o->f, "; contribution of %s\n", c->source);
		ret = put_apex(o, z->name, c->sets, "; ");
	}
	if (ret == E_OK && z->data != NULL) {
		ret = zdata_each(z->data, put_record, o);
	}
	return ret;
}

/* The name as part of a file name: letters, digits, dot and hyphen alone. */
static void
file_name(const uint8_t *zone, char *s)
{
	(void)name_to_str(zone, s);
	for (; *s != '\0'; s++) {
		if (strchr("abcdefghijklmnopqrstuvwxyz0123456789-.", *s) ==
		    NULL) {
			*s = '_';
		}
	}
}

/* The folder too, or a power cut could take the file's name away. */
static int
sync_archive(const char *dir)
{
	char path[4096];
	int fd, ret;

	(void)snprintf(path, sizeof(path), "%s/archive", dir);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret = fd < 0 || fsync(fd) != 0 ? -errno : E_OK;
	if (fd >= 0) {
		(void)close(fd); /* nothing was written through it */
	}
	return ret;
}

int
zone_archive(const struct zone *z, const char *dir, int64_t now)
{
	char name[NAME_STRLEN], path[4096];
	struct out o = {0};
	int ret = E_OK;

	file_name(z->name, name);
	(void)snprintf(path, sizeof(path), "%s/archive", dir);
	if (mkdir(path, 0750) != 0 && errno != EEXIST) {
		return -errno;
	}
	(void)snprintf(path, sizeof(path), "%s/archive/%.200s%lld.zone", dir,
	    name, (long long)now);
	o.text = malloc(TEXT_MAX);
	o.f = fopen(path, "we");
	if (o.text == NULL || o.f == NULL) {
		ret = o.text == NULL ? E_NOMEM : -errno;
		goto out;
	}
	ret = put_zone(&o, z);
	if (ret == E_OK &&
	    (fflush(o.f) != 0 || ferror(o.f) || fsync(fileno(o.f)) != 0)) {
		ret = errno != 0 ? -errno : E_STORE;
	}
out:
	if (o.f != NULL && fclose(o.f) != 0 && ret == E_OK) {
		ret = -errno;
	}
	if (ret == E_OK) {
		ret = sync_archive(dir); /* the rows go only after this */
	} else if (o.f != NULL) {
		(void)unlink(path); /* half an archive helps nobody */
	}
	free(o.text);
	return ret;
}
