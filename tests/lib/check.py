# SPDX-License-Identifier: GPL-3.0-or-later
"""What many cases ask of a combined zone."""
from . import dnsio
from .model import combine, difference


def same_as_model(zone, combiner, owner, given=None, key=None, owner_key=None,
                  **rules):
    """The combined zone is what the model makes of the owner's and of given
    ({source: records}).  key: for both, or owner_key at the owner."""
    want = combine(zone, dnsio.axfr(owner, zone, key=owner_key or key),
                   given or {}, **rules)
    diff = difference(zone, dnsio.axfr(combiner, zone, key=key), want)
    assert not diff, f"{zone} is not what it should be:\n{diff}"


def records(zone, rdtype, *rdatas, ttl=300):
    """Contributed records at the apex, for the model."""
    t = dnsio.dns.rdatatype.from_text(rdtype)
    return dnsio.Records(
        dnsio.Record(dnsio.dns.name.from_text(zone), ttl, t,
                     dnsio.dns.rdata.from_text("IN", rdtype, text))
        for text in rdatas)


def refused(function, *args, **kw):
    """A transfer must be refused: its rcode as text."""
    try:
        function(*args, **kw)
    except dnsio.TransferRefused as e:
        return dnsio.dns.rcode.to_text(e.rcode)
    raise AssertionError("a transfer was given that must be refused")


def transferred(combiner, zone, how, since=0):
    """Numbers of records of the transfers in (how: ixfr, axfr) in the log."""
    return [int(n) for n in combiner.log_search(
        rf"zone={zone}\.? op={how}-in .*transferred: records=(\d+)", since)]
