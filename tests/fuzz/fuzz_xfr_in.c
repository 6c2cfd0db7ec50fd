/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One octet of flags, then messages with two octets of length each, as a
 * transfer stream of zone.example.  What is taken must be whole: the base can be
 * read, each record is in it once, and the steps are records.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "combiner/ingest.h"
#include "combiner/xfr_in.h"
#include "combiner/zdata.h"
#include "common/buf.h"
#include "common/errcode.h"

static char dir[] = "/tmp/polyphony-fuzz-XXXXXX";
static int has_dir;

static void
need(int is_so)
{
	if (!is_so) {
		abort();
	}
}

static void
remove_dir(void)
{
	(void)rmdir(dir);
}

static int
check_record(const uint8_t *owner, uint16_t type, uint16_t class, uint32_t ttl,
    const uint8_t *rdata, uint16_t rdlen, void *arg)
{
	static const uint8_t zone[] = "\x04zone\x07" "example";
	static uint8_t rr[ZREC_MAX];
	struct delta *x = arg;
	size_t n = name_len(owner);

	need(class == DNS_IN && type != DNS_SOA && name_is_under(owner, zone));
	memcpy(rr, owner, n);
	put_be16(rr + n, type);
	put_be16(rr + n + 2, class);
	put_be32(rr + n + 4, ttl);
	put_be16(rr + n + 8, rdlen);
	memcpy(rr + n + DNS_RR_FIXED, rdata, rdlen);
	/* the second of two would be a misfit */
	need(delta_del(x, rr, n + DNS_RR_FIXED + rdlen) == E_OK);
	return E_OK;
}

static void
check_base(struct base *b)
{
	struct zdata *d;
	struct delta *x;

	need(zdata_new(base_ref(b), 1, &d) == E_OK);
	need(delta_new(d, &x) == E_OK);
	need(zdata_each(d, check_record, x) == E_OK);
	need(delta_reserve(x) == E_OK);
	delta_apply(x, 2);
	need(d->count == 0);
	zdata_unref(d);
}

static void
check_steps(const struct owner_change *c)
{
	struct owner_step step;
	struct dns_rr rr;

	for (size_t at = 0; at < c->steps_len; at += owner_step_size(step.len)) {
		memcpy(&step, c->steps + at, sizeof(step));
		need(zrec_parse(c->steps + at + sizeof(step), step.len, &rr));
	}
}

static void
finish(struct xfr_in *x)
{
	struct owner_change *c = NULL;
	struct dns_soa soa;

	if (xfr_in_finish(x, &c) != E_OK) {
		return;
	}
	need(dns_soa_read(c->soa, c->soa_len, &soa) == E_OK &&
	    soa.serial == c->serial);
	if (c->is_full) {
		check_base(c->base);
		base_discard(base_ref(c->base), dir);
	} else {
		check_steps(c);
	}
	owner_change_free(c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct xfr_in_conf conf = {.zone = "\x04zone\x07" "example",
	    .max_records = 10000, .max_octets = 1u << 20, .key = {1, 2}};
	struct xfr_in x;
	size_t pos = 1;
	int ret = E_OK;

	if (!has_dir) {
		need(mkdtemp(dir) != NULL);
		has_dir = 1;
		(void)atexit(remove_dir); /* a folder more or less */
	}
	if (len == 0) {
		return 0;
	}
	conf.dir = dir;
	conf.is_ixfr = data[0] & 1;
	conf.has_copy = (data[0] & 2) != 0 || conf.is_ixfr;
	conf.force = data[0] & 4;
	conf.pass_sigs = data[0] & 8;
	conf.held_signed = data[0] & 16;
	conf.held_serial = 1;
	need(xfr_in_init(&x, &conf) == E_OK);
	while (ret == E_OK && len - pos >= 2) {
		size_t n = get_be16(data + pos);
		pos += 2;
		n = n < len - pos ? n : len - pos;
		uint8_t *exact = malloc(n + 1);
		need(exact != NULL);
		memcpy(exact, data + pos, n);
		ret = xfr_in_message(&x, exact, n);
		free(exact);
		pos += n;
	}
	if (ret == E_DONE) {
		finish(&x);
	}
	xfr_in_clear(&x);
	return 0;
}
