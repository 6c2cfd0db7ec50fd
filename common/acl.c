/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/acl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base64.h"
#include "common/conf.h"
#include "common/errcode.h"

#define PORT_DNS 53
#define PORT_TLS 853
#define TLS_ERR_LEN 256

static char *
copy(const char *s)
{
	return s != NULL ? strdup(s) : NULL;
}

/* ---- keys ---- */

/* White space at the end of the file is left out. */
static int
read_secret_file(
    const char *path, char *text, size_t cap, size_t *len, const char **why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int r = E_INVAL;
	struct stat st;
	ssize_t n;

	*why = "";
	if (fd < 0 || fstat(fd, &st) != 0) {
		*why = strerror(errno);
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		*why = "no ordinary file";
		goto out;
	}
	if ((st.st_mode & S_IRWXO) != 0) {
		*why = "others may read or write it, which they must not";
		goto out;
	}
	n = read(fd, text, cap);
	if (n < 0 || (size_t)n == cap) {
		*why = n < 0 ? strerror(errno) : "too long";
		goto out;
	}
	while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL) {
		n--;
	}
	*len = (size_t)n;
	r = E_OK;
out:
	if (fd >= 0) {
		(void)close(fd); /* only read */
	}
	return r;
}

static void
key_secret_file(
    struct conf *conf, const struct conf_row *row, struct tsig_key *key)
{
	const char *path = conf_str(row, "secret-file", 0), *why;
	char text[BASE64_ENCODED_LEN(sizeof(key->secret)) + 16];
	size_t len;

	if (read_secret_file(path, text, sizeof(text), &len, &why) != E_OK) {
		conf_error(conf, row, "secret-file", "%s: %s", path, why);
	} else if (base64_decode(text, len, key->secret, sizeof(key->secret),
		       &len) != E_OK) {
		conf_error(conf, row, "secret-file",
		    "%s: expected one line of base64, at most %zu octets", path,
		    sizeof(key->secret));
	} else if (len < TSIG_SECRET_MIN) {
		conf_error(conf, row, "secret-file",
		    "%s: shorter than %d "
		    "octets",
		    path, TSIG_SECRET_MIN);
	} else {
		key->secret_len = (uint16_t)len;
	}
	explicit_bzero(text, sizeof(text));
}

static int
build_key(struct conf *conf, const struct conf_row *row, struct acl_key *key)
{
	const uint8_t *name, *secret;
	size_t len;

	key->id = copy(conf_id(row));
	if (key->id == NULL) {
		return E_NOMEM;
	}
	name = conf_bytes(row, "id", 0, &len);
	memcpy(key->tsig.name, name, len);
	key->tsig.name_len = (uint16_t)len;
	key->tsig.alg = (enum tsig_alg)conf_int(row, "algorithm");
	secret = conf_bytes(row, "secret", 0, &len);
	if ((secret != NULL) == conf_is_set(row, "secret-file")) {
		conf_error(conf, row, "secret",
		    "expected a secret or a "
		    "secret-file, and not both");
		return E_OK;
	}
	if (secret == NULL) {
		key_secret_file(conf, row, &key->tsig);
	} else if (len > sizeof(key->tsig.secret)) {
		conf_error(conf, row, "secret", "longer than %zu octets",
		    sizeof(key->tsig.secret));
	} else if (len < TSIG_SECRET_MIN) {
		conf_error(conf, row, "secret", "shorter than %d octets",
		    TSIG_SECRET_MIN);
	} else {
		memcpy(key->tsig.secret, secret, len);
		key->tsig.secret_len = (uint16_t)len;
	}
	return E_OK;
}

/* Keys that an item of this row refers to. */
static int
build_key_list(const struct acl_db *db, const struct conf_row *row,
    const struct acl_key ***out, size_t *count)
{
	size_t n = conf_values(row, "key");

	if (n == 0) {
		return E_OK;
	}
	*out = calloc(n, sizeof((*out)[0]));
	if (*out == NULL) {
		return E_NOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		(*out)[i] = &db->keys[conf_row_index(conf_ref(row, "key", i))];
	}
	*count = n;
	return E_OK;
}

static int
build_pins(
    const struct conf_row *row, uint8_t (**out)[TLS_PIN_LEN], size_t *count)
{
	size_t n = conf_values(row, "cert-key");

	if (n == 0) {
		return E_OK;
	}
	*out = calloc(n, sizeof((*out)[0]));
	if (*out == NULL) {
		return E_NOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		memcpy((*out)[i], conf_bytes(row, "cert-key", i, NULL),
		    TLS_PIN_LEN);
	}
	*count = n;
	return E_OK;
}

/* ---- remotes ---- */

static void
check_remote_tls(struct conf *conf, const struct conf_row *row)
{
	static const char *const tls_items[] = {
	    "cert-key", "ca-file", "hostname", "cert-file", "key-file"};
	bool has_ca = conf_is_set(row, "ca-file");

	for (size_t i = 0; i < sizeof(tls_items) / sizeof(tls_items[0]) &&
			   !conf_bool(row, "tls");
	     i++) {
		if (conf_is_set(row, tls_items[i])) {
			conf_error(conf, row, tls_items[i],
			    "has a meaning only with tls: on");
		}
	}
	if (!conf_bool(row, "tls")) {
		return;
	}
	if (conf_values(row, "cert-key") == 0 && !has_ca) {
		conf_error(conf, row, "tls",
		    "expected a cert-key, or a "
		    "ca-file and a hostname, to know the server by");
	}
	if (has_ca && !conf_is_set(row, "hostname")) {
		conf_error(conf, row, "ca-file", "expected a hostname, too");
	}
	if (conf_is_set(row, "cert-file") != conf_is_set(row, "key-file")) {
		conf_error(conf, row, "cert-file",
		    "expected cert-file and "
		    "key-file, or none of them");
	}
}

static int
build_remote_tls(
    struct conf *conf, const struct conf_row *row, struct acl_remote *remote)
{
	uint8_t(*pins)[TLS_PIN_LEN] = NULL;
	struct tls_conf tc = {
	    .cert_file = conf_str(row, "cert-file", 0),
	    .key_file = conf_str(row, "key-file", 0),
	    .ca_file = conf_str(row, "ca-file", 0),
	    .alpn = (enum tls_alpn)conf_int(row, "alpn"),
	};
	char msg[TLS_ERR_LEN] = "", *dot;
	int r;

	r = build_pins(row, &pins, &tc.npins);
	if (r != E_OK) {
		return r;
	}
	tc.pins = (const uint8_t(*)[TLS_PIN_LEN])pins;
	if (tls_ctx_new(&tc, &remote->tls, msg, sizeof(msg)) != E_OK) {
		conf_error(conf, row, "tls", "%s", msg);
	}
	free(pins);
	remote->server_name = copy(conf_str(row, "hostname", 0));
	if (remote->server_name == NULL && conf_is_set(row, "hostname")) {
		return E_NOMEM;
	}
	/* names in certificates have no dot at their end */
	dot = remote->server_name != NULL ? strrchr(remote->server_name, '.')
					  : NULL;
	if (dot != NULL && dot[1] == '\0' && dot != remote->server_name) {
		*dot = '\0';
	}
	return E_OK;
}

static int
build_remote(struct conf *conf, const struct acl_db *db,
    const struct conf_row *row, struct acl_remote *remote)
{
	bool is_tls = conf_bool(row, "tls");
	size_t n = conf_values(row, "address");
	int r;

	remote->id = copy(conf_id(row));
	remote->addrs = calloc(n, sizeof(remote->addrs[0]));
	if (remote->id == NULL || remote->addrs == NULL) {
		return E_NOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		struct net_addr *a = &remote->addrs[i];

		(void)conf_addr(row, "address", i, a); /* checked by conf.c */
		if (net_addr_port(a) == 0) {
			net_addr_set_port(a, is_tls ? PORT_TLS : PORT_DNS);
		}
	}
	remote->naddrs = n;
	(void)conf_addr(row, "via", 0, &remote->via); /* none: family 0 */
	r = build_key_list(db, row, &remote->keys, &remote->nkeys);
	check_remote_tls(conf, row);
	if (r == E_OK && is_tls && conf_status(conf) == E_OK) {
		r = build_remote_tls(conf, row, remote);
	}
	return r;
}

/* ---- rules ---- */

static int
build_rule(struct conf *conf, const struct acl_db *db,
    const struct conf_row *row, struct acl_rule *rule)
{
	size_t n = conf_values(row, "address");
	int r;

	rule->id = copy(conf_id(row));
	rule->prefixes = calloc(n > 0 ? n : 1, sizeof(rule->prefixes[0]));
	if (rule->id == NULL || rule->prefixes == NULL) {
		return E_NOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		/* checked by conf.c */
		(void)conf_prefix(row, "address", i, &rule->prefixes[i]);
	}
	rule->nprefixes = n;
	rule->deny = conf_bool(row, "deny");
	rule->needs_tls = conf_bool(row, "tls");
	for (size_t i = 0; i < conf_values(row, "action"); i++) {
		rule->actions |= 1u << conf_int_at(row, "action", i);
	}
	if (rule->actions == 0 && rule->deny) {
		rule->actions = ACL_TRANSFER | ACL_NOTIFY | ACL_QUERY;
	} else if (rule->actions == 0) {
		conf_error(conf, row, "action",
		    "must be given: expected transfer, notify, query");
	}
	r = build_key_list(db, row, &rule->keys, &rule->nkeys);
	if (r == E_OK) {
		r = build_pins(row, &rule->pins, &rule->npins);
	}
	return r;
}

/* ---- all of it ---- */

static int
allocate(struct conf *conf, struct acl_db *db)
{
	size_t nkeys = conf_count(conf, "key");
	size_t nremotes = conf_count(conf, "remote");
	size_t nrules = conf_count(conf, "acl");

	db->keys = calloc(nkeys + 1, sizeof(db->keys[0]));
	db->tsig = calloc(nkeys + 1, sizeof(db->tsig[0]));
	db->remotes = calloc(nremotes + 1, sizeof(db->remotes[0]));
	db->rules = calloc(nrules + 1, sizeof(db->rules[0]));
	if (db->keys == NULL || db->tsig == NULL || db->remotes == NULL ||
	    db->rules == NULL) {
		return E_NOMEM;
	}
	db->nkeys = nkeys;
	db->nremotes = nremotes;
	db->nrules = nrules;
	return E_OK;
}

int
acl_db_new(struct conf *conf, struct acl_db **out)
{
	struct acl_db *db = calloc(1, sizeof(*db));
	int r;

	if (db == NULL) {
		return E_NOMEM;
	}
	r = allocate(conf, db);
	for (size_t i = 0; r == E_OK && i < db->nkeys; i++) {
		db->tsig[i] = &db->keys[i].tsig;
		r = build_key(conf, conf_row(conf, "key", i), &db->keys[i]);
	}
	for (size_t i = 0; r == E_OK && i < db->nremotes; i++) {
		r = build_remote(
		    conf, db, conf_row(conf, "remote", i), &db->remotes[i]);
	}
	for (size_t i = 0; r == E_OK && i < db->nrules; i++) {
		r = build_rule(
		    conf, db, conf_row(conf, "acl", i), &db->rules[i]);
	}
	if (r != E_OK) {
		acl_db_free(db);
		return r;
	}
	*out = db;
	return conf_status(conf);
}

void
acl_db_free(struct acl_db *db)
{
	if (db == NULL) {
		return;
	}
	for (size_t i = 0; i < db->nkeys; i++) {
		free(db->keys[i].id);
		tsig_key_wipe(&db->keys[i].tsig);
	}
	for (size_t i = 0; i < db->nremotes; i++) {
		struct acl_remote *r = &db->remotes[i];

		free(r->id);
		free(r->addrs);
		free(r->keys);
		tls_ctx_unref(r->tls);
		free(r->server_name);
	}
	for (size_t i = 0; i < db->nrules; i++) {
		struct acl_rule *r = &db->rules[i];

		free(r->id);
		free(r->prefixes);
		free(r->keys);
		free(r->pins);
	}
	free(db->keys);
	free(db->tsig);
	free(db->remotes);
	free(db->rules);
	free(db);
}

const struct acl_key *
acl_key_find(const struct acl_db *db, const char *id)
{
	for (size_t i = 0; i < db->nkeys; i++) {
		if (strcmp(db->keys[i].id, id) == 0) {
			return &db->keys[i];
		}
	}
	return NULL;
}

const struct acl_remote *
acl_remote_find(const struct acl_db *db, const char *id)
{
	for (size_t i = 0; i < db->nremotes; i++) {
		if (strcmp(db->remotes[i].id, id) == 0) {
			return &db->remotes[i];
		}
	}
	return NULL;
}

const struct acl_rule *
acl_rule_find(const struct acl_db *db, const char *id)
{
	for (size_t i = 0; i < db->nrules; i++) {
		if (strcmp(db->rules[i].id, id) == 0) {
			return &db->rules[i];
		}
	}
	return NULL;
}

/* ---- the decision ---- */

static bool
fits_address(const struct acl_rule *rule, const struct net_addr *addr)
{
	for (size_t i = 0; i < rule->nprefixes; i++) {
		if (net_prefix_has(&rule->prefixes[i], addr)) {
			return true;
		}
	}
	return rule->nprefixes == 0;
}

/* By name and algorithm: the request may be older than this configuration. */
static bool
fits_key(const struct acl_rule *rule, const struct tsig_key *key)
{
	for (size_t i = 0; key != NULL && i < rule->nkeys; i++) {
		const struct tsig_key *k = &rule->keys[i]->tsig;

		if (k->alg == key->alg && name_equal(k->name, key->name)) {
			return true;
		}
	}
	return rule->nkeys == 0 && key == NULL;
}

static bool
fits_pin(const struct acl_rule *rule, const uint8_t *pin)
{
	for (size_t i = 0; pin != NULL && i < rule->npins; i++) {
		if (memcmp(rule->pins[i], pin, TLS_PIN_LEN) == 0) {
			return true;
		}
	}
	return rule->npins == 0;
}

bool
acl_allows(const struct acl_rule *const *rules, size_t n,
    const struct acl_subject *who, enum acl_action action)
{
	for (size_t i = 0; i < n; i++) {
		const struct acl_rule *rule = rules[i];
		unsigned covers = rule->actions;

		if ((covers & ACL_TRANSFER) != 0) {
			covers |= ACL_QUERY;
		}
		if ((covers & (unsigned)action) != 0 &&
		    (!rule->needs_tls || who->is_tls) &&
		    fits_address(rule, who->addr) && fits_key(rule, who->key) &&
		    fits_pin(rule, who->pin)) {
			return !rule->deny;
		}
	}
	return false;
}
