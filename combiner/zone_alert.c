/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Alerts of a zone: raised once, logged when they come and go. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "combiner/combiner.h"
#include "combiner/zone_inner.h"
#include "common/errcode.h"

struct alert_text {
	const char *name, *remedy;
};

static const struct alert_text texts[ZONE_NALERTS] = {
    {"csync-many",
        "let the sources agree on one CSYNC record: parents ignore an RRset "
        "of several (RFC 7477 2.1)"},
    {"owner-signed",
        "the owner's zone arrives signed; set owner-signatures: strip once "
        "the local signer takes over, or withdraw the contributions"},
    {"no-ns", "the zone has no NS: mend it at the owner, or contribute NS"},
    {"expired",
        "no master has answered for longer than the SOA's expire time: check "
        "the owner's servers, addresses and TSIG keys"},
    {"serial-back",
        "raise the owner's serial above the one held, or take the owner's "
        "version once: polyctl combiner zone retransfer ZONE --force"},
    {"transfer",
        "check that the masters are reachable, allow the transfer, and have "
        "the same TSIG key, or know each other's certificate"},
    {"store",
        "free space on, or remount, the file system of statedir; what was "
        "not acknowledged is tried again"},
    {"bad-zone", "mend the zone at the owner; the last good one is served"},
    {"signer-silent",
        "check the signer's address, that it runs, and that its ACL allows "
        "NOTIFY from here"},
    {"catalog",
        "mend the catalog zone; its members go on as they are (for a removal "
        "of many: catalog-mass-removal)"},
    {"owner-dropped",
        "take CDS, CDNSKEY and CSYNC out of the owner's zone: they come from "
        "the providers alone"},
    {"source-unknown",
        "if the source has left, withdraw its records: polyctl combiner "
        "contribution clear ZONE --source SOURCE; else name it in msa again"},
};

bool
zone_is_store_error(int err)
{
	/* codes of the C library come from files only there */
	return err == E_STORE || (err < 0 && err > E_NOMEM);
}

static unsigned
index_of(enum zone_alert a)
{
	unsigned i = 0;

	while (i + 1 < ZONE_NALERTS && (1u << i) != (unsigned)a) {
		i++;
	}
	return i;
}

const char *
zone_alert_name(enum zone_alert a)
{
	return texts[index_of(a)].name;
}

const char *
zone_alert_remedy(enum zone_alert a)
{
	return texts[index_of(a)].remedy;
}

const char *
zone_alert_text(const struct zone *z, enum zone_alert a)
{
	const char *s =
	    z->alert_text != NULL ? z->alert_text[index_of(a)] : NULL;

	return s != NULL ? s : "";
}

static void
keep_text(struct zone *z, enum zone_alert a, const char *text)
{
	unsigned i = index_of(a);

	if (z->alert_text == NULL) {
		z->alert_text = calloc(ZONE_NALERTS, sizeof(*z->alert_text));
	}
	if (z->alert_text != NULL) {
		free(z->alert_text[i]);
		z->alert_text[i] = strdup(text); /* NULL: shown without */
	}
}

static void
tell(struct zone *z, enum zone_alert a, const char *text, bool is_raised)
{
	char name[NAME_STRLEN];

	if (z->combiner->ipc == NULL) {
		return;
	}
	ipc_event(z->combiner->ipc, "zone.alert",
	    json_pack("{s:s, s:s, s:s, s:b}", "zone",
	        name_to_str(z->name, name), "alert", zone_alert_name(a),
	        "text", text, "raised", (int)is_raised));
}

void
zone_alert_set(struct zone *z, enum zone_alert a, const char *fmt, ...)
{
	char text[256], name[NAME_STRLEN];
	bool is_new = (z->alerts & a) == 0;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* cut when longer */
	va_end(ap);
	if (!is_new && strcmp(zone_alert_text(z, a), text) == 0) {
		return; /* each fact is logged once */
	}
	if (z->alerts == 0) {
		z->alert_sec = loop_wall_sec(z->combiner->loop);
	}
	z->alerts |= a;
	keep_text(z, a, text);
	if (is_new) {
		log_warning(F(.zone = name_to_str(z->name, name),
		                .op = "alert", .event = zone_alert_name(a)),
		    "%s; to do: %s", text, zone_alert_remedy(a));
	}
	tell(z, a, text, true);
}

void
zone_alert_clear(struct zone *z, enum zone_alert a)
{
	char name[NAME_STRLEN];
	unsigned i = index_of(a);

	if ((z->alerts & a) == 0) {
		return;
	}
	z->alerts &= ~(uint32_t)a;
	log_notice(F(.zone = name_to_str(z->name, name), .op = "alert",
	               .event = zone_alert_name(a)),
	    "over");
	tell(z, a, "", false);
	if (z->alert_text != NULL) {
		free(z->alert_text[i]);
		z->alert_text[i] = NULL;
	}
	if (z->alerts == 0) {
		z->alert_sec = 0;
		free(z->alert_text); /* all are NULL now */
		z->alert_text = NULL;
	}
}

void
zone_alert_free(struct zone *z)
{
	for (unsigned i = 0; z->alert_text != NULL && i < ZONE_NALERTS; i++) {
		free(z->alert_text[i]);
	}
	free(z->alert_text);
	z->alert_text = NULL;
}
