/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/net.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/errcode.h"

#define HOST_LEN 46 /* INET6_ADDRSTRLEN */

/* Digits only, at most `most`. */
static int
parse_number(const char *s, uint32_t most, uint32_t *out)
{
	uint32_t v = 0;

	if (*s == '\0') {
		return E_MALF;
	}
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9') {
			return E_MALF;
		}
		v = v * 10 + (uint32_t)(*s - '0');
		if (v > most) {
			return E_MALF;
		}
	}
	*out = v;
	return E_OK;
}

static int
copy_part(char *to, size_t size, const char *from, size_t len)
{
	if (len >= size) {
		return E_MALF;
	}
	memcpy(to, from, len);
	to[len] = '\0';
	return E_OK;
}

/* An address without port or scope, len octets. */
static int
parse_host(const char *s, size_t len, struct net_addr *out)
{
	char host[HOST_LEN];

	if (copy_part(host, sizeof(host), s, len) != E_OK) {
		return E_MALF;
	}
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, host, &out->u.in.sin_addr) == 1) {
		out->u.in.sin_family = AF_INET;
		return E_OK;
	}
	if (inet_pton(AF_INET6, host, &out->u.in6.sin6_addr) == 1) {
		out->u.in6.sin6_family = AF_INET6;
		return E_OK;
	}
	return E_MALF;
}

/* The scope is the name or the number of an interface. */
static int
parse_scope(const char *s, size_t len, struct net_addr *out)
{
	char name[IF_NAMESIZE];
	uint32_t id;

	if (out->u.sa.sa_family != AF_INET6 ||
	    copy_part(name, sizeof(name), s, len) != E_OK) {
		return E_MALF;
	}
	if (parse_number(name, 0x7fffffff / 10, &id) != E_OK) {
		id = if_nametoindex(name);
	}
	if (id == 0) {
		return E_MALF;
	}
	out->u.in6.sin6_scope_id = id;
	return E_OK;
}

int
net_addr_parse(const char *s, uint16_t default_port, struct net_addr *out)
{
	size_t len = strcspn(s, "@");
	size_t host_len = strcspn(s, "@%");
	uint32_t port = default_port;
	struct net_addr a;

	if (parse_host(s, host_len, &a) != E_OK) {
		return E_MALF;
	}
	if (host_len < len && parse_scope(s + host_len + 1,
	    len - host_len - 1, &a) != E_OK) {
		return E_MALF;
	}
	if (s[len] == '@' && parse_number(s + len + 1, 65535, &port) != E_OK) {
		return E_MALF;
	}
	net_addr_set_port(&a, (uint16_t)port);
	*out = a;
	return E_OK;
}

const char *
net_addr_host_str(const struct net_addr *a, char *s)
{
	char host[HOST_LEN];
	const void *addr;

	switch (a->u.sa.sa_family) {
	case AF_INET:
		addr = &a->u.in.sin_addr;
		break;
	case AF_INET6:
		addr = &a->u.in6.sin6_addr;
		break;
	default:
		(void)snprintf(s, NET_ADDR_STRLEN, "none");
		return s;
	}
	if (inet_ntop(a->u.sa.sa_family, addr, host, sizeof(host)) == NULL) {
		host[0] = '\0'; /* cannot be: the buffer is long enough */
	}
	if (a->u.sa.sa_family == AF_INET6 && a->u.in6.sin6_scope_id != 0) {
		(void)snprintf(s, NET_ADDR_STRLEN, "%s%%%u", host,
		    (unsigned)a->u.in6.sin6_scope_id);
	} else {
		(void)snprintf(s, NET_ADDR_STRLEN, "%s", host);
	}
	return s;
}

const char *
net_addr_str(const struct net_addr *a, char *s)
{
	size_t len;

	(void)net_addr_host_str(a, s);
	len = strlen(s);
	if (a->u.sa.sa_family == AF_INET || a->u.sa.sa_family == AF_INET6) {
		(void)snprintf(s + len, NET_ADDR_STRLEN - len, "@%u",
		    (unsigned)net_addr_port(a));
	}
	return s;
}

uint16_t
net_addr_port(const struct net_addr *a)
{
	switch (a->u.sa.sa_family) {
	case AF_INET:
		return ntohs(a->u.in.sin_port);
	case AF_INET6:
		return ntohs(a->u.in6.sin6_port);
	default:
		return 0;
	}
}

void
net_addr_set_port(struct net_addr *a, uint16_t port)
{
	if (a->u.sa.sa_family == AF_INET) {
		a->u.in.sin_port = htons(port);
	} else if (a->u.sa.sa_family == AF_INET6) {
		a->u.in6.sin6_port = htons(port);
	}
}

socklen_t
net_addr_len(const struct net_addr *a)
{
	return a->u.sa.sa_family == AF_INET6 ? sizeof(a->u.in6) :
	    sizeof(a->u.in);
}

bool
net_addr_same_host(const struct net_addr *a, const struct net_addr *b)
{
	if (a->u.sa.sa_family != b->u.sa.sa_family) {
		return false;
	}
	switch (a->u.sa.sa_family) {
	case AF_INET:
		return a->u.in.sin_addr.s_addr == b->u.in.sin_addr.s_addr;
	case AF_INET6:
		/* Text without scope must match what the kernel reports. */
		return memcmp(&a->u.in6.sin6_addr, &b->u.in6.sin6_addr,
		    sizeof(a->u.in6.sin6_addr)) == 0 &&
		    (a->u.in6.sin6_scope_id == b->u.in6.sin6_scope_id ||
		    a->u.in6.sin6_scope_id == 0 || b->u.in6.sin6_scope_id == 0);
	default:
		return false;
	}
}

bool
net_addr_equal(const struct net_addr *a, const struct net_addr *b)
{
	return net_addr_same_host(a, b) && net_addr_port(a) == net_addr_port(b);
}

uint64_t
net_addr_rate_key(const struct net_addr *a)
{
	uint64_t key = 0;
	int i;

	switch (a->u.sa.sa_family) {
	case AF_INET:
		return (UINT64_C(4) << 56) | ntohl(a->u.in.sin_addr.s_addr);
	case AF_INET6:
		for (i = 0; i < 7; i++) {
			key = key << 8 | a->u.in6.sin6_addr.s6_addr[i];
		}
		return (UINT64_C(6) << 56) | key;
	default:
		return 0;
	}
}

/* The octets of the address, in network order. */
static const uint8_t *
host_octets(const struct net_addr *a, size_t *len)
{
	if (a->u.sa.sa_family == AF_INET6) {
		*len = sizeof(a->u.in6.sin6_addr);
		return (const uint8_t *)&a->u.in6.sin6_addr;
	}
	*len = sizeof(a->u.in.sin_addr);
	return (const uint8_t *)&a->u.in.sin_addr;
}

/* Clears (lo) or sets (hi) all bits after the first `bits`. */
static void
fill_host_bits(struct net_addr *a, uint32_t bits, bool set)
{
	uint8_t octets[sizeof(struct in6_addr)];
	const uint8_t *from;
	uint8_t mask;
	size_t len, i;

	from = host_octets(a, &len);
	for (i = 0; i < len; i++) {
		mask = bits >= 8 ? 0 : (uint8_t)(0xff >> bits);
		bits = bits >= 8 ? bits - 8 : 0;
		octets[i] = set ? from[i] | mask : from[i] & (uint8_t)~mask;
	}
	if (a->u.sa.sa_family == AF_INET6) {
		memcpy(&a->u.in6.sin6_addr, octets, len);
	} else {
		memcpy(&a->u.in.sin_addr, octets, len);
	}
}

int
net_prefix_parse(const char *s, struct net_prefix *out)
{
	size_t len = strcspn(s, "/-");
	struct net_prefix p;
	const uint8_t *lo, *hi;
	uint32_t bits;
	size_t n;

	if (parse_host(s, len, &p.lo) != E_OK) {
		return E_MALF;
	}
	p.hi = p.lo;
	if (s[len] == '/') {
		(void)host_octets(&p.lo, &n);
		if (parse_number(s + len + 1, (uint32_t)n * 8, &bits) != E_OK) {
			return E_MALF;
		}
		fill_host_bits(&p.lo, bits, false);
		fill_host_bits(&p.hi, bits, true);
	} else if (s[len] == '-') {
		if (parse_host(s + len + 1, strlen(s + len + 1), &p.hi) !=
		    E_OK || p.hi.u.sa.sa_family != p.lo.u.sa.sa_family) {
			return E_MALF;
		}
		lo = host_octets(&p.lo, &n);
		hi = host_octets(&p.hi, &n);
		if (memcmp(lo, hi, n) > 0) {
			return E_MALF;
		}
	}
	*out = p;
	return E_OK;
}

bool
net_prefix_has(const struct net_prefix *p, const struct net_addr *a)
{
	const uint8_t *lo, *hi, *host;
	size_t n;

	if (p->lo.u.sa.sa_family != a->u.sa.sa_family) {
		return false;
	}
	lo = host_octets(&p->lo, &n);
	hi = host_octets(&p->hi, &n);
	host = host_octets(a, &n);
	return memcmp(lo, host, n) <= 0 && memcmp(host, hi, n) <= 0;
}
