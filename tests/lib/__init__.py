# SPDX-License-Identifier: GPL-3.0-or-later
"""A small laboratory for tests, the demo and measurements: real name servers
and our daemons on 127.0.0.1, started in a temporary folder.

    from lib import Lab, Knot, Combiner, Key, run

    def case(lab):
        owner = Knot(lab, "owner").primary("zone.test", TEXT)
        owner.start()
        ...
    run(case)
"""
from .combiner import Combiner, RpcError
from . import dnsio
from .dnsio import (Key, Records, axfr, ixfr, notify, query, raw_axfr, serial,
                    update)
from .lab import Cert, Lab, LabError, Server, Skip, run
from .model import combine, difference
from .servers import Bind, Knot, Nsd, Unbound

__all__ = [
    "Bind", "Cert", "Combiner", "Key", "Knot", "Lab", "LabError", "Nsd",
    "Records", "RpcError", "Server", "Skip", "Unbound", "axfr", "combine", "dnsio",
    "difference", "ixfr", "notify", "query", "raw_axfr", "run", "serial",
    "update",
]
