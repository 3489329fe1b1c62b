"""ghz, the gRPC load generator: it is told nothing of the protocol and asks the server for it by reflection."""
import json
import os
import subprocess

import support


class Ghz(support.TestCase):
    def run_ghz(self, call, data, *flags):
        run = subprocess.run([os.environ["CLOPS_GHZ"], "--insecure", "--format=json", "--concurrency=8", "--connections=2", "--timeout=20s",
                              f"--call={call}", f"--data={json.dumps(data)}", *flags, self.server.http],
                             text=True, capture_output=True, timeout=120)
        self.assertEqual(run.returncode, 0, run.stderr)
        return json.loads(run.stdout)

    def test_inferences(self):
        _, _, body = support.rows("diabetes")[0]
        tensor = body["inputs"][0]
        request = {"model_name": "diabetes", "id": "{{.RequestNumber}}",
                   "inputs": [{"name": tensor["name"], "datatype": "FP32", "shape": tensor["shape"],
                               "contents": {"fp32_contents": tensor["data"]}}]}
        report = self.run_ghz("inference.GRPCInferenceService.ModelInfer", request, "--total=400")
        self.assertEqual(report["statusCodeDistribution"], {"OK": 400})

    def test_health_and_what_is_not_there(self):
        report = self.run_ghz("grpc.health.v1.Health.Check", {"service": ""}, "--total=50")
        self.assertEqual(report["statusCodeDistribution"], {"OK": 50})
        report = self.run_ghz("inference.GRPCInferenceService.ModelMetadata", {"name": "nobody"}, "--total=50")
        self.assertEqual(report["statusCodeDistribution"], {"NotFound": 50})
