# SPDX-License-Identifier: GPL-3.0-or-later
"""Knot as the parent and as the owner of a zone with several providers."""
from .servers import Knot


class Parent(Knot):
    """A primary that signs its own zone."""

    dnskey_ttl = 3

    def _zone(self, zone, z):
        row = super()._zone(zone, z)
        row.update({"dnssec-signing": "on", "dnssec-policy": "parent"})
        self.policies["parent"] = {
            "algorithm": "ecdsap256sha256", "dnskey-ttl": str(self.dnskey_ttl),
            "cds-cdnskey-publish": "none", "zsk-lifetime": "0",
            "ksk-lifetime": "0"}
        return row


class Owner(Knot):
    """An unsigned primary with a TSIG key (.xfr) for each provider, and a
    .combiner to notify."""

    def __init__(self, lab, name):
        super().__init__(lab, name)
        self.providers = []

    def _zone(self, zone, z):
        row = super()._zone(zone, z)
        row["acl"] = [self._acl("acl-" + p.xfr.id, ["transfer"], p.xfr)
                      for p in self.providers]
        row["notify"] = [self._remote(p.combiner, p.xfr)
                         for p in self.providers]
        return row
