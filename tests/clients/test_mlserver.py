"""MLServer's codecs make the requests and read the answers."""
import json
import os
import pathlib
import subprocess
import unittest

import numpy as np
import support


class Mlserver(support.TestCase):
    def test_codecs(self):
        lines = support.rows("diabetes")[:20]
        words = support.onnx_rows("words")
        task = {"url": f"http://{self.server.http}", "rows": [body["inputs"][0]["data"] for _, _, body in lines],
                "words": words["inputs"]["word"]["data"]}
        run = subprocess.run([os.environ["CLOPS_MLSERVER_PYTHON"], "-W", "ignore",
                              pathlib.Path(__file__).with_name("mlserver_codecs.py")], input=json.dumps(task),
                             capture_output=True, text=True, timeout=120)
        self.assertEqual(run.returncode, 0, run.stderr[-2000:])
        said = json.loads(run.stdout.splitlines()[-1])
        wanted = np.array([p[0] for _, p, _ in lines], dtype=np.float32)
        self.assertEqual(said["id"], "m1")
        np.testing.assert_array_equal(np.array(said["numpy"], dtype=np.float32), wanted)
        np.testing.assert_array_equal(np.array(said["numpy_wide"], dtype=np.float32), wanted)
        self.assertEqual(said["names"], words["outputs"]["name"]["data"])
        self.assertEqual(said["frame"]["number"], words["outputs"]["number"]["data"])
        self.assertEqual(said["frame"]["name"], words["outputs"]["name"]["data"])


if __name__ == "__main__":
    unittest.main()
