# SPDX-License-Identifier: GPL-3.0-or-later
# Answers to local messages, one zone ms.test. that is never fetched.  Input is
# the state: serial, sets (what is contributed), hello (was it said), out (lines
# for the client), end (close), req (the message).

def reply($result):
	if .req | has("id") then
		.out += [{jsonrpc: "2.0", id: .req.id, result: $result}]
	else . end;
def fail($code; $message):
	if .req | has("id") then
		.out += [{jsonrpc: "2.0", id: .req.id,
		    error: {code: $code, message: $message}}]
	else . end;

def p: .req.params // {};
def moment: now | todate;

# A member that must be there, of this type.
def need($name; $type; next):
	if p[$name] | type == $type then next
	else fail(-32602; "member \($name) must be there, a \($type)") end;
def need_zone(next):
	need("zone"; "string"; if p.zone == "ms.test." then next
	    else fail(2; "no zone \(p.zone) here") end);
def need_type(next):
	if p.type | IN("NS", "KEY", "DNSKEY", "CDS", "CDNSKEY", "CSYNC")
	then next else fail(-32602; "no such type") end;

# Those of this source and type; null matches all.
def matches($source; $type):
	($source == null or .source == $source) and
	    ($type == null or .type == $type);
def etag:
	if .records == [] then "none"
	else reduce ([.ttl, (.records | sort)] | tojson | explode[]) as $c
		(7; (. * 31 + $c) % 4294967296) | tostring end;

def hello:
	if p.protocol != "polyphony" or p.major != 1 then
		fail(7; "this side speaks polyphony 1") | .end = true
	else
		.hello = true |
		reply({protocol: "polyphony", major: 1, minor: 0,
		    program: "standin", version: "0", service: "combiner",
		    right: "operate", "a-member": "of a later version"})
	end;

# Two pages, so that callers must ask for the second.
def zone_list:
	if p.after == null then
		reply({zones: [{name: "a.test.", state: "idle", sources: 0,
		    waiting: 0, alerts: []}], total: 3, next: "a.test."})
	else
		.serial as $s |
		reply({zones: [
		    {name: "ms.test.", state: "idle", sources: 1, waiting: 0,
		        alerts: [], out_serial: $s},
		    {name: "z.test.", state: "idle", sources: 0, waiting: 1,
		        alerts: ["transfer"]}], total: 3})
	end;

def zone_status:
	moment as $now |
	(.sets | map({source, type, ttl, etag, changed,
	    count: (.records | length)})) as $sets |
	reply({zone: "ms.test.", out: {serial: .serial, published: $now},
	    alerts: [{name: "transfer", text: "no master helped",
	        remedy: "look at the masters", since: $now}],
	    waits: [{for: "a master", since: $now, until: $now}],
	    refresh: {state: "idle", fails: 3, next: $now},
	    masters: [{remote: "owner", address: "192.0.2.1@53",
	        preferred: true, current: false,
	        last: {time: $now, result: "timed out"}}],
	    signers: [], changes: 0, held: 0, contributions: $sets});

def zone_apex:
	(.sets | group_by(.type) | map({type: .[0].type,
	    ttl: (map(.ttl) | min),
	    records: map(.source as $s | .records[] |
	        {rdata: ., sources: [$s]})})) as $sets |
	reply({zone: "ms.test.", serial: .serial, sets: $sets});

def put:
	(p.source // "alpha") as $source | p as $p |
	($p | etag) as $etag |
	([.sets[] | select(matches($source; $p.type))][0].etag // "none")
	    as $held |
	if $source | IN("alpha", "beta") | not then
		fail(2; "no source \($source)")
	elif $held == $etag then
		reply({changed: false, etag: $etag, serial: .serial})
	elif $p.etag != null and $p.etag != $held then
		fail(4; "another set is held")
	else
		.sets |= map(select(matches($source; $p.type) | not)) |
		if $etag == "none" then . else
			.sets += [{source: $source, type: $p.type,
			    ttl: $p.ttl, records: $p.records, etag: $etag,
			    changed: moment}] end |
		.serial += 1 |
		reply({changed: true, etag: $etag, serial: .serial})
	end;

def get:
	p as $p |
	(.sets | map(select(matches($p.source; $p.type)))) as $sets |
	reply({zone: "ms.test.", contributions: $sets});

def clear:
	p as $p | ($p.source // "alpha") as $source |
	(.sets | map(select(matches($source; $p.type) | not))) as $left |
	(.sets != $left) as $changed |
	if $changed then .sets = $left | .serial += 1 else . end |
	reply({changed: $changed, serial: .serial});

def subscribe:
	reply({events: ["zone.published"]}) |
	.out += [{jsonrpc: "2.0", method: "zone.published",
	    params: {zone: "ms.test.", serial: .serial, time: moment}}];

def answer:
	.req.method as $m |
	if $m == "hello" then hello
	elif .hello != true then
		fail(-32600; "hello comes first") | .end = true
	elif $m == "status" then
		reply({service: "combiner", version: "0", pid: 1, now: moment,
		    started: moment, log_level: "info", clients: 1,
		    subscribers: 0})
	elif $m == "reload" or $m == "stop" then reply({})
	elif $m == "log.level" then
		need("level"; "string"; reply({level: p.level}))
	elif $m == "metrics" then
		reply({text: "# TYPE combiner info\n# EOF\n"})
	elif $m == "subscribe" then subscribe
	elif $m == "zone.list" then zone_list
	elif $m == "zone.status" then need_zone(zone_status)
	elif $m == "zone.refresh" or $m == "zone.retransfer" then
		need_zone(reply({state: "soa"}))
	elif $m == "zone.apex" then need_zone(zone_apex)
	elif $m == "contribution.put" then
		need_zone(need("records"; "array"; need_type(put)))
	elif $m == "contribution.get" then need_zone(get)
	elif $m == "contribution.clear" then need_zone(clear)
	else fail(-32601; "no method \($m)") end;

# One line from the client.
def step($line):
	.out = [] |
	(try ($line | fromjson) catch null) as $req |
	if $req | type == "object" then .req = $req | answer
	else
		.req = {id: null} |
		fail(-32700; "not an object of JSON") | .end = true
	end;

foreach inputs as $line ($state[0]; step($line);
	"S" + ({serial, sets} | tojson),
	(.out[] | "O" + tojson),
	if .end then halt else empty end)
