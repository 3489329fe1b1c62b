"""Run by test_mlserver.py in an environment of its own: MLServer wants other versions of what the KServe SDK wants. Reads
{"url", "rows", "words"}; posts what MLServer's codecs make of them; prints what they read in the answers."""
import json
import sys
import urllib.request

import numpy as np
import pandas as pd
from mlserver.codecs import NumpyCodec, PandasCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse, RequestOutput


def post(url, model, request):
    body = request.model_dump_json(exclude_none=True).encode()
    question = urllib.request.Request(f"{url}/v2/models/{model}/infer", data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(question, timeout=20) as answer:
        return InferenceResponse.model_validate_json(answer.read())


def main():
    task = json.load(sys.stdin)
    url, rows = task["url"], np.array(task["rows"], dtype=np.float32)
    said = {}
    tensor = NumpyCodec.encode_input("input-0", rows)
    answer = post(url, "diabetes", InferenceRequest(id="m1", inputs=[tensor]))
    said["id"] = answer.id
    said["numpy"] = NumpyCodec.decode_output(answer.outputs[0]).reshape(-1).tolist()
    wide = NumpyCodec.encode_input("input-0", rows.astype(np.float64))
    answer = post(url, "diabetes", InferenceRequest(inputs=[wide], outputs=[RequestOutput(name="predict")]))
    said["numpy_wide"] = NumpyCodec.decode_output(answer.outputs[0]).reshape(-1).tolist()
    words = StringCodec.encode_input("word", task["words"])
    said["names"] = StringCodec.decode_output(post(url, "words", InferenceRequest(inputs=[words])).outputs[1])
    frame = pd.DataFrame({"word": task["words"]})
    answer = post(url, "words", PandasCodec.encode_request(frame))
    said["frame"] = {o.name: np.array(PandasCodec.decode_response(answer)[o.name]).reshape(-1).tolist() for o in answer.outputs}
    print(json.dumps(said))


if __name__ == "__main__":
    main()
