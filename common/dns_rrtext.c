/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RDATA from and to presentation text: libzscanner reads, libknot writes. */
#include "common/dns_rrset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libknot/dname.h>
#include <libknot/rdata.h>
#include <libknot/rrset-dump.h>
#include <libknot/rrset.h>
#include <libzscanner/scanner.h>

#include "common/dns_wire.h"
#include "common/errcode.h"

/* `\# length hex` (RFC 3597 5), for what the type's own form cannot show. */
static int
generic_to_str(const uint8_t *rdata, uint16_t len, char *out, size_t cap)
{
	static const char hex[] = "0123456789ABCDEF";
	int n = snprintf(out, cap, len > 0 ? "\\# %u " : "\\# %u", len);

	if (n < 0 || (size_t)n + 2u * len >= cap) {
		return E_SPACE;
	}
	char *o = out + n;
	for (uint16_t i = 0; i < len; i++) {
		*o++ = hex[rdata[i] >> 4];
		*o++ = hex[rdata[i] & 15];
	}
	*o = '\0';
	return (int)(o - out);
}

/*
 * libknot writes mnemonics into a type bitmap that libzscanner cannot read
 * back (NULL, MINFO and more).  Of the sets we handle CSYNC has one; it speaks
 * of A, NS and AAAA (RFC 7477 2.1.1.2), others can stay numbers.
 */
static int
csync_to_str(const uint8_t *rdata, uint16_t len, char *out, size_t cap)
{
	struct rbuf b;
	size_t n;

	rbuf_init(&b, rdata, len);
	uint32_t serial = rbuf_u32(&b);
	int r = snprintf(out, cap, "%u %u", serial, rbuf_u16(&b));
	n = r > 0 ? (size_t)r : 0;
	while (rbuf_left(&b) > 0 && n < cap) {
		unsigned window = rbuf_u8(&b), bits = rbuf_u8(&b) * 8u;
		const uint8_t *map = rbuf_take(&b, bits / 8);
		for (unsigned i = 0; map != NULL && i < bits && n < cap; i++) {
			unsigned type = window << 8 | i;
			if ((map[i / 8] & 0x80u >> i % 8) == 0) {
				continue;
			}
			bool known =
			    type == DNS_A || type == DNS_NS || type == DNS_AAAA;
			r = known ? snprintf(out + n, cap - n, " %s",
					dns_type_str((uint16_t)type))
				  : snprintf(out + n, cap - n, " TYPE%u", type);
			n += r > 0 ? (size_t)r : 0;
		}
	}
	return n < cap ? (int)n : E_SPACE;
}

int
rdata_to_str(
    uint16_t type, const uint8_t *rdata, uint16_t len, char *out, size_t cap)
{
	union { /* knot_rdata_t wants the alignment of its length */
		knot_rdata_t rd;
		uint8_t mem[sizeof(uint16_t) + DNS_MSG_MAX + 1];
	} u;
	knot_dname_t root[1] = {0};
	knot_dump_style_t style = KNOT_DUMP_STYLE_DEFAULT;
	knot_rrset_t rr;

	/*
	 * The writer takes what it is given for well formed in places, and ends
	 * in different ways for "does not fit" and "is not of this form".
	 */
	if (len == 0 || rdata_check(type, rdata, len) != E_OK) {
		return generic_to_str(rdata, len, out, cap);
	}
	if (type == DNS_CSYNC) {
		return csync_to_str(rdata, len, out, cap);
	}
	knot_rdata_init(&u.rd, len, rdata);
	knot_rrset_init(&rr, root, type, KNOT_CLASS_IN, 0);
	rr.rrs.count = 1;
	rr.rrs.size = (uint32_t)knot_rdata_size(len);
	rr.rrs.rdata = &u.rd;
	style.verbose = false;
	style.wrap = false;
	/* plain seconds need no idea of what time it is now */
	style.human_timestamp = false;
	int n = knot_rrset_txt_dump_data(&rr, 0, out, cap, &style);
	if (n < 0) {
		return generic_to_str(rdata, len, out, cap);
	}
	return n;
}

/*
 * The record is given to the scanner as a line of a zone file.  A second line
 * in the text could be a directive ($INCLUDE reads files), so none may be.
 */
static int
make_line(uint16_t type, const char *text, char **line, size_t *len)
{
	size_t cap = strlen(text) + 48;

	if (strpbrk(text, "\r\n") != NULL) {
		return E_MALF;
	}
	char *s = malloc(cap);
	if (s == NULL) {
		return E_NOMEM;
	}
	int n = snprintf(s, cap, "@ 0 IN %s %s\n", dns_type_str(type), text);
	if (n < 0 || (size_t)n >= cap) {
		free(s);
		return E_SYSTEM;
	}
	*line = s;
	*len = (size_t)n;
	return E_OK;
}

static int
scan(zs_scanner_t *zs, uint16_t type, uint8_t *out, size_t cap)
{
	if (zs_parse_record(zs) != 0 || zs->state != ZS_STATE_DATA ||
	    zs->r_type != type) {
		return E_MALF;
	}
	if (zs->r_data_length > cap || zs->r_data_length > UINT16_MAX) {
		return E_SPACE;
	}
	size_t len = zs->r_data_length;
	if (len > 0) {
		memcpy(out, zs->r_data, len);
	}
	if (zs_parse_record(zs) != 0 || zs->state != ZS_STATE_EOF) {
		return E_MALF;
	}
	/* RFC 3597 text says anything about any type */
	return rdata_check(type, out, (uint16_t)len) == E_OK ? (int)len
							     : E_MALF;
}

int
rdata_from_str(uint16_t type, const char *text, const uint8_t *origin,
    uint8_t *out, size_t cap)
{
	char origin_str[NAME_STRLEN];
	zs_scanner_t *zs = NULL;
	char *line = NULL;
	size_t len = 0;
	int r = make_line(type, text, &line, &len);

	if (r != E_OK) {
		return r;
	}
	zs = malloc(sizeof(*zs)); /* 206 kB: not for the stack */
	if (zs == NULL) {
		r = E_NOMEM;
		goto out;
	}
	name_to_str(origin, origin_str);
	if (zs_init(zs, origin_str, KNOT_CLASS_IN, 0) != 0) {
		r = E_SYSTEM;
		goto out;
	}
	r = zs_set_input_string(zs, line, len) == 0 ? scan(zs, type, out, cap)
						    : E_SYSTEM;
	zs_deinit(zs);
out:
	free(zs);
	free(line);
	return r;
}
