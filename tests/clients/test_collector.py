"""A real OpenTelemetry Collector (collector/) takes the spans, and writes to a file what it understood."""
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import urllib.request

import numpy as np
import tritonclient.grpc

import support

COLLECTOR = pathlib.Path(os.environ["CLOPS_COLLECTOR"])
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CONFIG = """
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{port}"}}}}}}}}
exporters: {{file: {{path: "{file}", flush_interval: 100ms}}}}
service:
  pipelines: {{traces: {{receivers: [otlp], exporters: [file]}}}}
  telemetry: {{metrics: {{level: none}}}}
"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def attributes(entries):
    return {entry["key"]: next(iter(entry["value"].values())) for entry in entries}


class Collector(support.unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="clops-clients-")))
        cls.file, port = cls.folder / "spans.json", free_port()
        (cls.folder / "config.yaml").write_text(CONFIG.format(port=port, file=cls.file))
        cls.log = cls.enterClassContext(open(cls.folder / "log", "wb"))
        cls.collector = subprocess.Popen([COLLECTOR, f"--config=file:{cls.folder / 'config.yaml'}"], stdout=cls.log, stderr=cls.log)
        cls.addClassCleanup(cls.end)
        listens = support.eventually(lambda: cls.collector.poll() is not None or cls.reachable(port), 30)
        if not listens or cls.collector.poll() is not None:
            raise RuntimeError(f"the collector did not start: {cls.said()}")
        cls.server = support.Server(support.sample_models(), "--drain-delay=0", f"--otlp-endpoint=http://127.0.0.1:{port}",
                                    "--otlp-service-name=fraud", "--trace-ratio=0")
        cls.addClassCleanup(cls.server.stop)

    @classmethod
    def end(cls):
        if cls.collector.poll() is None:
            cls.collector.terminate()
        cls.collector.wait()

    @staticmethod
    def reachable(port):
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
            return True
        except OSError:
            return False

    @classmethod
    def said(cls):
        return (cls.folder / "log").read_text(errors="replace")[-4000:]

    def resources(self):
        """What the collector has written so far, whole lines only."""
        text = self.file.read_text() if self.file.exists() else ""
        return [resource for line in text.split("\n")[:-1] for resource in json.loads(line)["resourceSpans"]]

    def spans(self):
        return [span for resource in self.resources() for scope in resource["scopeSpans"] for span in scope["spans"]]

    def test_spans_of_both_wires_arrive(self):
        body = support.rows("breast-cancer")[0][2]
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "a=b"}
        request = urllib.request.Request(f"http://{self.server.http}/v2/models/breast-cancer/infer", json.dumps(body).encode(),
                                         {"Content-Type": "application/json", **headers})
        with urllib.request.urlopen(request, timeout=10) as answer:
            self.assertEqual(answer.status, 200)
        given = tritonclient.grpc.InferInput("input-0", [1, 30], "FP32")
        given.set_data_from_numpy(np.array([body["inputs"][0]["data"]], np.float32).reshape(1, 30))
        with tritonclient.grpc.InferenceServerClient(self.server.http) as client:
            client.infer("breast-cancer", [given], headers=headers)
        bad = urllib.request.Request(f"http://{self.server.http}/v2/models/breast-cancer/infer", b"{}", headers)
        with self.assertRaises(urllib.error.HTTPError):
            urllib.request.urlopen(bad, timeout=10)

        arrived = support.eventually(lambda: [span["name"] for span in self.spans()].count("infer") == 3, 20)
        self.assertTrue(arrived, f"{self.spans()}\n{self.server.said()}\n{self.said()}")
        servers = [span for span in self.spans() if span["name"] == "infer"]
        seen = set()
        for span in servers:
            said = attributes(span["attributes"])
            seen.add((said["wire"], said["status"]))
            self.assertEqual((span["traceId"], span["parentSpanId"], span["kind"], span["traceState"]), (TRACE, PARENT, 2, "a=b"))
            self.assertEqual(said["model_name"], "breast-cancer")
            self.assertLess(int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"]))
            children = [child["name"] for child in self.spans() if child["parentSpanId"] == span["spanId"]]
            if said["status"] == "200":
                self.assertEqual(children, ["request", "compute", "response"])
        self.assertEqual(seen, {("rest", "200"), ("grpc", "200"), ("rest", "400")})
        self.assertEqual({attributes(resource["resource"]["attributes"])["service.name"] for resource in self.resources()}, {"fraud"})
        sent = [line for line in self.server.metrics().splitlines() if line.startswith("clops_spans_total{") and not line.endswith(" 0")]
        self.assertEqual(len(sent), 1, sent)    # all of one outcome
        self.assertEqual(float(sent[0].rsplit(" ", 1)[1]), len(self.spans()))


if __name__ == "__main__":
    support.unittest.main()
