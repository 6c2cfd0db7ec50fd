/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base64.h"
#include "common/conf_impl.h"
#include "common/dns_name.h"
#include "common/errcode.h"

#define PIN_LEN 32
#define PIN_PREFIX "sha256//"
#define NUMBER_LEN 32

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit time_units[] = {
    {"ms", 1},
    {"s", 1000},
    {"m", 60000},
    {"h", 3600000},
    {"d", 86400000},
    {"", 1000},
    {NULL, 0},
};

static const struct unit size_units[] = {
    {"", 1},
    {"B", 1},
    {"K", INT64_C(1) << 10},
    {"M", INT64_C(1) << 20},
    {"G", INT64_C(1) << 30},
    {NULL, 0},
};

static const struct unit no_units[] = {{"", 1}, {NULL, 0}};

static const struct unit *
units_of(enum conf_type type)
{
	return type == CONF_TIME   ? time_units
	       : type == CONF_SIZE ? size_units
				   : no_units;
}

void
conf_time_str(int64_t ms, char s[32])
{
	const struct unit *u = &time_units[4];

	while (u > time_units && (ms == 0 || ms % u->factor != 0)) {
		u--;
	}
	if (ms == 0) {
		u = &time_units[1];
	}
	(void)snprintf(s, 32, "%" PRId64 "%s", ms / u->factor, u->name);
}

static void
size_str(int64_t v, char s[32])
{
	const struct unit *u = &size_units[4];

	while (u > &size_units[1] && (v == 0 || v % u->factor != 0)) {
		u--;
	}
	(void)snprintf(s, 32, "%" PRId64 "%s", v / u->factor,
	    u == &size_units[1] ? "" : u->name);
}

static void
number_str(enum conf_type type, int64_t v, char s[32])
{
	if (type == CONF_TIME) {
		conf_time_str(v, s);
	} else if (type == CONF_SIZE) {
		size_str(v, s);
	} else {
		(void)snprintf(s, 32, "%" PRId64, v);
	}
}

static const char *
what(const struct conf_item *item)
{
	switch (item->type) {
	case CONF_BOOL:
		return "on or off";
	case CONF_INT:
		return "a number";
	case CONF_SIZE:
		return "a size such as 512K or 2G";
	case CONF_TIME:
		return "a time such as 30s or 2h";
	case CONF_STR:
		return "text in UTF-8 without control characters";
	case CONF_PATH:
		return "a path";
	case CONF_NAME:
		return "a domain name";
	case CONF_ADDR:
		return "an address such as 192.0.2.1@53 or 2001:db8::1";
	case CONF_PREFIX:
		return "an address, a prefix such as 192.0.2.0/24, or a range "
		       "such as 192.0.2.1-192.0.2.9";
	case CONF_ENUM:
		return "one of";
	case CONF_REF:
		return "the id of a";
	case CONF_B64:
		return "base64";
	case CONF_PIN:
		return "a SHA-256 pin: 32 octets in base64";
	}
	return "something else";
}

char *
conf_ref_words(const struct conf_item *item, char *s, size_t cap)
{
	size_t len = 0;

	s[0] = '\0';
	for (const char *p = item->ref; *p != '\0' && len + 5 < cap; p++) {
		len += (size_t)snprintf(s + len, cap - len, "%.*s",
		    *p == ',' ? 4 : 1, *p == ',' ? " or " : p);
	}
	return s;
}

char *
conf_value_expected(const struct conf_item *item, char *s)
{
	char lo[NUMBER_LEN], hi[NUMBER_LEN];
	size_t len;

	(void)snprintf(s, CONF_EXPECT_LEN, "%s", what(item));
	len = strlen(s);
	if (item->type == CONF_ENUM) {
		for (size_t i = 0; item->words[i] != NULL; i++) {
			(void)snprintf(s + len, CONF_EXPECT_LEN - len, "%s %s",
			    i > 0 ? "," : "", item->words[i]);
			len += strlen(s + len);
		}
	} else if (item->type == CONF_REF) {
		s[len++] = ' ';
		(void)conf_ref_words(item, s + len, CONF_EXPECT_LEN - len);
	} else if (item->min != 0 || item->max != 0) {
		number_str(item->type, item->min, lo);
		number_str(item->type, item->max, hi);
		(void)snprintf(s + len, CONF_EXPECT_LEN - len,
		    " between %s and %s", lo, hi);
	}
	return s;
}

static int
keep(struct conf *c, struct conf_value *v, const char *text, size_t len)
{
	v->text = conf_text_copy(c, text, len);
	return v->text != NULL ? E_OK : E_NOMEM;
}

static int
parse_number(struct conf *c, const struct conf_item *item, const char *text,
    struct conf_value *v)
{
	const struct unit *u = units_of(item->type);
	char normal[NUMBER_LEN];
	const char *p = text;
	int64_t n = 0;

	for (; *p >= '0' && *p <= '9'; p++) {
		if (n > (INT64_MAX - 9) / 10) {
			return E_INVAL;
		}
		n = n * 10 + (*p - '0');
	}
	if (p == text) {
		return E_INVAL;
	}
	while (u->name != NULL && strcasecmp(u->name, p) != 0) {
		u++;
	}
	if (u->name == NULL || n > INT64_MAX / u->factor) {
		return E_INVAL;
	}
	n *= u->factor;
	if ((item->min != 0 || item->max != 0) &&
	    (n < item->min || n > item->max)) {
		return E_INVAL;
	}
	v->u.num = n;
	number_str(item->type, n, normal);
	return keep(c, v, normal, strlen(normal));
}

static int
parse_bool(const char *text, struct conf_value *v)
{
	static const char *const words[] = {
	    "off", "on", "no", "yes", "false", "true"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(text, words[i]) == 0) {
			v->u.num = i % 2;
			v->text = words[i % 2];
			return E_OK;
		}
	}
	return E_INVAL;
}

static int
parse_enum(const struct conf_item *item, const char *text, struct conf_value *v)
{
	for (size_t i = 0; item->words[i] != NULL; i++) {
		if (strcmp(text, item->words[i]) == 0) {
			v->u.num = (int64_t)i;
			v->text = item->words[i];
			return E_OK;
		}
	}
	return E_INVAL;
}

bool
conf_is_text(const char *text, size_t len)
{
	bool has_high = false;
	json_t *j;

	for (size_t i = 0; i < len; i++) {
		unsigned char ch = (unsigned char)text[i];

		if (ch < 0x20 || ch == 0x7f) {
			return false;
		}
		has_high |= ch >= 0x80;
	}
	if (has_high) {
		j = json_stringn(text, len); /* knows what UTF-8 is */
		json_decref(j);
		return j != NULL;
	}
	return true;
}

/* Relative to the folder of the file that it stands in. */
static int
parse_path(struct conf *c, const char *text, size_t len, struct conf_value *v)
{
	const char *file = v->at.file < c->nfiles ? c->files[v->at.file] : "";
	const char *slash = strrchr(file, '/');
	size_t dir = slash != NULL ? (size_t)(slash + 1 - file) : 0;
	char *p;

	if (text[0] == '/' || dir == 0) {
		return keep(c, v, text, len);
	}
	p = conf_alloc(c, dir + len + 1);
	if (p == NULL) {
		return E_NOMEM;
	}
	memcpy(p, file, dir);
	memcpy(p + dir, text, len);
	v->text = p;
	return E_OK;
}

static int
parse_name(struct conf *c, const char *text, struct conf_value *v)
{
	uint8_t name[NAME_MAX_LEN], *copy;
	char s[NAME_STRLEN];

	if (name_from_str(text, name) < 0) {
		return E_INVAL;
	}
	name_to_lower(name);
	v->len = name_len(name);
	copy = conf_alloc(c, v->len);
	if (copy == NULL) {
		return E_NOMEM;
	}
	memcpy(copy, name, v->len);
	v->u.bytes = copy;
	name_to_str(name, s);
	return keep(c, v, s, strlen(s));
}

static int
parse_base64(struct conf *c, const struct conf_item *item, const char *text,
    size_t len, struct conf_value *v)
{
	uint8_t *p;
	size_t cap;

	if (item->type == CONF_PIN &&
	    strncmp(text, PIN_PREFIX, strlen(PIN_PREFIX)) == 0) {
		text += strlen(PIN_PREFIX);
		len -= strlen(PIN_PREFIX);
	}
	cap = BASE64_DECODED_MAX(len);
	p = conf_alloc(c, cap);
	if (p == NULL) {
		return E_NOMEM;
	}
	if (base64_decode(text, len, p, cap, &v->len) != E_OK || v->len == 0 ||
	    (item->type == CONF_PIN && v->len != PIN_LEN)) {
		return E_INVAL;
	}
	v->u.bytes = p;
	return keep(c, v, text, len);
}

static int
parse_net(struct conf *c, const struct conf_item *item, const char *text,
    size_t len, struct conf_value *v)
{
	char s[NET_ADDR_STRLEN];
	struct net_prefix prefix;
	struct net_addr addr;

	if (item->type == CONF_PREFIX) {
		return net_prefix_parse(text, &prefix) == E_OK
			   ? keep(c, v, text, len)
			   : E_INVAL;
	}
	if (net_addr_parse(text, item->port, &addr) != E_OK) {
		return E_INVAL;
	}
	if (net_addr_port(&addr) == 0) {
		net_addr_host_str(&addr, s);
	} else {
		net_addr_str(&addr, s);
	}
	return keep(c, v, s, strlen(s));
}

int
conf_value_parse(struct conf *c, const struct conf_item *item, const char *text,
    size_t len, struct conf_place at, struct conf_value *v)
{
	v->at = at;
	if (!conf_is_text(text, len) || (len == 0 && item->type != CONF_STR)) {
		return E_INVAL;
	}
	switch (item->type) {
	case CONF_BOOL:
		return parse_bool(text, v);
	case CONF_INT:
	case CONF_SIZE:
	case CONF_TIME:
		return parse_number(c, item, text, v);
	case CONF_STR:
	case CONF_REF:
		return keep(c, v, text, len);
	case CONF_PATH:
		return parse_path(c, text, len, v);
	case CONF_NAME:
		return parse_name(c, text, v);
	case CONF_ADDR:
	case CONF_PREFIX:
		return parse_net(c, item, text, len, v);
	case CONF_ENUM:
		return parse_enum(item, text, v);
	case CONF_B64:
	case CONF_PIN:
		return parse_base64(c, item, text, len, v);
	}
	return E_INVAL;
}
