/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An exchange by UDP.  What does not fit is as if it had not come: an answer
 * forged blindly must neither be taken nor end the wait for the right one.
 */
#include <string.h>

#include "common/buf.h"
#include "common/dns_client_conn.h"
#include "common/dns_wire.h"
#include "common/errcode.h"
#include "common/udp.h"

void
dns_client_udp_stop(struct dns_exchange *x)
{
	if (x->udp != NULL) {
		udp_close(x->udp);
		x->udp = NULL;
	}
	x->pool->nudp--;
}

static void
go_to_tcp(struct dns_exchange *x)
{
	dns_client_udp_stop(x);
	loop_timer_stop(&x->timer);
	x->err = E_OK;
	x->is_sent = false;
	dns_exchange_queue_tcp(x);
	dns_client_pump_later(x->pool);
}

static void
handle_answer(struct dns_exchange *x, const uint8_t *data, size_t len)
{
	uint8_t copy[DNS_MSG_MAX];
	if (len > sizeof(copy) || dns_exchange_check(x, data, len, true) !=
	    E_OK) {
		return;
	}
	if ((get_be16(data + 2) & DNS_FLAG_TC) != 0) {
		go_to_tcp(x);
		return;
	}
	memcpy(copy, data, len);
	bool is_told;
	int r = dns_exchange_verify(x, copy, &len, &is_told);
	if (r == E_OK) {
		dns_exchange_finish(x, E_OK, copy, len);
	} else if (is_told) {
		dns_exchange_finish(x, r, NULL, 0);
	} else {
		x->err = r; /* RFC 8945 5.3: wait on for a better one */
	}
}

static void
udp_on_recv(struct udp *u, const uint8_t *data, size_t len,
    const struct net_addr *from, int err, void *arg)
{
	struct dns_exchange *x = arg;
	(void)u;
	(void)from;
	if (err == E_OK) {
		handle_answer(x, data, len);
		return;
	}
	/* nobody listens, say: perhaps at the next try */
	x->err = err;
	if (x->tries == 0) {
		dns_exchange_finish(x, err, NULL, 0);
	}
}

static int
open_socket(struct dns_exchange *x)
{
	struct dns_pool *p = x->pool;
	uint16_t id;
	int r = udp_connect(x->client->loop, &p->addr,
	    p->from.u.sa.sa_family == 0 ? NULL : &p->from, udp_on_recv, x,
	    &x->udp);
	if (r != E_OK) {
		x->udp = NULL;
		return r;
	}
	r = dns_exchange_random_id(&id);
	return r != E_OK ? r : dns_exchange_build(x, id);
}

/* The same octets from the same port each time, so that any answer fits. */
static void
try_once(struct dns_exchange *x)
{
	int r = E_OK;
	x->tries--;
	if (x->udp == NULL) {
		r = open_socket(x);
	}
	if (r == E_OK) {
		r = udp_send(x->udp, x->wire + 2, x->wire_len, NULL);
	}
	if (r != E_OK) {
		x->err = r; /* as lost on the way; told when all tries fail */
		if (x->tries == 0 && r != E_AGAIN) {
			dns_exchange_fail_later(x, r);
			return;
		}
	}
	dns_exchange_start_timer(x, x->timeout_ms);
}

void
dns_client_udp_start(struct dns_exchange *x)
{
	x->state = EXCHANGE_UDP;
	x->pool->nudp++;
	try_once(x);
}

void
dns_client_udp_on_timer(struct dns_exchange *x)
{
	if (x->tries > 0) {
		try_once(x);
		return;
	}
	bool has_reason = x->err != E_OK && x->err != E_AGAIN;
	dns_exchange_finish(x, has_reason ? x->err : E_TIMEOUT, NULL, 0);
}
