/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TSIG keys, remotes and access rules as all daemons configure them (sections
 * key, remote, acl), and the one decision function.
 */
#ifndef COMMON_ACL_H
#define COMMON_ACL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/conf.h"
#include "common/dns_tsig.h"
#include "common/net.h"
#include "common/tls.h"

struct acl_key {
	char *id; /* the name as configured */
	struct tsig_key tsig;
};

struct acl_remote {
	char *id;
	struct net_addr *addrs; /* tried in this order */
	size_t naddrs;
	struct net_addr via; /* family 0: none */
	/*
	 * Tried in this order when one is refused with BADKEY: a key roll has
	 * no moment in which nothing works.
	 */
	const struct acl_key **keys;
	size_t nkeys;
	struct tls_ctx *tls; /* not NULL: XoT, never in the clear */
	char *server_name;
};

enum acl_action {
	ACL_TRANSFER = 1,
	ACL_NOTIFY = 2,
	ACL_QUERY = 4, /* zone by ordinary query; TRANSFER includes it */
};

struct acl_rule {
	char *id;
	struct net_prefix *prefixes; /* none: any address */
	size_t nprefixes;
	const struct acl_key **keys; /* none: without key */
	size_t nkeys;
	uint8_t (*pins)[TLS_PIN_LEN]; /* none: any */
	size_t npins;
	unsigned actions; /* of acl_action */
	bool deny;
	bool needs_tls;
};

/* Keys, remotes and rules of one configuration. */
struct acl_db {
	struct acl_key *keys;
	size_t nkeys;
	struct acl_remote *remotes;
	size_t nremotes;
	struct acl_rule *rules;
	size_t nrules;
	const struct tsig_key **tsig; /* all keys, for tsig_check_request() */
};

/* Sections "key", "remote", "acl" of the schema, for the daemons' tables. */
extern const struct conf_item acl_key_items[];
extern const struct conf_item acl_remote_items[];
extern const struct conf_item acl_rule_items[];
/*
 * Builds from a checked configuration; reads secrets and certificates.  What
 * does not fit is reported by conf_error().  On E_CONF there is an *out, too,
 * good only for pointers to its rows, so that the caller can check the rest.
 */
int acl_db_new(struct conf *conf, struct acl_db **out);
void acl_db_free(struct acl_db *db);
const struct acl_key *acl_key_find(const struct acl_db *db, const char *id);
const struct acl_remote *
acl_remote_find(const struct acl_db *db, const char *id);
const struct acl_rule *acl_rule_find(const struct acl_db *db, const char *id);

struct acl_subject { /* who asks */
	const struct net_addr *addr;
	const struct tsig_key *key; /* verified, or NULL */
	const uint8_t *pin;	    /* or NULL */
	bool is_tls;
};
/*
 * The first rule that fits decides; none fits: no.  A rule without keys fits
 * only unsigned requests (as in knot.conf).
 */
bool acl_allows(const struct acl_rule *const *rules, size_t n,
    const struct acl_subject *who, enum acl_action action);

#endif
