"""The KServe Python SDK's REST client, with both of its protocols."""
import asyncio
import unittest

import httpx
import numpy as np
import support
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput


class Kserve(support.TestCase):
    def setUp(self):
        self.url = f"http://{self.server.http}"
        lines = support.rows("breast-cancer")[:20]
        self.rows = np.array([body["inputs"][0]["data"] for _, _, body in lines], dtype=np.float32)
        self.wanted = np.array([[p[1] for _, p, _ in lines]], dtype=np.float32).reshape(-1)

    def ask(self, protocol, use):
        async def run():
            client = InferenceRESTClient(RESTConfig(protocol=protocol))
            try:
                return await use(client)
            finally:
                await client.close()
        return asyncio.run(run())

    def request(self, binary):
        value = InferInput("input-0", list(self.rows.shape), "FP32")
        value.set_data_from_numpy(self.rows, binary_data=binary)
        return InferRequest("breast-cancer", [value], request_id="k1",
                            request_outputs=[RequestedOutput("predict", parameters={"binary_data": binary})])

    def test_v1(self):
        challenger = {"x-clops-variant": "challenger"}
        answer = self.ask("v1", lambda c: c.infer(self.url, {"instances": self.rows.astype(float).tolist()}, headers=challenger,
                                                  model_name="breast-cancer"))
        np.testing.assert_array_equal(np.array(answer["predictions"], dtype=np.float32).reshape(-1), self.wanted)
        explained = self.ask("v1", lambda c: c.explain(self.url, "breast-cancer",
                                                       {"instances": self.rows[:2].astype(float).tolist()}, headers=challenger))
        self.assertEqual(np.array(explained["explanations"]).shape, (2, 31))
        self.assertTrue(self.ask("v1", lambda c: c.is_model_ready(self.url, "breast-cancer")))
        self.assertTrue(self.ask("v1", lambda c: c.is_server_live(self.url)))

    def test_v2(self):
        for binary in (True, False):
            answer = self.ask("v2", lambda c: c.infer(self.url, self.request(binary), headers={"x-clops-variant": "challenger"},
                                                      model_name="breast-cancer"))
            self.assertEqual(answer.id, "k1")
            self.assertEqual(answer.parameters["version"], "2")    # the SDK reads no model_version
            got = answer.outputs[0].as_numpy().astype(np.float32).reshape(-1)
            np.testing.assert_array_equal(got, self.wanted)
        for question in ("is_server_ready", "is_server_live"):
            self.assertTrue(self.ask("v2", lambda c: getattr(c, question)(self.url)), question)
        self.assertTrue(self.ask("v2", lambda c: c.is_model_ready(self.url, "breast-cancer")))

    def test_errors(self):
        for protocol, data in (("v1", {"instances": [[1, 2]]}), ("v2", {"inputs": []})):
            with self.assertRaises(httpx.HTTPStatusError) as caught:
                self.ask(protocol, lambda c: c.infer(self.url, data, model_name="breast-cancer"))
            self.assertEqual(caught.exception.response.status_code, 400)
            self.assertTrue(caught.exception.response.json()["error"])


if __name__ == "__main__":
    unittest.main()
