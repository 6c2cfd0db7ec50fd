# SPDX-License-Identifier: GPL-3.0-or-later
"""The laboratory: a temporary folder, ports, processes, waiting."""
import base64
import ctypes
import hashlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

from . import dnsio

WAIT = 30  # seconds until a condition must be true


class LabError(Exception):
    pass


class Skip(Exception):
    """The test cannot run here; the text says why."""


def _die_with_parent():
    """In the child: if the test is killed, no server stays behind."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Lab:
    def __init__(self, name="lab"):
        self.name = name
        self.dir = tempfile.mkdtemp(prefix=f"poly-{name[:12]}-", dir="/tmp")
        os.chmod(self.dir, 0o755)  # servers may change to other users
        self.servers = []
        self.locks = []
        self.wait_factor = 5 if os.environ.get("COMBINER_WRAP") else 1

    def __enter__(self):
        return self

    def __exit__(self, kind, value, tb):
        failed = kind is not None and not issubclass(kind, Skip)
        if failed:
            for s in self.servers:
                s.print_tail()
        self.stop()
        if os.environ.get("KEEP"):
            print(f"kept: {self.dir}", file=sys.stderr)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def stop(self):
        for s in reversed(self.servers):
            s.cleanup()
        for lock in self.locks:
            lock.close()
        self.locks = []

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    # -- ports ----------------------------------------------------------------
    def port(self):
        """A port of 127.0.0.1 free for UDP and TCP, below the range that the
        kernel hands out, kept from other labs by an abstract socket's name."""
        for _ in range(1000):
            port = random.randrange(20000, 32000)
            lock = socket.socket(socket.AF_UNIX)
            try:
                lock.bind(f"\0polyphony-lab-{port}")
            except OSError:
                lock.close()
                continue
            if self._is_free(port):
                self.locks.append(lock)
                return port
            lock.close()
        raise LabError("no free port")

    @staticmethod
    def _is_free(port):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET, kind) as s:
                try:
                    s.bind(("127.0.0.1", port))
                except OSError:
                    return False
        return True

    # -- waiting --------------------------------------------------------------
    def wait_for(self, condition, timeout=WAIT, what="condition"):
        """Calls condition until it is true, returns its value.  A server that
        ended by itself ends the waiting.  what: text, or called for one."""
        timeout *= self.wait_factor
        end = time.monotonic() + timeout
        pause = 0.01
        while True:
            value = condition()
            if value:
                return value
            for s in self.servers:
                s.check_alive()
            if time.monotonic() > end:
                raise LabError(f"not within {timeout} s: "
                               f"{what() if callable(what) else what}")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.2)

    def wait_serial(self, at, zone, serial, timeout=WAIT):
        """Until the server has this serial or a later one; returns it."""
        ask = getattr(at, "serial", None) or \
            (lambda zone: dnsio.serial(at, zone))

        def has_it():
            s = ask(zone)
            if s is None or (s - serial) % 2**32 >= 2**31:
                return None
            return (s,)  # 0 is a serial, too
        return self.wait_for(
            has_it, timeout, lambda: f"{zone} with serial {serial} at "
            f"{getattr(at, 'name', at)}, is {ask(zone)}")[0]

    # -- programs -------------------------------------------------------------
    def run(self, *cmd, check=True, **kw):
        """Runs a program, returns its output."""
        done = subprocess.run(
            cmd, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, **kw)
        if check and done.returncode != 0:
            raise LabError(f"{' '.join(cmd)}: exit {done.returncode}\n"
                           f"{done.stdout}")
        return done.stdout

    def program(self, name):
        """The path of a server's program.  AppArmor profiles confine some to
        their usual folders: then a copy of our own is used."""
        path = shutil.which(name, path=os.environ.get("PATH", "") +
                            ":/usr/sbin:/sbin:/usr/local/sbin")
        if path is None:
            raise Skip(f"{name} is not installed")
        try:
            with open("/sys/kernel/security/apparmor/profiles") as f:
                confined = re.search(rf"\b{re.escape(name)}\b", f.read())
        except OSError:
            confined = None
        if confined is None:
            return path
        copy = self.path("bin", name)
        if not os.path.exists(copy):
            os.makedirs(self.path("bin"), exist_ok=True)
            shutil.copy(path, copy)
        return copy

    def cert(self, name):
        return Cert(self, name)


class Cert:
    """A self-signed certificate (ECDSA P-256) made with certtool."""

    def __init__(self, lab, name):
        self.name = name
        self.key = lab.path("cert", f"{name}.key")
        self.cert = lab.path("cert", f"{name}.pem")
        template = lab.write(f"cert/{name}.tmpl", f"""cn = "{name}"
dns_name = "{name}"
expiration_days = 30
signing_key
tls_www_server
tls_www_client
ca
cert_signing_key
""")
        tool = lab.program("certtool")
        lab.run(tool, "--generate-privkey", "--key-type=ecdsa",
                "--curve=secp256r1", "--outfile", self.key)
        lab.run(tool, "--generate-self-signed", "--load-privkey", self.key,
                "--template", template, "--outfile", self.cert)
        spki = subprocess.run(
            [tool, "--load-privkey", self.key, "--pubkey-info", "--outder"],
            check=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL).stdout
        self.pin = base64.b64encode(hashlib.sha256(spki).digest()).decode()
        os.chmod(self.key, 0o600)


class Server:
    """One process with a folder, a port, a configuration, and a log."""

    address = "127.0.0.1"

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self.dir = lab.path(name)
        os.makedirs(self.dir, exist_ok=True)
        self.port = lab.port()
        self.log = os.path.join(self.dir, "log")
        self.proc = None
        self.expect_end = False
        lab.servers.append(self)

    # what each kind of server says of itself
    def configure(self):
        """Writes the configuration; called before each start and reload."""

    def command(self):
        raise NotImplementedError

    def is_ready(self):
        return True

    def environment(self):
        return dict(os.environ)

    # -- life -----------------------------------------------------------------
    def start(self, wait=True):
        self.configure()
        self.expect_end = False
        with open(self.log, "ab") as log:
            self.proc = subprocess.Popen(
                self.command(), cwd=self.dir, stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, env=self.environment(),
                preexec_fn=_die_with_parent)
        if wait:
            self.lab.wait_for(self.is_ready, what=f"{self.name} is ready")
        return self

    @property
    def is_running(self):
        return self.proc is not None and self.proc.poll() is None

    def check_alive(self):
        if self.proc is not None and not self.expect_end and \
                self.proc.poll() is not None:
            raise LabError(f"{self.name} ended by itself, status "
                           f"{self.proc.returncode}")

    def stop(self, timeout=20):
        """In good order; its exit status."""
        if not self.is_running:
            return self.proc.returncode if self.proc else None
        self.expect_end = True
        self.proc.send_signal(signal.SIGTERM)
        try:
            return self.proc.wait(timeout * self.lab.wait_factor)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise LabError(f"{self.name} did not stop within {timeout} s") \
                from None

    def kill9(self):
        self.expect_end = True
        if self.is_running:
            self.proc.kill()
            self.proc.wait()

    def restart(self, kill=False):
        if kill:
            self.kill9()
        else:
            self.stop()
        return self.start()

    def signal(self, sig):
        self.proc.send_signal(sig)

    def reload(self):
        self.configure()
        self.signal(signal.SIGHUP)

    def cleanup(self):
        """At the end of the lab, whatever happened."""
        try:
            self.stop(10)
        except LabError as e:
            print(e, file=sys.stderr)

    # -- looking at it --------------------------------------------------------
    def log_text(self, since=0):
        try:
            with open(self.log, "rb") as f:
                f.seek(since)
                return f.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def log_mark(self):
        """A position in the log, for since."""
        return os.path.getsize(self.log) if os.path.exists(self.log) else 0

    def log_search(self, pattern, since=0):
        return re.findall(pattern, self.log_text(since), re.M)

    def wait_log(self, pattern, since=0, timeout=WAIT):
        return self.lab.wait_for(
            lambda: self.log_search(pattern, since), timeout,
            f"/{pattern}/ in the log of {self.name}")

    def print_tail(self, lines=12):
        print(f"--- {self.name}:", file=sys.stderr)
        for line in self.log_text().splitlines()[-lines:]:
            print(f"    {line}", file=sys.stderr)

    def memory(self):
        """Anonymous memory in octets."""
        with open(f"/proc/{self.proc.pid}/status") as f:
            return int(re.search(r"RssAnon:\s+(\d+)", f.read())[1]) * 1024

    def cpu(self):
        """Seconds of CPU so far."""
        with open(f"/proc/{self.proc.pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # -- talking to it --------------------------------------------------------
    def query(self, name, rdtype, **kw):
        return dnsio.query(self, name, rdtype, **kw)

    def query_key(self, _zone):
        """The TSIG key without which this server tells nothing of a zone."""
        return None

    def serial(self, zone, **kw):
        kw.setdefault("key", self.query_key(zone))
        return dnsio.serial(self, zone, **kw)

    def wait_serial(self, zone, serial, timeout=WAIT):
        return self.lab.wait_serial(self, zone, serial, timeout)

    def axfr(self, zone, **kw):
        return dnsio.axfr(self, zone, **kw)

    def ixfr(self, zone, since, **kw):
        return dnsio.ixfr(self, zone, since, **kw)

    def notify(self, zone, **kw):
        return dnsio.notify(self, zone, **kw)

    def update(self, zone, *changes, **kw):
        return dnsio.update(self, zone, *changes, **kw)

    def wait_records(self, zone, rdtype, check, timeout=WAIT, key=None):
        """Until check(list of RDATA texts of the RRset at the apex) is true;
        returns the list."""
        def asked():
            try:
                r = self.query(zone, rdtype, tcp=True, key=key, timeout=2)
            except (OSError, EOFError, dnsio.dns.exception.DNSException):
                return None
            texts = [dnsio.text(rd) for rrset in r.answer for rd in rrset
                     if dnsio.dns.rdatatype.to_text(rrset.rdtype) == rdtype]
            return (sorted(texts),) if check(texts) else None
        return self.lab.wait_for(
            asked, timeout, f"{zone} {rdtype} at {self.name} as wanted")[0]


def run(case):
    """A test's main: runs case(lab), exits as tests/run expects."""
    def stop(_sig, frame):
        traceback.print_stack(frame, limit=8)  # where it waited
        sys.exit(143)
    signal.signal(signal.SIGTERM, stop)
    name = os.path.basename(os.path.dirname(os.path.abspath(sys.argv[0])))
    try:
        with Lab(name) as lab:
            case(lab)
    except Skip as e:
        print(e)
        sys.exit(77)
    except AssertionError:
        # where, and what was compared
        traceback.print_exc()
        sys.exit(1)
    except LabError as e:
        traceback.print_tb(e.__traceback__)
        print(f"FAILED: {e}", file=sys.stderr)
        sys.exit(1)
