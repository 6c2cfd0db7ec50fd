/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "combiner/target.h"

#include <stdio.h>
#include <string.h>

#include "common/errcode.h"

size_t
target_count(const struct acl_remote *const *remotes, size_t n)
{
	size_t i, count = 0;

	for (i = 0; i < n; i++) {
		count += remotes[i]->naddrs;
	}
	return count;
}

int
target_get(const struct acl_remote *const *remotes, size_t n, size_t k,
    struct target *out)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (k < remotes[i]->naddrs) {
			out->remote = remotes[i];
			out->addr = &remotes[i]->addrs[k];
			return E_OK;
		}
		k -= remotes[i]->naddrs;
	}
	return E_NOENT;
}

int
target_find_host(const struct acl_remote *const *remotes, size_t n,
    const struct net_addr *host)
{
	size_t i, k;
	int pos = 0;

	for (i = 0; i < n; i++) {
		for (k = 0; k < remotes[i]->naddrs; k++, pos++) {
			if (net_addr_same_host(&remotes[i]->addrs[k], host)) {
				return pos;
			}
		}
	}
	return -1;
}

const char *
target_str(const struct target *t, char *s)
{
	char addr[NET_ADDR_STRLEN];

	snprintf(s, TARGET_STRLEN, "%.100s %s", t->remote->id,
	    net_addr_str(t->addr, addr));
	return s;
}

unsigned
target_nkeys(const struct acl_remote *const *remotes, size_t n, size_t k)
{
	struct target t;

	return target_get(remotes, n, k, &t) == E_OK
	    ? (unsigned)t.remote->nkeys : 0;
}

const struct tsig_key *
target_key(const struct target *t, unsigned key)
{
	if (t->remote->nkeys == 0) {
		return NULL;
	}
	return &t->remote->keys[key % t->remote->nkeys]->tsig;
}

void
target_peer(const struct target *t, unsigned key, struct dns_peer *out)
{
	memset(out, 0, sizeof(*out));
	out->addr = *t->addr;
	/* A source address can only serve targets of its own family. */
	if (t->remote->via.u.sa.sa_family == t->addr->u.sa.sa_family) {
		out->from = t->remote->via;
	}
	out->tls = t->remote->tls;
	out->server_name = t->remote->server_name;
	out->key = target_key(t, key);
}
