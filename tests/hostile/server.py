"""A clops-server process of a test's own, on free ports of loopback, and what the system says of it."""
import hashlib
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from wire import ROOT

BIN = pathlib.Path(os.environ.get("CLOPS_BIN", ROOT / "build/release/bin"))


def reference(path, version, format):
    digest = hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
    return {"modelVersion": f"mv-{version}", "version": version, "uri": f"file://{path}", "digest": f"sha256:{digest}",
            "format": format}


def variant(name, weight, model):
    return {"name": name, "weight": weight, "model": model}


def served(name, variants, **more):
    """A model of serving.json; `variants` with weights that add up to 100."""
    begin, buckets = 0, []
    for each in variants:
        if each["weight"]:
            buckets.append({"begin": begin, "end": begin + each["weight"] * 100, "variant": each["name"]})
        begin += each["weight"] * 100
    return {"name": name, "salt": f"uid-{name}", "stable": variants[0]["name"], "variants": variants, "buckets": buckets, **more}


class Server:
    def __init__(self, models, *flags, descriptors=None, push=False):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="clops-hostile-"))
        self.key = "a key of the test's own, long enough"
        (self.folder / "key").write_text(self.key)
        if push:    # the only way in
            flags += (f"--push-key-file={self.folder / 'key'}",)
        else:
            self.config(1, models)
            flags += (f"--config={self.folder / 'serving.json'}",)
        self.log = open(self.folder / "log", "wb")

        def limit():
            if descriptors:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

        self.process = subprocess.Popen(
            [BIN / "clops-server", "serve", "--listen=127.0.0.1", "--port=0", "--admin-port=0", "--drain-delay=0",
             f"--cache={self.folder / 'cache'}", "--allow-file-uris", "--threads=2",
             *flags], stdout=subprocess.PIPE, stderr=self.log, text=True, preexec_fn=limit)
        line = self.process.stdout.readline()
        found = re.match(r"listening http=127.0.0.1:(\d+) admin=127.0.0.1:(\d+)", line)
        if found is None:
            raise RuntimeError(f"clops-server did not start: {line!r}\n{self.said()}")
        self.port, self.admin = (int(port) for port in found.groups())
        self.address = ("127.0.0.1", self.port)
        if not push:
            self.get("/v2/health/ready?wait_ms=10000")

    def get(self, path, admin=False):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin if admin else self.port}{path}", timeout=20) as answer:
            return answer.read().decode()    # anything but 200 is raised

    def config(self, generation, models):
        text = json.dumps({"version": 1, "generation": generation, "models": models})
        (self.folder / "serving.json.new").write_text(text)
        os.rename(self.folder / "serving.json.new", self.folder / "serving.json")

    def metric(self, name):
        """The sum over its labels."""
        return sum(float(line.rsplit(" ", 1)[1]) for line in self.get("/metrics", admin=True).splitlines()
                   if re.match(rf"{name}[{{ ]", line))

    def rss(self):
        """MB"""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+)", status, re.M)[1]) / 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def said(self):
        return (self.folder / "log").read_text(errors="replace")[-3000:]

    def stop(self):
        """Its exit code, and what it said; once."""
        if self.log.closed:
            return self.process.returncode, ""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        said = (self.folder / "log").read_text(errors="replace")
        self.process.stdout.close()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        return self.process.returncode, said


class Judge:
    """Prints a line for each judgement, and last `N passed, N failed`."""

    def __init__(self):
        self.began, self.passed, self.failed = time.monotonic(), 0, 0

    def hold(self, what, good, detail=""):
        word, now = "ok" if good else "FAIL", time.monotonic()
        self.passed, self.failed = self.passed + bool(good), self.failed + (not good)
        print(f"  {word} {now - self.began:.2f} s {what}{': ' if detail else ''}{detail}", flush=True)
        self.began = now

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0
