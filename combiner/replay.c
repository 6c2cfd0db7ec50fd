/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "combiner/replay.h"

#include <stdlib.h>
#include <string.h>

#include "common/errcode.h"

#define BUCKETS 1024u
#define KEEP_MS (2u * TSIG_FUDGE * 1000u)

struct replay_key {
	struct replay_key *next;
	uint8_t name[NAME_MAX_LEN];
	uint64_t highest; /* time signed */
	uint64_t second;  /* that `in_second` counts */
	unsigned in_second;
	struct replay_mac **buckets; /* NULL: no update yet */
	struct replay_mac *oldest, *newest;
	size_t count;
};

struct replay {
	struct replay_key *keys; /* as few as there are in configurations */
};

int
replay_new(struct replay **out)
{
	struct replay *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		return E_NOMEM;
	}
	*out = r;
	return E_OK;
}

void
replay_free(struct replay *r)
{
	if (r == NULL) {
		return;
	}
	while (r->keys != NULL) {
		struct replay_key *k = r->keys;
		r->keys = k->next;
		while (k->oldest != NULL) {
			struct replay_mac *m = k->oldest;
			k->oldest = m->later;
			free(m);
		}
		free(k->buckets);
		free(k);
	}
	free(r);
}

struct replay_key *
replay_key(struct replay *r, const struct tsig_key *key)
{
	struct replay_key *k = r->keys;

	while (k != NULL && !name_equal(k->name, key->name)) {
		k = k->next;
	}
	if (k == NULL) {
		k = calloc(1, sizeof(*k));
		if (k != NULL) {
			memcpy(k->name, key->name, name_len(key->name));
			k->next = r->keys;
			r->keys = k;
		}
	}
	return k;
}

int
replay_time(struct replay_key *k, uint64_t time)
{
	if (time + TSIG_FUDGE < k->highest) {
		return E_BADTIME;
	}
	if (time > k->highest) {
		k->highest = time;
	}
	return E_OK;
}

int
replay_rate(struct replay_key *k, uint64_t now_ms, unsigned rate)
{
	uint64_t second = now_ms / 1000;

	if (second != k->second) {
		k->second = second;
		k->in_second = 0;
	}
	if (k->in_second >= rate) {
		return E_LIMIT;
	}
	k->in_second++;
	return E_OK;
}

/* A verified MAC is as good as random already. */
static unsigned
bucket_of(const uint8_t *mac)
{
	return (mac[0] | (unsigned)mac[1] << 8) % BUCKETS;
}

static void
forget_oldest(struct replay_key *k)
{
	struct replay_mac *m = k->oldest;
	struct replay_mac **at = &k->buckets[bucket_of(m->mac)];

	while (*at != m) {
		at = &(*at)->same;
	}
	*at = m->same;
	k->oldest = m->later;
	if (k->oldest == NULL) {
		k->newest = NULL;
	}
	k->count--;
	free(m);
}

static void
forget_old(struct replay_key *k, uint64_t now_ms)
{
	/* one that waits for its answer stays, and those after it */
	while (k->oldest != NULL && k->oldest->until_ms <= now_ms &&
	       k->oldest->waiting == NULL) {
		forget_oldest(k);
	}
}

struct replay_mac *
replay_find(
    struct replay_key *k, const uint8_t *mac, uint16_t mac_len, uint64_t now_ms)
{
	forget_old(k, now_ms);
	if (k->buckets == NULL || mac_len < 2) {
		return NULL;
	}
	struct replay_mac *m = k->buckets[bucket_of(mac)];
	while (m != NULL &&
	       (m->mac_len != mac_len || memcmp(m->mac, mac, mac_len) != 0)) {
		m = m->same;
	}
	return m;
}

struct replay_mac *
replay_add(struct replay_key *k, const uint8_t *mac, uint16_t mac_len,
    uint64_t now_ms, void *waiting)
{
	struct replay_mac *m;

	forget_old(k, now_ms);
	if (mac_len < 2 || mac_len > TSIG_MAC_MAX) {
		return NULL;
	}
	if (k->buckets == NULL) {
		k->buckets = calloc(BUCKETS, sizeof(struct replay_mac *));
	}
	m = k->buckets != NULL ? calloc(1, sizeof(*m)) : NULL;
	if (m == NULL) {
		return NULL;
	}
	m->until_ms = now_ms + KEEP_MS;
	m->waiting = waiting;
	m->mac_len = mac_len;
	memcpy(m->mac, mac, mac_len);
	m->same = k->buckets[bucket_of(mac)];
	k->buckets[bucket_of(mac)] = m;
	if (k->newest != NULL) {
		k->newest->later = m;
	} else {
		k->oldest = m;
	}
	k->newest = m;
	k->count++;
	return m;
}

void
replay_done(struct replay_mac *m, uint16_t rcode)
{
	m->waiting = NULL;
	m->rcode = rcode;
}

size_t
replay_count(const struct replay_key *k)
{
	return k->count;
}
