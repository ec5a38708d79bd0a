#!/usr/bin/python3
#
# fault_proxy.py - a bad network, and a service that has bad moments
#
#   fault_proxy.py port upstream trap
#
# Hands requests for 127.0.0.1:port on to 127.0.0.1:upstream, which speaks the
# protocol of Azure's Blob service, and does to some of them what it is told to by
#
#   PUT /-/faults {"rules": [{"fault": "500", "op": "block", "seq": 0,
#                             "where": "part of the URL", "skip": 0, "times": 1}],
#                  "random": {"rate": 0.2, "seed": 1, "faults": ["500"]},
#                  "speed": bytes of requests' bodies per second}
#
# which replaces what was said before; what a rule leaves out matches anything.
# The first rule that matches, has been passed over "skip" times and is not used
# up counts.  Operations are block, list (of blocks), put (a blob at once), head,
# copy, delete, other; chance leaves other alone.
#
# Prints a line of JSON for each request: its time, operation, URL, the block's
# number, the fault, what upstream answered (null: it was not asked, or did not)
# and the number of the connection it came by.  At port trap nothing should ever
# arrive; what does is a line with the operation "trap".
#
# What is not told to go wrong goes through unchanged, one reply for each
# request, in order.

import base64
import http.client
import json
import random
import socket
import socketserver
import struct
import sys
import threading
import time
import urllib.parse

HANG = 30  # seconds; clients give up before
PIECE = 16384


class Broken(Exception):
    """The connection is of no more use."""


class State:
    """What is to go wrong, and the log; shared by all connections."""

    def __init__(self):
        self.lock = threading.Lock()
        self.set({})

    def set(self, config):
        with self.lock:
            self.rules = [dict(rule, seen=0) for rule in config.get("rules", [])]
            self.chance = config.get("random") or {"rate": 0}
            self.random = random.Random(self.chance.get("seed"))
            self.speed = config.get("speed")

    def choose(self, op, seq, url):
        with self.lock:
            for rule in self.rules:
                if (
                    rule.get("op", op) == op
                    and rule.get("seq", seq) == seq
                    and rule.get("where", "") in url
                ):
                    rule["seen"] += 1
                    skip = rule.get("skip", 0)
                    if skip < rule["seen"] <= skip + rule.get("times", 1 << 30):
                        return rule["fault"]
            if op != "other" and self.random.random() < self.chance["rate"]:
                return self.random.choice(self.chance["faults"])
        return None

    def log(self, **line):
        with self.lock:
            print(json.dumps(dict(line, time=time.time())), flush=True)


STATE = State()


def operation(method, url, headers):
    """What a request is, and the number of its block."""
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)
    comp = query.get("comp", [""])[0]
    if method == "PUT" and comp == "block":
        return "block", int(base64.b64decode(query["blockid"][0]))
    if method == "PUT" and comp == "blocklist":
        return "list", None
    if method == "PUT" and "x-ms-copy-source" in headers:
        return "copy", None
    if method == "PUT" and headers.get("x-ms-blob-type") == "BlockBlob":
        return "put", None
    if method in ("HEAD", "DELETE") and not query:
        return method.lower(), None
    return "other", None


# Replies that were never given: status, headers, error code
REPLIES = {
    "500": (500, {}, "InternalError"),
    "503": (503, {"Retry-After": "1"}, "ServerBusy"),
    "503-30": (503, {"Retry-After": "30"}, "ServerBusy"),
    "429": (429, {}, "TooManyRequests"),
    "408": (408, {}, "OperationTimedOut"),
    "409": (409, {}, "BlobAlreadyExists"),
    "412": (412, {}, "ConditionNotMet"),
    "403": (403, {}, "AuthenticationFailed"),
    "md5": (400, {}, "Md5Mismatch"),
    "307": (307, {"Location": None}, ""),
}


class Connection(socketserver.StreamRequestHandler):
    """One client's connection, and the one to upstream that belongs to it."""

    counter = 0

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.upstream = None
        Connection.counter += 1
        self.number = Connection.counter

    def finish(self):
        if self.upstream:
            self.upstream.close()
        try:
            super().finish()
        except OSError:
            pass

    def handle(self):
        try:
            while self.one_request():
                pass
        except (Broken, OSError):
            pass

    # the request

    def read_head(self):
        line = self.rfile.readline(65536)
        if not line:
            return None
        method, url, _ = line.decode("latin-1").split(" ", 2)
        headers = {}
        while True:
            line = self.rfile.readline(65536).decode("latin-1").rstrip("\r\n")
            if not line:
                return method, url, headers
            name, value = line.split(":", 1)
            headers[name.lower()] = value.strip()

    def read_body(self, length):
        parts = []
        while length > 0:
            part = self.rfile.read(min(length, PIECE))
            if not part:
                raise Broken
            parts.append(part)
            length -= len(part)
            if STATE.speed:
                time.sleep(len(part) / STATE.speed)
        return b"".join(parts)

    def one_request(self):
        head = self.read_head()
        if head is None:
            return False
        method, url, headers = head
        length = int(headers.get("content-length", 0))
        if url == "/-/faults":
            STATE.set(json.loads(self.read_body(length)))
            self.answer(method, 200, {}, b"")
            return True
        op, seq = operation(method, url, headers)
        fault = STATE.choose(op, seq, url)
        self.line = {"op": op, "seq": seq, "url": url, "fault": fault,
                     "bytes": length, "connection": self.number, "upstream": None}
        if fault in EARLY:
            STATE.log(**self.line)
            EARLY[fault](self, method, length)
        body = self.read_body(length)
        return self.go_through(op, fault, method, url, headers, body)

    # what upstream says

    def ask(self, method, url, headers, body):
        for attempt in (1, 2):
            if self.upstream is None:
                self.upstream = http.client.HTTPConnection("127.0.0.1", UPSTREAM, timeout=120)
            try:
                self.upstream.putrequest(method, url, skip_host=True, skip_accept_encoding=True)
                for name, value in headers.items():
                    self.upstream.putheader(name, value)
                self.upstream.endheaders(body)
                reply = self.upstream.getresponse()
                content = reply.read()
                break
            except (http.client.HTTPException, OSError):
                self.upstream.close()
                self.upstream = None
                if attempt == 2:
                    raise Broken
        self.line["upstream"] = reply.status
        kept = [(n, v) for n, v in reply.getheaders()
                if n.lower() not in ("connection", "keep-alive", "transfer-encoding")]
        return reply.status, dict(kept), content

    def head_of(self, method, status, headers, body):
        headers = dict(headers)
        if method != "HEAD":
            headers = {n: v for n, v in headers.items() if n.lower() != "content-length"}
            headers["Content-Length"] = str(len(body))
        lines = ["HTTP/1.1 %d %s" % (status, http.client.responses.get(status, "Unknown"))]
        lines += ["%s: %s" % item for item in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def send(self, data):
        self.wfile.write(data)
        self.wfile.flush()

    def answer(self, method, status, headers, body):
        self.send(self.head_of(method, status, headers, body) + (b"" if method == "HEAD" else body))

    # what goes wrong

    def go_through(self, op, fault, method, url, headers, body):
        """Hand a request on, and its reply back; False ends the connection."""
        if fault == "flip" and body:
            # of a list the first byte: the emulator does not compare its MD5, and
            # would take the name of one block for that of another
            at = 0 if op == "list" else len(body) // 2
            body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1:]
        if fault in REPLIES or fault in FALSE:
            STATE.log(**self.line)
            if fault in FALSE:
                return FALSE[fault](self, method)
            status, more, code = REPLIES[fault]
            if "Location" in more:
                more = {"Location": "http://127.0.0.1:%d%s" % (TRAP, url)}
            if code:
                more = dict(more, **{"x-ms-error-code": code})
            content = b"<Error><Code>" + code.encode() + b"</Code></Error>"
            self.answer(method, status, dict(more, **{"x-ms-request-id": "never"}), content)
            return True
        status, more, content = self.ask(method, url, headers, body)
        STATE.log(**self.line)
        if fault in DONE:
            return DONE[fault](self, method, status, more, content)
        self.answer(method, status, more, content)
        return True

    def wait_for_client(self):
        """Say nothing until the client has had enough."""
        self.connection.settimeout(HANG)
        try:
            while self.connection.recv(65536):
                pass
        except OSError:
            pass
        raise Broken

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        raise Broken

    def reset_body(self, method, length):
        self.read_body(length // 2)
        self.reset()

    def early(self, method, length):
        """An answer before the body is there, which nobody will read."""
        self.answer(method, 503, {"x-ms-request-id": "early", "Connection": "close"}, b"")
        raise Broken

    def hang(self, method):
        self.wait_for_client()

    def hang_up(self, method):
        self.reset()

    def garbage(self, method):
        self.send(bytes(range(128, 256)) + b"\r\n\r\n")
        raise Broken

    def portal(self, method):
        """Somebody in between, who says yes to everything."""
        self.answer(method, 200, {"Content-Type": "text/html"}, b"<html>Welcome</html>")
        return True

    def strange_404(self, method):
        self.answer(method, 404, {"Content-Type": "text/html"}, b"<html>Not here</html>")
        return True

    def endless_headers(self, method):
        self.send(b"HTTP/1.1 200 OK\r\n")
        line = b"x-ms-more: " + b"x" * 8000 + b"\r\n"
        while True:
            self.send(line * 16)

    def endless_body(self, method):
        self.send(b"HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\n\r\n")
        while True:
            self.send(b"x" * 65536)

    def drip(self, method):
        self.send(b"HTTP/1.1 200 OK\r\nx-ms-drip: ")
        for _ in range(int(HANG / 0.1)):
            self.send(b"x")
            time.sleep(0.1)
        raise Broken

    def lost(self, method, status, headers, content):
        self.reset()

    def done_500(self, method, status, headers, content):
        self.answer(method, 500, {"x-ms-request-id": "lost", "x-ms-error-code": "InternalError"}, b"")
        return True

    def done_hang(self, method, status, headers, content):
        self.wait_for_client()

    def cut_head(self, method, status, headers, content):
        head = self.head_of(method, status, headers, content)
        self.send(head[: len(head) // 2])
        raise Broken

    def cut_body(self, method, status, headers, content):
        """Fewer bytes than were said; of a HEAD, whose reply has none, no end."""
        if method == "HEAD":
            self.send(self.head_of(method, status, headers, content)[:-2])
        else:
            self.send(self.head_of(method, status, headers, content + b"x" * 1000) + content + b"x" * 10)
        raise Broken

    def stale(self, method, status, headers, content):
        """A connection that is said to stay, and does not."""
        self.answer(method, status, headers, content)
        raise Broken

    def copy_failed(self, method, status, headers, content):
        """What the service says of a copy that it has given up."""
        if status == 200:
            # one length only: newer clients take no reply that has two
            gone = ("x-ms-meta-sha256", "x-ms-copy-status", "content-length")
            headers = {n: v for n, v in headers.items() if n.lower() not in gone}
            headers.update({"x-ms-copy-status": "failed", "Content-Length": "0"})
        self.answer(method, status, headers, content)
        return True

    def interim(self, method, status, headers, content):
        self.send(b"HTTP/1.1 102 Processing\r\nx-ms-error-code: Early\r\nContent-MD5: AAAA\r\n\r\n")
        self.answer(method, status, headers, content)
        return True


# Nothing was done, for the request was not even read
EARLY = {"reset-body": Connection.reset_body, "early": Connection.early}

# Nothing was done, and there is no reply, or a false one
FALSE = {
    "hang": Connection.hang,
    "hang-up": Connection.hang_up,
    "garbage": Connection.garbage,
    "portal": Connection.portal,
    "404": Connection.strange_404,
    "endless-headers": Connection.endless_headers,
    "endless-body": Connection.endless_body,
    "drip": Connection.drip,
}

# The request was carried out
DONE = {
    "lost": Connection.lost,
    "done-500": Connection.done_500,
    "done-hang": Connection.done_hang,
    "cut-head": Connection.cut_head,
    "cut-body": Connection.cut_body,
    "stale": Connection.stale,
    "interim": Connection.interim,
    "copy-failed": Connection.copy_failed,
}


class Trap(socketserver.BaseRequestHandler):
    def handle(self):
        STATE.log(op="trap", url=self.request.recv(4096).decode("latin-1"))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


def main():
    global UPSTREAM, TRAP
    port, UPSTREAM, TRAP = map(int, sys.argv[1:4])
    trap = Server(("127.0.0.1", TRAP), Trap)
    threading.Thread(target=trap.serve_forever, daemon=True).start()
    Server(("127.0.0.1", port), Connection).serve_forever()


main()
