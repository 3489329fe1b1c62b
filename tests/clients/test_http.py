"""tritonclient over HTTP, as its users use it, and curl."""
import json
import os
import subprocess
import tempfile
import unittest

import numpy as np
import support
import tritonclient.http as http
from tritonclient.utils import InferenceServerException


def outputs_of(document):
    return {name: np.array(o["data"], dtype=kind(o["datatype"])).reshape(o["shape"])
            for name, o in document["outputs"].items()}


def kind(datatype):
    return {"FP16": np.float16, "FP32": np.float32, "FP64": np.float64, "BOOL": bool, "UINT8": np.uint8,
            "INT32": np.int32, "INT64": np.int64, "BYTES": object}[datatype]


def tensor(name, values, datatype, binary=True):
    out = http.InferInput(name, list(values.shape), datatype)
    out.set_data_from_numpy(values, binary_data=binary)
    return out


class Tritonclient(support.TestCase):
    def setUp(self):
        self.client = http.InferenceServerClient(self.server.http)
        self.addCleanup(self.client.close)

    def breast_cancer(self, count, datatype=np.float32):
        lines = support.rows("breast-cancer")[:count]
        rows = np.array([body["inputs"][0]["data"] for _, _, body in lines], dtype=datatype)
        return rows, [[np.float32(p) for p in predictions] for _, predictions, _ in lines]

    def test_health_and_metadata(self):
        self.assertTrue(self.client.is_server_live())
        self.assertTrue(self.client.is_server_ready())
        self.assertTrue(self.client.is_model_ready("diabetes"))
        self.assertTrue(self.client.is_model_ready("breast-cancer", "2"))
        self.assertIn("binary_tensor_data", self.client.get_server_metadata()["extensions"])
        self.assertEqual(self.client.get_model_metadata("diabetes")["inputs"][0]["shape"], [-1, 10])
        self.assertEqual(self.client.get_model_config("diabetes")["input"][0]["data_type"], "TYPE_FP32")

    def test_predictions_in_every_form(self):
        rows, wanted = self.breast_cancer(50)
        for version in ("1", "2"):
            want = [p[int(version) - 1] for p in wanted]
            for binary_in in (True, False):
                for outputs in (None, True, False):
                    asked = outputs if outputs is None else [http.InferRequestedOutput("predict", binary_data=outputs)]
                    answer = self.client.infer("breast-cancer", [tensor("input-0", rows, "FP32", binary_in)], version,
                                               outputs=asked, request_id="7")
                    got = answer.as_numpy("predict").reshape(-1)
                    np.testing.assert_array_equal(got.astype(np.float32), np.array(want, dtype=np.float32))
                    self.assertEqual(answer.get_response()["id"], "7")
                    self.assertEqual("binary_data_size" in answer.get_output("predict").get("parameters", {}),
                                     outputs is not False)

    def test_float64_and_integers_for_a_float32_model(self):
        rows, _ = self.breast_cancer(5)
        want = self.client.infer("breast-cancer", [tensor("input-0", rows, "FP32")], "1").as_numpy("predict")
        got = self.client.infer("breast-cancer", [tensor("input-0", rows.astype(np.float64), "FP64")], "1")
        np.testing.assert_array_equal(got.as_numpy("predict"), want)

    def test_every_kind_of_number(self):
        document = support.onnx_rows("kinds-of-numbers")
        inputs = [tensor(name, np.array(i["data"], dtype=kind(i["datatype"])).reshape(i["shape"]), i["datatype"])
                  for name, i in document["inputs"].items()]
        answer = self.client.infer("kinds-of-numbers", inputs)
        for name, want in outputs_of(document).items():
            np.testing.assert_array_equal(answer.as_numpy(name), want, name)
            self.assertEqual(answer.as_numpy(name).dtype, want.dtype)

    def test_texts(self):
        document = support.onnx_rows("words")
        words = np.array([w.encode() for w in document["inputs"]["word"]["data"]], dtype=object).reshape(4, 1)
        for binary in (True, False):
            outputs = [http.InferRequestedOutput(n, binary_data=binary) for n in ("name", "number")]
            answer = self.client.infer("words", [tensor("word", words, "BYTES", binary)], outputs=outputs)
            names = [n if isinstance(n, str) else n.decode() for n in answer.as_numpy("name").reshape(-1)]
            self.assertEqual(names, document["outputs"]["name"]["data"])
            self.assertEqual(answer.as_numpy("number").reshape(-1).tolist(), document["outputs"]["number"]["data"])

    def test_compression_both_ways(self):
        rows, _ = self.breast_cancer(50)
        rows = np.tile(rows, (100, 1))
        want = self.client.infer("breast-cancer", [tensor("input-0", rows, "FP32")], "1").as_numpy("predict")
        for algorithm in ("gzip", "deflate"):
            for binary in (True, False):
                answer = self.client.infer("breast-cancer", [tensor("input-0", rows, "FP32", binary)], "1",
                                           request_compression_algorithm=algorithm,
                                           response_compression_algorithm=algorithm)
                np.testing.assert_array_equal(answer.as_numpy("predict"), want)

    def test_a_body_without_json(self):
        rows, _ = self.breast_cancer(3)
        want = self.client.infer("breast-cancer", [tensor("input-0", rows, "FP32")]).as_numpy("predict")
        body, _ = rows.tobytes(), None
        answer = self.client._post("v2/models/breast-cancer/infer", body, {"Inference-Header-Content-Length": "0"}, None)
        self.assertEqual(answer.status_code, 200)
        length = int(answer.get("Inference-Header-Content-Length"))
        got = http.InferenceServerClient.parse_response_body(answer.read(), header_length=length)
        self.assertEqual(got.as_numpy("predict").shape, want.shape)

    def test_classes(self):
        document = support.onnx_rows("two-inputs")
        inputs = [tensor(name, np.array(i["data"], dtype=kind(i["datatype"])).reshape(i["shape"]), i["datatype"])
                  for name, i in document["inputs"].items()]
        name, values = next((n, v) for n, v in outputs_of(document).items() if v.dtype.kind == "f" and v.ndim == 2)
        for binary in (True, False):
            asked = [http.InferRequestedOutput(name, binary_data=binary, class_count=2)]
            classes = self.client.infer("two-inputs", inputs, outputs=asked).as_numpy(name)
            self.assertEqual(classes.shape, (len(values), min(2, values.shape[1])))
            for row, best in zip(values, classes):
                value, index = (best[0] if isinstance(best[0], str) else best[0].decode()).split(":")
                self.assertEqual(int(index), int(np.argmax(row)))
                self.assertEqual(values.dtype.type(value), row.max())

    def test_statistics(self):
        rows, _ = self.breast_cancer(4)
        def count():
            stats = self.client.get_inference_statistics("breast-cancer", "1")["model_stats"]
            self.assertEqual([(s["name"], s["version"]) for s in stats], [("breast-cancer", "1")])
            return stats[0]["inference_count"], stats[0]["inference_stats"]["success"]["count"]
        before = count()
        self.client.infer("breast-cancer", [tensor("input-0", rows, "FP32")], "1")
        self.assertEqual(count(), (before[0] + 4, before[1] + 1))
        self.assertGreaterEqual(len(self.client.get_inference_statistics()["model_stats"]), 7)

    def test_repository(self):
        index = self.client.get_model_repository_index()
        self.assertIn({"name": "breast-cancer", "version": "2", "state": "READY", "reason": ""}, index)
        for change in (self.client.load_model, self.client.unload_model):
            with self.assertRaisesRegex(InferenceServerException, "can only be read"):
                change("diabetes")

    def test_routing(self):
        rows, _ = self.breast_cancer(1)
        inputs = [tensor("input-0", rows, "FP32")]
        answer = self.client.infer("breast-cancer", inputs, headers={"x-clops-variant": "challenger"})
        self.assertEqual(answer.get_response()["parameters"]["variant"], "challenger")
        of_user = {self.client.infer("breast-cancer", inputs, headers={"x-user-id": "u1"}).get_response()["model_version"]
                   for _ in range(20)}
        self.assertEqual(len(of_user), 1)

    def test_errors_are_told(self):
        rows, _ = self.breast_cancer(1)
        cases = [("nobody", tensor("input-0", rows, "FP32"), "is not known here"),
                 ("breast-cancer", tensor("other", rows, "FP32"), "is not known"),
                 ("breast-cancer", tensor("input-0", rows[:, :3], "FP32"), "does not fit"),
                 ("diabetes", tensor("input-0", np.array([["a"] * 10], dtype=object), "BYTES"), "BYTES does not fit")]
        for name, value, said in cases:
            with self.assertRaisesRegex(InferenceServerException, said):
                self.client.infer(name, [value])
        with self.assertRaisesRegex(InferenceServerException, "is not done here"):
            self.client.get_system_shared_memory_status()


class Curl(support.TestCase):
    """What a person types."""

    def curl(self, *arguments, path="/v2/models/breast-cancer/versions/1/infer"):
        run = subprocess.run(["curl", "-sS", "--max-time", "20", "-w", "\n%{http_code}", *arguments,
                              f"http://{self.server.http}{path}"], capture_output=True, check=True)
        body, code = run.stdout.rsplit(b"\n", 1)
        return int(code), body

    def setUp(self):
        _, self.predictions, body = support.rows("breast-cancer")[0]
        self.body = json.dumps(body)

    def check(self, answer):
        code, body = answer
        self.assertEqual(code, 200, body)
        self.assertEqual(np.float32(json.loads(body)["outputs"][0]["data"][0]), np.float32(self.predictions[0]))

    def test_as_a_form(self):
        self.check(self.curl("-d", self.body))

    def test_with_expect_and_chunks(self):
        self.check(self.curl("-H", "Expect: 100-continue", "-H", "Content-Type: application/json", "-d", self.body))
        self.check(self.curl("-H", "Transfer-Encoding: chunked", "-H", "Content-Type: application/json", "-d", self.body))

    def test_compressed(self):
        with tempfile.TemporaryDirectory() as folder:
            plain = os.path.join(folder, "body")
            with open(plain, "w") as file:
                file.write(self.body)
            subprocess.run(["gzip", "-k", plain], check=True)
            self.check(self.curl("--compressed", "-H", "Content-Type: application/json", "-H", "Content-Encoding: gzip",
                                 "--data-binary", f"@{plain}.gz"))
        code, body = self.curl("-H", "Content-Encoding: br", "-d", self.body)
        self.assertEqual(code, 415, body)

    def test_kserve_v1(self):
        row = json.loads(self.body)["inputs"][0]["data"]
        code, body = self.curl("-d", json.dumps({"instances": [row]}), "-H", "x-clops-variant: challenger",
                               path="/v1/models/breast-cancer:predict")
        self.assertEqual(code, 200, body)
        self.assertEqual(np.float32(json.loads(body)["predictions"][0]), np.float32(self.predictions[1]))


if __name__ == "__main__":
    unittest.main()
