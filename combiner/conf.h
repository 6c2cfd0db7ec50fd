/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The combiner's configuration: schema table, checks, and the structs that the
 * rest of the daemon reads.  One struct combiner_conf is immutable after it
 * was built; a reload builds a new one and swaps.
 */
#ifndef COMBINER_CONF_H
#define COMBINER_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/acl.h"
#include "common/dns_server.h"

struct conf;
struct conf_section;

/* Who may contribute: section `msa`. */
struct combiner_source {
	char *id; /* name in the store; also what polyctl shows */
	const struct acl_key **keys; /* any of them is this source (key roll) */
	size_t nkeys;
	uid_t *uids; /* local users that speak for it */
	size_t nuids;
};

enum combiner_expire { COMBINER_EXPIRE_SERVE = 0, COMBINER_EXPIRE_STOP = 1 };
enum combiner_owner_sig { COMBINER_SIG_PASS = 0, COMBINER_SIG_STRIP = 1 };

/*
 * Rules for zones; a zone of the configuration has one of its own, members of
 * a catalog share their group's template.  Reference-counted by its owner
 * struct combiner_conf as a whole.
 */
struct combiner_rules {
	char *id; /* template name, or NULL */
	const struct acl_remote **masters;
	size_t nmasters;
	const struct acl_remote **notify; /* signers */
	size_t nnotify;
	const struct acl_rule **acl;
	size_t nacl;
	const struct combiner_source **sources;
	size_t nsources;
	bool guard;
	bool allow_cds_delete;
	bool owner_serial_reset;
	/* types left out of what this zone's signers get (BIND: CDS, CDNSKEY) */
	uint16_t omit_types[6];
	size_t nomit;
	enum combiner_expire expire;
	enum combiner_owner_sig owner_signatures;
	/* limits of transfers in */
	uint64_t max_records, max_octets, idle_ms, total_ms;
	/* bounds on the owner's SOA timers */
	uint64_t refresh_min_ms, refresh_max_ms, retry_min_ms, retry_max_ms;
	/* NOTIFY out */
	uint64_t notify_retry_ms;
	unsigned notify_tries;
	/* in all, for the first publish (zone_serial.c); 0: not asked */
	uint64_t signer_serial_wait_ms;
	/* journal: versions and per cent of the zone kept at least */
	unsigned journal_versions, journal_percent;
};

struct combiner_zone_conf {
	uint8_t *name;  /* lower case */
	char *name_str; /* in the same memory */
	const struct combiner_rules *rules;
};

struct combiner_catalog_conf {
	uint8_t name[NAME_MAX_LEN];
	char *name_str;
	const struct combiner_rules *rules; /* how the catalog itself comes in */
	bool mass_removal; /* catalog-mass-removal */
};

struct combiner_conf {
	unsigned refs;
	struct acl_db *acl;
	struct combiner_source *sources;
	size_t nsources;
	struct combiner_rules **templates; /* with id, also "default" */
	size_t ntemplates;
	struct combiner_rules **own; /* of single zones; owned */
	size_t nown;
	struct combiner_zone_conf *zones; /* sorted by name_cmp() */
	size_t nzones;
	struct combiner_catalog_conf *catalogs;
	size_t ncatalogs;
	/* server */
	struct net_addr *listen;
	size_t nlisten;
	struct net_addr *listen_tls;
	size_t nlisten_tls;
	struct tls_ctx *tls; /* for listen_tls */
	struct dns_server_opts dns;
	char *user, *group;
	char *rundir, *statedir, *socket;
	unsigned update_rate; /* per key and second */
	unsigned transfers_in; /* at once */
	unsigned transfers_out;
	uint64_t max_update_len;
};

extern const struct conf_section combiner_schema[];
/* For daemon_ops.check. */
void combiner_conf_check(struct conf *conf);
/* E_CONF after conf_error()s. */
int combiner_conf_new(struct conf *conf, struct combiner_conf **out);
struct combiner_conf *combiner_conf_ref(struct combiner_conf *c);
void combiner_conf_unref(struct combiner_conf *c);
const struct combiner_rules *combiner_conf_template(
    const struct combiner_conf *c, const char *id);
const struct combiner_source *combiner_source_by_key(
    const struct combiner_rules *rules, const struct tsig_key *key);
const struct combiner_source *combiner_source_by_uid(
    const struct combiner_conf *c, uid_t uid);

#endif
