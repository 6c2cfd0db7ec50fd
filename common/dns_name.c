/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/dns_name.h"

#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/dns_wire.h"
#include "common/errcode.h"

#define LABEL_MAX 63

/* ASCII alone: DNS knows no other letters (RFC 4343). */
static inline uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

size_t
name_len(const uint8_t *name)
{
	size_t n = 0;

	while (name[n] != 0) {
		n += name[n] + 1u;
	}
	return n + 1;
}

size_t
name_check(const uint8_t *p, size_t len)
{
	size_t n = 0;

	while (n < len && p[n] != 0) {
		if (p[n] > LABEL_MAX) {
			return 0;
		}
		n += p[n] + 1u;
	}
	return n < len && n + 1 <= NAME_MAX_LEN ? n + 1 : 0;
}

unsigned
name_labels(const uint8_t *name)
{
	unsigned count = 0;

	for (; *name != 0; name += *name + 1) {
		count++;
	}
	return count;
}

int
name_from_msg(const uint8_t *msg, size_t len, size_t pos,
    uint8_t out[NAME_MAX_LEN], size_t *end)
{
	size_t n = 0, limit = pos;
	bool jumped = false;

	for (;;) {
		if (pos >= len) {
			return E_MALF;
		}
		uint8_t c = msg[pos];
		if (c == 0) {
			break;
		}
		if (c <= LABEL_MAX) {
			/* room for this label and the root must remain */
			if (len - pos < c + 2u || n + c + 2u > NAME_MAX_LEN) {
				return E_MALF;
			}
			memcpy(out + n, msg + pos, c + 1u);
			n += c + 1u;
			pos += c + 1u;
			continue;
		}
		if (c < 0xc0 || len - pos < 2) {
			return E_MALF;
		}
		size_t to = get_be16(msg + pos) & 0x3fffu;
		if (!jumped && end != NULL) {
			*end = pos + 2;
		}
		jumped = true;
		/*
		 * Each jump goes back further, so it must come to an end.
		 * No name stands in the header, and what is there changes when
		 * a message is passed on.
		 */
		if (to >= limit || to < DNS_HEADER_LEN) {
			return E_MALF;
		}
		limit = to;
		pos = to;
	}
	out[n++] = 0;
	if (!jumped && end != NULL) {
		*end = pos + 1;
	}
	return (int)n;
}

void
name_to_lower(uint8_t *name)
{
	while (*name != 0) {
		uint8_t n = *name++;
		while (n-- > 0) {
			*name = lower(*name);
			name++;
		}
	}
}

bool
name_equal(const uint8_t *a, const uint8_t *b)
{
	size_t n = name_len(a);

	if (n != name_len(b)) {
		return false;
	}
	/* label lengths are below 'A', so folding them changes nothing */
	for (size_t i = 0; i < n; i++) {
		if (lower(a[i]) != lower(b[i])) {
			return false;
		}
	}
	return true;
}

bool
name_is_under(const uint8_t *a, const uint8_t *b)
{
	size_t alen = name_len(a), blen = name_len(b);

	while (alen > blen) {
		alen -= *a + 1u;
		a += *a + 1;
	}
	return alen == blen && name_equal(a, b);
}

const uint8_t *
name_parent(const uint8_t *name)
{
	return *name == 0 ? name : name + *name + 1;
}

static int
label_cmp(const uint8_t *a, const uint8_t *b)
{
	unsigned n = *a < *b ? *a : *b;

	for (unsigned i = 1; i <= n; i++) {
		int d = lower(a[i]) - lower(b[i]);
		if (d != 0) {
			return d;
		}
	}
	return *a - *b;
}

/* Offsets of the labels, first label first; returns their number. */
static unsigned
label_offsets(const uint8_t *name, uint8_t offs[128])
{
	unsigned count = 0, pos = 0;

	while (name[pos] != 0) {
		offs[count++] = (uint8_t)pos;
		pos += name[pos] + 1u;
	}
	return count;
}

int
name_cmp(const uint8_t *a, const uint8_t *b)
{
	uint8_t ao[128], bo[128];
	unsigned an = label_offsets(a, ao), bn = label_offsets(b, bo);

	while (an > 0 && bn > 0) {
		int d = label_cmp(a + ao[--an], b + bo[--bn]);
		if (d != 0) {
			return d;
		}
	}
	return (int)an - (int)bn;
}

/* One character of presentation form; moves *s on.  -1: malformed. */
static int
unescape(const char **s)
{
	const char *p = *s;
	int c = (unsigned char)*p++;

	if (c != '\\') {
		*s = p;
		return c;
	}
	if (p[0] >= '0' && p[0] <= '9') {
		if (p[1] < '0' || p[1] > '9' || p[2] < '0' || p[2] > '9') {
			return -1;
		}
		c = (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
		p += 3;
	} else if (*p != '\0') {
		c = (unsigned char)*p++;
	} else {
		return -1;
	}
	*s = p;
	return c <= 255 ? c : -1;
}

int
name_from_str(const char *s, uint8_t out[NAME_MAX_LEN])
{
	size_t start = 0, n = 1; /* of the label under way, and behind it */

	if (strcmp(s, ".") == 0) {
		out[0] = 0;
		return 1;
	}
	while (*s != '\0') {
		if (*s == '.') {
			if (n == start + 1) {
				return E_MALF; /* empty label */
			}
			out[start] = (uint8_t)(n - start - 1);
			start = n++;
			s++;
			continue;
		}
		int c = unescape(&s);
		if (c < 0 || n - start > LABEL_MAX || n >= NAME_MAX_LEN - 1) {
			return E_MALF;
		}
		out[n++] = (uint8_t)c;
	}
	if (n > start + 1) {
		out[start] = (uint8_t)(n - start - 1);
		start = n++;
	} else if (start == 0) {
		return E_MALF; /* empty text */
	}
	out[start] = 0;
	return (int)(start + 1);
}

char *
name_to_str(const uint8_t *name, char *s)
{
	char *o = s;

	if (*name == 0) {
		*o++ = '.';
	}
	while (*name != 0) {
		for (uint8_t n = *name++; n > 0; n--, name++) {
			if (*name <= ' ' || *name >= 0x7f) {
				o += snprintf(o, 5, "\\%03u", *name);
				continue;
			}
			if (strchr(".\\\"$;@()", *name) != NULL) {
				*o++ = '\\';
			}
			*o++ = (char)*name;
		}
		*o++ = '.';
	}
	*o = '\0';
	return s;
}
