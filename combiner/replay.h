/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is remembered of each TSIG key that was used (spec/combiner.md 7): the
 * highest time signed, the rate of updates, and the MACs of updates with the
 * answers given, so that the same octets again do nothing again.  Pure.
 *
 * Memory: a key costs 8 KiB once it has sent an update, and each update some
 * 100 octets for 2 x fudge = 600 s.
 */
#ifndef COMBINER_REPLAY_H
#define COMBINER_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/dns_tsig.h"

struct replay;
struct replay_key;

struct replay_mac {
	struct replay_mac *same;  /* hash chain */
	struct replay_mac *later; /* in order of arrival */
	uint64_t until_ms;
	void *waiting;	/* not answered yet: the caller's; NULL: answered */
	uint16_t rcode; /* of the answer */
	uint16_t mac_len;
	uint8_t mac[TSIG_MAC_MAX];
};

int replay_new(struct replay **out);
void replay_free(struct replay *r);
/* The memory of this key, made when it is not there; NULL: out of memory. */
struct replay_key *replay_key(struct replay *r, const struct tsig_key *key);
/*
 * A verified message signed at this time.  E_OK, and E_BADTIME when it is older
 * than the newest one of this key less fudge.
 */
int replay_time(struct replay_key *k, uint64_t time);
/* One more update in this second: E_OK, or E_LIMIT over `rate`. */
int replay_rate(struct replay_key *k, uint64_t now_ms, unsigned rate);
/* A MAC seen before and still in its time, or NULL. */
struct replay_mac *replay_find(struct replay_key *k, const uint8_t *mac,
    uint16_t mac_len, uint64_t now_ms);
/*
 * Remembers a MAC that is not there; `waiting` (not NULL) is kept until
 * replay_done().  NULL: out of memory.
 */
struct replay_mac *replay_add(struct replay_key *k, const uint8_t *mac,
    uint16_t mac_len, uint64_t now_ms, void *waiting);
void replay_done(struct replay_mac *m, uint16_t rcode);
/* How many MACs are held (for the metrics and tests). */
size_t replay_count(const struct replay_key *k);

#endif
