/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/dns_frame.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/errcode.h"

#define PART_MIN 256

static void
drop_part(struct dns_frame *f)
{
	free(f->part);
	f->part = NULL;
	f->part_len = 0;
	f->part_cap = 0;
	f->is_given = false;
}

/*
 * Grows with what has come, not with what the length field promises: a peer
 * must send octets to make us hold memory.
 */
static int
add_part(struct dns_frame *f, const uint8_t *data, size_t len)
{
	size_t need = f->part_len + len;
	if (need > f->part_cap) {
		size_t cap = f->part_cap == 0 ? PART_MIN : f->part_cap;
		while (cap < need) {
			cap *= 2;
		}
		uint8_t *p = realloc(f->part, cap);
		if (p == NULL) {
			return E_NOMEM;
		}
		f->part = p;
		f->part_cap = (uint32_t)cap;
	}
	memcpy(f->part + f->part_len, data, len);
	f->part_len += (uint32_t)len;
	return E_OK;
}

/* Octets that the begun message still lacks, as far as is known. */
static size_t
lacks(const struct dns_frame *f)
{
	if (f->part_len < 2) {
		return 2 - f->part_len;
	}
	return (size_t)2 + get_be16(f->part) - f->part_len;
}

static int
complete_part(struct dns_frame *f, const uint8_t **data, size_t *len,
    const uint8_t **msg, size_t *msg_len)
{
	size_t n;
	while ((n = lacks(f)) > 0) {
		if (n > *len) {
			n = *len;
		}
		if (n == 0) {
			return E_AGAIN;
		}
		int r = add_part(f, *data, n);
		if (r != E_OK) {
			return r;
		}
		*data += n;
		*len -= n;
	}
	f->is_given = true;
	*msg = f->part + 2;
	*msg_len = f->part_len - 2;
	return E_OK;
}

int
dns_frame_next(struct dns_frame *f, const uint8_t **data, size_t *len,
    const uint8_t **msg, size_t *msg_len)
{
	if (f->is_given) {
		/* a stream of big messages needs the memory again at once */
		f->part_len = 0;
		f->is_given = false;
	}
	if (f->part_len > 0) {
		return complete_part(f, data, len, msg, msg_len);
	}
	if (*len >= 2) {
		size_t n = get_be16(*data);
		if (*len - 2 >= n) {
			*msg = *data + 2;
			*msg_len = n;
			*data += 2 + n;
			*len -= 2 + n;
			return E_OK;
		}
	}
	if (*len == 0) {
		drop_part(f);
		return E_AGAIN;
	}
	int r = add_part(f, *data, *len);
	if (r != E_OK) {
		return r;
	}
	*data += *len;
	*len = 0;
	return E_AGAIN;
}

bool
dns_frame_is_partial(const struct dns_frame *f)
{
	return f->part_len > 0 && !f->is_given;
}

bool
dns_frame_partial_id(const struct dns_frame *f, uint16_t *id)
{
	if (!dns_frame_is_partial(f) || f->part_len < 4) {
		return false;
	}
	*id = get_be16(f->part + 2);
	return true;
}

int
dns_frame_hold(struct dns_frame *f, const uint8_t *data, size_t len)
{
	if (len == 0) {
		return E_OK;
	}
	size_t old = f->held_len - f->held_pos;
	uint8_t *p = malloc(old + len);
	if (p == NULL) {
		return E_NOMEM;
	}
	if (old > 0) {
		memcpy(p, f->held + f->held_pos, old);
	}
	memcpy(p + old, data, len);
	free(f->held);
	f->held = p;
	f->held_pos = 0;
	f->held_len = old + len;
	return E_OK;
}

const uint8_t *
dns_frame_held(const struct dns_frame *f, size_t *len)
{
	*len = f->held_len - f->held_pos;
	return f->held == NULL ? NULL : f->held + f->held_pos;
}

void
dns_frame_held_left(struct dns_frame *f, size_t left)
{
	f->held_pos = f->held_len - left;
	if (left == 0) {
		free(f->held);
		f->held = NULL;
		f->held_pos = 0;
		f->held_len = 0;
	}
}

void
dns_frame_clear(struct dns_frame *f)
{
	drop_part(f);
	free(f->held);
	f->held = NULL;
	f->held_pos = 0;
	f->held_len = 0;
}
