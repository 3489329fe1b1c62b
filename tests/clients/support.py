"""One clops-server for all test modules of a run, on free ports of loopback; see README.md for its models."""
import atexit
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("CLOPS_BIN", ROOT / "build/release/bin"))
BUCKETS = 10_000


class Server:
    """A clops-server process. `http` and `admin` are host:port; gRPC is on the same port as HTTP. Without flags of the test's
    own it ends as soon as it is told to."""

    def __init__(self, models, *flags):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="clops-clients-"))
        config = self.folder / "serving.json"
        config.write_text(json.dumps({"version": 1, "generation": 1, "models": models}))
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(
            [BIN / "clops-server", "serve", "--listen=127.0.0.1", "--port=0", "--admin-port=0", f"--config={config}",
             f"--cache={self.folder / 'cache'}", "--allow-file-uris", "--threads=2", *(flags or ["--drain-delay=0"])],
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        found = re.match(r"listening http=(\S+) admin=(\S+)", line)
        if found is None:
            raise RuntimeError(f"clops-server did not start: {line!r} {self.said()}")
        self.http, self.admin = found.groups()
        if not eventually(self.ready):
            said = self.said()
            self.stop()
            raise RuntimeError(f"clops-server was not ready: {said}")

    def ready(self):
        try:
            with urllib.request.urlopen(f"http://{self.admin}/readyz", timeout=20):
                return True
        except urllib.error.HTTPError:
            return False

    def said(self):
        return (self.folder / "log").read_text(errors="replace")[-4000:]

    def metrics(self):
        with urllib.request.urlopen(f"http://{self.admin}/metrics", timeout=10) as answer:
            return answer.read().decode()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def reference(path, version):
    """What serving.json says of one model file, after clops-server has inspected it."""
    uri = f"file://{path}"
    run = subprocess.run([BIN / "clops-server", "inspect", f"--uri={uri}", "--allow-file-uris"], text=True,
                         capture_output=True, check=True)
    document = json.loads(run.stdout.strip().splitlines()[-1])
    if not document["ok"]:
        raise RuntimeError(f"{path}: {document.get('message')}")
    return {"modelVersion": f"mv-{version}", "version": version, "uri": uri, "digest": document["digest"],
            "format": document["format"]}


def model(name, *variants, **more):
    """variants: (name, weight, path, version)."""
    entry = {"name": name, "salt": f"uid-{name}", "stable": variants[0][0], "variants": [], "buckets": [], **more}
    begin = 0
    for variant, weight, path, version in variants:
        entry["variants"].append({"name": variant, "weight": weight, "model": reference(path, version)})
        end = begin + weight * BUCKETS // 100
        if end > begin:
            entry["buckets"].append({"begin": begin, "end": end, "variant": variant})
        begin = end
    return entry


def sample_models():
    samples, onnx = ROOT / "samples/models", ROOT / "tests/data/onnx"
    return [
        model("breast-cancer", ("champion", 90, samples / "breast-cancer/1/model.ubj", "1"),
              ("challenger", 10, samples / "breast-cancer/2/model.json", "2"), stickyHeader="x-user-id",
              rules=[{"header": "x-clops-variant", "value": "challenger", "variant": "challenger"}]),
        model("diabetes", ("only", 100, samples / "diabetes/1/model.ubj", "1")),
        model("wine", ("only", 100, samples / "wine/1/model.txt", "1")),
        *(model(name, ("only", 100, onnx / f"{name}.onnx", "1")) for name in ("words", "kinds-of-numbers", "two-inputs")),
    ]


_server = None


def server():
    """The run's server, started at the first use."""
    global _server
    if _server is None:
        _server = Server(sample_models())
        atexit.register(_server.stop)
    return _server


def rows(name):
    """samples/rows/NAME.tsv: (user, [predictions as text], body as a dict) of each line."""
    out = []
    for line in (ROOT / f"samples/rows/{name}.tsv").read_text().splitlines():
        user, *predictions, body = line.split("\t")
        out.append((user, predictions, json.loads(body)))
    return out


def onnx_rows(name):
    """tests/data/onnx/NAME.json: inputs and outputs by name, each with datatype, shape and data."""
    return json.loads((ROOT / f"tests/data/onnx/{name}.json").read_text())


def eventually(condition, seconds=10):
    """Waits for what another process is doing; the last word is the condition's."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


class TestCase(unittest.TestCase):
    """Failures end with what the server has logged."""

    @classmethod
    def setUpClass(cls):
        cls.server = server()
