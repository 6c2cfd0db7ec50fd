/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "combiner/conf.h"

#include <stdlib.h>
#include <string.h>

#include "combiner/conf_inner.h"
#include "common/errcode.h"

#define DEFAULT_TEMPLATE "default"
#define SOCKET_NAME "combiner.sock"

/* ---- server ---- */

static int
take_addrs(const struct conf_row *row, const char *item, struct net_addr **out,
    size_t *count)
{
	size_t n = conf_values(row, item);

	*out = calloc(n + 1, sizeof((*out)[0]));
	if (*out == NULL) {
		return E_NOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		(void)conf_addr(row, item, i, &(*out)[i]); /* was checked */
	}
	*count = n;
	return E_OK;
}

static int
take_text(const struct conf_row *row, const char *item, char **out)
{
	const char *s = conf_str(row, item, 0);

	if (s == NULL) {
		return E_OK;
	}
	*out = strdup(s);
	return *out != NULL ? E_OK : E_NOMEM;
}

static int
take_paths(const struct conf_row *row, struct combiner_conf *c)
{
	size_t len;

	if (take_text(row, "user", &c->user) != E_OK ||
	    take_text(row, "group", &c->group) != E_OK ||
	    take_text(row, "rundir", &c->rundir) != E_OK ||
	    take_text(row, "statedir", &c->statedir) != E_OK ||
	    take_text(row, "socket", &c->socket) != E_OK) {
		return E_NOMEM;
	}
	if (c->socket == NULL) {
		len = strlen(c->rundir) + sizeof("/" SOCKET_NAME);
		c->socket = malloc(len);
		if (c->socket == NULL) {
			return E_NOMEM;
		}
		strcpy(c->socket, c->rundir);
		strcat(c->socket, "/" SOCKET_NAME);
	}
	return E_OK;
}

static void
take_limits(const struct conf_row *row, struct combiner_conf *c)
{
	c->dns.max_tcp = (unsigned)conf_int(row, "tcp-max-clients");
	c->dns.max_tcp_per_addr =
	    (unsigned)conf_int(row, "tcp-max-per-address");
	c->dns.max_pipeline = (unsigned)conf_int(row, "tcp-max-pipeline");
	c->dns.idle_ms = (unsigned)conf_int(row, "tcp-idle-timeout");
	c->dns.message_ms = (unsigned)conf_int(row, "tcp-message-timeout");
	c->dns.write_ms = (unsigned)conf_int(row, "tcp-write-timeout");
	c->dns.max_udp_len = (unsigned)conf_int(row, "udp-max-payload");
	c->update_rate = (unsigned)conf_int(row, "update-rate");
	c->max_update_len = (uint64_t)conf_int(row, "max-update-len");
	c->transfers_in = (unsigned)conf_int(row, "transfers-in");
	c->transfers_out = (unsigned)conf_int(row, "transfers-out");
}

static int
take_tls(struct conf *conf, const struct conf_row *row, struct combiner_conf *c)
{
	size_t n = conf_values(row, "cert-key");
	uint8_t(*pins)[TLS_PIN_LEN];
	struct tls_conf tc = {
	    .is_server = true,
	    .cert_file = conf_str(row, "cert-file", 0),
	    .key_file = conf_str(row, "key-file", 0),
	    .ca_file = conf_str(row, "ca-file", 0),
	    .npins = n,
	    .need_peer_cert = conf_int(row, "client-cert") != 0,
	    .alpn = TLS_ALPN_STRICT,
	};
	char msg[256] = "";

	if (tc.cert_file == NULL || tc.key_file == NULL) {
		conf_error(conf, row, "listen-tls",
		    "expected cert-file and key-file, too");
		return E_OK;
	}
	pins = calloc(n + 1, sizeof(pins[0]));
	if (pins == NULL) {
		return E_NOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		memcpy(
		    pins[i], conf_bytes(row, "cert-key", i, NULL), TLS_PIN_LEN);
	}
	tc.pins = (const uint8_t(*)[TLS_PIN_LEN])pins;
	if (tls_ctx_new(&tc, &c->tls, msg, sizeof(msg)) != E_OK) {
		conf_error(conf, row, "listen-tls", "%s", msg);
	}
	free(pins);
	return E_OK;
}

static int
take_server(struct conf *conf, struct combiner_conf *c)
{
	const struct conf_row *row = conf_row(conf, "server", 0);

	if (take_addrs(row, "listen", &c->listen, &c->nlisten) != E_OK ||
	    take_addrs(row, "listen-tls", &c->listen_tls, &c->nlisten_tls) !=
		E_OK ||
	    take_paths(row, c) != E_OK) {
		return E_NOMEM;
	}
	take_limits(row, c);
	if (c->nlisten + c->nlisten_tls == 0) {
		conf_error(conf, row, "listen",
		    "must be given: expected an address such as "
		    "127.0.0.1@53, here or in listen-tls");
	}
	return c->nlisten_tls > 0 ? take_tls(conf, row, c) : E_OK;
}

/* ---- rules, zones, catalogs ---- */

static int
take_templates(struct conf *conf, struct combiner_conf *c)
{
	size_t n = conf_count(conf, "template");
	int r = E_OK;

	c->templates = calloc(n + 1, sizeof(c->templates[0]));
	if (c->templates == NULL) {
		return E_NOMEM;
	}
	for (size_t i = 0; i < n && r == E_OK; i++) {
		r = combiner_rules_new(conf, c, NULL,
		    conf_row(conf, "template", i), &c->templates[i]);
		c->ntemplates += r == E_OK;
	}
	return r;
}

struct pick { /* what zones and catalogs have in common */
	struct conf *conf;
	struct combiner_conf *c;
	const struct conf_row *standard; /* template "default", or NULL */
	size_t own_items; /* written items of the row that are no rules */
};

/*
 * The rules of one row.  They are the template's own struct where the row
 * changes nothing, so that thousands of equal zones cost nothing.
 */
static int
pick_rules(const struct pick *p, const struct conf_row *row,
    const struct combiner_rules **out)
{
	const struct conf_row *base = conf_ref(row, "template", 0);
	struct combiner_rules *r;
	int ret;

	if (base == NULL) {
		base = p->standard;
	}
	if (base != NULL && conf_set_count(row) == p->own_items) {
		*out = p->c->templates[conf_row_index(base)];
	} else {
		ret = combiner_rules_new(p->conf, p->c, row,
		    base != NULL ? base : conf_defaults(p->conf, "template"),
		    &r);
		if (ret != E_OK) {
			return ret;
		}
		p->c->own[p->c->nown++] = r;
		*out = r;
	}
	if ((*out)->nmasters == 0) {
		conf_error(p->conf, row, "master",
		    "must be given, here or in the template");
	}
	return E_OK;
}

static int
take_zone(
    struct pick *p, const struct conf_row *row, struct combiner_zone_conf *z)
{
	size_t name_len, str_len = strlen(conf_id(row)) + 1;
	const uint8_t *name = conf_bytes(row, "domain", 0, &name_len);

	z->name = malloc(name_len + str_len);
	if (z->name == NULL) {
		return E_NOMEM;
	}
	memcpy(z->name, name, name_len);
	z->name_str = (char *)z->name + name_len;
	memcpy(z->name_str, conf_id(row), str_len);
	p->own_items = 1u + conf_is_set(row, "template");
	return pick_rules(p, row, &z->rules);
}

static int
take_catalog(struct pick *p, const struct conf_row *row,
    struct combiner_catalog_conf *cat)
{
	size_t len;
	const uint8_t *name = conf_bytes(row, "domain", 0, &len);

	memcpy(cat->name, name, len);
	cat->name_str = strdup(conf_id(row));
	if (cat->name_str == NULL) {
		return E_NOMEM;
	}
	cat->mass_removal = conf_bool(row, "catalog-mass-removal");
	p->own_items = 1u + conf_is_set(row, "template") +
		       conf_is_set(row, "catalog-mass-removal");
	if (conf_find(p->conf, "zone", conf_id(row)) != NULL) {
		conf_error(p->conf, row, "domain",
		    "there is a zone of this name in section zone, too");
	}
	return pick_rules(p, row, &cat->rules);
}

static int
zone_cmp(const void *va, const void *vb)
{
	const struct combiner_zone_conf *a = va, *b = vb;

	return name_cmp(a->name, b->name);
}

static int
take_zones(struct conf *conf, struct combiner_conf *c)
{
	size_t nzones = conf_count(conf, "zone");
	size_t ncatalogs = conf_count(conf, "catalog");
	struct pick p = {.conf = conf, .c = c};
	int r = E_OK;

	p.standard = conf_find(conf, "template", DEFAULT_TEMPLATE);
	c->zones = calloc(nzones + 1, sizeof(c->zones[0]));
	c->catalogs = calloc(ncatalogs + 1, sizeof(c->catalogs[0]));
	c->own = calloc(nzones + ncatalogs + 1, sizeof(c->own[0]));
	if (c->zones == NULL || c->catalogs == NULL || c->own == NULL) {
		return E_NOMEM;
	}
	for (size_t i = 0; i < nzones && r == E_OK; i++) {
		c->nzones = i + 1;
		r = take_zone(&p, conf_row(conf, "zone", i), &c->zones[i]);
	}
	for (size_t i = 0; i < ncatalogs && r == E_OK; i++) {
		c->ncatalogs = i + 1;
		r = take_catalog(
		    &p, conf_row(conf, "catalog", i), &c->catalogs[i]);
	}
	if (r == E_OK) {
		qsort(c->zones, c->nzones, sizeof(c->zones[0]), zone_cmp);
	}
	return r;
}

/* ---- all of it ---- */

int
combiner_conf_new(struct conf *conf, struct combiner_conf **out)
{
	struct combiner_conf *c = calloc(1, sizeof(*c));
	int r;

	if (c == NULL) {
		return E_NOMEM;
	}
	c->refs = 1;
	r = take_server(conf, c);
	if (r == E_OK) {
		r = acl_db_new(conf, &c->acl);
	}
	if (r == E_CONF) {
		r = E_OK; /* is in the status of conf; what else is wrong? */
	}
	if (r == E_OK) {
		r = combiner_sources_new(conf, c);
	}
	if (r == E_OK) {
		r = take_templates(conf, c);
	}
	if (r == E_OK) {
		r = take_zones(conf, c);
	}
	if (r == E_OK) {
		r = conf_status(conf);
	}
	if (r == E_OK) {
		*out = c;
	} else {
		combiner_conf_unref(c);
	}
	return r;
}

/* The row that has to do with rules that a zone has for itself. */
static void
check_own(struct conf *conf, const struct combiner_conf *c, const char *section,
    const char *id, const struct combiner_rules *rules)
{
	if (rules->id == NULL && c->nown > 0) {
		combiner_rules_check_tls(
		    conf, conf_find(conf, section, id), rules);
	}
}

void
combiner_conf_check(struct conf *conf)
{
	struct combiner_conf *c;
	int r = combiner_conf_new(conf, &c);

	if (r != E_OK) {
		if (r != E_CONF) {
			conf_error(conf, NULL, NULL, "%s", err_text(r));
		}
		return;
	}
	for (size_t i = 0; i < c->ntemplates; i++) {
		combiner_rules_check_tls(
		    conf, conf_row(conf, "template", i), c->templates[i]);
	}
	for (size_t i = 0; i < c->nzones; i++) {
		check_own(
		    conf, c, "zone", c->zones[i].name_str, c->zones[i].rules);
	}
	for (size_t i = 0; i < c->ncatalogs; i++) {
		check_own(conf, c, "catalog", c->catalogs[i].name_str,
		    c->catalogs[i].rules);
	}
	combiner_conf_unref(c);
}

struct combiner_conf *
combiner_conf_ref(struct combiner_conf *c)
{
	c->refs++;
	return c;
}

static void
server_free(struct combiner_conf *c)
{
	free(c->listen);
	free(c->listen_tls);
	tls_ctx_unref(c->tls);
	free(c->user);
	free(c->group);
	free(c->rundir);
	free(c->statedir);
	free(c->socket);
}

void
combiner_conf_unref(struct combiner_conf *c)
{
	if (c == NULL || --c->refs > 0) {
		return;
	}
	for (size_t i = 0; i < c->ntemplates; i++) {
		combiner_rules_free(c->templates[i]);
	}
	for (size_t i = 0; i < c->nown; i++) {
		combiner_rules_free(c->own[i]);
	}
	for (size_t i = 0; i < c->nzones; i++) {
		free(c->zones[i].name);
	}
	for (size_t i = 0; i < c->ncatalogs; i++) {
		free(c->catalogs[i].name_str);
	}
	free(c->templates);
	free(c->own);
	free(c->zones);
	free(c->catalogs);
	combiner_sources_free(c);
	acl_db_free(c->acl);
	server_free(c);
	free(c);
}

const struct combiner_rules *
combiner_conf_template(const struct combiner_conf *c, const char *id)
{
	for (size_t i = 0; i < c->ntemplates; i++) {
		if (strcmp(c->templates[i]->id, id) == 0) {
			return c->templates[i];
		}
	}
	return NULL;
}
