#!/usr/bin/env python3
"""Model swaps and weight changes under full load over both wires: no request fails, none is answered by what was not in force
between its first byte and its last, values are those of the version that is named, sticky users stay in their bucket, and
memory is flat at the end; then a large model comes and goes, and so does its memory.

    soak.py [--changes 200] [--sanitized]      that many of each kind; sanitized: of memory nothing is judged
"""
import argparse
import copy
import json
import multiprocessing
import random
import struct
import threading
import time
import urllib.request

from server import Judge, Server, reference, served, variant
from wire import ROOT, Failed, Grpc, Rest, fields, grpc_message, rest_request, sample_rows

SAMPLES = sample_rows("breast-cancer")
USERS = [f"user-{i}" for i in range(64)]
AT_ONCE = 16
PACE = .1               # seconds a change, so that each is in force under load for a while
FLAT, LARGE_LEFT = 8, 6  # MB that may stay: at the end, and of a large model


# ---- the load: each answer is noted, and judged when all is over
def rest_load(address, stop, rng, note):
    link = None
    while not stop.is_set():
        link = link or Rest(address)
        asked = [(rng.choice(USERS), rng.randrange(len(SAMPLES))) for _ in range(AT_ONCE)]
        begin = time.monotonic()
        link.link.sendall(b"".join(rest_request("m", [SAMPLES[row][0]], f"x-user-id: {user}\r\n") for user, row in asked))
        closing = False
        for user, row in asked:
            status, _, body = link.read_answer()
            if status != 200:
                raise Failed(f"REST: {status} {body[:300]!r}")
            closing = closing or link.closing
            answer = json.loads(body)
            about = answer["parameters"]
            note((begin, time.monotonic(), user, row, about["variant"], about["version"], about["digest"],
                  struct.unpack("<f", struct.pack("<f", answer["outputs"][0]["data"][0]))[0]))
        if closing:
            link.close()
            link = None


def grpc_load(address, stop, rng, note):
    link = None
    while not stop.is_set():
        link = link or Grpc(address)
        begin = time.monotonic()
        asked = []
        for _ in range(AT_ONCE):
            user, row = rng.choice(USERS), rng.randrange(len(SAMPLES))
            asked.append((link.begin(grpc_message("m", [SAMPLES[row][0]]), [("x-user-id", user)]), user, row))
        for stream, user, row in asked:
            answer = link.finish(stream)
            about = {}
            for entry in answer[4]:
                entry = dict(fields(entry))
                about[entry[1].decode()] = dict(fields(entry[2])).get(3, b"").decode()
            if answer[2][0].decode() != about["version"]:
                raise Failed(f"gRPC: model_version {answer[2]} and {about}")
            note((begin, time.monotonic(), user, row, about["variant"], about["version"], about["digest"],
                  struct.unpack("<f", answer[6][0])[0]))
        if link.closing:
            link.close()
            link = None


def load_process(address, stop, seed, loads, history, results):
    notes, failures = [], []

    def run(load, number):
        try:
            load(address, stop, random.Random(seed + number), notes.append)
        except Exception as error:
            failures.append(f"{load.__name__}: {type(error).__name__} {error}")

    threads = [threading.Thread(target=run, args=(load, i)) for i, load in enumerate(loads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failures += judge_notes(notes, history.get())
    results.put((len(notes), len({note[5] for note in notes}), failures))


def judge_notes(notes, history):
    """What is wrong. history: [(from, to, generation, share of a in buckets, {variant: (version, digest, kind)})], where from is
    the earliest time of its force and to the latest."""
    wrong = []
    least, most = dict.fromkeys(USERS, 0), dict.fromkeys(USERS, 10_000)
    notes.sort()
    first = 0
    for begin, end, user, row, name, version, digest, value in notes:
        while first < len(history) and history[first][1] < begin:
            first += 1
        could = []
        for step in history[first:]:
            if step[0] > end:
                break
            if step[1] >= begin:
                could.append(step)
        fits = [step for step in could if step[4].get(name, ("", "", 0))[:2] == (version, digest)]
        what = f"{user} row {row}: {name} {version} {digest[:15]} {value}"
        if not fits:
            wrong.append(f"not in force: {what}; could be {[step[2] for step in could]}")
        elif all(value != SAMPLES[row][1][step[4][name][2]] for step in fits):
            wrong.append(f"not this version's value: {what}")
        shares = {step[3] for step in could}
        if len(shares) == 1:    # else it may be either's
            share = shares.pop()
            if name == "a":
                most[user] = min(most[user], share)
            else:
                least[user] = max(least[user], share)
    wrong += [f"{user} was answered by both sides of one bucket" for user in USERS if least[user] >= most[user]]
    return wrong


# ---- the changes
class Changes:
    def __init__(self, server):
        self.server, self.generation, self.history, self.files = server, 1, [], 0
        self.plain = [json.loads((ROOT / f"tests/data/golden/breast-cancer-{v}.json").read_text()) if v == 1 else
                      json.loads((ROOT / "samples/models/breast-cancer/2/model.json").read_text()) for v in (1, 2)]
        self.share, self.models = 50, {"a": self.fresh(0), "b": self.fresh(1)}

    def fresh(self, kind):
        """A model file of new content that predicts as version 1 or 2 of the sample: (reference, kind)."""
        self.files += 1
        path = self.server.folder / f"model-{self.files}.json"
        path.write_text(json.dumps(self.plain[kind]) + " " * self.files)
        return reference(path, f"v{self.files}", "xgboost-json"), kind

    def document(self, more=()):
        return {"version": 1, "generation": self.generation, "models": [
            served("m", [variant("a", self.share, self.models["a"][0]), variant("b", 100 - self.share, self.models["b"][0])],
                   stickyHeader="x-user-id"), *more]}

    def push(self, more=()):
        """Until it is in force on every thread."""
        self.generation += 1
        begin = time.monotonic()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.server.admin}/clops/v1/config", json.dumps(self.document(more)).encode(), method="PUT",
            headers={"Authorization": f"Bearer {self.server.key}", "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            state = json.loads(answer.read())
        if state["generation"] != self.generation or not state["ready"]:
            raise RuntimeError(f"generation {self.generation} is not in force: {state}")
        now = time.monotonic()
        if self.history:
            self.history[-1][1] = now
        self.history.append([begin, float("inf"), self.generation, self.share * 100,
                             {name: (ref["version"], ref["digest"], kind) for name, (ref, kind) in self.models.items()}])

    def swap(self, rng):
        name = rng.choice("ab")
        old, kind = self.models[name]
        self.models[name] = self.fresh(1 - kind)
        self.push()
        (self.server.folder / old["uri"].rsplit("/", 1)[1]).unlink()

    def weigh(self, rng):
        self.share = rng.choice([share for share in range(5, 96, 5) if share != self.share])
        self.push()


def large_model(path, plain, times):
    """The sample's trees over and over: a file that is a model of that many."""
    model = copy.deepcopy(plain)
    inner = model["learner"]["gradient_booster"]["model"]
    trees = [dict(tree, id=number * len(inner["trees"]) + i) for number in range(times) for i, tree in enumerate(inner["trees"])]
    inner["trees"], inner["tree_info"] = trees, [0] * len(trees)
    inner["gbtree_model_param"]["num_trees"] = str(len(trees))
    inner.pop("iteration_indptr", None)
    path.write_text(json.dumps(model))
    return len(trees)


def steady(server, seconds=15):
    """MB, once it no longer falls."""
    least, since = server.rss(), time.monotonic()
    end = since + seconds
    while time.monotonic() < min(end, since + 4):
        time.sleep(.1)
        now = server.rss()
        if now < least - .2:
            least, since = now, time.monotonic()
    return least


def unloading(judge, server, changes):
    path = server.folder / "large.json"
    trees = large_model(path, changes.plain[0], 400)
    before = steady(server)
    changes.push([served("large", [variant("only", 100, reference(path, "1", "xgboost-json"))])])
    loaded = server.rss()
    answer = Rest(server.address).infer(rest_request("large", [SAMPLES[0][0]]))
    changes.push()
    after = steady(server)
    judge.hold("a large model was served", len(answer["outputs"][0]["data"]) == 1, f"{trees:,} trees, {path.stat().st_size >> 20} MB")
    judge.hold("its memory returns when it is unloaded", after <= before + LARGE_LEFT and loaded > before + 2 * LARGE_LEFT,
               f"{before:.1f} MB before, {loaded:.1f} with it, {after:.1f} after")


def main(options, server):
    judge, rng = Judge(), random.Random(options.seed)
    changes = Changes(server)
    changes.push()
    stop, results = multiprocessing.Event(), multiprocessing.Queue()
    loads = ((rest_load, rest_load), (grpc_load,), (rest_load, grpc_load))
    histories = [multiprocessing.Queue() for _ in loads]
    processes = [multiprocessing.Process(target=load_process, args=(server.address, stop, options.seed + 10 * i, load, history, results))
                 for i, (load, history) in enumerate(zip(loads, histories))]
    for process in processes:
        process.start()
    kinds = [changes.swap, changes.weigh] * options.changes
    rng.shuffle(kinds)
    memory = []
    try:
        for change in kinds:
            begin = time.monotonic()
            change(rng)
            time.sleep(max(0, PACE - (time.monotonic() - begin)))
            memory.append(server.rss())
    finally:
        stop.set()
    for history in histories:
        history.put(changes.history)
    seen = [results.get(timeout=300) for _ in processes]
    for process in processes:
        process.join()
    failures = [failure for _, _, each in seen for failure in each]
    for failure in failures[:20]:
        print(f"      {failure}")
    judge.hold(f"{options.changes} swaps and {options.changes} weight changes", True, f"{changes.files} files")
    judge.hold("no request failed and none was misrouted", not failures,
               f"{sum(count for count, _, _ in seen):,} answers, of {max(versions for _, versions, _ in seen)} versions")
    judge.hold("each client saw most versions", all(versions > .5 * changes.files for _, versions, _ in seen))
    if not options.sanitized:
        early, late = max(memory[:len(memory) // 4]), sorted(memory[-len(memory) // 10:])[len(memory) // 20]
        judge.hold("memory is flat", late <= early + FLAT, f"{early:.1f} MB in the first quarter, {late:.1f} in the end")
        unloading(judge, server, changes)
    code, said = server.stop()
    judge.hold("the server ends in good order", code == 0, f"{code}")
    if code != 0:
        print(said[-6000:])
    return judge.end()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--sanitized", action="store_true")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    with_models = Server([], push=True)
    try:
        raise SystemExit(main(arguments, with_models))
    finally:
        with_models.stop()
