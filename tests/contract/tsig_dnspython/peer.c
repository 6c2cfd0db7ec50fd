/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Our TSIG for the script beside it: a command a line on stdin, an answer a
 * line on stdout: "ok HEX" with the message after it, or the name of the error.
 *
 *   key ALGORITHM HEX-OF-NAME HEX-OF-SECRET
 *   sign-request NOW HEX        starts a conversation, as the client
 *   check-request NOW HEX       …, as the server
 *   sign-answer NOW ERROR HEX   as the server; 16 and 17 are put unsigned
 *   stream                      the answer has many messages
 *   stream-sign NOW HEX         stream-skip NOW HEX     stream-check NOW HEX
 *   settled                     "ok 1" or "ok 0"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/dns_tsig.h"
#include "common/dns_wire.h"
#include "common/errcode.h"

struct peer {
	struct tsig_key key;
	struct tsig_state st;
	struct tsig_rr request;
	struct tsig_stream *stream;
	uint8_t msg[DNS_MSG_MAX];
	size_t len;
};

static size_t
from_hex(const char *s, uint8_t *out, size_t cap)
{
	size_t n = 0;
	unsigned v;

	while (n < cap && sscanf(s + 2 * n, "%2x", &v) == 1) {
		out[n++] = (uint8_t)v;
	}
	return n;
}

static void
set_key(struct peer *p, const char *alg, const char *name, const char *secret)
{
	if (tsig_alg_from_str(alg, &p->key.alg) != E_OK) {
		exit(2);
	}
	p->key.name_len = (uint16_t)from_hex(name, p->key.name,
	    sizeof(p->key.name));
	p->key.secret_len = (uint16_t)from_hex(secret, p->key.secret,
	    sizeof(p->key.secret));
}

static int
sign_answer(struct peer *p, long long now, uint16_t error)
{
	if (error == DNS_BADKEY || error == DNS_BADSIG) {
		return tsig_put_error(p->msg, &p->len, sizeof(p->msg),
		    &p->request, now, error);
	}
	return tsig_sign_answer(p->msg, &p->len, sizeof(p->msg), &p->st, now,
	    error);
}

static int
run(struct peer *p, const char *what, long long now, long error)
{
	const struct tsig_key *keys[] = {&p->key};

	if (strcmp(what, "sign-request") == 0) {
		return tsig_sign_request(p->msg, &p->len, sizeof(p->msg),
		    &p->key, now, &p->st);
	}
	if (strcmp(what, "check-request") == 0) {
		return tsig_check_request(p->msg, &p->len, keys, 1, now,
		    &p->st, &p->request);
	}
	if (strcmp(what, "sign-answer") == 0) {
		return sign_answer(p, now, (uint16_t)error);
	}
	if (strcmp(what, "stream") == 0) {
		tsig_stream_free(p->stream);
		p->stream = NULL;
		return tsig_stream_new(&p->st, &p->stream);
	}
	if (strcmp(what, "stream-sign") == 0) {
		return tsig_stream_sign(p->stream, p->msg, &p->len,
		    sizeof(p->msg), now);
	}
	if (strcmp(what, "stream-skip") == 0) {
		return tsig_stream_skip(p->stream, p->msg, p->len);
	}
	if (strcmp(what, "stream-check") == 0) {
		return tsig_stream_check(p->stream, p->msg, &p->len, now);
	}
	exit(2);
}

static void
handle(struct peer *p, char *line)
{
	char *arg[4] = {NULL};
	char *rest = line;
	int n = 0;

	while (n < 4 && (arg[n] = strtok_r(rest, " \n", &rest)) != NULL) {
		n++;
	}
	if (n == 4 && strcmp(arg[0], "key") == 0) {
		set_key(p, arg[1], arg[2], arg[3]);
		puts("ok");
		return;
	}
	if (n == 1 && strcmp(arg[0], "settled") == 0) {
		printf("ok %d\n", tsig_stream_is_settled(p->stream));
		return;
	}
	if (n == 0) {
		exit(2);
	}
	p->len = n > 2 ? from_hex(arg[n - 1], p->msg, sizeof(p->msg)) : 0;
	int r = run(p, arg[0], n > 1 ? strtoll(arg[1], NULL, 10) : 0,
	    n > 3 ? strtol(arg[2], NULL, 10) : 0);
	if (r != E_OK) {
		puts(err_text(r));
		return;
	}
	fputs("ok ", stdout);
	for (size_t i = 0; i < p->len; i++) {
		printf("%02x", p->msg[i]);
	}
	putchar('\n');
}

int
main(void)
{
	static struct peer p;
	char *line = NULL;
	size_t cap = 0;

	while (getline(&line, &cap, stdin) > 0) {
		handle(&p, line);
		(void)fflush(stdout); /* the script sees a broken pipe */
	}
	free(line);
	tsig_stream_free(p.stream);
	return 0;
}
