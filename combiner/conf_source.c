/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "combiner/conf_inner.h"
#include "common/errcode.h"

/* A name, or a number. */
static int
find_uid(const char *s, uid_t *uid)
{
	const struct passwd *pw = getpwnam(s);
	unsigned long v;
	char *end;

	if (pw != NULL) {
		*uid = pw->pw_uid;
		return E_OK;
	}
	errno = 0;
	v = strtoul(s, &end, 10);
	if (s[0] < '0' || s[0] > '9' || *end != '\0' || errno != 0 ||
	    v >= UINT32_MAX) {
		return E_NOENT;
	}
	*uid = (uid_t)v;
	return E_OK;
}

/* The key or user decides whose store is changed, so it can be of one only. */
static const struct combiner_source *
owner_of(const struct combiner_conf *c, const struct acl_key *key, uid_t uid)
{
	for (size_t i = 0; i < c->nsources; i++) {
		const struct combiner_source *s = &c->sources[i];

		for (size_t k = 0; key != NULL && k < s->nkeys; k++) {
			if (s->keys[k] == key) {
				return s;
			}
		}
		for (size_t k = 0; key == NULL && k < s->nuids; k++) {
			if (s->uids[k] == uid) {
				return s;
			}
		}
	}
	return NULL;
}

static void
take_keys(struct conf *conf, const struct combiner_conf *c,
    const struct conf_row *row, struct combiner_source *s)
{
	size_t n = conf_values(row, "key");

	for (size_t i = 0; i < n; i++) {
		const struct acl_key *key =
		    &c->acl->keys[conf_row_index(conf_ref(row, "key", i))];
		const struct combiner_source *other = owner_of(c, key, 0);

		if (other != NULL) {
			conf_error(conf, row, "key",
			    "key %s belongs to msa %s already", key->id,
			    other->id);
			continue;
		}
		s->keys[s->nkeys++] = key;
	}
}

static void
take_users(struct conf *conf, const struct combiner_conf *c,
    const struct conf_row *row, struct combiner_source *s)
{
	size_t n = conf_values(row, "user");

	for (size_t i = 0; i < n; i++) {
		const char *user = conf_str(row, "user", i);
		const struct combiner_source *other;
		uid_t uid;

		if (find_uid(user, &uid) != E_OK) {
			conf_error(
			    conf, row, "user", "there is no user \"%s\"", user);
			continue;
		}
		other = owner_of(c, NULL, uid);
		if (other != NULL) {
			conf_error(conf, row, "user",
			    "user %s belongs to msa %s already", user,
			    other->id);
			continue;
		}
		s->uids[s->nuids++] = uid;
	}
}

static int
build(struct conf *conf, const struct combiner_conf *c,
    const struct conf_row *row, struct combiner_source *s)
{
	s->id = strdup(conf_id(row));
	s->keys = calloc(conf_values(row, "key") + 1, sizeof(s->keys[0]));
	s->uids = calloc(conf_values(row, "user") + 1, sizeof(s->uids[0]));
	if (s->id == NULL || s->keys == NULL || s->uids == NULL) {
		return E_NOMEM;
	}
	take_keys(conf, c, row, s);
	take_users(conf, c, row, s);
	return E_OK;
}

int
combiner_sources_new(struct conf *conf, struct combiner_conf *c)
{
	size_t n = conf_count(conf, "msa");
	int r = E_OK;

	c->sources = calloc(n + 1, sizeof(c->sources[0]));
	if (c->sources == NULL) {
		return E_NOMEM;
	}
	for (size_t i = 0; i < n && r == E_OK; i++) {
		/* counted first, so that it sees its own repetitions, too */
		c->nsources = i + 1;
		r = build(conf, c, conf_row(conf, "msa", i), &c->sources[i]);
	}
	return r;
}

void
combiner_sources_free(struct combiner_conf *c)
{
	for (size_t i = 0; i < c->nsources; i++) {
		free(c->sources[i].id);
		free(c->sources[i].keys);
		free(c->sources[i].uids);
	}
	free(c->sources);
}

const struct combiner_source *
combiner_source_by_key(
    const struct combiner_rules *rules, const struct tsig_key *key)
{
	for (size_t i = 0; i < rules->nsources; i++) {
		const struct combiner_source *s = rules->sources[i];

		for (size_t k = 0; k < s->nkeys; k++) {
			const struct tsig_key *own = &s->keys[k]->tsig;

			if (own->alg == key->alg &&
			    name_equal(own->name, key->name)) {
				return s;
			}
		}
	}
	return NULL;
}

const struct combiner_source *
combiner_source_by_uid(const struct combiner_conf *c, uid_t uid)
{
	return owner_of(c, NULL, uid);
}
