"""Both wires from a client's side, over raw sockets and without a library that would mend what is wrong: requests as bytes,
answers checked to the value. A client raises Failed with what it saw; nothing is tried again."""
import json
import pathlib
import re
import socket
import struct

ROOT = pathlib.Path(__file__).resolve().parents[2]
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, END_HEADERS = 1, 4
METHOD = "/inference.GRPCInferenceService/ModelInfer"


class Failed(Exception):
    """A good request did not get its good answer."""


def connect(address, timeout=60):
    link = socket.create_connection(address, timeout=timeout)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def sample_rows(name):
    """[(data of one row, (prediction of version 1, of version 2, ...))], predictions as float32."""
    out = []
    for line in (ROOT / f"samples/rows/{name}.tsv").read_text().splitlines():
        _, *predictions, body = line.split("\t")
        out.append((json.loads(body)["inputs"][0]["data"], tuple(float32(float(text)) for text in predictions)))
    return out


def float32(number):
    return struct.unpack("<f", struct.pack("<f", number))[0]


# ---- HTTP/1
def rest_request(model, rows, headers=""):
    flat = [number for row in rows for number in row]
    body = json.dumps({"inputs": [{"name": "input-0", "shape": [len(rows), len(rows[0])], "datatype": "FP32",
                                   "data": flat}]}).encode()
    return (f"POST /v2/models/{model}/infer HTTP/1.1\r\nHost: clops\r\nContent-Type: application/json\r\n{headers}"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


class Rest:
    """One connection; `closing` says that the server announced its end with the last answer."""

    def __init__(self, address):
        self.link, self.rest, self.closing = connect(address), b"", False

    def read_answer(self):
        """(status, head, body)"""
        while b"\r\n\r\n" not in self.rest:
            self.more()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        length = int(re.search(rb"\r\ncontent-length: (\d+)", head, re.I)[1])
        while len(self.rest) < length:
            self.more()
        body, self.rest = self.rest[:length], self.rest[length:]
        self.closing = b"\r\nConnection: close" in head
        return int(head[9:12]), head, body

    def more(self):
        got = self.link.recv(1 << 18)
        if not got:
            raise Failed(f"REST: the connection ended before its answer, after {self.rest[:200]!r}")
        self.rest += got

    def infer(self, request):
        self.link.sendall(request)
        status, head, body = self.read_answer()
        if status != 200:
            raise Failed(f"REST: {status} {body[:300]!r}")
        return json.loads(body)

    def close(self):
        self.link.close()


# ---- HTTP/2
def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def number(value, bits):
    """HPACK's integer, the first byte's high bits 0."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([value])
    out, value = bytes([most]), value - most
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def literal(name, value, kind=0):
    """kind: 0 as it is, 0x40 into the dynamic table."""
    name, value = name.encode(), value.encode()
    return bytes([kind]) + number(len(name), 7) + name + number(len(value), 7) + value


def call_block(path=METHOD, more=()):
    fields = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "clops"), ("te", "trailers"),
              ("content-type", "application/grpc"), *more]
    return b"".join(literal(name, value) for name, value in fields)


def settings(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", key, value) for key, value in pairs))


def window(stream, by):
    return frame(WINDOW, 0, stream, struct.pack(">I", by))


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(key, data):
    return varint(key << 3 | 2) + varint(len(data)) + data


def fields(message):
    """[(number, bytes or int)] of one protobuf message of lengths and varints."""
    out, at = [], 0

    def read():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    while at < len(message):
        key = read()
        value = read()
        if key & 7 == 2:
            value, at = message[at:at + value], at + value
        out.append((key >> 3, value))
    return out


def grpc_message(model, rows, parameters=()):
    shape = field(3, varint(len(rows)) + varint(len(rows[0])))
    raw = b"".join(struct.pack(f"<{len(row)}f", *row) for row in rows)
    message = (field(1, model.encode()) + b"".join(parameters) +
               field(5, field(1, b"input-0") + field(2, b"FP32") + shape) + field(7, raw))
    return b"\0" + struct.pack(">I", len(message)) + message


class Grpc:
    """One connection with calls one after another or several at once; `closing` as GOAWAY has said."""

    def __init__(self, address):
        self.link, self.rest, self.stream, self.closing, self.answers = connect(address), b"", -1, False, {}
        self.goaways = []    # the last stream that each says was taken
        self.link.sendall(PREFACE + settings((1, 0), (4, (1 << 31) - 1)) + window(0, (1 << 31) - 65536))

    def begin(self, message, more=()):
        self.stream += 2
        self.link.sendall(frame(HEADERS, END_HEADERS, self.stream, call_block(more=more)) +
                          frame(DATA, END_STREAM, self.stream, message))
        self.answers[self.stream] = [b"", False]
        return self.stream

    def finish(self, stream):
        """The message's fields, {number: [values]}."""
        while not self.answers[stream][1]:
            self.one_frame()
        data, _ = self.answers.pop(stream)
        if len(data) < 5 or struct.unpack(">I", data[1:5])[0] != len(data) - 5:
            raise Failed(f"gRPC: the call ended without its message: {data[:100]!r}")
        out = {}
        for key, value in fields(data[5:]):
            out.setdefault(key, []).append(value)
        return out

    def one_frame(self):
        while len(self.rest) < 9 or len(self.rest) < 9 + int.from_bytes(self.rest[:3], "big"):
            got = self.link.recv(1 << 18)
            if not got:
                raise Failed(f"gRPC: the connection ended with calls {list(self.answers)} under way, GOAWAY {self.goaways}")
            self.rest += got
        size = int.from_bytes(self.rest[:3], "big")
        kind, flags, stream = self.rest[3], self.rest[4], int.from_bytes(self.rest[5:9], "big")
        payload, self.rest = self.rest[9:9 + size], self.rest[9 + size:]
        if kind == SETTINGS and not flags & 1:
            self.link.sendall(frame(SETTINGS, 1, 0))
        elif kind == PING and not flags & 1:
            self.link.sendall(frame(PING, 1, 0, payload))
        elif kind == GOAWAY:
            if payload[4:8] != b"\0\0\0\0":
                raise Failed(f"gRPC: GOAWAY with error {payload[4:8].hex()} {payload[8:]!r}")
            self.closing = True
            self.goaways.append(struct.unpack(">I", payload[:4])[0])
        elif kind == RST:
            raise Failed(f"gRPC: RST_STREAM with error {payload.hex()}")
        elif kind in (DATA, HEADERS) and stream in self.answers:
            answer = self.answers[stream]
            if kind == DATA:
                answer[0] += payload
            answer[1] = bool(flags & END_STREAM)

    def infer(self, message, more=()):
        return self.finish(self.begin(message, more))

    def close(self):
        self.link.close()
