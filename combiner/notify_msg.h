/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * NOTIFY messages (RFC 1996), both ways, and who may send one.  Pure; notify.c
 * does the rest.
 */
#ifndef COMBINER_NOTIFY_MSG_H
#define COMBINER_NOTIFY_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "combiner/conf.h"
#include "common/dns_wire.h"

struct notify_msg {
	uint8_t zone[NAME_MAX_LEN]; /* lower case */
	bool has_serial; /* the answer section had the zone's SOA: */
	uint32_t serial; /* a hint only */
};

/*
 * A request, TSIG stripped.  Returns E_OK or the RCODE for the answer
 * (positive): FORMERR, or NOTIMP for other types than SOA.
 */
int notify_msg_decode(const uint8_t *msg, size_t len, struct notify_msg *out);
/*
 * The answer: id and question of the request, QR, AA, RCODE, and OPT if it had
 * one.  A request without a whole question gets the header alone.  Returns its
 * length, 0 when cap is too small.
 */
size_t notify_msg_answer(const uint8_t *req, size_t len, unsigned rcode,
    uint8_t *out, size_t cap);
/* A request of ours, id 0; soa: RDATA.  E_SPACE. */
int notify_msg_encode(const uint8_t *zone, const uint8_t *soa, uint16_t soa_len,
    uint32_t ttl, uint8_t *out, size_t cap, size_t *len);
/* An answer to it (id and question are checked already): its RCODE, or E_MALF. */
int notify_msg_rcode(const uint8_t *msg, size_t len);
/*
 * By the zone's acl, or because it comes from one of its masters: with one of
 * that master's keys, or unsigned if it has none.
 */
bool notify_msg_is_allowed(const struct combiner_rules *rules,
    const struct acl_subject *who);

#endif
