"""Spans as OpenTelemetry's own classes read them, and metrics as Prometheus' own parser does."""
import http.server
import json
import os
import threading
import urllib.request

import prometheus_client.parser
import tritonclient.grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

import support

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Collector(http.server.BaseHTTPRequestHandler):
    taken, headers_seen = [], []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Collector.headers_seen.append((self.path, self.headers["Content-Type"], self.headers["x-team"]))
        Collector.taken.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def attributes(entries):
    return {e.key: getattr(e.value, e.value.WhichOneof("value")) for e in entries}


class Telemetry(support.unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.collector = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
        threading.Thread(target=cls.collector.serve_forever, daemon=True).start()
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{cls.collector.server_port}"
        os.environ["OTEL_EXPORTER_OTLP_HEADERS"] = "x-team=risk%20one"
        os.environ["OTEL_RESOURCE_ATTRIBUTES"] = "service.namespace=shop"
        cls.server = support.Server(support.sample_models(), "--drain-delay=0", "--otlp-service-name=fraud",
                                    "--access-log=1", "--trace-ratio=0")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.collector.shutdown()
        cls.collector.server_close()

    def spans(self):
        return [span for request in Collector.taken for resource in request.resource_spans
                for scope in resource.scope_spans for span in scope.spans]

    def test_spans_of_both_wires(self):
        body = support.rows("breast-cancer")[0][2]
        traceparent = f"00-{TRACE}-{PARENT}-01"
        request = urllib.request.Request(f"http://{self.server.http}/v2/models/breast-cancer/infer", json.dumps(body).encode(),
                                         {"Content-Type": "application/json", "traceparent": traceparent, "tracestate": "a=b"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            self.assertEqual(answer.status, 200)
        with tritonclient.grpc.InferenceServerClient(self.server.http) as client:
            tensor = body["inputs"][0]
            given = tritonclient.grpc.InferInput(tensor["name"], tensor["shape"], "FP32")
            import numpy
            given.set_data_from_numpy(numpy.array(tensor["data"], numpy.float32).reshape(tensor["shape"]))
            client.infer("breast-cancer", [given], headers={"traceparent": traceparent})
        self.assertTrue(support.eventually(lambda: len(self.spans()) == 8), self.server.said())
        servers = [span for span in self.spans() if span.name == "infer"]
        self.assertEqual({attributes(span.attributes)["wire"] for span in servers}, {"rest", "grpc"})
        for span in servers:
            self.assertEqual((span.trace_id.hex(), span.parent_span_id.hex(), span.kind), (TRACE, PARENT, 2))
            said = attributes(span.attributes)
            self.assertEqual((said["model_name"], said["status"], said["rows"]), ("breast-cancer", 200, 1))
            self.assertIn(said["variant"], ("champion", "challenger"))
            children = [child for child in self.spans() if child.parent_span_id == span.span_id]
            self.assertEqual([child.name for child in children], ["request", "compute", "response"])
            self.assertEqual(children[0].start_time_unix_nano, span.start_time_unix_nano)
            self.assertEqual(children[2].end_time_unix_nano, span.end_time_unix_nano)
        self.assertEqual(len({span.span_id for span in self.spans()}), 8)
        resource = attributes(Collector.taken[0].resource_spans[0].resource.attributes)
        self.assertEqual((resource["service.name"], resource["service.namespace"]), ("fraud", "shop"))
        self.assertEqual(set(Collector.headers_seen), {("/v1/traces", "application/x-protobuf", "risk one")})
        self.assertNotIn("risk one", self.server.said())
        self.assertEqual(json.loads(self.server.process.stdout.readline())["trace_id"], TRACE)

    def test_metrics_are_prometheus_text(self):
        families = {family.name: family for family in prometheus_client.parser.text_string_to_metric_families(self.server.metrics())}
        self.assertEqual(families["clops_request_rows"].type, "histogram")
        self.assertEqual(families["nv_inference_pending_request_count"].type, "gauge")
        for family in families.values():
            self.assertTrue(family.documentation, family.name)


if __name__ == "__main__":
    support.unittest.main()
