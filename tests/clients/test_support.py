"""The server that the other modules ask is there, with its models."""
import json
import urllib.request

import support


class Support(support.TestCase):
    def test_every_model_is_ready(self):
        for entry in support.sample_models():
            with urllib.request.urlopen(f"http://{self.server.http}/v2/models/{entry['name']}/ready", timeout=10) as answer:
                self.assertEqual(json.load(answer), {"name": entry["name"], "ready": True})
