/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Domain names in wire form: uncompressed, at most 255 octets, root label
 * included.  Functions that say "lower" want both sides in lower case.
 */
#ifndef COMMON_DNS_NAME_H
#define COMMON_DNS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAME_MAX_LEN 255
#define NAME_STRLEN 1024 /* presentation form with escapes and NUL */

/* Length with the root label; the name must be a valid one. */
size_t name_len(const uint8_t *name);
/* Is there a valid uncompressed name at p? 0 if not, else its length. */
size_t name_check(const uint8_t *p, size_t len);
unsigned name_labels(const uint8_t *name); /* root not counted */
/*
 * Copies the name at offset pos of a message, following pointers (which must
 * go backwards, and not into the header).  end: where the name ends in the message (may be NULL).
 * Returns the length written to out[NAME_MAX_LEN], or E_MALF.
 */
int name_from_msg(const uint8_t *msg, size_t len, size_t pos,
    uint8_t out[NAME_MAX_LEN], size_t *end);
void name_to_lower(uint8_t *name);
/* Case-insensitive. */
bool name_equal(const uint8_t *a, const uint8_t *b);
/* Is a below b, or b itself? Case-insensitive, by labels. */
bool name_is_under(const uint8_t *a, const uint8_t *b);
/* Canonical order (RFC 4034 6.1), case-insensitive. */
int name_cmp(const uint8_t *a, const uint8_t *b);
/* One label less; the root stays the root. */
const uint8_t *name_parent(const uint8_t *name);
/*
 * Presentation form, RFC 1035 5.1 escapes.  A missing final dot is taken as
 * absolute.  Returns the length, or E_MALF.  Keeps case.
 */
int name_from_str(const char *s, uint8_t out[NAME_MAX_LEN]);
/* With final dot; returns s[NAME_STRLEN]. */
char *name_to_str(const uint8_t *name, char *s);

#endif
