"""Every kind of model through the tool, as a person would: files in, files out. CLOPS (a path) is asked about each if given."""
import os
import pathlib
import pickle
import subprocess
import sys
import tempfile
import unittest

import joblib
import lightgbm
import numpy as np
import xgboost
from sklearn import ensemble, linear_model, multiclass, neighbors, pipeline, preprocessing

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from clops_convert import ConversionError, convert  # noqa: E402
inner = sys.modules["clops_convert.convert"]

RNG = np.random.default_rng(1)
X = RNG.normal(size=(300, 4))
LABEL = (X[:, 0] + X[:, 1] > 0).astype(int)


class Conversion(unittest.TestCase):
    def setUp(self):
        self.held = tempfile.TemporaryDirectory()
        self.addCleanup(self.held.cleanup)
        self.folder = pathlib.Path(self.held.name)

    def converted(self, model, dump=joblib.dump):
        source = self.folder / "model.pkl"
        dump(model, source)
        report = convert(source, self.folder / "out")
        if os.environ.get("CLOPS"):
            done = subprocess.run([os.environ["CLOPS"], "inspect", str(report.target)], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
        return report

    def test_xgboost_classifier_with_early_stopping(self):
        model = xgboost.XGBClassifier(n_estimators=60, early_stopping_rounds=2, max_depth=3)
        model.fit(X[:200], LABEL[:200], eval_set=[(X[200:], LABEL[200:])], verbose=False)
        report = self.converted(model)
        self.assertEqual((report.kind, report.difference), ("xgboost", 0.0))
        self.assertEqual(xgboost.Booster(model_file=str(report.target)).num_boosted_rounds(), model.best_iteration + 1)

    def test_xgboost_booster(self):
        model = xgboost.train({"objective": "multi:softprob", "num_class": 3}, xgboost.DMatrix(X, LABEL + (X[:, 2] > 1)), 5)
        self.assertEqual(self.converted(model, lambda m, path: path.write_bytes(pickle.dumps(m))).difference, 0.0)

    def test_xgboost_with_another_missing_value_is_refused(self):
        with self.assertRaisesRegex(ConversionError, "missing value"):
            self.converted(xgboost.XGBRegressor(n_estimators=2, missing=-1.0).fit(X, LABEL))

    def test_lightgbm(self):
        report = self.converted(lightgbm.LGBMClassifier(n_estimators=5, verbose=-1).fit(X, LABEL))
        self.assertEqual((report.kind, report.difference, report.target.name), ("lightgbm", 0.0, "model.txt"))

    def test_scikit_learn_natively(self):
        for model in (ensemble.RandomForestClassifier(5), ensemble.GradientBoostingClassifier(n_estimators=5),
                      linear_model.LogisticRegression(), linear_model.PoissonRegressor(), linear_model.SGDClassifier(loss="log_loss"),
                      multiclass.OneVsRestClassifier(linear_model.LogisticRegression())):
            report = self.converted(model.fit(X, LABEL))
            self.assertEqual((report.kind, report.difference), ("skops", 0.0))

    def test_other_scikit_learn_to_onnx(self):
        report = self.converted(pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression()).fit(X, LABEL))
        self.assertEqual(report.kind, "onnx")
        self.assertLess(report.difference, 1e-4)
        self.assertEqual(self.converted(neighbors.KNeighborsClassifier(3).fit(X, LABEL)).kind, "onnx")

    def test_a_model_that_predicts_otherwise_is_not_written(self):
        source = self.folder / "model.pkl"
        joblib.dump(linear_model.LinearRegression().fit(X, X[:, 0]), source)
        honest = inner.KINDS["skops"]
        self.addCleanup(inner.KINDS.__setitem__, "skops", honest)
        inner.KINDS["skops"] = (lambda m, path, x: (path.write_text("x"), (np.zeros(3), np.array([0, 0, 1e-9])))[1], ".skops")
        with self.assertRaisesRegex(ConversionError, "nothing was written"):
            convert(source, self.folder / "out")
        self.assertEqual(list((self.folder / "out").iterdir()), [])

    def test_what_is_not_a_model_is_refused(self):
        with self.assertRaisesRegex(ConversionError, "not a model that is converted here"):
            self.converted({"a": 1})
        (self.folder / "model.json").write_text("{}")
        with self.assertRaisesRegex(ConversionError, "native file already"):
            convert(self.folder / "model.json", self.folder / "out")
        (self.folder / "old").write_bytes(b"binf" + bytes(200))
        with self.assertRaisesRegex(ConversionError, "requirements-xgboost-binary.txt"):
            convert(self.folder / "old", self.folder / "out")


if __name__ == "__main__":
    unittest.main()
