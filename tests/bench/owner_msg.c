/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries and answers of the owner's primary for measurements. */
#include "tests/bench/owner_msg.h"

#include <string.h>

static size_t
skip_name(const uint8_t *m, size_t len, size_t at)
{
	while (at < len && m[at] != 0 && m[at] < 0xc0) {
		at += 1 + (size_t)m[at];
	}
	return at < len ? at + (m[at] == 0 ? 1 : 2) : len;
}

static void
read_serial(struct owner_query *q, const uint8_t *m, size_t len)
{
	size_t at = skip_name(m, len, q->end);
	size_t rdlen;

	if (at + 10 > len) {
		return;
	}
	rdlen = (size_t)(m[at + 8] << 8 | m[at + 9]);
	at += 10 + rdlen;
	if (rdlen < 22 || at > len) {
		return;
	}
	m += at - 20;
	q->serial = (uint32_t)m[0] << 24 | (uint32_t)m[1] << 16 |
		    (uint32_t)m[2] << 8 | m[3];
	q->has_serial = true;
}

bool
owner_read_query(struct owner_query *q, const uint8_t *m, size_t len)
{
	size_t at;

	memset(q, 0, sizeof(*q));
	if (len < 12 || (m[2] & 0xf8) != 0 || m[5] != 1) {
		return false;
	}
	at = skip_name(m, len, 12);
	if (at + 4 > len) {
		return false;
	}
	q->name_len = at - 12;
	q->type = (uint16_t)(m[at] << 8 | m[at + 1]);
	q->end = at + 4;
	if (q->type == OWNER_IXFR && m[9] == 1) {
		read_serial(q, m, len);
	}
	return true;
}

/* Header and question of an answer; records are added by the caller. */
static uint8_t *
begin(uint8_t *p, const uint8_t *m, const struct owner_query *q)
{
	memset(p, 0, 12);
	memcpy(p, m, 2);
	p[2] = 0x84;
	p[3] = q->gen == NULL ? 5 : 0;
	p[5] = 1;
	memcpy(p + 12, m + 12, q->end - 12);
	return p + q->end;
}

size_t
owner_answer_soa(uint8_t *to, const uint8_t *m, const struct owner_query *q)
{
	uint8_t *p = begin(to, m, q);

	if (q->gen != NULL) {
		to[7] = 1;
		p = gen_put_soa(p, q->gen->serial);
	}
	return (size_t)(p - to);
}

/* The differences since q->serial; 0 if there are none that fit. */
size_t
owner_answer_ixfr(uint8_t *to, const uint8_t *m, const struct owner_query *q)
{
	const struct gen_zone *g = q->gen;
	uint32_t i = q->serial - GEN_FIRST_SERIAL;
	uint8_t *p = begin(to, m, q);

	if (!q->has_serial || i >= g->nlog || g->nlog - i > 200) {
		return 0;
	}
	(void)gen_put16(to + 6, (uint16_t)(2 + 4 * (g->nlog - i)));
	p = gen_put_soa(p, g->serial);
	for (; i < g->nlog; i++) {
		const struct gen_change *c = &g->log[i];

		p = gen_put_soa(p, GEN_FIRST_SERIAL + i);
		p = gen_put_glue(p, g, c->deleg, c->from);
		p = gen_put_soa(p, GEN_FIRST_SERIAL + i + 1);
		p = gen_put_glue(p, g, c->deleg, c->to);
	}
	p = gen_put_soa(p, g->serial);
	return (size_t)(p - to);
}
