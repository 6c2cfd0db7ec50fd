/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The DNS service with stand-ins for what lies behind it: zones that keep an
 * edit until the test says it is on disk, and answers that are kept here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "combiner/combiner.h"
#include "combiner/replay.h"
#include "combiner/service_dns.h"
#include "combiner/xfr_out.h"
#include "common/dns_pack.h"
#include "common/errcode.h"
#include "common/loop.h"

static const uint8_t zone_name[] = "\x04zone\x07" "example";
static uint8_t zone_soa[22]; /* there; the fake below tells of it */
static const uint8_t other_name[] = "\x05other\x07" "example";

enum { NANSWERS = 4 }; /* the last ones */

struct dns_answer {
	struct net_addr peer;
	unsigned sent, ended;
	uint8_t msg[DNS_MSG_MAX];
	size_t len;
};

struct fixture {
	struct combiner c;
	struct combiner_conf conf;
	struct acl_db acl;
	struct tsig_key keys[3]; /* source, transfer, unknown to us */
	const struct tsig_key *known[2];
	struct acl_key source_key;
	const struct acl_key *source_keys[1];
	struct combiner_source source;
	struct combiner_rules rules;
	struct zone zone;
	struct apex *combined;
	struct dns_answer answers[NANSWERS];
	unsigned requests;
	int64_t now;
	uint64_t now_ms;
	/* an edit under way */
	zone_edit_fn edit;
	zone_done_fn done;
	void *arg;
	int contribute_error;
	unsigned transfers, notifies, allowed; /* allowed: acl actions */
	/* of the last request */
	uint8_t msg[DNS_MSG_MAX];
	size_t len;
	struct tsig_state signed_state;
};

static struct fixture *fx; /* what the stand-ins look at */

/* ---- stand-ins ---- */

struct zone *
zone_find(struct combiner *c, const uint8_t *name)
{
	(void)c;
	return name_equal(name, zone_name) ? &fx->zone : NULL;
}

int
zone_contribute(struct zone *z, const char *source, zone_edit_fn edit,
    zone_done_fn done, void *arg)
{
	assert_ptr_equal(z, &fx->zone);
	assert_string_equal(source, "msa");
	assert_null(fx->edit);
	if (fx->contribute_error != E_OK) {
		return fx->contribute_error;
	}
	fx->edit = edit;
	fx->done = done;
	fx->arg = arg;
	return E_OK;
}

/* The zone's turn has come; disk: what the disk says. */
static void
finish_edit(int disk)
{
	struct contrib *held = contrib_find(fx->zone.contribs, "msa");
	struct apex *copy =
	    held != NULL ? apex_copy(held->sets) : apex_new();

	assert_non_null(fx->edit);
	int r = fx->edit(&fx->zone, copy, fx->arg);
	if (r == E_OK && disk == E_OK) {
		contrib_replace(&fx->zone.contribs,
		    contrib_new("msa", apex_ref(copy), 1));
		fx->zone.out_serial++;
	}
	apex_unref(copy);
	fx->edit = NULL;
	fx->done(&fx->zone, r != E_OK ? r : disk, fx->arg);
}

int
zone_out_soa(const struct zone *z, uint8_t *rdata, uint32_t *ttl)
{
	(void)z;
	memset(rdata, 0, 22);
	*ttl = 60;
	return 22;
}

bool
acl_allows(const struct acl_rule *const *rules, size_t n,
    const struct acl_subject *who, enum acl_action action)
{
	(void)rules;
	(void)n;
	return who->key == &fx->keys[1] && (fx->allowed & action) != 0;
}

const struct combiner_source *
combiner_source_by_key(const struct combiner_rules *rules,
    const struct tsig_key *key)
{
	assert_ptr_equal(rules, &fx->rules);
	return key == &fx->keys[0] ? &fx->source : NULL;
}

struct combiner_conf *
combiner_conf_ref(struct combiner_conf *c)
{
	c->refs++;
	return c;
}

void
combiner_conf_unref(struct combiner_conf *c)
{
	c->refs--;
}

void
xfr_out_start(struct combiner *c, struct zone *z, const struct dns_request *req,
    const uint8_t *msg, size_t len, struct tsig_state *tsig)
{
	(void)c;
	(void)z;
	(void)msg;
	(void)len;
	(void)tsig;
	fx->transfers++;
	dns_answer_end(req->answer);
}

void
notify_on_request(struct combiner *c, const struct dns_request *req,
    uint8_t *msg, size_t len, struct tsig_state *tsig)
{
	(void)c;
	(void)msg;
	(void)len;
	(void)tsig;
	fx->notifies++;
	dns_answer_end(req->answer);
}

const char *
dns_proto_str(enum dns_proto p)
{
	return p == DNS_UDP ? "udp" : "tcp";
}

const struct net_addr *
dns_answer_peer(const struct dns_answer *a)
{
	return &a->peer;
}

int
dns_answer_send(struct dns_answer *a, const void *msg, size_t len)
{
	assert_int_equal(a->ended, 0);
	memcpy(a->msg, msg, len);
	a->len = len;
	a->sent++;
	return E_OK;
}

void
dns_answer_end(struct dns_answer *a)
{
	a->ended++;
}

uint64_t
loop_now_ms(const struct loop *loop)
{
	(void)loop;
	return fx->now_ms;
}

uint64_t
loop_now_us(const struct loop *loop)
{
	(void)loop;
	return fx->now_ms * 1000;
}

int64_t
loop_wall_sec(const struct loop *loop)
{
	(void)loop;
	return fx->now;
}

/* ---- fixture ---- */

static void
make_key(struct tsig_key *k, const char *name)
{
	k->name_len = (uint16_t)name_from_str(name, k->name);
	k->alg = TSIG_HMAC_SHA256;
	k->secret_len = 32;
	memset(k->secret, name[0], 32);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	static const uint8_t ns[] = "\x02ns";

	assert_non_null(f);
	fx = f;
	make_key(&f->keys[0], "source");
	make_key(&f->keys[1], "transfer");
	make_key(&f->keys[2], "nobody");
	f->known[0] = &f->keys[0];
	f->known[1] = &f->keys[1];
	f->acl.tsig = f->known;
	f->acl.nkeys = 2;
	f->conf = (struct combiner_conf){.refs = 1, .acl = &f->acl,
	    .update_rate = 10, .max_update_len = 65535};
	f->source.id = strdup("msa");
	f->rules.guard = true;
	f->combined = apex_new();
	assert_int_equal(rrset_add(apex_edit(f->combined, DNS_NS), ns,
		sizeof(ns)), E_OK);
	f->zone = (struct zone){.combiner = &f->c,
	    .name = calloc(1, sizeof(zone_name)), .rules = &f->rules,
	    .has_out = true, .out_serial = 1, .out_apex = f->combined,
	    .soa = zone_soa};
	memcpy(f->zone.name, zone_name, sizeof(zone_name));
	f->allowed = ACL_TRANSFER | ACL_QUERY;
	f->now = 1788264000;
	f->now_ms = 5000;
	f->c.conf = &f->conf;
	assert_int_equal(service_dns_init(&f->c), E_OK);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	assert_null(f->edit);
	assert_int_equal(f->conf.refs, 1);
	for (unsigned i = 0; i < f->requests && i < NANSWERS; i++) {
		assert_int_equal(f->answers[i].ended, 1);
	}
	service_dns_free(&f->c);
	contrib_free_all(f->zone.contribs);
	apex_unref(f->combined);
	free(f->zone.name);
	free(f->source.id);
	free(f);
	return 0;
}

/* ---- requests and answers ---- */

static void
question(struct fixture *f, unsigned opcode, const uint8_t *name, uint16_t type)
{
	struct dns_pack p;

	dns_pack_init(&p, f->msg, sizeof(f->msg), 77, (uint16_t)(opcode << 11));
	assert_int_equal(dns_pack_question(&p, name, type, DNS_IN), E_OK);
	f->len = dns_pack_finish(&p);
}

/* An UPDATE that adds a DNSKEY with this octet. */
static void
make_update(struct fixture *f, const uint8_t *name, uint8_t octet)
{
	uint8_t rdata[] = {1, 0, 3, 15, octet};
	struct dns_pack p;

	dns_pack_init(&p, f->msg, sizeof(f->msg), 77, DNS_UPDATE << 11);
	assert_int_equal(dns_pack_question(&p, name, DNS_SOA, DNS_IN), E_OK);
	dns_pack_section(&p, 2);
	assert_int_equal(dns_pack_rr(&p, name, DNS_DNSKEY, DNS_IN, 60, rdata,
		sizeof(rdata)), E_OK);
	f->len = dns_pack_finish(&p);
}

static void
add_opt(struct fixture *f, uint8_t version)
{
	uint8_t opt[] = {0, 0, 41, 4, 208, 0, version, 0, 0, 0, 0};

	memcpy(f->msg + f->len, opt, sizeof(opt));
	f->len += sizeof(opt);
	f->msg[11]++;
}

static void
sign(struct fixture *f, unsigned key)
{
	assert_int_equal(tsig_sign_request(f->msg, &f->len, sizeof(f->msg),
		&f->keys[key], f->now, &f->signed_state), E_OK);
}

/* Hands the message over as it is; returns its answer. */
static struct dns_answer *
send_as(struct fixture *f, enum dns_proto proto)
{
	struct dns_answer *a = &f->answers[f->requests++ % NANSWERS];
	uint8_t *exact = malloc(f->len);

	assert_non_null(exact);
	memset(a, 0, sizeof(*a));
	memcpy(exact, f->msg, f->len);
	a->peer.u.sa.sa_family = AF_INET;
	struct dns_request req = {.msg = exact, .len = f->len, .proto = proto,
	    .peer = &a->peer, .answer = a};
	service_dns_on_request(&req, &f->c);
	free(exact);
	return a;
}

static void
expect(struct dns_answer *a, unsigned rcode)
{
	assert_int_equal(a->sent, 1);
	assert_int_equal(a->ended, 1);
	assert_true(a->len >= 12);
	assert_int_equal(get_be16(a->msg), 77);
	if (dns_flags_rcode(get_be16(a->msg + 2)) != rcode) {
		fail_msg("rcode %u, not %u",
		    dns_flags_rcode(get_be16(a->msg + 2)), rcode);
	}
}

/* The same, and signed well for the last request. */
static void
expect_signed(struct fixture *f, struct dns_answer *a, unsigned rcode)
{
	struct tsig_stream *s = NULL;

	expect(a, rcode);
	assert_int_equal(tsig_stream_new(&f->signed_state, &s), E_OK);
	assert_int_equal(tsig_stream_check(s, a->msg, &a->len, f->now), E_OK);
	assert_true(tsig_stream_is_settled(s));
	tsig_stream_free(s);
}

static unsigned
tsig_error_of(const struct dns_answer *a, size_t *mac_len)
{
	struct tsig_rr rr;

	assert_int_equal(tsig_find(a->msg, a->len, &rr), E_OK);
	*mac_len = rr.mac_len;
	return rr.error;
}

static unsigned
answers_in(const struct dns_answer *a)
{
	return get_be16(a->msg + 6);
}

static size_t
keys_held(const struct fixture *f)
{
	struct contrib *k = contrib_find(f->zone.contribs, "msa");
	const struct rrset *s = k ? apex_get(k->sets, DNS_DNSKEY) : NULL;

	return s != NULL ? s->count : 0;
}

/* ---- tests ---- */

static void
test_malformed(void **state)
{
	struct fixture *f = *state;

	question(f, 0, zone_name, DNS_SOA);
	f->len--;
	expect(send_as(f, DNS_UDP), DNS_FORMERR);
	question(f, 0, zone_name, DNS_SOA);
	f->msg[5] = 0;
	f->len = 12;
	expect(send_as(f, DNS_UDP), DNS_FORMERR);
	question(f, 0, zone_name, DNS_SOA);
	add_opt(f, 0);
	add_opt(f, 0);
	expect(send_as(f, DNS_UDP), DNS_FORMERR);
}

static void
test_badvers_and_opcodes(void **state)
{
	struct fixture *f = *state;
	struct dns_answer *a;

	question(f, 0, zone_name, DNS_SOA);
	add_opt(f, 1);
	a = send_as(f, DNS_UDP);
	expect(a, 0);
	assert_int_equal(a->msg[a->len - 6], 1); /* BADVERS is 16 */
	question(f, 2, zone_name, DNS_SOA);
	expect(send_as(f, DNS_UDP), DNS_NOTIMP);
	question(f, DNS_NOTIFY, zone_name, DNS_SOA);
	a = send_as(f, DNS_UDP);
	assert_int_equal(a->sent, 0);
	assert_int_equal(f->notifies, 1);
}

static void
test_tsig_faults(void **state)
{
	struct fixture *f = *state;
	struct dns_answer *a;
	size_t mac_len;

	question(f, 0, zone_name, DNS_SOA);
	sign(f, 2);
	a = send_as(f, DNS_UDP);
	expect(a, DNS_NOTAUTH);
	assert_int_equal(tsig_error_of(a, &mac_len), DNS_BADKEY);
	assert_int_equal(mac_len, 0);

	question(f, 0, zone_name, DNS_SOA);
	sign(f, 1);
	f->msg[2] ^= 1; /* RD */
	a = send_as(f, DNS_UDP);
	expect(a, DNS_NOTAUTH);
	assert_int_equal(tsig_error_of(a, &mac_len), DNS_BADSIG);
	assert_int_equal(mac_len, 0);

	question(f, 0, zone_name, DNS_SOA);
	sign(f, 1);
	f->now += 301;
	a = send_as(f, DNS_UDP);
	expect(a, DNS_NOTAUTH);
	assert_int_equal(tsig_error_of(a, &mac_len), DNS_BADTIME);
	assert_int_equal(mac_len, 32);
	/* unsigned requests are none of TSIG's business */
	question(f, 0, zone_name, DNS_SOA);
	expect(send_as(f, DNS_UDP), DNS_REFUSED);
}

/* Older than the newest time signed by that key, less fudge. */
static void
test_replayed_time(void **state)
{
	struct fixture *f = *state;
	struct dns_answer *a;
	size_t mac_len;

	question(f, 0, zone_name, DNS_SOA);
	f->now += 290;
	sign(f, 1);
	f->now -= 290;
	expect(send_as(f, DNS_UDP), 0);
	f->now -= 11;
	question(f, 0, zone_name, DNS_SOA);
	sign(f, 1);
	a = send_as(f, DNS_UDP);
	expect(a, DNS_NOTAUTH);
	assert_int_equal(tsig_error_of(a, &mac_len), DNS_BADTIME);
	/* another key has its own line */
	question(f, 0, zone_name, DNS_SOA);
	sign(f, 0);
	expect_signed(f, send_as(f, DNS_UDP), 0);
}

static void
test_query(void **state)
{
	struct fixture *f = *state;
	struct dns_answer *a;

	question(f, 0, zone_name, DNS_NS);
	expect(send_as(f, DNS_UDP), DNS_REFUSED); /* without key */
	sign(f, 1);
	a = send_as(f, DNS_UDP);
	expect_signed(f, a, 0);
	assert_int_equal(answers_in(a), 1);
	/* the source sees its own store, which is empty */
	question(f, 0, zone_name, DNS_NS);
	sign(f, 0);
	a = send_as(f, DNS_UDP);
	expect_signed(f, a, 0);
	assert_int_equal(answers_in(a), 0);
	question(f, 0, zone_name, DNS_SOA);
	sign(f, 0);
	a = send_as(f, DNS_UDP);
	expect_signed(f, a, 0);
	assert_int_equal(answers_in(a), 1);
	question(f, 0, other_name, DNS_SOA);
	sign(f, 1);
	expect_signed(f, send_as(f, DNS_UDP), DNS_REFUSED);
	f->zone.expired_stop = true;
	question(f, 0, zone_name, DNS_NS);
	sign(f, 1);
	expect_signed(f, send_as(f, DNS_UDP), DNS_SERVFAIL);
	f->zone.expired_stop = false;
	f->zone.soa = NULL; /* the copy on disk was damaged */
	question(f, 0, zone_name, DNS_SOA);
	sign(f, 1);
	expect_signed(f, send_as(f, DNS_UDP), DNS_SERVFAIL);
	f->zone.soa = zone_soa;
	f->zone.has_out = false;
	question(f, 0, zone_name, DNS_NS);
	sign(f, 1);
	expect_signed(f, send_as(f, DNS_UDP), DNS_SERVFAIL);
	question(f, 0, zone_name, DNS_NS);
	sign(f, 0);
	expect_signed(f, send_as(f, DNS_UDP), 0);
	f->allowed = 0;
	question(f, 0, zone_name, DNS_NS);
	sign(f, 1);
	expect_signed(f, send_as(f, DNS_UDP), DNS_REFUSED);
}

static void
test_transfer(void **state)
{
	struct fixture *f = *state;

	question(f, 0, zone_name, DNS_AXFR);
	expect(send_as(f, DNS_TCP), DNS_REFUSED);
	sign(f, 1);
	assert_int_equal(send_as(f, DNS_TCP)->sent, 0);
	question(f, 0, zone_name, DNS_IXFR);
	sign(f, 1);
	assert_int_equal(send_as(f, DNS_UDP)->sent, 0);
	assert_int_equal(f->transfers, 2);
	question(f, 0, zone_name, DNS_AXFR);
	sign(f, 1);
	expect_signed(f, send_as(f, DNS_UDP), DNS_FORMERR);
	question(f, 0, other_name, DNS_AXFR);
	sign(f, 1);
	expect_signed(f, send_as(f, DNS_TCP), DNS_NOTAUTH);
	/* a source is no signer */
	question(f, 0, zone_name, DNS_AXFR);
	sign(f, 0);
	expect_signed(f, send_as(f, DNS_TCP), DNS_REFUSED);
	f->zone.has_out = false;
	question(f, 0, zone_name, DNS_AXFR);
	sign(f, 1);
	expect_signed(f, send_as(f, DNS_TCP), DNS_SERVFAIL);
	assert_int_equal(f->transfers, 2);
}

static void
test_tls(void **state)
{
	struct fixture *f = *state;
	struct dns_answer *a;

	question(f, 0, zone_name, DNS_NS);
	add_opt(f, 0);
	sign(f, 1);
	a = send_as(f, DNS_TLS);
	/* whole blocks, TSIG counted */
	assert_int_equal(a->len % EDNS_PAD_BLOCK, 0);
	expect_signed(f, a, DNS_REFUSED);
	size_t opt = DNS_HEADER_LEN + sizeof(zone_name) + 4;
	assert_memory_equal(a->msg + opt + 11, "\0\x0f\0\x02\0\x15", 6);
	question(f, 0, zone_name, DNS_SOA);
	sign(f, 1);
	expect_signed(f, send_as(f, DNS_TLS), 0);
	question(f, 0, zone_name, DNS_AXFR);
	sign(f, 1);
	assert_int_equal(send_as(f, DNS_TLS)->sent, 0);
	make_update(f, zone_name, 1);
	sign(f, 0);
	expect_signed(f, send_as(f, DNS_TLS), DNS_REFUSED);
	question(f, DNS_NOTIFY, zone_name, DNS_SOA);
	expect(send_as(f, DNS_TLS), DNS_REFUSED);
	assert_int_equal(f->notifies, 0);
}

static void
test_update(void **state)
{
	struct fixture *f = *state;
	struct dns_answer *a;

	make_update(f, zone_name, 1);
	expect(send_as(f, DNS_TCP), DNS_REFUSED); /* unsigned */
	sign(f, 0);
	a = send_as(f, DNS_TCP);
	assert_int_equal(a->sent, 0); /* not before it is on disk */
	assert_int_equal(f->conf.refs, 2);
	f->now += 5;
	finish_edit(E_OK);
	expect_signed(f, a, 0);
	assert_int_equal(keys_held(f), 1);
	assert_int_equal(f->c.stats.updates, 1);

	make_update(f, zone_name, 2);
	sign(f, 0);
	a = send_as(f, DNS_UDP);
	finish_edit(E_STORE);
	expect_signed(f, a, DNS_SERVFAIL);
	assert_int_equal(keys_held(f), 1);

	make_update(f, zone_name, 3);
	sign(f, 0);
	f->contribute_error = E_NOMEM;
	expect_signed(f, send_as(f, DNS_UDP), DNS_SERVFAIL);
}

static void
test_update_refused(void **state)
{
	struct fixture *f = *state;
	struct dns_answer *a;

	make_update(f, other_name, 1);
	sign(f, 0);
	expect_signed(f, send_as(f, DNS_TCP), DNS_NOTAUTH);
	make_update(f, zone_name, 1);
	sign(f, 1); /* may transfer, contributes nothing */
	expect_signed(f, send_as(f, DNS_TCP), DNS_REFUSED);
	make_update(f, zone_name, 1);
	f->msg[f->len - 5 - 10 + 1] = DNS_TXT;
	sign(f, 0);
	expect_signed(f, send_as(f, DNS_TCP), DNS_REFUSED);
	make_update(f, zone_name, 1);
	f->msg[f->len - 5 - 10 + 3] = 3;
	sign(f, 0);
	expect_signed(f, send_as(f, DNS_TCP), DNS_FORMERR);
	/* the guard speaks when it is the zone's turn */
	make_update(f, zone_name, 1);
	f->msg[f->len - 5 - 10 + 1] = DNS_CDS;
	f->msg[f->len - 2] = 2; /* SHA-256, an octet long */
	sign(f, 0);
	a = send_as(f, DNS_TCP);
	finish_edit(E_OK);
	expect_signed(f, a, DNS_REFUSED);
	assert_int_equal(f->c.stats.updates, 0);
	assert_int_equal(f->c.stats.updates_refused, 5);
}

/* nsupdate sends the same octets again when no answer comes over UDP. */
static void
test_update_again(void **state)
{
	struct fixture *f = *state;
	struct dns_answer *a, *b;

	make_update(f, zone_name, 1);
	sign(f, 0);
	struct tsig_state st = f->signed_state;
	a = send_as(f, DNS_UDP);
	b = send_as(f, DNS_UDP);
	assert_int_equal(b->sent, 0);
	finish_edit(E_OK);
	expect_signed(f, a, 0);
	f->signed_state = st;
	expect_signed(f, b, 0);
	/* and once more, later: same answer, nothing done */
	f->now += 299;
	f->now_ms += 299000;
	contrib_free_all(f->zone.contribs);
	f->zone.contribs = NULL;
	f->signed_state = st;
	expect_signed(f, send_as(f, DNS_UDP), 0);
	assert_null(f->edit);
	assert_int_equal(keys_held(f), 0);
	assert_int_equal(f->c.stats.updates, 1);
}

static void
test_update_rate_and_size(void **state)
{
	struct fixture *f = *state;
	struct dns_answer *a;

	f->conf.update_rate = 2;
	for (uint8_t i = 0; i < 3; i++) {
		make_update(f, zone_name, i);
		sign(f, 0);
		a = send_as(f, DNS_TCP);
		if (i < 2) {
			finish_edit(E_OK);
		}
		expect_signed(f, a, i < 2 ? 0 : DNS_REFUSED);
	}
	f->now_ms += 1000;
	make_update(f, zone_name, 3);
	f->msg[11] = 1; /* an additional record makes it long */
	uint8_t *p = f->msg + f->len;
	memset(p, 0, 1300);
	p[2] = 99;
	put_be16(p + 9, 1200);
	f->len += 11 + 1200;
	sign(f, 0);
	a = send_as(f, DNS_UDP);
	assert_int_equal(get_be16(a->msg + 2) & DNS_FLAG_TC, DNS_FLAG_TC);
	expect_signed(f, a, DNS_REFUSED);
	a = send_as(f, DNS_TCP); /* as a client does on TC */
	finish_edit(E_OK);
	assert_int_equal(a->sent, 1);
	f->conf.max_update_len = 1300;
	make_update(f, zone_name, 4);
	f->msg[11] = 1;
	p = f->msg + f->len;
	memset(p, 0, 1300);
	p[2] = 99;
	put_be16(p + 9, 1200);
	f->len += 11 + 1200;
	sign(f, 0);
	expect_signed(f, send_as(f, DNS_TCP), DNS_REFUSED);
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_malformed),
	    T(test_badvers_and_opcodes),
	    T(test_tsig_faults),
	    T(test_replayed_time),
	    T(test_query),
	    T(test_transfer),
	    T(test_tls),
	    T(test_update),
	    T(test_update_refused),
	    T(test_update_again),
	    T(test_update_rate_and_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
