/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A list of remotes with several addresses each, seen as one list of targets
 * (one address of one remote), numbered in the order of the configuration.
 */
#ifndef COMBINER_TARGET_H
#define COMBINER_TARGET_H

#include <stddef.h>

#include "common/acl.h"
#include "common/dns_client.h"

struct target {
	const struct acl_remote *remote;
	const struct net_addr *addr;
};

#define TARGET_STRLEN 192

size_t target_count(const struct acl_remote *const *remotes, size_t n);
/* E_NOENT: there are not so many. */
int target_get(const struct acl_remote *const *remotes, size_t n, size_t k,
    struct target *out);
/* The first target with this host (the port is not looked at), or -1. */
int target_find_host(const struct acl_remote *const *remotes, size_t n,
    const struct net_addr *host);
/* "id address@port"; returns s[TARGET_STRLEN]. */
const char *target_str(const struct target *t, char *s);
/* How many keys the k-th target may be asked with, 0: it has none. */
unsigned target_nkeys(const struct acl_remote *const *remotes, size_t n,
    size_t k);
/* The key-th of its keys, or NULL when it has none. */
const struct tsig_key *target_key(const struct target *t, unsigned key);
/* How to ask it with the key-th of its keys. */
void target_peer(const struct target *t, unsigned key, struct dns_peer *out);

#endif
