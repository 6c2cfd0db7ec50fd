# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers that are measured, each as secondary for a list of zones, set to
keep all state on disk, to keep differences, and to limit nothing that a
measurement would run into.  None sends NOTIFY: signers are the script."""
import os
import shutil
import signal
import subprocess

from lib import combiner, lab
from bench import proc

ENABLED = ("combiner", "knot", "nsd", "bind")


class Peer(lab.Server):
    """A process group of its own, so that all its processes are found."""

    def __init__(self, lab_, name, zones, master):
        super().__init__(lab_, name)
        self.zones, self.master = zones, master
        self.usage = None

    def start(self, wait=False):
        def child():
            os.setsid()
            lab._die_with_parent()
        self.configure()
        self.expect_end = False
        with open(self.log, "ab") as log:
            self.proc = subprocess.Popen(
                self.command(), cwd=self.dir, stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, preexec_fn=child)
        self.usage = proc.Usage(self.proc.pid)
        return self

    def flush(self):
        """All state is to be on disk after this."""

    def stop(self, timeout=60):
        if self.is_running:
            self.expect_end = True
            self.proc.send_signal(signal.SIGTERM)
            try:
                self.proc.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill9()
        if self.usage:
            self.usage.kill()

    def cleanup(self):
        self.stop(10)

    def discard(self):
        """Ends it, and what it has on disk."""
        self.stop()
        self.lab.servers.remove(self)
        shutil.rmtree(self.dir)

    def put_conf(self, text):
        with open(os.path.join(self.dir, "conf"), "w") as f:
            f.write(text)


class Knot(Peer):
    def command(self):
        return [self.lab.program("knotd"), "-c", f"{self.dir}/conf"]

    def configure(self):
        os.makedirs(f"{self.dir}/db", exist_ok=True)
        self.put_conf(f"""server:
    rundir: {self.dir}
    listen: {self.address}@{self.port}
    tcp-max-clients: 2000
log:
  - target: stderr
    any: warning
database:
    storage: {self.dir}/db
    journal-db-max-size: 8G
control:
    listen: {self.dir}/knot.sock
remote:
  - id: owner
    address: 127.0.0.1@{self.master}
acl:
  - id: local
    address: 127.0.0.0/8
    action: [transfer, notify]
template:
  - id: default
    storage: {self.dir}
    master: owner
    acl: local
    zonefile-sync: -1
    zonefile-load: none
    journal-max-usage: 8G
    journal-content: all
zone:
""" + "".join(f"  - domain: {z}\n" for z in self.zones))


class Nsd(Peer):
    """RRL off: Debian's default drops polls.  No pause between reloads, but
    with many zones: then it would reload for each few of them."""

    def command(self):
        return [self.lab.program("nsd"), "-d", "-c", f"{self.dir}/conf"]

    def flush(self):
        subprocess.run([self.lab.program("nsd-control"), "-c",
                        f"{self.dir}/conf", "write"], check=False,
                       stdout=subprocess.DEVNULL)
        self.usage.settle(20)

    def configure(self):
        self.put_conf(f"""server:
  ip-address: {self.address}@{self.port}
  username: ""
  database: ""
  zonesdir: "{self.dir}"
  pidfile: "{self.dir}/pid"
  xfrdfile: "{self.dir}/xfrd.state"
  zonelistfile: "{self.dir}/zone.list"
  xfrdir: "{self.dir}"
  server-count: 2
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
  xfrd-reload-timeout: {0 if len(self.zones) < 100 else 1}
  tcp-count: 200
remote-control:
  control-enable: yes
  control-interface: {self.dir}/ctl
pattern:
  name: s
  allow-notify: 127.0.0.1 NOKEY
  request-xfr: 127.0.0.1@{self.master} NOKEY
  provide-xfr: 127.0.0.1 NOKEY
  store-ixfr: yes
  zonefile: "%s.zone"
""" + "".join(f"zone:\n  name: {z}\n  include-pattern: s\n"
              for z in self.zones))


class Bind(Peer):
    """Its default of 20 SOA queries a second would be what is measured."""

    def flush(self):
        """It writes files when it has time, and none at SIGTERM."""
        names = [f"{self.dir}/{z}.raw" for z in self.zones]
        self.lab.wait_for(lambda: all(map(os.path.exists, names)), 60,
                          "all zones in BIND's files")
        self.usage.settle(20)

    def command(self):
        return [self.lab.program("named"), "-g", "-c", f"{self.dir}/conf"]

    def configure(self):
        self.put_conf(f"""options {{
	directory "{self.dir}";
	pid-file "{self.dir}/pid";
	session-keyfile "{self.dir}/session.key";
	listen-on port {self.port} {{ {self.address}; }};
	listen-on-v6 {{ none; }};
	recursion no;
	dnssec-validation no;
	allow-transfer {{ any; }};
	notify no;
	minimal-responses yes;
	transfers-in 200;
	transfers-per-ns 200;
	transfers-out 100;
	serial-query-rate 2000;
	max-journal-size unlimited;
	masterfile-format raw;
}};
controls {{ }};
""" + "".join(f"""zone "{z}" {{ type secondary; file "{z}.raw";
	primaries port {self.master} {{ 127.0.0.1; }};
	allow-notify {{ 127.0.0.1; }}; }};
""" for z in self.zones))


class Combiner(Peer):
    """Its configuration comes from the tests' library."""

    def __init__(self, lab_, name, zones, master):
        super().__init__(lab_, name, zones, master)
        inner = combiner.Combiner(lab_, name)
        lab_.servers.remove(inner)
        inner.options = []
        inner.source("bench", user=os.getuid())
        # all zones by one template, as an operator of thousands has them
        inner.template("default", ("127.0.0.1", master))
        self.port, self.inner, self.sock = inner.port, inner, inner.sock

    def configure(self):
        text = self.inner.text().replace("level: debug", "level: notice")
        text += "zone:\n" + "".join(f"  - domain: {z}\n" for z in self.zones)
        with open(self.inner.conf, "w") as f:
            f.write(text)
        os.chmod(self.inner.conf, 0o600)

    def command(self):
        return self.inner.command()


class KnotPrimary(Peer):
    """The owner's primary, a real one; zones is [(name, master file)]."""

    def command(self):
        return [self.lab.program("knotd"), "-c", f"{self.dir}/conf"]

    def configure(self):
        os.makedirs(f"{self.dir}/db", exist_ok=True)
        self.put_conf(f"""server:
    rundir: {self.dir}
    listen: {self.address}@{self.port}
log:
  - target: stderr
    any: warning
database:
    storage: {self.dir}/db
control:
    listen: {self.dir}/knot.sock
acl:
  - id: local
    address: 127.0.0.0/8
    action: transfer
zone:
""" + "".join(f"""  - domain: {name}
    file: {path}
    acl: local
    zonefile-load: whole
    zonefile-sync: -1
    journal-content: none
""" for name, path in self.zones))


CLASSES = {"combiner": Combiner, "knot": Knot, "nsd": Nsd, "bind": Bind}


class Owner:
    """tests/bench/owner: the primary that costs nothing."""

    def __init__(self, lab_, program, *zones):
        self.port = lab_.port()
        self.proc = subprocess.Popen(
            [program, str(self.port), *zones], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, bufsize=1,
            preexec_fn=lab._die_with_parent)
        if self.proc.stdout.readline() != "ready\n":
            raise lab.LabError("owner does not start")

    def _ask(self, line):
        self.proc.stdin.write(line + "\n")
        return self.proc.stdout.readline().split()

    def change(self, zone):
        """(the new serial, the octets of the new record's address)"""
        serial, addr = self._ask("change " + zone)
        return int(serial), bytes.fromhex(addr)

    def stat(self, zone):
        axfrs, ixfrs, start, end = self._ask("stat " + zone)
        return {"axfrs": int(axfrs), "ixfrs": int(ixfrs),
                "start": float(start), "end": float(end)}

    def stop(self):
        self.proc.stdin.close()
        self.proc.wait()
