"""MLflow's scoring client against a server of one model, and what its documentation has people send."""
import json
import unittest
import urllib.error
import urllib.request

import numpy as np
import pandas as pd
import support
from mlflow.pyfunc.scoring_server.client import ScoringServerClient


class Mlflow(support.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        samples = support.ROOT / "samples/models"
        cls.one = support.Server([support.model("diabetes", ("only", 100, samples / "diabetes/1/model.ubj", "1"))])
        cls.addClassCleanup(cls.one.stop)

    def setUp(self):
        host, port = self.one.http.split(":")
        self.client = ScoringServerClient(host, int(port))
        lines = support.rows("diabetes")[:20]
        self.rows = np.array([body["inputs"][0]["data"] for _, _, body in lines], dtype=np.float64)
        self.wanted = np.array([p[0] for _, p, _ in lines], dtype=np.float32)
        model = json.loads((support.ROOT / "tests/data/golden/diabetes.json").read_text())    # the same, as JSON
        names = model["learner"]["feature_names"]
        self.named = pd.DataFrame(self.rows, columns=names)[names[::-1]].assign(more="left aside")

    def check(self, predictions):
        np.testing.assert_array_equal(np.array(predictions, dtype=np.float32).reshape(-1), self.wanted)

    def post(self, body, kind, server=None):
        request = urllib.request.Request(f"http://{(server or self.one).http}/invocations", data=body.encode(), headers={"Content-Type": kind})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["predictions"]

    def test_the_client(self):
        self.client.wait_server_ready(timeout=10)
        self.assertTrue(self.client.get_version())
        self.check(self.client.invoke(self.rows).get_predictions("ndarray"))
        frame = pd.DataFrame(self.rows)
        self.check(self.client.invoke(frame).get_predictions())
        frame.iloc[0, 0] = np.nan    # sent as NaN, which is no JSON
        self.assertEqual(len(self.client.invoke(frame).get_predictions()), 20)

    def test_what_people_send(self):
        frame = pd.DataFrame(self.rows)
        self.check(self.post(json.dumps({"dataframe_split": frame.to_dict(orient="split")}), "application/json"))
        self.check(self.post(json.dumps({"instances": self.rows.tolist()}), "application/json"))
        self.check(self.post(json.dumps({"inputs": self.rows.tolist()}), "application/json"))

    def test_columns_by_name_in_any_order(self):
        self.check(self.client.invoke(self.named).get_predictions())
        records = {"dataframe_records": self.named.to_dict(orient="records")}
        self.check(self.post(json.dumps(records), "application/json"))
        columns = {"inputs": self.named.to_dict(orient="list")}
        self.check(self.post(json.dumps(columns), "application/json"))
        self.check(self.post(self.named.to_csv(index=False), "text/csv"))
        self.check(self.post(self.named.to_csv(), "text/csv; charset=utf-8"))    # with the index, which has no name

    def test_texts_and_numbers_side_by_side(self):
        """A scikit-learn pipeline by skl2onnx, whose columns are FP32, INT64 and text."""
        case = support.onnx_rows("pipeline-strings")
        server = support.Server([support.model("kinds", ("only", 100, support.ROOT / "tests/data/onnx/pipeline-strings.onnx", "1"))])
        self.addCleanup(server.stop)
        frame = pd.DataFrame({name: tensor["data"] for name, tensor in case["inputs"].items()}).assign(more="left aside")
        wanted = case["outputs"]["output_label"]["data"]
        client = ScoringServerClient(*server.http.split(":"))

        def labels(predictions):
            return [row["output_label"] if isinstance(row, dict) else row for row in predictions]

        for body, kind in (({"dataframe_split": frame.to_dict(orient="split")}, "application/json"),
                           ({"dataframe_records": frame.to_dict(orient="records")}, "application/json"),
                           ({"inputs": frame.to_dict(orient="list")}, "application/json"),
                           (frame.iloc[:, ::-1].to_csv(index=False), "text/csv")):
            with self.subTest(kind=kind):
                body = body if isinstance(body, str) else json.dumps(body)
                self.assertEqual(labels(self.post(body, kind, server)), wanted)
        self.assertEqual(labels(client.invoke(frame)["predictions"]), wanted)
        with self.assertRaises(urllib.error.HTTPError) as refused:
            self.post(frame.drop(columns="job").to_csv(index=False), "text/csv", server)
        self.assertEqual(refused.exception.code, 400)
        self.assertIn("job", refused.exception.read().decode())

    def test_errors(self):
        for body, kind, code in (("{}", "application/json", 400), ("x", "image/png", 415), ('{"inputs": [[1]]}', "application/json", 400)):
            with self.assertRaises(urllib.error.HTTPError) as caught:
                self.post(body, kind)
            self.assertEqual(caught.exception.code, code)
        with self.assertRaisesRegex(Exception, "error code 404.*breast-cancer"):
            host, port = self.server.http.split(":")
            ScoringServerClient(host, int(port)).invoke(self.rows)


if __name__ == "__main__":
    unittest.main()
