/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tables of the sections key, remote and acl. */
#include "common/acl.h"
#include "common/conf.h"

/* Tables are set by hand: two lines an item and its words below. */
/* clang-format off */

/* As enum tsig_alg, enum tls_alpn; actions in the order of their bits. */
static const char *const algorithms[] = {
	"hmac-sha256", "hmac-sha384", "hmac-sha512", NULL
};
static const char *const alpn_words[] = { "strict", "tolerate", NULL };
static const char *const action_words[] = {
	"transfer", "notify", "query", NULL
};

const struct conf_item acl_key_items[] = {
	{ .name = "id", .type = CONF_NAME, .flags = CONF_ID,
	    .man = "Name of the TSIG key, the same on both sides." },
	{ .name = "algorithm", .type = CONF_ENUM, .words = algorithms,
	    .dflt = "hmac-sha256", .man = "Algorithm of the key." },
	{ .name = "secret", .type = CONF_B64, .flags = CONF_SECRET,
	    .man = "The secret, at least 32 octets.\n"
		   "The file that it stands in should be closed to others." },
	{ .name = "secret-file", .type = CONF_PATH,
	    .man = "File that has the secret in base64 and nothing else, in\n"
		   "place of\n.Cm secret .\n"
		   "A file that others may read is not taken." },
	{ .name = NULL },
};

const struct conf_item acl_remote_items[] = {
	{ .name = "id", .type = CONF_STR, .flags = CONF_ID,
	    .man = "Name by which other sections refer to this server." },
	{ .name = "address", .type = CONF_ADDR,
	    .flags = CONF_MULTI | CONF_REQUIRED,
	    .man = "Its addresses, tried in this order.\n"
		   "The port is 53 where none is given, 853 with TLS." },
	{ .name = "via", .type = CONF_ADDR,
	    .man = "Local address to ask it from." },
	{ .name = "key", .type = CONF_REF, .ref = "key", .flags = CONF_MULTI,
	    .man = "TSIG keys, the one to be used first.\n"
		   "Where the server does not know it, the next one is tried,\n"
		   "so that a key can be replaced without a gap." },
	{ .name = "tls", .type = CONF_BOOL, .dflt = "off",
	    .man = "Zone transfer over TLS, RFC 9103: TLS 1.3 only.\n"
		   "Such a server is never asked in the clear, but NOTIFY\n"
		   "goes to it over UDP." },
	{ .name = "cert-key", .type = CONF_PIN, .flags = CONF_MULTI,
	    .man = "Its public key must be one of these: SHA-256 over the\n"
		   "SubjectPublicKeyInfo, as a TLSA record 3 1 1 has it." },
	{ .name = "ca-file", .type = CONF_PATH,
	    .man = "Certificates, in PEM, of who may have issued the one of\n"
		   "this server.\n"
		   "Needs\n.Cm hostname .\n"
		   "Not asked where there is a\n.Cm cert-key ." },
	{ .name = "hostname", .type = CONF_NAME,
	    .man = "Name that the certificate must have, and that is sent as\n"
		   "server name." },
	{ .name = "cert-file", .type = CONF_PATH,
	    .man = "Our own certificate for this server, in PEM." },
	{ .name = "key-file", .type = CONF_PATH,
	    .man = "The private key of\n.Cm cert-file ." },
	{ .name = "alpn", .type = CONF_ENUM, .words = alpn_words,
	    .dflt = "strict",
	    .man = "Whether the server must choose the protocol\n.Ql dot ,\n"
		   "or may leave that out as some do." },
	{ .name = NULL },
};

const struct conf_item acl_rule_items[] = {
	{ .name = "id", .type = CONF_STR, .flags = CONF_ID,
	    .man = "Name by which other sections refer to this rule." },
	{ .name = "address", .type = CONF_PREFIX, .flags = CONF_MULTI,
	    .man = "Addresses that it fits; all where none is given." },
	{ .name = "key", .type = CONF_REF, .ref = "key", .flags = CONF_MULTI,
	    .man = "TSIG keys that it fits.\n"
		   "A rule without a key fits unsigned requests only." },
	{ .name = "cert-key", .type = CONF_PIN, .flags = CONF_MULTI,
	    .man = "Public keys of TLS clients that it fits: SHA-256 over the\n"
		   "SubjectPublicKeyInfo." },
	{ .name = "tls", .type = CONF_BOOL, .dflt = "off",
	    .man = "Fits only what comes over TLS." },
	{ .name = "action", .type = CONF_ENUM, .words = action_words,
	    .flags = CONF_MULTI,
	    .man = "What is allowed: zone transfer, which includes queries;\n"
		   "NOTIFY; queries.\n"
		   "Must be given, but with\n.Cm deny ,\n"
		   "where nothing means all." },
	{ .name = "deny", .type = CONF_BOOL, .dflt = "off",
	    .man = "What fits is refused." },
	{ .name = NULL },
};
