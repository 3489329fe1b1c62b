#!/usr/bin/env python3
"""Hostile clients beside good ones, on one clops-server: no good request fails, good ones stay quick within reason, and once
the hostile have gone the server has the memory and the descriptors it had before.

    hostile.py [--seconds 45] [--seed N] [ATTACK...]      all attacks at once without an argument
"""
import argparse
import multiprocessing
import os
import random
import struct
import threading
import time

from attacks import ATTACKS
from server import Judge, Server, reference, served, variant
from wire import ROOT, Failed, Grpc, Rest, grpc_message, rest_request, sample_rows

DESCRIPTORS = 2048             # of the server: so that attacks reach its limit of connections
WORST, P99 = 8.0, 2.0          # seconds, of a machine where
CALM = .05                     # good clients alone have this p99; of a busier one by as much more
LEFT_OVER = 24                 # MB of memory that may stay
TELL = 15                      # seconds between two lines of how it goes
SAMPLES = sample_rows("breast-cancer")


class Good:
    """What a good client has seen: latencies in seconds and failures as text."""

    def __init__(self, told):
        self.times, self.failures, self.told = [], [], told

    def ask(self, what, act):
        begin = time.monotonic()
        try:
            act()
        except Exception as error:    # whatever it is, the request has failed
            self.failures.append(f"{what}: {type(error).__name__} {error} after {time.monotonic() - begin:.2f} s")
            self.tell(1)
            return False
        self.times.append(time.monotonic() - begin)
        self.tell(0)
        return True

    def tell(self, place):
        with self.told.get_lock():
            self.told[place] += 1


def check(values, rows):
    wanted = [predictions[0] for _, predictions in rows]
    got = [struct.unpack("<f", struct.pack("<f", value))[0] for value in values]
    if got != wanted:
        raise Failed(f"wrong values: {got[:3]} instead of {wanted[:3]}")


def rest_client(good, address, stop, rng, kept, count):
    link = None
    requests = [(rows, rest_request("breast-cancer", [data for data, _ in rows]))
                for rows in (rng.sample(SAMPLES, count) for _ in range(20))]

    def act():
        nonlocal link
        rows, request = rng.choice(requests)
        link = link or Rest(address)
        check(link.infer(request)["outputs"][0]["data"], rows)

    while not stop.is_set():
        whole = good.ask(f"REST of {count} rows, {'kept' if kept else 'new'} connection", act)
        if link and (not whole or not kept or link.closing):
            link.close()
            link = None
        time.sleep(rng.uniform(0, .01))


def grpc_client(good, address, stop, rng, kept, count, at_once):
    link = None
    requests = [(rows, grpc_message("breast-cancer", [data for data, _ in rows]))
                for rows in (rng.sample(SAMPLES, count) for _ in range(20))]

    def act():
        nonlocal link
        link = link or Grpc(address)
        asked = [(link.begin(message), rows) for rows, message in (rng.choice(requests) for _ in range(at_once))]
        for stream, rows in asked:
            check(struct.unpack(f"<{count}f", link.finish(stream)[6][0]), rows)

    while not stop.is_set():
        whole = good.ask(f"gRPC of {count} rows, {at_once} at once, {'kept' if kept else 'new'} connection", act)
        if link and (not whole or not kept or link.closing):
            link.close()
            link = None
        time.sleep(rng.uniform(0, .01))


def good_process(address, stop, seed, results, told):
    clients = [(rest_client, True, 1), (rest_client, True, 100), (rest_client, False, 1), (grpc_client, True, 1, 1),
               (grpc_client, True, 100, 8), (grpc_client, False, 1, 1)]
    goods = [Good(told) for _ in clients]
    threads = [threading.Thread(target=client, args=(good, address, stop, random.Random(seed + i), *rest))
               for i, (good, (client, *rest)) in enumerate(zip(goods, clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put([(good.times, good.failures) for good in goods])


def attack_thread(name, address, stop, rng, done):
    while not stop.is_set():
        try:
            for acts in ATTACKS[name](address, rng):
                done[name] = done.get(name, 0) + acts
                if stop.is_set():
                    return
        except OSError:
            time.sleep(.01)    # the server has ended the connection: that is its right


def attack_process(names, address, stop, seed, results):
    os.nice(10)    # they are to load the server, not to take the processor from good clients
    done = {}
    threads = [threading.Thread(target=attack_thread, args=(name, address, stop, random.Random(f"{seed} {name}"), done),
                                daemon=True) for name in names]
    for thread in threads:
        thread.start()
    stop.wait()
    end = time.monotonic() + 10
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))
    results.put(done)
    results.close()
    results.join_thread()
    os._exit(0)    # what an attack still holds ends with the process


def start(targets):
    processes = [multiprocessing.Process(target=target, args=arguments) for target, *arguments in targets]
    for process in processes:
        process.start()
    return processes


def good_load(address, seconds, seed, attacks=()):
    """([times], [failures], {attack: acts}, the most memory)"""
    stop, goods, bads = multiprocessing.Event(), multiprocessing.Queue(), multiprocessing.Queue()
    groups = [list(attacks)[i::3] for i in range(3)] if attacks else []
    told = multiprocessing.Array("L", 2)    # answered, failed
    good = start([(good_process, address, stop, seed, goods, told)])
    bad = start([(attack_process, names, address, stop, seed, bads) for names in groups if names])
    most, begin = 0, time.monotonic()
    end, tell = begin + seconds, begin + TELL
    while time.monotonic() < end:
        rss = server.rss()
        most = max(most, rss)
        if time.monotonic() > tell:
            print(f"      {tell - begin:.0f} of {seconds} s: {told[0]:,} answered, {told[1]:,} failed, {rss:.1f} MB, "
                  f"{server.descriptors():,} descriptors", flush=True)
            tell += TELL
        time.sleep(.1)
    stop.set()
    seen = [each for _ in good for each in goods.get(timeout=60)]
    done = {}
    for _ in bad:
        done |= bads.get(timeout=60)
    for process in good + bad:
        process.join()
    return seen, done, most


def settle(start_mb, descriptors, seconds=45):
    """Waits until the server is as small as it was; (MB, descriptors) then, or at the end."""
    end = time.monotonic() + seconds
    while True:
        rss, open_ = server.rss(), server.descriptors()
        if rss <= start_mb + LEFT_OVER and open_ <= descriptors or time.monotonic() > end:
            return rss, open_
        time.sleep(.1)


def main(options):
    judge = Judge()
    before, _, _ = good_load(server.address, 4, options.seed)
    judge.hold("good clients alone", all(times and not failures for times, failures in before),
               f"{sum(len(times) for times, _ in before)} requests; {[f for _, fs in before for f in fs][:3]}")
    alone = sorted(t for times, _ in before for t in times)
    stretch = max(1, alone[int(.99 * len(alone))] / CALM)
    start_mb, descriptors = server.rss(), server.descriptors()
    seen, done, most = good_load(server.address, options.seconds, options.seed + 100, options.attacks)
    for name in options.attacks:
        judge.hold(f"attack {name}", done.get(name, 0) > 0, f"{done.get(name, 0):,} acts")
    failures = [failure for _, fs in seen for failure in fs]
    for failure in failures[:20]:
        print(f"      {failure}")
    times = sorted(t for ts, _ in seen for t in ts)
    judge.hold("no good request fails", not failures, f"{len(times):,} of {len(times) + len(failures):,}")
    judge.hold("all good clients were answered", all(len(ts) > options.seconds / stretch for ts, _ in seen),
               ", ".join(f"{len(ts):,}" for ts, _ in seen))
    p99 = times[int(.99 * len(times))] if times else 1e9
    judge.hold("good latencies stay bounded", p99 < P99 * stretch and times[-1] < WORST * stretch,
               f"stretch {stretch:.1f}, p50 {times[len(times) // 2] * 1e3:.1f} ms, p99 {p99 * 1e3:.0f} ms, worst {times[-1] * 1e3:.0f} ms")
    if "crowd" in options.attacks:
        evicted = server.metric("clops_connections_evicted_total")
        judge.hold("the limit of connections was reached", evicted > 0, f"{evicted:,.0f} evicted")
    rss, open_ = settle(start_mb, descriptors)
    judge.hold("memory returns", rss <= start_mb + LEFT_OVER, f"{start_mb:.1f} MB before, {most:.1f} at most, {rss:.1f} after")
    judge.hold("descriptors return", open_ <= descriptors, f"{descriptors} before, {open_} after")
    after, _, _ = good_load(server.address, 2, options.seed + 200)
    judge.hold("good clients afterwards", all(times and not failures for times, failures in after))
    code, said = server.stop()
    judge.hold("the server ends in good order", code == 0, f"{code}; it said {len(said):,} bytes")
    if code != 0:
        print(said[-3000:])
    return judge.end()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=45)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("attacks", nargs="*", default=list(ATTACKS))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    server = Server([served("breast-cancer", [variant("only", 100, reference(ROOT / "samples/models/breast-cancer/1/model.ubj", "1",
                                                                            "xgboost-ubj"))])], descriptors=DESCRIPTORS)
    try:
        raise SystemExit(main(arguments))
    finally:
        server.stop()
