"""Starts every server in turn on one core, loads it from the other, and prints the tables of bench/server.sh.

    server_table.py WORK      (environment: BIN, VENVS as "name=folder ..."; BENCH_SECONDS, BENCH_RUNS, BENCH_SERVERS)

A server is asked one row and 100 rows of 30 floats, as JSON, as binary tensors and over gRPC, where it speaks them, on 1,
16 and 256 connections. wrk loads HTTP, h2load gRPC. CPU is of the server's process and all that descend from it, from /proc; so is PSS.
"""
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time
import urllib.request

WORK = pathlib.Path(sys.argv[1])
BIN = os.environ["BIN"]
VENVS = dict(pair.split("=", 1) for pair in os.environ.get("VENVS", "").split())
SECONDS = int(os.environ.get("BENCH_SECONDS", "3"))
RUNS = int(os.environ.get("BENCH_RUNS", "3"))
ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = ROOT / "samples/models/breast-cancer/1/model.ubj"
COUNTS = (1, 100)
CONNECTIONS = (1, 16, 256)
TICK = os.sysconf("SC_CLK_TCK")


# ---- what is sent
def first_rows():
    lines = (ROOT / "samples/rows/breast-cancer.tsv").read_text().splitlines()[:100]
    return [json.loads(line.split("\t")[-1])["inputs"][0]["data"] for line in lines]


ROWS = first_rows()


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def raw(rows):
    return b"".join(struct.pack("<30f", *row) for row in rows)


def bodies(count):
    """{wire: (bytes, content type, length of the JSON in front of binary tensors or "")}"""
    rows = [ROWS[i % len(ROWS)] for i in range(count)]
    tensor = {"name": "input-0", "shape": [count, 30], "datatype": "FP32"}
    flat = [number for row in rows for number in row]
    plain = json.dumps({"inputs": [{**tensor, "data": flat}]}, separators=(",", ":")).encode()
    head = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": 120 * count}}],
                       "parameters": {"binary_data_output": True}}, separators=(",", ":")).encode()
    shape = field(3, varint(count) + varint(30))
    message = (field(1, b"breast-cancer") + field(5, field(1, b"input-0") + field(2, b"FP32") + shape) + field(7, raw(rows)))
    return {"json": (plain, "application/json", ""),
            "binary": (head + raw(rows), "application/octet-stream", str(len(head))),
            "grpc": (b"\0" + struct.pack(">I", len(message)) + message, "application/grpc", ""),
            "bento": (json.dumps({"rows": rows}).encode(), "application/json", "")}


# ---- servers
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One running server: name, {wire: (port, path)}."""

    def __init__(self, name, argv, wires, environment=None):
        self.name, self.wires = name, wires
        log = open(WORK / f"{name.split()[0]}.log", "wb")
        self.begun, self.known = time.monotonic(), set()
        self.process = subprocess.Popen(["taskset", "-c", "0", *argv], stdout=log, stderr=log, cwd=WORK,
                                        env={**os.environ, **(environment or {}), "OMP_NUM_THREADS": "1"},
                                        start_new_session=True)

    def processes(self):
        """{pid: seconds of CPU} of all that descends from it: workers may have a session of their own, and where their
        parent has ended they are its session's or were seen before."""
        parents, used = {}, {}
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            pid = int(stat.parent.name)
            parents[pid] = int(fields[1])
            used[pid] = (int(fields[11]) + int(fields[12])) / TICK
            if int(fields[3]) == self.process.pid:  # the session
                self.known.add(pid)
        self.known &= used.keys()
        found = True
        while found:
            found = {pid for pid, parent in parents.items() if parent in self.known} - self.known
            self.known |= found
        return {pid: used[pid] for pid in self.known}

    def cpu(self):
        return sum(self.processes().values())

    def pss(self):
        kib = 0
        for pid in self.processes():
            try:
                kib += int(re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1])
            except (OSError, TypeError):
                continue
        return kib / 1024

    def wait(self, check, seconds=120):
        while not check():
            if self.process.poll() is not None or time.monotonic() - self.begun > seconds:
                raise RuntimeError(f"{self.name} did not start; see {WORK}")
            time.sleep(0.01)

    def end(self):
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()


def post(port, path, body, kind, header=""):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body, headers={"Content-Type": kind})
    if header:
        request.add_header("Inference-Header-Content-Length", header)
    with urllib.request.urlopen(request, timeout=5) as answer:
        return answer.read(), answer


def answers(server, wire):
    port, path = server.wires[wire]
    try:
        post(port, path, *bodies(1)["bento" if server.name == "BentoML" else wire])
        return True
    except OSError:
        return False


def clops():
    log = (WORK / "clops.log").read_text(errors="replace") if (WORK / "clops.log").exists() else ""
    return re.search(r"http=[^:\s]*:(\d+)", log)


INFER = "/v2/models/breast-cancer/infer"
GRPC = "/inference.GRPCInferenceService/ModelInfer"


def start_clops():
    (WORK / "clops.log").unlink(missing_ok=True)
    server = Server("clops", [f"{BIN}/clops-server", "serve", "--port", "0", "--admin-port", "0", "--threads", "1",
                              "--config", str(WORK / "serving.json"), "--allow-file-uris", "--cache", str(WORK / "cache")], {})
    server.wait(clops)
    port = int(clops()[1])
    server.wires = {"json": (port, INFER), "binary": (port, INFER), "grpc": (port, GRPC)}
    server.wait(lambda: answers(server, "json"))
    return server


def start_responder(answer):
    """`answer`: clops's own, whole; so that both send the same bytes."""
    (WORK / "answer").write_bytes(answer)
    port = free_port()
    server = Server("responder", [f"{BIN}/bench_rest_one_row_responder", str(port), str(WORK / "answer")],
                    {"json": (port, INFER)})
    server.wait(lambda: answers(server, "json"))
    return server


def start_echo(answer):
    (WORK / "message").write_bytes(answer)
    port = free_port()
    server = Server("grpc++ echo", [os.environ["ECHO"], str(port), str(WORK / "message")], {"grpc": (port, GRPC)})
    server.wait(lambda: b"listening" in (WORK / "grpc++.log").read_bytes())
    return server


def start_mlserver():
    rest, grpc, metrics = free_port(), free_port(), free_port()
    folder = WORK / "mlserver"
    folder.mkdir(exist_ok=True)
    (folder / "settings.json").write_text(json.dumps(
        {"http_port": rest, "grpc_port": grpc, "metrics_port": metrics, "host": "127.0.0.1", "parallel_workers": 0,
         "debug": False}))
    (folder / "model-settings.json").write_text(json.dumps(
        {"name": "breast-cancer", "implementation": "mlserver_xgboost.XGBoostModel",
         "parameters": {"uri": str(WORK / "model.ubj"), "version": "1"}}))
    venv = VENVS["mlserver"]
    server = Server("MLServer", [f"{venv}/bin/python", f"{venv}/bin/mlserver", "start", str(folder)],
                    {"json": (rest, INFER), "grpc": (grpc, GRPC)})
    server.wait(lambda: answers(server, "json"))
    return server


def start_kserve():
    rest, grpc = free_port(), free_port()
    venv = VENVS["kserve"]
    server = Server("KServe", [f"{venv}/bin/python", str(ROOT / "bench/server/kserve_model.py"), str(MODEL),
                               f"--http_port={rest}", f"--grpc_port={grpc}"],
                    {"json": (rest, INFER), "binary": (rest, INFER), "grpc": (grpc, GRPC)})
    server.wait(lambda: answers(server, "json"))
    return server


def start_bentoml():
    rest = free_port()
    venv = VENVS["bentoml"]
    server = Server("BentoML", [f"{venv}/bin/python", "-m", "bentoml", "serve", "bento_service:BreastCancer", "--port",
                                str(rest), "--host", "127.0.0.1", "--working-dir", str(ROOT / "bench/server")],
                    {"json": (rest, "/predict")}, {"MODEL": str(MODEL), "BENTOML_DO_NOT_TRACK": "True"})
    server.wait(lambda: answers(server, "json"))
    return server


# ---- load
def h2load(server, wire, kind, connections, seconds, rate, log=None):
    """What it says; with `log` it also writes a line a request there, which costs it as much as a third of a request."""
    port, path = server.wires[wire]
    argv = ["taskset", "-c", "1", "h2load", "-t1", f"-c{connections}", "-m1", f"-D{seconds}", f"-d{WORK / 'body'}",
            f"-Hcontent-type: {kind}"]
    argv += ["-Hte: trailers"] if wire == "grpc" else ["--h1"]
    argv += [f"--rps={max(1, round(rate / connections))}"] if rate else []
    argv += [f"--log-file={log}"] if log else []
    return subprocess.run([*argv, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, timeout=120).stdout


def latencies(server, wire, kind, connections, seconds, rate=0):
    """(answered, p50, p99, p99.9 in microseconds); None: it failed."""
    log = WORK / "h2load.log"
    log.unlink(missing_ok=True)
    h2load(server, wire, kind, connections, seconds, rate, log)
    lines = [line.split("\t") for line in log.read_text().splitlines()]
    times = sorted(int(line[2]) for line in lines if line[1] == "200")
    if not times or len(times) < 0.99 * len(lines):
        return None
    return len(times), *(times[min(len(times) - 1, int(q * len(times)))] for q in (.5, .99, .999))


def load(server, wire, count, connections, seconds, rate=0):
    """(requests a second, p50, p99, p99.9 in microseconds, CPU microseconds a request); None: it failed."""
    port, path = server.wires[wire]
    body, kind, header = bodies(count)["bento" if server.name == "BentoML" else wire]
    (WORK / "body").write_bytes(body)
    cpu = server.cpu()
    if rate:
        got = latencies(server, wire, kind, connections, seconds, rate)
        return got and (got[0] / seconds, *got[1:], (server.cpu() - cpu) / got[0] * 1e6)
    if wire == "grpc":  # as many as it can without a log; then the latencies
        said = h2load(server, wire, kind, connections, seconds, rate)
        cpu = server.cpu() - cpu
        found = re.search(r"(\d+) done, (\d+) succeeded", said)
        done, good = map(int, found.groups()) if found else (0, 0)
        got = latencies(server, wire, kind, connections, 1)
        if got is None or good == 0 or good < 0.99 * done:
            return None
        return good / seconds, *got[1:], cpu / good * 1e6
    environment = {**os.environ, "BODY": str(WORK / "body"), "TARGET": path, "TYPE": kind, "HEADER": header}
    said = subprocess.run(["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s",
                           str(ROOT / "bench/server/wrk.lua"), f"http://127.0.0.1:{port}"],
                          capture_output=True, text=True, env=environment, timeout=120).stdout
    cpu = server.cpu() - cpu
    found = re.search(r"^result (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)", said, re.M)
    if not found or int(found[1]) == 0 or int(found[6]) > 0:
        return None
    requests, micros, p50, p99, p999, _ = map(int, found.groups())
    return requests / micros * 1e6, p50, p99, p999, cpu / requests * 1e6


def measure(server, wire, count, connections):
    runs = [load(server, wire, count, connections, SECONDS) for _ in range(RUNS)]
    if any(run is None for run in runs):
        return None
    return tuple(statistics.median(run[i] for run in runs) for i in range(5))


# ---- what clops answers, for those that only repeat it
def rest_answer(server, count):
    port, path = server.wires["json"]
    body, kind, _ = bodies(count)["json"]
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.sendall(f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
                     .encode() + body)
        got = b""
        while True:
            got += link.recv(65536)
            head, found, rest = got.partition(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.I)
            if found and length and len(rest) >= int(length[1]):
                return got


def grpc_answer(count, rest):
    """What ModelInfer answers, to the byte: `rest` has the same parameters."""
    told = json.loads(rest.partition(b"\r\n\r\n")[2])
    head = field(1, told["model_name"].encode()) + field(2, told["model_version"].encode())
    for name, value in told["parameters"].items():
        head += field(4, field(1, name.encode()) + field(2, field(3, value.encode())))
    tensor = told["outputs"][0]
    shape = field(3, b"".join(map(varint, tensor["shape"])))
    output = field(1, tensor["name"].encode()) + field(2, tensor["datatype"].encode()) + shape
    return head + field(5, output) + field(6, struct.pack("<f", .5) * count)


def main():
    asked = os.environ.get("BENCH_SERVERS", "clops responder echo MLServer KServe BentoML").split()
    results, starts, memory = {}, {}, {}
    head = f"{'':<14}{'wire':<8}{'conn':>5}{'requests/s':>13}{'p50 us':>9}{'p99':>9}{'p99.9':>9}{'CPU us':>9}"
    for count in COUNTS:
        print(f"\n{count} row{'s' if count > 1 else ''} of 30 floats; medians of {RUNS} runs of {SECONDS} s\n{head}", flush=True)
        rest = b""
        for name in asked:
            try:
                server = {"clops": start_clops, "responder": lambda: start_responder(rest), "MLServer": start_mlserver,
                          "echo": lambda: start_echo(grpc_answer(count, rest)), "KServe": start_kserve,
                          "BentoML": start_bentoml}[name]()
            except (RuntimeError, KeyError, ValueError) as error:
                print(f"{name:<14}did not run: {error}", flush=True)
                continue
            try:
                starts.setdefault(server.name, time.monotonic() - server.begun)
                if name == "clops":
                    rest = rest_answer(server, count)
                for wire in server.wires:
                    for connections in CONNECTIONS:
                        load(server, wire, count, connections, 1)
                        got = results[server.name, wire, count, connections] = measure(server, wire, count, connections)
                        shown = "failed" if got is None else f"{got[0]:13,.0f}{got[1]:9,.0f}{got[2]:9,.0f}{got[3]:9,.0f}{got[4]:9.1f}"
                        print(f"{server.name:<14}{wire:<8}{connections:>5}{shown}", flush=True)
                if name in ("clops", "responder") and count == 1:
                    best = results[server.name, "json", 1, 16]
                    results[server.name, "half"] = best and load(server, "json", 1, 16, SECONDS, best[0] / 2)
                memory[server.name] = server.pss()
            finally:
                server.end()
    print("\n" + "; ".join(f"{name}: {memory[name]:.0f} MB (PSS after), first answer after {starts[name] * 1000:,.0f} ms"
                           for name in memory))
    goals(results)


def share(results, ours, theirs, wire, connections):
    a, b = results.get((ours, wire, 1, connections)), results.get((theirs, wire, 1, connections))
    return a[0] / b[0] if a and b else None


def goals(results):
    def tell(what, number, goal, good):
        if number is None:
            print(f"  {what}: not measured (goal {goal})")
        else:
            print(f"  {what}: {number:.2f} (goal {goal}){'' if good(number) else ' MISSED'}")

    print("one row:")
    shares = [share(results, "clops", "responder", "json", connections) for connections in (1, 16)]
    figure = min((s for s in shares if s is not None), default=None)
    tell("JSON over the responder, the worse of 1 and 16 connections", figure, ">= 0.85", lambda x: x >= .85)
    ours, bare = (results.get((name, "json", 1, 16)) for name in ("clops", "responder"))
    tell("CPU a request over the responder's", ours[4] / bare[4] if ours and bare else None, "<= 1.5", lambda x: x <= 1.5)
    half = [results.get((name, "half")) for name in ("clops", "responder")]
    tell("p99 at half load over the responder's", half[0][2] / half[1][2] if all(half) else None, "<= 2", lambda x: x <= 2)
    for wire, goal in (("json", 100), ("grpc", 60)):
        tell(f"{wire} over MLServer's, 16 connections", share(results, "clops", "MLServer", wire, 16), f">= {goal}",
             lambda x, goal=goal: x >= goal)
    tell("gRPC over the grpc++ echo, 16 connections", share(results, "clops", "grpc++ echo", "grpc", 16), ">= 1.5",
         lambda x: x >= 1.5)
    both = [results.get((name, "grpc", 1, 16)) for name in ("clops", "grpc++ echo")]
    if all(both):  # below 100 % it is the load generator that can do no more
        print("    CPU a request {:.1f} and {:.1f} us; their core is busy for {:.0%} and {:.0%} of the time".format(
            both[0][4], both[1][4], *(run[0] * run[4] / 1e6 for run in both)))
    print(f"server: {figure:.3f}" if figure is not None else "server: none")


main()
