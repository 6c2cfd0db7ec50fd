/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Socket addresses and prefixes as values, and their text `addr@port`,
 * `addr/len` (the forms that knot.conf uses).
 */
#ifndef COMMON_NET_H
#define COMMON_NET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct net_addr { /* 28 octets, no padding matters */
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u;
};

struct net_prefix {
	struct net_addr lo; /* first address; port ignored */
	struct net_addr hi; /* last address, same family */
};

#define NET_ADDR_STRLEN 64 /* with @port, scope and NUL */

/* "192.0.2.1@53", "2001:db8::1", port default_port if none given. */
int net_addr_parse(const char *s, uint16_t default_port, struct net_addr *out);
/* Writes at most NET_ADDR_STRLEN octets; returns s. */
const char *net_addr_str(const struct net_addr *a, char *s);
/* The same without port. */
const char *net_addr_host_str(const struct net_addr *a, char *s);
uint16_t net_addr_port(const struct net_addr *a);
void net_addr_set_port(struct net_addr *a, uint16_t port);
socklen_t net_addr_len(const struct net_addr *a);
/* Same family and address; the second also the port. */
bool net_addr_same_host(const struct net_addr *a, const struct net_addr *b);
bool net_addr_equal(const struct net_addr *a, const struct net_addr *b);
/* A key for rate tables: IPv4 /32, IPv6 /56. */
uint64_t net_addr_rate_key(const struct net_addr *a);

/* "10.0.0.0/8", "2001:db8::1", "10.0.0.1-10.0.0.9". */
int net_prefix_parse(const char *s, struct net_prefix *out);
bool net_prefix_has(const struct net_prefix *p, const struct net_addr *a);

#endif
