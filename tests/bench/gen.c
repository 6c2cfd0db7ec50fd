/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/bench/gen.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MSG_MAX 16384  /* what compression can point to, and servers send */
#define GROUP_MAX 256  /* a delegation's records, all together, are smaller */
#define TO_APEX 0xc00c /* the question's name */
#define TTL 3600
#define FIXED 3 /* SOA, NS, A of the name server */

enum {
	T_A = 1,
	T_NS = 2,
	T_SOA = 6,
	T_DS = 43,
	T_AXFR = 252
};

static void *
must(void *p)
{
	if (p == NULL) {
		fputs("out of memory\n", stderr);
		exit(1);
	}
	return p;
}

/* -- numbers and names ----------------------------------------------------- */
uint8_t *
gen_put16(uint8_t *p, uint16_t v)
{
	*p++ = (uint8_t)(v >> 8);
	*p++ = (uint8_t)v;
	return p;
}

uint8_t *
gen_put32(uint8_t *p, uint32_t v)
{
	return gen_put16(gen_put16(p, (uint16_t)(v >> 16)), (uint16_t)v);
}

static uint8_t *
put_label(uint8_t *p, const char *s)
{
	size_t n = strlen(s);

	*p++ = (uint8_t)n;
	memcpy(p, s, n);
	return p + n;
}

/* Rising with i, so that the zone is in canonical order as it is made. */
static void
deleg_label(char *to, size_t size, uint32_t i, uint32_t count)
{
	(void)snprintf(
	    to, size, "d%08" PRIx32, (uint32_t)(((uint64_t)i << 32) / count));
}

static uint32_t
deleg_addr(uint32_t i)
{
	return 0x0a000000 | (i & 0xffffff);
}

/* splitmix64: digests that do not compress and are the same each time. */
static void
deleg_digest(uint8_t to[32], uint32_t i)
{
	uint64_t s = (uint64_t)i << 2;
	int k;

	for (k = 0; k < 4; k++) {
		uint64_t z = (s++ + 1) * 0x9e3779b97f4a7c15U;

		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
		z ^= z >> 31;
		memcpy(to + 8 * k, &z, 8);
	}
}

static void
name_to_wire(struct gen_zone *z, const char *name)
{
	char copy[GEN_NAME_LEN], *save = NULL, *l;
	uint8_t *p = z->name;

	if (strlen(name) + 2 > GEN_NAME_LEN) {
		fprintf(stderr, "%s: too long\n", name);
		exit(1);
	}
	(void)snprintf(copy, sizeof(copy), "%s", name);
	for (l = strtok_r(copy, ".", &save); l != NULL;
	     l = strtok_r(NULL, ".", &save)) {
		p = put_label(p, l);
	}
	*p++ = 0;
	z->name_len = (size_t)(p - z->name);
}

/* -- records --------------------------------------------------------------- */
static uint8_t *
put_fixed(uint8_t *p, uint16_t type, uint16_t rdlen)
{
	p = gen_put16(p, type);
	p = gen_put16(p, 1);
	p = gen_put32(p, TTL);
	return gen_put16(p, rdlen);
}

uint8_t *
gen_put_soa(uint8_t *p, uint32_t serial)
{
	p = put_fixed(gen_put16(p, TO_APEX), T_SOA, GEN_SOA_RDATA);
	p = gen_put16(put_label(p, "ns1"), TO_APEX);
	p = gen_put16(put_label(p, "hm"), TO_APEX);
	p = gen_put32(p, serial);
	p = gen_put32(p, 3600);
	p = gen_put32(p, 600);
	p = gen_put32(p, 604800);
	return gen_put32(p, 300);
}

uint8_t *
gen_put_glue(
    uint8_t *p, const struct gen_zone *z, uint32_t deleg, uint32_t addr)
{
	char label[16];

	deleg_label(label, sizeof(label), deleg, z->ndelegs);
	p = gen_put16(put_label(put_label(p, "ns1"), label), TO_APEX);
	return gen_put32(put_fixed(p, T_A, 4), addr);
}

static uint8_t *
put_ns(uint8_t *p, uint16_t owner, const char *host, uint16_t target)
{
	p = put_fixed(gen_put16(p, owner), T_NS, 6);
	return gen_put16(put_label(p, host), target);
}

/* -- the stream ------------------------------------------------------------ */
static uint8_t *
msg_start(const struct gen_zone *z)
{
	return z->stream + z->msgs[z->nmsgs - 1] + 2;
}

/* An offset in the message as a compression pointer. */
static uint16_t
pointer(const struct gen_zone *z, const uint8_t *at)
{
	return (uint16_t)(0xc000 | (at - msg_start(z)));
}

static void
close_msg(struct gen_zone *z, uint8_t *end)
{
	uint8_t *m = msg_start(z);

	(void)gen_put16(m - 2, (uint16_t)(end - m));
	z->len = (size_t)(end - z->stream);
}

static uint8_t *
open_msg(struct gen_zone *z)
{
	static const uint8_t header[12] = {0, 0, 0x84, 0, 0, 1};
	uint8_t *p;

	if (z->cap - z->len < 2 * MSG_MAX) {
		z->cap = z->cap == 0 && z->records < 100
			     ? 2 * MSG_MAX
			     : 2 * z->cap + 4 * MSG_MAX;
		z->stream = must(realloc(z->stream, z->cap));
	}
	if (z->nmsgs == z->msgs_cap) {
		z->msgs_cap = 2 * z->msgs_cap + 1;
		z->msgs =
		    must(realloc(z->msgs, z->msgs_cap * sizeof(*z->msgs)));
	}
	z->msgs[z->nmsgs++] = (uint32_t)z->len;
	p = msg_start(z);
	memcpy(p, header, sizeof(header));
	memcpy(p + 12, z->name, z->name_len);
	return gen_put16(gen_put16(p + 12 + z->name_len, T_AXFR), 1);
}

static uint8_t *
room(struct gen_zone *z, uint8_t *p)
{
	if (p - msg_start(z) + GROUP_MAX <= MSG_MAX) {
		return p;
	}
	close_msg(z, p);
	return open_msg(z);
}

static void
count(struct gen_zone *z, uint16_t more)
{
	uint8_t *p = msg_start(z) + 6;

	(void)gen_put16(p, (uint16_t)((p[0] << 8 | p[1]) + more));
}

static uint8_t *
put_deleg(struct gen_zone *z, uint8_t *p, uint32_t i)
{
	uint16_t owner, ns1, ns2;
	char label[16];

	p = room(z, p);
	deleg_label(label, sizeof(label), i, z->ndelegs);
	owner = pointer(z, p);
	p = put_fixed(gen_put16(put_label(p, label), TO_APEX), T_NS, 6);
	ns1 = pointer(z, p);
	p = gen_put16(put_label(p, "ns1"), owner);
	p = put_ns(p, owner, "ns2", owner);
	ns2 = pointer(z, p - 6);
	p = put_fixed(gen_put16(p, owner), T_DS, 36);
	p = gen_put16(p, (uint16_t)i);
	*p++ = 13;
	*p++ = 2;
	deleg_digest(p, i);
	p += 32;
	p = put_fixed(gen_put16(p, ns1), T_A, 4);
	z->addrs[i] = (uint32_t)(p - z->stream);
	p = gen_put32(p, deleg_addr(i));
	p = gen_put32(put_fixed(gen_put16(p, ns2), T_A, 4), deleg_addr(i));
	count(z, 5);
	return p;
}

static uint8_t *
put_host(struct gen_zone *z, uint8_t *p, const char *label)
{
	p = room(z, p);
	p = put_fixed(gen_put16(put_label(p, label), TO_APEX), T_A, 4);
	p = gen_put32(p, 0x7f000001);
	count(z, 1);
	return p;
}

static void
set_shape(struct gen_zone *z, const char *name, uint32_t records)
{
	memset(z, 0, sizeof(*z));
	name_to_wire(z, name);
	if (records < 20) {
		fprintf(stderr, "%s: 20 records at least\n", name);
		exit(1);
	}
	z->records = records;
	z->ndelegs = (records - FIXED) / 5;
	z->nhosts = (records - FIXED) % 5;
	z->serial = GEN_FIRST_SERIAL;
}

void
gen_zone_init(struct gen_zone *z, const char *name, uint32_t records)
{
	char label[16];
	uint8_t *p;
	uint32_t i;

	set_shape(z, name, records);
	z->addrs = must(calloc(z->ndelegs, sizeof(*z->addrs)));
	p = open_msg(z);
	p = gen_put_soa(p, z->serial);
	z->serial_at[0] = (uint32_t)(p - 20 - z->stream);
	p = put_ns(p, TO_APEX, "ns1", TO_APEX);
	count(z, 2);
	for (i = 0; i < z->ndelegs; i++) {
		p = put_deleg(z, p, i);
	}
	for (i = 0; i < z->nhosts; i++) {
		(void)snprintf(label, sizeof(label), "h%" PRIu32, i);
		p = put_host(z, p, label);
	}
	p = put_host(z, p, "ns1");
	p = gen_put_soa(room(z, p), z->serial);
	z->serial_at[1] = (uint32_t)(p - 20 - z->stream);
	count(z, 1);
	close_msg(z, p);
	z->stream = must(realloc(z->stream, z->len));
	z->cap = z->len;
}

void
gen_zone_print(const char *name, uint32_t records)
{
	struct gen_zone z;
	uint8_t digest[32];
	char d[16];
	uint32_t i, a;
	int k;

	set_shape(&z, name, records);
	printf("$ORIGIN %s.\n$TTL %d\n@ SOA ns1 hm %d 3600 600 604800 300\n"
	       "@ NS ns1\n",
	    name, TTL, GEN_FIRST_SERIAL);
	for (i = 0; i < z.ndelegs; i++) {
		deleg_label(d, sizeof(d), i, z.ndelegs);
		deleg_digest(digest, i);
		printf("%s NS ns1.%s\n%s NS ns2.%s\n%s DS %" PRIu32 " 13 2 ", d,
		    d, d, d, d, i & 0xffff);
		for (k = 0; k < 32; k++) {
			printf("%02X", digest[k]);
		}
		a = deleg_addr(i);
		for (k = 1; k <= 2; k++) {
			printf("%sns%d.%s A %u.%u.%u.%u\n", k == 1 ? "\n" : "",
			    k, d, a >> 24, a >> 16 & 255, a >> 8 & 255,
			    a & 255);
		}
	}
	for (i = 0; i < z.nhosts; i++) {
		printf("h%" PRIu32 " A 127.0.0.1\n", i);
	}
	puts("ns1 A 127.0.0.1");
}

/* -- changes --------------------------------------------------------------- */
const struct gen_change *
gen_zone_change(struct gen_zone *z)
{
	struct gen_change *c;

	if (z->nlog == z->log_cap) {
		z->log_cap = 2 * z->log_cap + 16;
		z->log = must(realloc(z->log, z->log_cap * sizeof(*z->log)));
	}
	c = &z->log[z->nlog];
	/* all over the zone */
	c->deleg = (uint32_t)(z->nlog * 2654435761U % z->ndelegs);
	memcpy(&c->from, z->stream + z->addrs[c->deleg], 4);
	c->from = __builtin_bswap32(c->from);
	c->to = 0x0b000000 | (z->nlog & 0xffffff);
	z->nlog++;
	(void)gen_put32(z->stream + z->addrs[c->deleg], c->to);
	z->serial++;
	(void)gen_put32(z->stream + z->serial_at[0], z->serial);
	(void)gen_put32(z->stream + z->serial_at[1], z->serial);
	return c;
}

void
gen_zone_address(
    const struct gen_zone *z, uint8_t *stream, uint16_t id, uint16_t qtype)
{
	uint32_t i;

	for (i = 0; i < z->nmsgs; i++) {
		uint8_t *m = stream + z->msgs[i] + 2;

		(void)gen_put16(m, id);
		(void)gen_put16(m + 12 + z->name_len, qtype);
	}
}
