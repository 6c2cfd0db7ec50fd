/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All that combiner.conf may hold.  The manual page has this table in words:
 * conf_schema_mdoc() writes that part of it, and a test compares.
 */
#include "combiner/conf_inner.h"
#include "common/daemon.h"

/* Tables are set by hand: two lines an item and its words below. */
/* clang-format off */

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

static const char *const expire_words[] = { "serve", "stop", NULL };
static const char *const signature_words[] = { "pass", "strip", NULL };
static const char *const client_cert_words[] = {
	"optional", "required", NULL
};
/* as combiner_managed_types[] */
static const char *const type_words[] = {
	"NS", "KEY", "DNSKEY", "CDS", "CDNSKEY", "CSYNC", NULL
};

/*
 * Rules of a zone, in three sections.  Defaults and manual text stand with the
 * template: D() and M() are TEXT there and NO in the other two.
 */
#define TEXT(x) x
#define NO(x) NULL
#define RULES_WHO(D, M) \
	{ .name = "master", .type = CONF_REF, .ref = "remote", \
	    .flags = CONF_MULTI, \
	    .man = M("Where the owner's zone comes from, tried in this\n" \
		     "order.\n" \
		     "NOTIFY is taken from their addresses, and with their\n" \
		     "keys from anywhere.\n" \
		     "Each zone and each catalog needs one, here or in its\n" \
		     "template.") }, \
	{ .name = "notify", .type = CONF_REF, .ref = "remote", \
	    .flags = CONF_MULTI, \
	    .man = M("Signers: they get NOTIFY after each change.") }, \
	{ .name = "acl", .type = CONF_REF, .ref = "acl", \
	    .flags = CONF_MULTI, \
	    .man = M("Who may transfer the combined zone, ask for it, and\n" \
		     "send NOTIFY, beside what\n.Cm master\nallows.\n" \
		     "The first rule that fits decides; none: refused.") }, \
	{ .name = "msa", .type = CONF_REF, .ref = "msa", \
	    .flags = CONF_MULTI, \
	    .man = M("Who may contribute to the zone.") }

#define RULES_CONTENT(D, M) \
	{ .name = "guard", .type = CONF_BOOL, .dflt = D("on"), \
	    .man = M("Refuse contributions that do not parse by their type,\n" \
		     "leave the zone without NS, or have more than one\n" \
		     "CSYNC.") }, \
	{ .name = "allow-cds-delete", .type = CONF_BOOL, .dflt = D("off"), \
	    .man = M("Take CDS and CDNSKEY that ask the parent to remove\n" \
		     "all DS.") }, \
	{ .name = "omit-types", .type = CONF_ENUM, .words = type_words, \
	    .flags = CONF_MULTI, \
	    .man = M("Types that are kept but not given to the signers.\n" \
		     "BIND as signer refuses a zone with CDS or CDNSKEY of\n" \
		     "foreign keys, for one.") }, \
	{ .name = "owner-signatures", .type = CONF_ENUM, \
	    .words = signature_words, .dflt = D("pass"), \
	    .man = M("What becomes of a zone that its owner has signed.\n" \
		     "With\n.Cm pass\n" \
		     "it goes on as it is, without contributions; with\n" \
		     ".Cm strip\n" \
		     "its signatures are removed and it is combined as any\n" \
		     "other.") }, \
	{ .name = "owner-serial-reset", .type = CONF_BOOL, \
	    .dflt = D("off"), \
	    .man = M("Take an owner's zone whose serial went back.") }, \
	{ .name = "expire", .type = CONF_ENUM, .words = expire_words, \
	    .dflt = D("serve"), \
	    .man = M("After the owner was away for longer than the SOA's\n" \
		     "expire: go on to serve, or stop.\n" \
		     "Either raises an alert.") }

#define RULES_TRANSFER(D, M) \
	{ .name = "transfer-max-records", .type = CONF_INT, .min = 1, \
	    .max = INT64_C(4000000000), .dflt = D("10000000"), \
	    .man = M("A zone that has more records is not taken.") }, \
	{ .name = "transfer-max-size", .type = CONF_SIZE, .min = 64 * KIB, \
	    .max = 1024 * GIB, .dflt = D("2G"), \
	    .man = M("A transfer that is longer is broken off.") }, \
	{ .name = "transfer-idle-timeout", .type = CONF_TIME, \
	    .min = SECOND, .max = HOUR, .dflt = D("60s"), \
	    .man = M("A transfer that does not get on for so long is broken\n" \
		     "off.") }, \
	{ .name = "transfer-timeout", .type = CONF_TIME, .min = SECOND, \
	    .max = 7 * DAY, .dflt = D("1h"), \
	    .man = M("Longest time of a transfer as a whole.") }, \
	{ .name = "refresh-min-interval", .type = CONF_TIME, \
	    .min = SECOND, .max = 28 * DAY, .dflt = D("2s"), \
	    .man = M("Least refresh, whatever the owner's SOA says.") }, \
	{ .name = "refresh-max-interval", .type = CONF_TIME, \
	    .min = SECOND, .max = 28 * DAY, .dflt = D("1d"), \
	    .man = M("Greatest refresh, whatever the owner's SOA says.") }, \
	{ .name = "retry-min-interval", .type = CONF_TIME, .min = SECOND, \
	    .max = 28 * DAY, .dflt = D("2s"), \
	    .man = M("Least retry, whatever the owner's SOA says.\n" \
		     "Also the first pause before another look for a version\n" \
		     "that NOTIFY told of and no master had yet.") }, \
	{ .name = "retry-max-interval", .type = CONF_TIME, .min = SECOND, \
	    .max = 28 * DAY, .dflt = D("1d"), \
	    .man = M("Greatest retry, whatever the owner's SOA says.") }

#define RULES_OUT(D, M) \
	{ .name = "notify-retry", .type = CONF_TIME, .min = SECOND, \
	    .max = HOUR, .dflt = D("60s"), \
	    .man = M("A NOTIFY without answer is sent again after this\n" \
		     "time.") }, \
	{ .name = "notify-tries", .type = CONF_INT, .min = 1, .max = 100, \
	    .dflt = D("5"), \
	    .man = M("How often a NOTIFY is sent before the signer counts\n" \
		     "as silent.") }, \
	{ .name = "signer-serial-timeout", .type = CONF_TIME, \
	    .max = MINUTE, .dflt = D("3s"), \
	    .man = M("Before a zone without a serial of ours is published\n" \
		     "for the first time, the signers are asked for theirs,\n" \
		     "so that a lost state does not send the serial back.\n" \
		     "0 asks none.") }, \
	{ .name = "journal-versions", .type = CONF_INT, .min = 0, \
	    .max = 100000, .dflt = D("20"), \
	    .man = M("So many versions, at least, can be asked for by\n" \
		     "IXFR.") }, \
	{ .name = "journal-percent", .type = CONF_INT, .min = 0, \
	    .max = 1000, .dflt = D("10"), \
	    .man = M("The journal is at least as long as this part of the\n" \
		     "zone, in per cent, however many versions that is.") }

#define RULES(D, M) \
	RULES_WHO(D, M), RULES_CONTENT(D, M), RULES_TRANSFER(D, M), \
	    RULES_OUT(D, M)

static const struct conf_item server_items[] = {
	{ .name = "listen", .type = CONF_ADDR, .flags = CONF_MULTI,
	    .port = 53,
	    .man = "Addresses to answer on, by UDP and TCP.\n"
		   "The port is 53 where none is given." },
	{ .name = "listen-tls", .type = CONF_ADDR, .flags = CONF_MULTI,
	    .port = 853,
	    .man = "Addresses to answer on by TLS, for zone transfer only.\n"
		   "The port is 853 where none is given.\n"
		   "Needs\n.Cm cert-file\nand\n.Cm key-file ." },
	{ .name = "cert-file", .type = CONF_PATH,
	    .man = "Our certificate, in PEM." },
	{ .name = "key-file", .type = CONF_PATH,
	    .man = "The private key of\n.Cm cert-file ." },
	{ .name = "ca-file", .type = CONF_PATH,
	    .man = "Certificates, in PEM, of who may have issued those of\n"
		   "clients." },
	{ .name = "cert-key", .type = CONF_PIN, .flags = CONF_MULTI,
	    .man = "Public keys that clients may have: SHA-256 over the\n"
		   "SubjectPublicKeyInfo.\n"
		   "For one zone only the rule in section acl says it." },
	{ .name = "client-cert", .type = CONF_ENUM,
	    .words = client_cert_words, .dflt = "optional",
	    .man = "Whether clients must have a certificate.\n"
		   "Without one, a TSIG key may tell who they are." },
	DAEMON_SERVER_ITEMS,
	{ .name = "update-rate", .type = CONF_INT, .min = 1, .max = 100000,
	    .dflt = "10",
	    .man = "DNS UPDATE messages taken in a second for each key; the\n"
		   "others are refused." },
	{ .name = "max-update-len", .type = CONF_SIZE, .min = 512,
	    .max = 65535, .dflt = "65535",
	    .man = "Longer DNS UPDATE messages are refused." },
	{ .name = "transfers-in", .type = CONF_INT, .min = 1, .max = 100000,
	    .dflt = "200",
	    .man = "Transfers from owners at one time; others wait." },
	{ .name = "transfers-out", .type = CONF_INT, .min = 1, .max = 100000,
	    .dflt = "100",
	    .man = "Transfers to signers at one time; others are refused." },
	{ .name = "tcp-max-clients", .type = CONF_INT, .min = 1,
	    .max = 1000000, .dflt = "1000",
	    .man = "TCP and TLS connections at one time." },
	{ .name = "tcp-max-per-address", .type = CONF_INT, .min = 1,
	    .max = 1000000, .dflt = "100",
	    .man = "The same for one IPv4 address or IPv6 /56." },
	{ .name = "tcp-max-pipeline", .type = CONF_INT, .min = 1,
	    .max = 10000, .dflt = "64",
	    .man = "Requests under way on one connection." },
	{ .name = "tcp-idle-timeout", .type = CONF_TIME, .min = SECOND,
	    .max = DAY, .dflt = "30s",
	    .man = "A connection on which nothing happens is closed." },
	{ .name = "tcp-message-timeout", .type = CONF_TIME, .min = SECOND,
	    .max = HOUR, .dflt = "10s",
	    .man = "A message that was begun must be complete by then." },
	{ .name = "tcp-write-timeout", .type = CONF_TIME, .min = SECOND,
	    .max = DAY, .dflt = "60s",
	    .man = "A client that takes nothing for so long is closed." },
	{ .name = "udp-max-payload", .type = CONF_INT, .min = 512,
	    .max = 65535, .dflt = "4096",
	    .man = "Longer requests by UDP get FORMERR." },
	{ .name = NULL },
};

static const struct conf_item msa_items[] = {
	{ .name = "id", .type = CONF_STR, .flags = CONF_ID,
	    .man = "Name of the contributor.\n"
		   "What it gave is stored under this name." },
	{ .name = "key", .type = CONF_REF, .ref = "key", .flags = CONF_MULTI,
	    .man = "TSIG keys, any of which makes a DNS UPDATE its own." },
	{ .name = "user", .type = CONF_STR, .flags = CONF_MULTI,
	    .man = "Local users, names or numbers, that speak for it on the\n"
		   "local socket." },
	{ .name = NULL },
};

static const struct conf_item template_items[] = {
	{ .name = "id", .type = CONF_STR, .flags = CONF_ID,
	    .man = "Name, and also name of the catalog group whose members\n"
		   "get these rules." },
	RULES(TEXT, TEXT),
	{ .name = NULL },
};

static const struct conf_item zone_items[] = {
	{ .name = "domain", .type = CONF_NAME, .flags = CONF_ID,
	    .man = "Name of the zone." },
	{ .name = "template", .type = CONF_REF, .ref = "template",
	    .man = "Where rules come from that are not given here.\n"
		   "Without it the template with the id default, if there is\n"
		   "one." },
	RULES(NO, NO),
	{ .name = NULL },
};

static const struct conf_item catalog_items[] = {
	{ .name = "domain", .type = CONF_NAME, .flags = CONF_ID,
	    .man = "Name of the catalog zone." },
	{ .name = "template", .type = CONF_REF, .ref = "template",
	    .man = "As in section zone." },
	{ .name = "catalog-mass-removal", .type = CONF_BOOL, .dflt = "off",
	    .man = "Take a new version of the catalog in which more than a\n"
		   "tenth of the members, and more than ten, are gone." },
	RULES(NO, NO),
	{ .name = NULL },
};

const struct conf_section combiner_schema[] = {
	{ .name = "server", .items = server_items,
	    .man = "The daemon itself." },
	{ .name = "log", .items = daemon_log_items,
	    .man = "Where the daemon tells what it does." },
	{ .name = "key", .items = acl_key_items, .is_list = true,
	    .man = "TSIG keys." },
	{ .name = "remote", .items = acl_remote_items, .is_list = true,
	    .man = "Other servers: owners' primaries and signers." },
	{ .name = "acl", .items = acl_rule_items, .is_list = true,
	    .man = "Rules on who may do what." },
	{ .name = "msa", .items = msa_items, .is_list = true,
	    .man = "Contributors.\n"
		   "A key or user belongs to one of them only." },
	{ .name = "template", .items = template_items, .is_list = true,
	    .man = "Rules for zones." },
	{ .name = "zone", .items = zone_items, .is_list = true,
	    .man = "Zones to combine.\n"
		   "All items of section template but\n.Cm id\n"
		   "may be given here, too, and go before the template's.\n"
		   "A list is replaced as a whole; without a value it is\n"
		   "empty." },
	{ .name = "catalog", .items = catalog_items, .is_list = true,
	    .man = "Catalog zones, RFC 9432, whose members are combined by\n"
		   "the template that the group of the member names, else by\n"
		   "the template with the id default; else they are not\n"
		   "taken.\n"
		   "For the transfer of the catalog itself all items of\n"
		   "section template may be given here, as in section zone." },
	{ .name = NULL },
};
