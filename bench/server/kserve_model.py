"""KServe's own Python server with the same model, one worker: kserve_model.py MODEL --http_port=N --grpc_port=N"""
import sys

import kserve
import numpy as np
import xgboost
from kserve import InferOutput, InferResponse


class BreastCancer(kserve.Model):
    def __init__(self, path):
        super().__init__("breast-cancer")
        self.booster = xgboost.Booster(model_file=path)
        self.booster.set_param({"nthread": 1})
        self.ready = True

    def predict(self, payload, headers=None, response_headers=None):
        rows = payload.inputs[0].as_numpy()
        answer = self.booster.inplace_predict(rows.astype(np.float32))
        output = InferOutput("predict", list(answer.shape), "FP32")
        output.set_data_from_numpy(answer, binary_data=False)
        return InferResponse(payload.id or "1", self.name, [output])


if __name__ == "__main__":
    model = sys.argv.pop(1)
    kserve.ModelServer(workers=1).start([BreastCancer(model)])
