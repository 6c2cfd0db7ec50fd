# SPDX-License-Identifier: GPL-3.0-or-later
"""Knot, BIND, NSD and Unbound, as primaries, secondaries, signers, resolver.
Zones are added before start(); what is added later needs reload()."""
import os
import re

from . import dnsio
from .lab import Server


def _endpoint(server):
    return server if isinstance(server, tuple) else (server.address,
                                                      server.port)


class ZoneServer(Server):
    def __init__(self, lab, name):
        super().__init__(lab, name)
        self.zones = {}
        self.keys = {}

    def key(self, key):
        if key is not None:
            self.keys[key.id] = key
        return key

    def zone_file(self, zone):
        return os.path.join(self.dir, zone.rstrip(".") + ".zone")

    def set_zone(self, zone, text):
        """Writes the zone's file; $ORIGIN and $TTL 300 are set before it."""
        with open(self.zone_file(zone), "w") as f:
            f.write(f"$ORIGIN {zone.rstrip('.')}.\n$TTL 300\n{text}")

    def _add(self, zone, **what):
        for k in ("tsig", "update_key"):
            self.key(what.get(k))
        self.zones[zone] = what
        return self

    def primary(self, zone, text, notify=(), tsig=None, update_key=None):
        """tsig guards transfers and NOTIFY; UPDATE is allowed from here, with
        update_key if given.  notify: servers."""
        self.set_zone(zone, text)
        return self._add(zone, role="primary", notify=list(notify), tsig=tsig,
                         update_key=update_key)

    def change_file(self, zone, text):
        """A new version of a zone from its file."""
        self.set_zone(zone, text)
        self.reload(zone)

    def secondary(self, zone, master, notify=(), tsig=None):
        return self._add(zone, role="secondary", master=master,
                         notify=list(notify), tsig=tsig)


class Knot(ZoneServer):
    """Knot DNS 3.2 and later."""

    def __init__(self, lab, name):
        super().__init__(lab, name)
        self.conf = os.path.join(self.dir, "knot.conf")
        self.sock = os.path.join(self.dir, "knot.sock")
        self.policies = {}

    def signer(self, zone, master, notify=(), tsig=None, **policy):
        """Signs what comes from master and keeps foreign DNSKEY, CDS and
        CDNSKEY.  policy: items of Knot's policy section, _ for -."""
        full = {"algorithm": "ecdsap256sha256",
                "dnskey-management": "incremental", "delete-delay": "30d",
                "cds-cdnskey-publish": "double-ds", "dnskey-ttl": "300",
                "propagation-delay": "1s", "zsk-lifetime": "0",
                "ksk-lifetime": "0"}
        full.update((k.replace("_", "-"), v) for k, v in policy.items())
        self.policies["p-" + zone] = full
        return self._add(zone, role="signer", master=master,
                         notify=list(notify), tsig=tsig, policy="p-" + zone)

    def command(self):
        return [self.lab.program("knotd"), "-c", self.conf]

    def is_ready(self):
        return os.path.exists(self.sock) and \
            "Running" in self.knotc("status", check=False)

    def knotc(self, *args, check=True):
        return self.lab.run(self.lab.program("knotc"), "-s", self.sock, *args,
                            check=check)

    def reload(self, zone=None):
        if zone is None:
            self.configure()
            self.knotc("reload")
        else:
            self.knotc("zone-reload", zone)

    def change(self, zone, *commands):
        """Through the control socket: ("set", owner, ttl, type, rdata) and
        ("unset", owner[, type[, rdata]])."""
        self.knotc("zone-begin", zone)
        for verb, *rest in commands:
            self.knotc("zone-" + verb, zone, *map(str, rest))
        self.knotc("zone-commit", zone)

    def keymgr(self, *args):
        return self.lab.run(self.lab.program("keymgr"), "-c", self.conf, *args)

    def own_keys(self, zone):
        """[(tag, is_ksk, DNSKEY RDATA as text)] of the signer's own keys."""
        keys = []
        for line in self.keymgr("-e", zone, "list").splitlines():
            tag = re.search(r"\btag=0*(\d+)", line)
            if tag is None:
                continue
            text = self.keymgr(zone, "dnskey", tag[1]).split("DNSKEY", 1)[1]
            keys.append((int(tag[1]), "ksk=yes" in line, text.strip()))
        return keys

    # Knot 3.2 reads block lists only, no {flow: maps}.
    @staticmethod
    def _section(name, rows):
        out = [f"{name}:"]
        for row in rows:
            sign = "-"
            for k, v in row.items():
                for item in v if isinstance(v, list) and k == "listen" else [v]:
                    if isinstance(item, list):
                        item = f"[ {', '.join(item)} ]"
                    out.append(f"  {sign} {k}: {item}")
                    sign = " "
        return "\n".join(out) + "\n" if rows else ""

    def _remote(self, server, tsig):
        addr, port = _endpoint(server)
        name = f"r{port}" + (f"-{tsig.id}" if tsig else "")
        row = {"id": name, "address": f"{addr}@{port}"}
        if tsig:
            row["key"] = tsig.id
        self.remotes[name] = row
        return name

    def _acl(self, name, actions, tsig):
        row = {"id": name, "action": actions}
        if tsig:
            row["key"] = tsig.id
        else:
            row["address"] = "127.0.0.0/8"
        self.acls[name] = row
        return name

    def _zone(self, zone, z):
        suffix = z["tsig"].id if z["tsig"] else "open"
        acl = [self._acl(f"xfr-{suffix}", ["transfer", "notify"], z["tsig"])]
        row = {"domain": zone, "file": self.zone_file(zone)}
        if z["role"] == "primary":
            u = z["update_key"]
            acl.append(self._acl(f"upd-{u.id if u else 'open'}", ["update"], u))
            row["zonefile-load"] = "difference"
            row["zonefile-sync"] = "-1"
        else:
            row["master"] = self._remote(z["master"], z["tsig"])
            row["zonefile-load"] = "none"
            row["zonefile-sync"] = "-1"
        row["journal-content"] = "all"
        row["acl"] = acl
        if z["notify"]:
            row["notify"] = [self._remote(s, z["tsig"]) for s in z["notify"]]
        if z["role"] == "signer":
            row.update({"dnssec-signing": "on", "dnssec-policy": z["policy"],
                        "serial-policy": "unixtime"})
        return row

    def configure(self):
        self.remotes, self.acls = {}, {}
        zones = [self._zone(n, z) for n, z in self.zones.items()]
        text = f"""server:
    rundir: {self.dir}
    listen: {self.address}@{self.port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 2
log:
  - target: stderr
    any: info
database:
    storage: {self.dir}/db
    journal-db-max-size: 2G
control:
    listen: {self.sock}
"""
        text += self._section("key", [
            {"id": k.id, "algorithm": k.algorithm, "secret": k.secret}
            for k in self.keys.values()])
        text += self._section("remote", list(self.remotes.values()))
        text += self._section("acl", list(self.acls.values()))
        text += self._section("policy", [
            {"id": n, **p} for n, p in self.policies.items()])
        text += self._section("zone", zones)
        os.makedirs(f"{self.dir}/db", exist_ok=True)
        with open(self.conf, "w") as f:
            f.write(text)


class Bind(ZoneServer):
    """BIND 9.18.  Signer variants: "multi" (auto-dnssec maintain: foreign keys
    by import_key(), not from the input), "policy" (drops foreign keys)."""

    def __init__(self, lab, name):
        super().__init__(lab, name)
        self.conf = os.path.join(self.dir, "named.conf")
        self.control = lab.port()
        self.rndc_key = dnsio.Key("rndc-" + name)
        self.tls_port, self.tls_cert, self.tls_ca = None, None, None

    def tls(self, cert):
        """Zones go out over TLS only, on self.tls_port."""
        self.tls_port, self.tls_cert = self.lab.port(), cert
        return self

    def static(self, zone):
        """No UPDATE: a change of the zone's file is what makes its IXFR."""
        self.zones[zone]["static"] = True
        return self

    def secondary(self, zone, master, notify=(), tsig=None, tls_ca=None):
        """tls_ca: the master's Cert; master is then (address, TLS port)."""
        super().secondary(zone, master, notify, tsig)
        self.zones[zone]["tls_ca"] = tls_ca
        return self

    def signer(self, zone, master, notify=(), tsig=None, variant="multi"):
        self._add(zone, role="signer", master=master, notify=list(notify),
                  tsig=tsig, variant=variant)
        os.makedirs(self.key_dir(zone), exist_ok=True)
        if variant == "multi":
            for flags in (["-f", "KSK"], []):
                self.lab.run(self.lab.program("dnssec-keygen"), "-q",
                             "-a", "ECDSAP256SHA256", "-L", "300",
                             "-K", self.key_dir(zone), *flags, zone)
        return self

    def key_dir(self, zone):
        return os.path.join(self.dir, "keys-" + zone)

    def import_key(self, zone, rdata):
        """A foreign DNSKEY (RDATA as text) goes into the signed zone; returns
        the name of its key file, for remove_key()."""
        path = os.path.join(self.dir, "foreign.key")
        with open(path, "w") as f:
            f.write(f"{zone}. 300 IN DNSKEY {rdata}\n")
        out = self.lab.run(
            self.lab.program("dnssec-importkey"), "-f", path, "-K",
            self.key_dir(zone), "-P", "now", "-L", "300", zone)
        self.rndc("loadkeys", zone)
        return out.strip().splitlines()[-1]

    def remove_key(self, zone, name):
        self.lab.run(self.lab.program("dnssec-settime"), "-K",
                     self.key_dir(zone), "-D", "now", name)
        self.rndc("loadkeys", zone)

    def command(self):
        return [self.lab.program("named"), "-g", "-c", self.conf, "-n", "2"]

    def is_ready(self):
        return bool(self.log_search(r"\brunning$", self.started))

    def start(self, wait=True):
        self.started = self.log_mark()
        return super().start(wait)

    def rndc(self, *args, check=True):
        return self.lab.run(self.lab.program("rndc"), "-c",
                            os.path.join(self.dir, "rndc.conf"), *args,
                            check=check)

    def reload(self, zone=None):
        self.configure()
        self.rndc(*(["reload", zone] if zone else ["reconfig"]))

    @staticmethod
    def _key(key):
        return (f'key "{key.id}" {{ algorithm {key.algorithm}; '
                f'secret "{key.secret}"; }};\n')

    @staticmethod
    def _to(server, tsig, tls=""):
        addr, port = _endpoint(server)
        key = f' key "{tsig.id}"' if tsig else ""
        return f"{addr} port {port}{key}{tls};"

    def _zone(self, zone, z):
        who = f'key "{z["tsig"].id}"' if z["tsig"] else "127.0.0.0/8"
        if self.tls_port:
            lines = [f"allow-transfer port {self.tls_port} transport tls "
                     f"{{ {who}; }};"]
        else:
            lines = [f"allow-transfer {{ {who}; }};"]
        if z["notify"]:
            to = " ".join(self._to(s, z["tsig"]) for s in z["notify"])
            lines.append(f"notify explicit; also-notify {{ {to} }};")
        else:
            lines.append("notify no;")
        if z["role"] == "primary":
            u = f'key "{z["update_key"].id}"' if z["update_key"] \
                else "127.0.0.0/8"
            lines += ["type primary;", f'file "{self.zone_file(zone)}";',
                      "ixfr-from-differences yes;" if z.get("static") else
                      f"allow-update {{ {u}; }};"]
        else:
            up = ""
            if z.get("tls_ca"):
                up = " tls up-" + z["tls_ca"].name
            lines += [
                "type secondary;",
                f"primaries {{ {self._to(z['master'], z['tsig'], up)} }};",
                f'file "{self.dir}/{zone}.raw";',
                f"allow-notify {{ {who}; }};"]
        if z["role"] == "signer":
            lines.append(f'inline-signing yes; key-directory '
                         f'"{self.key_dir(zone)}";')
            lines.append("auto-dnssec maintain;" if z["variant"] == "multi"
                         else "dnssec-policy lab;")
        return f'zone "{zone}" {{\n\t' + "\n\t".join(lines) + "\n};\n"

    def configure(self):
        rndc = (self._key(self.rndc_key) + f'options {{ default-key '
                f'"{self.rndc_key.id}"; default-server {self.address}; '
                f'default-port {self.control}; }};\n')
        with open(os.path.join(self.dir, "rndc.conf"), "w") as f:
            f.write(rndc)
        text = self._key(self.rndc_key)
        text += "".join(self._key(k) for k in self.keys.values())
        listen = f"listen-on port {self.port} {{ {self.address}; }};"
        if self.tls_port:
            text += (f'tls own {{ cert-file "{self.tls_cert.cert}"; '
                     f'key-file "{self.tls_cert.key}"; }};\n')
            listen += (f" listen-on port {self.tls_port} tls own "
                       f"{{ {self.address}; }};")
        cas = {z["tls_ca"].name: z["tls_ca"] for z in self.zones.values()
               if z.get("tls_ca")}
        for ca in cas.values():
            text += (f'tls up-{ca.name} {{ ca-file "{ca.cert}"; '
                     f'remote-hostname "{ca.name}"; }};\n')
        text += f"""options {{
	directory "{self.dir}";
	pid-file "{self.dir}/named.pid";
	session-keyfile "{self.dir}/session.key";
	managed-keys-directory "{self.dir}";
	{listen}
	listen-on-v6 {{ none; }};
	recursion no;
	dnssec-validation no;
	notify-delay 0;
	serial-query-rate 1000;
	transfers-per-ns 100;
	transfers-in 100;
	check-names primary ignore;
	check-names secondary ignore;
}};
controls {{ inet {self.address} port {self.control} allow {{ {self.address}; }}
	keys {{ "{self.rndc_key.id}"; }}; }};
dnssec-policy lab {{
	keys {{ ksk lifetime unlimited algorithm ecdsap256sha256;
		zsk lifetime unlimited algorithm ecdsap256sha256; }};
	dnskey-ttl 300; zone-propagation-delay 1; publish-safety 1;
	retire-safety 1;
}};
"""
        text += "".join(self._zone(n, z) for n, z in self.zones.items())
        with open(self.conf, "w") as f:
            f.write(text)


class Nsd(ZoneServer):
    """NSD 4.6: primary and secondary, also over TLS."""

    def __init__(self, lab, name):
        super().__init__(lab, name)
        self.conf = os.path.join(self.dir, "nsd.conf")
        self.sock = os.path.join(self.dir, "ctl")
        self.tls_port, self.tls_cert = None, None

    def tls(self, cert):
        self.tls_port, self.tls_cert = self.lab.port(), cert
        return self

    def secondary(self, zone, master, notify=(), tsig=None, tls_ca=None):
        super().secondary(zone, master, notify, tsig)
        self.zones[zone]["tls_ca"] = tls_ca
        return self

    def command(self):
        return [self.lab.program("nsd"), "-d", "-c", self.conf]

    def is_ready(self):
        return "version" in self.ctl("status", check=False)

    def ctl(self, *args, check=True):
        return self.lab.run(self.lab.program("nsd-control"), "-c", self.conf,
                            *args, check=check)

    def reload(self, zone=None):
        self.configure()
        self.ctl(*(["reload", zone] if zone else ["reconfig"]))

    def _zone(self, zone, z):
        key = z["tsig"].id if z["tsig"] else "NOKEY"
        lines = ["zone:", f"  name: {zone}",
                 f'  zonefile: "{self.zone_file(zone)}"',
                 f"  provide-xfr: 127.0.0.0/8 {key}"]
        for s in z["notify"]:
            addr, port = _endpoint(s)
            lines.append(f"  notify: {addr}@{port} {key}")
        if z["role"] == "primary":
            lines += ["  store-ixfr: yes", "  create-ixfr: yes"]
        if z["role"] == "secondary":
            addr, port = _endpoint(z["master"])
            how = f"AXFR {addr}@{port} {key} up" if z["tls_ca"] else \
                f"{addr}@{port} {key}"
            lines += [f"  request-xfr: {how}",
                      f"  allow-notify: 127.0.0.0/8 {key}"]
        return "\n".join(lines) + "\n"

    def configure(self):
        # rrl would drop our polls; xfrd-reload-timeout is 1 s otherwise
        text = f"""server:
  ip-address: {self.address}@{self.port}
  username: ""
  database: ""
  zonesdir: "{self.dir}"
  pidfile: "{self.dir}/pid"
  xfrdfile: "{self.dir}/xfrd"
  zonelistfile: "{self.dir}/zonelist"
  xfrdir: "{self.dir}"
  rrl-ratelimit: 0
  xfrd-reload-timeout: 0
  verbosity: 1
"""
        if self.tls_port:
            text += (f"  ip-address: {self.address}@{self.tls_port}\n"
                     f"  tls-port: {self.tls_port}\n"
                     f'  tls-service-key: "{self.tls_cert.key}"\n'
                     f'  tls-service-pem: "{self.tls_cert.cert}"\n')
        ca = next((z["tls_ca"] for z in self.zones.values()
                   if z.get("tls_ca")), None)
        if ca:
            text += f'  tls-cert-bundle: "{ca.cert}"\n'
        text += (f"remote-control:\n  control-enable: yes\n"
                 f'  control-interface: "{self.sock}"\n')
        if ca:
            text += f"tls-auth:\n  name: up\n  auth-domain-name: {ca.name}\n"
        for k in self.keys.values():
            text += (f"key:\n  name: {k.id}\n  algorithm: {k.algorithm}\n"
                     f'  secret: "{k.secret}"\n')
        text += "".join(self._zone(n, z) for n, z in self.zones.items())
        with open(self.conf, "w") as f:
            f.write(text)


class Unbound(Server):
    """A validating resolver that asks the given servers for a zone."""

    def __init__(self, lab, name="unbound"):
        super().__init__(lab, name)
        self.conf = os.path.join(self.dir, "unbound.conf")
        self.stubs, self.anchors = {}, []

    def stub(self, zone, *servers):
        self.stubs[zone] = servers
        return self

    def anchor(self, record):
        """A DS or DNSKEY record as text."""
        self.anchors.append(record)
        return self

    def command(self):
        return [self.lab.program("unbound"), "-d", "-c", self.conf]

    def is_ready(self):
        return bool(self.log_search("start of service"))

    def validates(self, name, rdtype):
        """True: AD.  False: SERVFAIL (bogus).  None: not secured."""
        r = self.query(name, rdtype, rd=True, dnssec=True)
        if r.rcode() == dnsio.dns.rcode.SERVFAIL:
            return False
        return True if r.flags & dnsio.dns.flags.AD else None

    def configure(self):
        with open(os.path.join(self.dir, "anchors"), "w") as f:
            f.write("\n".join(self.anchors) + "\n")
        text = f"""server:
  directory: "{self.dir}"
  chroot: ""
  username: ""
  pidfile: "{self.dir}/pid"
  use-syslog: no
  logfile: ""
  verbosity: 1
  interface: {self.address}@{self.port}
  do-not-query-localhost: no
  do-ip6: no
  module-config: "validator iterator"
  trust-anchor-file: "{self.dir}/anchors"
  val-log-level: 2
  cache-max-ttl: 0
  root-hints: ""
"""
        for zone in self.stubs:
            top = zone.rstrip(".").rsplit(".", 1)[-1]
            text += f'  local-zone: "{top}." nodefault\n'
        text += "remote-control:\n  control-enable: no\n"
        for zone, servers in self.stubs.items():
            text += f'stub-zone:\n  name: "{zone}"\n'
            for s in servers:
                addr, port = _endpoint(s)
                text += f"  stub-addr: {addr}@{port}\n"
        with open(self.conf, "w") as f:
            f.write(text)
