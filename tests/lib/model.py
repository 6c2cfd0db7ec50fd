# SPDX-License-Identifier: GPL-3.0-or-later
"""What the combiner must make of an owner's zone and contributions, written
from the rules and not from the code: the judge in tests with real transfers.

Rules: only the apex and only NS, KEY, DNSKEY, CDS, CDNSKEY, CSYNC change.
DNSKEY and KEY are the union of owner's and contributed, CDS, CDNSKEY and CSYNC
come from contributions alone, contributed NS replace the owner's.  The owner's
RRSIG, NSEC, NSEC3, NSEC3PARAM go, and ZONEMD at the apex.  A zone that comes
signed passes unchanged (signatures "pass").  All else is the same, octet for
octet."""
import dns.name
import dns.rdataclass
import dns.rdatatype as T

CDNSKEY, CSYNC, ZONEMD = 60, 62, 63
UNION = (T.DNSKEY, T.KEY)
CONTRIBUTED_ONLY = (T.CDS, CDNSKEY, CSYNC)
MANAGED = UNION + CONTRIBUTED_ONLY + (T.NS,)
SIGNING = (T.RRSIG, T.NSEC, T.NSEC3, T.NSEC3PARAM)


def _canonical(rdata):
    return rdata.to_digestable()


def _wire(rdata):
    return rdata.to_wire()


def _rrsets(records):
    """{(owner, type): [(ttl, rdata)]}"""
    out = {}
    for r in records:
        out.setdefault((r.owner, int(r.type)), []).append((r.ttl, r.rdata))
    return out


def _is_signed(records, apex):
    return any(r.type == T.RRSIG and r.owner == apex and
               r.rdata.type_covered == T.SOA for r in records)


def _merge(members):
    """One RRset of these: no duplicates, the lowest TTL."""
    if not members:
        return []
    ttl = min(m[0] for m in members)
    unique = {_canonical(rd): rd for _, rd in members}
    return [(ttl, rd) for rd in unique.values()]


def combine(zone, owner, contributions, signatures="pass", omit=()):
    """The combined zone as {(owner, type): [(ttl, rdata)]}.  owner: records
    (owner, ttl, type, rdata), as axfr() gives.  contributions: {source:
    records}.  omit: types (text) that this zone's signers do not get."""
    apex = dns.name.from_text(zone) if isinstance(zone, str) else zone
    if signatures == "pass" and _is_signed(owner, apex):
        return _rrsets(owner)
    sets = {k: v for k, v in _rrsets(owner).items() if k[1] not in SIGNING}
    sets.pop((apex, ZONEMD), None)
    given = {}
    for records in contributions.values():
        for (name, rdtype), members in _rrsets(records).items():
            if name != apex or rdtype not in MANAGED:
                raise ValueError(f"{name} {rdtype} may not be contributed")
            given.setdefault(rdtype, []).extend(members)
    for rdtype in MANAGED:
        own = sets.pop((apex, rdtype), [])
        new = given.get(rdtype, [])
        if rdtype in UNION:
            result = _merge(own + new)
        elif rdtype in CONTRIBUTED_ONLY:
            result = _merge(new)
        else:
            result = _merge(new) if new else own
        if rdtype == CSYNC and len(result) > 1:
            result = []
        if T.to_text(rdtype) in omit:
            result = []
        if result:
            sets[apex, rdtype] = result
    return sets


def _comparable(sets, apex):
    """Lines to compare: exact octets, but for names in a contributed NS (case)
    and for the SOA's serial, which is the combiner's own."""
    out = set()
    for (name, rdtype), members in sets.items():
        for ttl, rd in members:
            if rdtype == T.SOA and name == apex:
                data = _wire(rd.replace(serial=0))
            elif rdtype in MANAGED and name == apex:
                data = _canonical(rd)
            else:
                data = _wire(rd)
            out.add((name.canonicalize(), rdtype, ttl, data))
    return out


def _text(line):
    name, rdtype, ttl, data = line
    try:
        rd = dns.rdata.from_wire(dns.rdataclass.IN, rdtype, data, 0, len(data))
        data = rd.to_text()
    except Exception:  # shown as octets then
        data = "\\# " + data.hex()
    return f"{name} {ttl} {T.to_text(rdtype)} {data}"


def difference(zone, got, expected, limit=20):
    """Compares records of a transfer with a combined zone: "" when equal, else
    lines of what is missing (-) and what is too much (+)."""
    apex = dns.name.from_text(zone)
    have = _comparable(_rrsets(got), apex)
    want = _comparable(expected, apex)
    lines = [f"- {_text(x)}" for x in sorted(want - have)]
    lines += [f"+ {_text(x)}" for x in sorted(have - want)]
    # a record twice in the stream is a fault that sets do not show
    if len(got) != sum(len(v) for v in _rrsets(got).values()) or \
            len({(r.owner, r.type, r.rdata.to_wire()) for r in got}) != \
            len(got):
        lines.append("! a record came twice")
    more = len(lines) - limit
    return "\n".join(lines[:limit] + ([f"and {more} more"] if more > 0 else []))
