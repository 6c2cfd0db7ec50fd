/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DNS messages in a byte stream: two octets of length before each (RFC 1035
 * 4.2.2).  A message that lies whole in the octets lent is handed on where it
 * lies; memory is taken only for one that is incomplete, or for octets that
 * must wait because nobody may be called now.
 */
#ifndef COMMON_DNS_FRAME_H
#define COMMON_DNS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dns_frame { /* zeroed = empty */
	uint8_t *part; /* an incomplete message with its length */
	uint32_t part_len, part_cap;
	uint8_t *held; /* octets to come before those read next */
	size_t held_pos, held_len;
	bool is_given; /* what part holds was handed out */
};

/*
 * The next message of *data, which is moved on.  E_AGAIN: none, and all octets
 * were used or kept.  E_NOMEM.  msg is valid until the next call.
 */
int dns_frame_next(struct dns_frame *f, const uint8_t **data, size_t *len,
    const uint8_t **msg, size_t *msg_len);
/* Is a message begun and not complete? */
bool dns_frame_is_partial(const struct dns_frame *f);
/* Id of the message begun; false when its octets have not come. */
bool dns_frame_partial_id(const struct dns_frame *f, uint16_t *id);

/* Keeps octets for later, behind those held already. */
int dns_frame_hold(struct dns_frame *f, const uint8_t *data, size_t len);
/* Lends what is held. */
const uint8_t *dns_frame_held(const struct dns_frame *f, size_t *len);
/* All but the last `left` of the octets held are used. */
void dns_frame_held_left(struct dns_frame *f, size_t left);

void dns_frame_clear(struct dns_frame *f);

#endif
