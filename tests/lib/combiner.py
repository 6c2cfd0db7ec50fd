# SPDX-License-Identifier: GPL-3.0-or-later
"""Our combiner, and a client for its local socket written from the rules of
the messages (one JSON object a line), not with our own library."""
import itertools
import json
import os
import shlex
import signal
import socket

from . import dnsio
from .lab import LabError, Server
from .servers import _endpoint


class RpcError(Exception):
    def __init__(self, error):
        super().__init__(f"{error.get('code')}: {error.get('message')}")
        self.code = error.get("code")


class Rpc:
    """One connection.  Events that come between answers wait in .events."""

    def __init__(self, path, timeout=30):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.sock.connect(path)
        self.file = self.sock.makefile("rb")
        self.ids = itertools.count(1)
        self.events = []
        self.peer = self.call("hello", protocol="polyphony", major=1, minor=0,
                              program="lab", version="1")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.sock.close()

    def read(self):
        line = self.file.readline()
        if not line:
            raise EOFError("the daemon closed the connection")
        return json.loads(line)

    def call(self, method, **params):
        call_id = next(self.ids)
        self.sock.sendall(json.dumps({
            "jsonrpc": "2.0", "id": call_id, "method": method,
            "params": params}).encode() + b"\n")
        while True:
            m = self.read()
            if m.get("id") == call_id:
                break
            self.events.append(m)
        if "error" in m:
            raise RpcError(m["error"])
        return m["result"]

    def next_event(self, name=None):
        """The next event (of that name): its params."""
        while True:
            m = self.events.pop(0) if self.events else self.read()
            if name in (None, m.get("method")):
                return m.get("params")


class Combiner(Server):
    """COMBINER names the program, COMBINER_WRAP what it runs under."""

    def __init__(self, lab, name="combiner"):
        super().__init__(lab, name)
        self.conf = os.path.join(self.dir, "combiner.conf")
        self.sock = os.path.join(self.dir, "combiner.sock")
        self.state = os.path.join(self.dir, "state")
        self.program = os.environ.get("COMBINER", "build/bin/combiner")
        self.wrap = shlex.split(os.environ.get("COMBINER_WRAP", ""))
        self.options = []
        self.keys, self.sources, self.zones = {}, {}, {}
        self.catalogs, self.templates = {}, {}
        self.server, self.remotes = {}, {}
        self.tls_port, self.tls_cert = None, None
        self.offset = None
        os.makedirs(self.state, exist_ok=True)

    # -- what it is to do -----------------------------------------------------
    def key(self, key):
        if key is not None:
            self.keys[key.id] = key
        return key

    def source(self, name, key=None, user=None):
        """An MSA that may contribute: by UPDATE with key, or on the local
        socket as this user (number or name)."""
        self.key(key)
        self.sources[name] = {"key": key, "user": user}
        return self

    def tls(self, cert):
        self.tls_port, self.tls_cert = self.lab.port(), cert
        return self

    def _rules(self, master, notify=(), tsig=None, sources=None,
               master_tls=None, own_cert=None, clients=None, remote=None,
               acl=None, **options):
        self.key(tsig)
        masters = master if isinstance(master, list) else [master]
        return {"masters": masters, "notify": list(notify), "tsig": tsig,
                "sources": self.sources if sources is None else sources,
                "master_tls": master_tls, "own_cert": own_cert,
                "clients": clients, "remote": remote or {}, "acl": acl or {},
                "options": options}

    def zone(self, name, master, **rules):
        """A zone.  notify: signers, who may transfer, too.  tsig guards both
        sides.  sources: names, all without it.  master_tls: the master's Cert
        (master is then (address, TLS port)), own_cert: ours for it.  clients:
        Certs that may transfer over TLS.  remote, acl: items of the masters'
        remotes and of the rule, in place of these or more; None: without.
        Others: items of the zone section, _ for -."""
        self.zones[name] = self._rules(master, **rules)
        return self

    def template(self, name, master, **rules):
        """For the members of a catalog's group."""
        self.templates[name] = self._rules(master, **rules)
        return self

    def catalog(self, name, master, **rules):
        self.catalogs[name] = self._rules(master, sources={}, **rules)
        return self

    # -- configuration --------------------------------------------------------
    @staticmethod
    def _value(v):
        if isinstance(v, bool):
            return "on" if v else "off"
        if isinstance(v, (list, tuple)):
            return "[ " + ", ".join(map(str, v)) + " ]"
        return str(v)

    def _section(self, name, rows):
        out = [f"{name}:"] if rows else []
        for row in rows:
            sign = "-"
            for k, v in row.items():
                out.append(f"  {sign} {k}: {self._value(v)}")
                sign = " "
        return "\n".join(out) + "\n" if rows else ""

    @staticmethod
    def _named(rows, row):
        """Puts the row under its id, or another if that is taken."""
        while rows.get(row["id"], row) != row:
            row["id"] += "-"
        rows[row["id"]] = row
        return row["id"]

    def _remote(self, server, rules, tls=None, more=None):
        addr, port = _endpoint(server)
        tsig = rules["tsig"]
        name = f"r{port}" + (f"-{tsig.id}" if tsig else "")
        row = {"id": name, "address": f"{addr}@{port}"}
        if tsig:
            row["key"] = tsig.id
        if tls:
            row.update({"tls": True, "cert-key": tls.pin,
                        "hostname": tls.name})
            own = rules["own_cert"]
            if own:
                row.update({"cert-file": own.cert, "key-file": own.key})
        row.update(more or {})
        row = {k: v for k, v in row.items() if v is not None}
        return self._named(self.remotes, row)

    def _acl(self, rules, acls):
        tsig = rules["tsig"]
        name = f"xfr-{tsig.id}" if tsig else "xfr-open"
        row = {"id": name, "action": ["transfer", "notify"]}
        if tsig:
            row["key"] = tsig.id
        else:
            row["address"] = "127.0.0.0/8"
        row.update(rules["acl"])
        names = [self._named(acls, row)]
        if rules["clients"]:
            name = "xot-" + "-".join(c.name for c in rules["clients"])
            acls[name] = {"id": name, "action": ["transfer"],
                          "cert-key": [c.pin for c in rules["clients"]]}
            names.insert(0, name)
        return names

    def _row(self, id_name, name, rules, acls):
        row = {id_name: name,
               "master": [self._remote(m, rules, rules["master_tls"],
                                       rules["remote"])
                          for m in rules["masters"]]}
        if rules["notify"]:
            row["notify"] = [self._remote(s, rules)
                             for s in rules["notify"]]
        row["acl"] = self._acl(rules, acls)
        if rules["sources"]:
            row["msa"] = list(rules["sources"])
        row.update((k.replace("_", "-"), v)
                   for k, v in rules["options"].items())
        return row

    def text(self):
        self.remotes, acls = {}, {}
        templates = [self._row("id", n, r, acls)
                     for n, r in self.templates.items()]
        zones = [self._row("domain", n, r, acls) for n, r in self.zones.items()]
        catalogs = [self._row("domain", n, r, acls)
                    for n, r in self.catalogs.items()]
        server = {"listen": f"{self.address}@{self.port}",
                  "rundir": self.dir, "statedir": self.state,
                  "socket": self.sock}
        if self.tls_port:
            server.update({"listen-tls": f"{self.address}@{self.tls_port}",
                           "cert-file": self.tls_cert.cert,
                           "key-file": self.tls_cert.key})
        server.update((k.replace("_", "-"), v) for k, v in self.server.items())
        out = "server:\n" + "".join(
            f"    {k}: {self._value(v)}\n" for k, v in server.items())
        out += "log:\n    target: stderr\n    level: debug\n"
        out += self._section("key", [
            {"id": k.id, "algorithm": k.algorithm, "secret": k.secret}
            for k in self.keys.values()])
        out += self._section("remote", list(self.remotes.values()))
        out += self._section("acl", list(acls.values()))
        msas = []
        for name, s in self.sources.items():
            row = {"id": name}
            if s["key"]:
                row["key"] = s["key"].id
            if s["user"] is not None:
                row["user"] = s["user"]
            msas.append(row)
        out += self._section("msa", msas)
        out += self._section("template", templates)
        out += self._section("zone", zones)
        out += self._section("catalog", catalogs)
        return out

    def configure(self):
        with open(self.conf, "w") as f:
            f.write(self.text())
        os.chmod(self.conf, 0o600)  # it holds secrets

    # -- life -----------------------------------------------------------------
    def command(self):
        cmd = self.wrap + [self.program, "-c", self.conf] + self.options
        if self.offset is not None:
            cmd += ["-T", str(self.offset)]
        return cmd

    def query_key(self, zone):
        return self.zones[zone]["tsig"] if zone in self.zones else None

    @property
    def memory_counts(self):
        """Sanitizers and valgrind keep freed memory: no bounds on it then."""
        if self.wrap:
            return False
        with open(self.program, "rb") as f:
            return b"__asan_init" not in f.read()

    def is_ready(self):
        if not os.path.exists(self.sock):
            return False
        try:
            with Rpc(self.sock):
                return True
        except (OSError, EOFError, RpcError):
            return False

    def start(self, wait=True):
        if not os.path.exists(self.program):
            raise LabError(f"{self.program} is not there: run make first")
        # a socket of a killed one must not look as if this one were ready
        if os.path.exists(self.sock) and not self.is_running:
            os.unlink(self.sock)
        return super().start(wait)

    def reload(self):
        """Writes the configuration again and has it read; RpcError if it was
        not taken."""
        self.configure()
        return self.call("reload")

    def stop(self, timeout=20):
        status = super().stop(timeout)
        if status not in (None, 0, -signal.SIGKILL):
            raise LabError(f"{self.name}: exit status {status}")
        return status

    def serial(self, zone, **kw):
        """With the zone's key: without it the question is refused."""
        kw.setdefault("key", self.zones.get(zone, {}).get("tsig"))
        return dnsio.serial(self, zone, **kw)

    # -- local messages -------------------------------------------------------
    def connect(self):
        return Rpc(self.sock)

    def call(self, method, **params):
        """One call on a connection of its own."""
        with Rpc(self.sock) as rpc:
            return rpc.call(method, **params)

    def put(self, zone, source, rdtype, records, ttl=300, **more):
        """contribution.put: the whole RRset of one source."""
        return self.call("contribution.put", zone=zone, source=source,
                         type=rdtype, records=list(records), ttl=ttl, **more)

    def status(self, zone):
        return self.call("zone.status", zone=zone)

    def polyctl(self, *args, check=True):
        return self.lab.run(os.environ.get("POLYCTL", "build/bin/polyctl"),
                            "-s", self.sock, "combiner", *args, check=check)
