"""tritonclient.grpc, grpcio-health-checking and grpcio-reflection against clops-server."""
import json
import subprocess
import threading
import time
import urllib.request

import grpc
import numpy as np
import tritonclient.grpc as triton
from google.protobuf import descriptor_pool
from google.protobuf import message_factory
from grpc_health.v1 import health_pb2
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tritonclient.grpc import service_pb2
from tritonclient.grpc import service_pb2_grpc
from tritonclient.utils import InferenceServerException

import support

TYPES = {"FP32": np.float32, "FP64": np.float64, "FP16": np.float16, "BOOL": np.bool_, "UINT8": np.uint8,
         "INT32": np.int32, "INT64": np.int64, "BYTES": np.object_}
CONTENTS = {"FP32": "fp32_contents", "FP64": "fp64_contents", "BOOL": "bool_contents", "UINT8": "uint_contents",
            "INT32": "int_contents", "INT64": "int64_contents", "BYTES": "bytes_contents"}


def array(tensor):
    """A tensor of a JSON file as NumPy has it; null is NaN."""
    data = [np.nan if value is None else value for value in tensor["data"]]
    if tensor["datatype"] == "BYTES":
        data = [text.encode() for text in data]
    return np.array(data, dtype=TYPES[tensor["datatype"]]).reshape(tensor["shape"])


def raw_inputs(tensors):
    out = []
    for name, tensor in tensors:
        out.append(triton.InferInput(name, tensor["shape"], tensor["datatype"]))
        out[-1].set_data_from_numpy(array(tensor))
    return out


def typed_request(model, tensors, **more):
    request = service_pb2.ModelInferRequest(model_name=model, **more)
    for name, tensor in tensors:
        one = request.inputs.add(name=name, datatype=tensor["datatype"], shape=tensor["shape"])
        values = array(tensor).ravel().tolist()
        getattr(one.contents, CONTENTS[tensor["datatype"]]).extend(values)
    return request


def body_inputs(body):
    return [(tensor["name"], tensor) for tensor in body["inputs"]]


class Grpc(support.TestCase):
    def setUp(self):
        self.client = triton.InferenceServerClient(self.server.http)
        self.channel = grpc.insecure_channel(self.server.http)
        self.service = service_pb2_grpc.GRPCInferenceServiceStub(self.channel)

    def tearDown(self):
        self.client.close()
        self.channel.close()

    def refused(self, code, call, *arguments, **named):
        with self.assertRaises((grpc.RpcError, InferenceServerException)) as caught:
            call(*arguments, **named)
        error = caught.exception
        if isinstance(error, grpc.RpcError):
            self.assertEqual(error.code(), code, error.details())
            return error.details()
        self.assertEqual(error.status(), str(code), error.message())
        return error.message()


class Questions(Grpc):
    def test_server(self):
        self.assertTrue(self.client.is_server_live())
        self.assertTrue(self.client.is_server_ready())
        metadata = self.client.get_server_metadata()
        self.assertEqual(metadata.name, "clops")
        self.assertEqual(list(metadata.extensions), ["classification", "model_repository", "statistics"])

    def test_models(self):
        self.assertTrue(self.client.is_model_ready("breast-cancer"))
        self.assertTrue(self.client.is_model_ready("breast-cancer", "2"))
        self.assertFalse(self.client.is_model_ready("breast-cancer", "9"))
        self.assertFalse(self.client.is_model_ready("nothing"))
        metadata = self.client.get_model_metadata("breast-cancer")
        self.assertEqual(list(metadata.versions), ["1", "2"])
        self.assertEqual(metadata.platform, "xgboost_ubj")
        self.assertEqual([(t.name, t.datatype, list(t.shape)) for t in metadata.inputs], [("input-0", "FP32", [-1, 30])])
        self.assertEqual([output.name for output in metadata.outputs], ["predict"])
        self.refused(grpc.StatusCode.NOT_FOUND, self.client.get_model_metadata, "nothing")
        self.assertIn("it serves 1, 2",
                      self.refused(grpc.StatusCode.NOT_FOUND, self.client.get_model_metadata, "breast-cancer", "9"))

    def test_repository(self):
        index = self.client.get_model_repository_index()
        self.assertEqual([(m.name, m.version, m.state) for m in index.models if m.name == "breast-cancer"],
                         [("breast-cancer", "1", "READY"), ("breast-cancer", "2", "READY")])
        self.assertEqual(len({m.name for m in index.models}), 6)
        for call in (self.client.load_model, self.client.unload_model):
            self.assertIn("ModelDeployment", self.refused(grpc.StatusCode.PERMISSION_DENIED, call, "wine"))

    def test_repository_where_clients_may_change_it(self):
        models = [m for m in support.sample_models() if m["name"] in ("wine", "diabetes")]
        own = support.Server(models, "--drain-delay=0", "--allow-model-control")
        try:
            with triton.InferenceServerClient(own.http) as client:
                client.unload_model("wine")
                self.assertFalse(client.is_model_ready("wine"))
                self.assertEqual([m.name for m in client.get_model_repository_index().models if m.state != "READY"], ["wine"])
                self.refused(grpc.StatusCode.UNAVAILABLE, client.infer, "wine",
                             raw_inputs(body_inputs(support.rows("wine")[0][2])))
                client.load_model("wine")
                self.assertTrue(client.is_model_ready("wine"))
                self.refused(grpc.StatusCode.NOT_FOUND, client.load_model, "nothing")
                self.refused(grpc.StatusCode.UNIMPLEMENTED, client.load_model, "wine", config="{}")
        finally:
            own.stop()

    def test_statistics(self):
        def counted():
            (one,) = self.client.get_inference_statistics("diabetes").model_stats
            self.assertEqual((one.name, one.version), ("diabetes", "1"))
            return one.inference_count, one.execution_count, one.inference_stats.success.count, one.inference_stats.fail.count

        before = counted()
        _, _, body = support.rows("diabetes")[0]
        self.client.infer("diabetes", raw_inputs(body_inputs(body)))
        self.refused(grpc.StatusCode.INVALID_ARGUMENT, self.client.infer, "diabetes", [])
        self.assertEqual([after - was for after, was in zip(counted(), before)], [1, 1, 1, 1])
        every = self.client.get_inference_statistics()
        self.assertEqual(len(every.model_stats), 7)
        self.refused(grpc.StatusCode.NOT_FOUND, self.client.get_inference_statistics, "nothing")
        self.refused(grpc.StatusCode.NOT_FOUND, self.client.get_inference_statistics, "diabetes", "9")

    def test_what_is_not_there(self):
        self.assertIn("ModelConfig", self.refused(grpc.StatusCode.UNIMPLEMENTED, self.client.get_model_config, "wine"))
        self.refused(grpc.StatusCode.UNIMPLEMENTED, self.channel.unary_unary("/no.Such/Method"), b"")


class Inference(Grpc):
    def test_predictions_equal_the_frameworks(self):
        for model in ("breast-cancer", "diabetes", "wine"):
            for user, predictions, body in support.rows(model):
                answer = self.client.infer(model, raw_inputs(body_inputs(body)), headers={"x-user-id": user})
                got = answer.as_numpy("predict")
                version = int(answer.get_response().model_version)
                wanted = np.array([float(text) for text in predictions[version - 1].split(",")], dtype=got.dtype)
                np.testing.assert_array_equal(got.ravel(), wanted, f"{model} {user}")

    def test_typed_and_raw_contents_are_the_same(self):
        for model in ("breast-cancer", "wine"):
            _, _, body = support.rows(model)[0]
            tensors = body_inputs(body)
            raw = self.client.infer(model, raw_inputs(tensors), model_version="1").get_response()
            typed = self.service.ModelInfer(typed_request(model, tensors, model_version="1"))
            self.assertEqual(list(typed.raw_output_contents), list(raw.raw_output_contents))
            self.assertEqual(typed.outputs, raw.outputs)

    def test_every_kind_of_number(self):
        given = support.onnx_rows("kinds-of-numbers")
        tensors = list(given["inputs"].items())
        answer = self.client.infer("kinds-of-numbers", raw_inputs(tensors))
        for name, tensor in given["outputs"].items():
            got = answer.as_numpy(name)
            self.assertEqual(got.dtype, TYPES[tensor["datatype"]])
            np.testing.assert_array_equal(got, array(tensor), name)
        # Typed: FP16 has no such form; the rest is as raw.
        self.assertIn("send raw_input_contents",
                      self.refused(grpc.StatusCode.INVALID_ARGUMENT, self.service.ModelInfer,
                                   self.typed_with_half(tensors)))
        wide = [(name, {**tensor, "datatype": "FP32"} if tensor["datatype"] == "FP16" else tensor)
                for name, tensor in tensors]
        typed = self.service.ModelInfer(typed_request("kinds-of-numbers", wide))
        self.assertEqual(list(typed.raw_output_contents), list(answer.get_response().raw_output_contents))

    def typed_with_half(self, tensors):
        rest = [(name, tensor) for name, tensor in tensors if tensor["datatype"] != "FP16"]
        request = typed_request("kinds-of-numbers", rest)
        for name, tensor in tensors:
            if tensor["datatype"] == "FP16":
                half = request.inputs.add(name=name, datatype="FP16", shape=tensor["shape"])
                half.contents.fp32_contents.extend(tensor["data"])
        return request

    def test_texts(self):
        given = support.onnx_rows("words")
        tensors = list(given["inputs"].items())
        answers = [self.client.infer("words", raw_inputs(tensors)).get_response(),
                   self.service.ModelInfer(typed_request("words", tensors))]
        for answer in answers:
            result = triton.InferResult(answer)
            for name, tensor in given["outputs"].items():
                np.testing.assert_array_equal(result.as_numpy(name), array(tensor), name)

    def test_inputs_in_any_order_and_outputs_as_asked(self):
        given = support.onnx_rows("two-inputs")
        tensors = list(given["inputs"].items())[::-1]
        names = list(given["outputs"])[::-1]
        answer = self.client.infer("two-inputs", raw_inputs(tensors), request_id="grüß",
                                   outputs=[triton.InferRequestedOutput(name) for name in names])
        self.assertEqual([output.name for output in answer.get_response().outputs], names)
        self.assertEqual(answer.get_response().id, "grüß")
        for name in names:
            np.testing.assert_allclose(answer.as_numpy(name), array(given["outputs"][name]), rtol=1e-6)

    def test_classification(self):
        _, _, body = support.rows("wine")[0]
        answer = self.client.infer("wine", raw_inputs(body_inputs(body)),
                                   outputs=[triton.InferRequestedOutput("predict", class_count=2)])
        values = self.client.infer("wine", raw_inputs(body_inputs(body))).as_numpy("predict").ravel()
        best = [text.decode().split(":") for text in answer.as_numpy("predict").ravel()]
        self.assertEqual([int(index) for _, index in best], list(np.argsort(-values)[:2]))
        self.assertEqual([float(value) for value, _ in best], sorted(values, reverse=True)[:2])

    def test_contributions_on_request(self):
        _, _, body = support.rows("diabetes")[0]
        plain = self.client.infer("diabetes", raw_inputs(body_inputs(body)))
        self.assertEqual([output.name for output in plain.get_response().outputs], ["predict"])
        both = self.client.infer("diabetes", raw_inputs(body_inputs(body)), parameters={"contributions": True})
        self.assertEqual([output.name for output in both.get_response().outputs], ["predict", "contributions"])
        self.assertAlmostEqual(both.as_numpy("contributions").sum(), both.as_numpy("predict").item(), places=3)

    def test_who_answered(self):
        _, _, body = support.rows("breast-cancer")[0]
        inputs = raw_inputs(body_inputs(body))
        response = self.client.infer("breast-cancer", inputs, headers={"x-clops-variant": "challenger"}).get_response()
        self.assertEqual(response.model_version, "2")
        self.assertEqual(sorted(response.parameters), ["digest", "prediction_id", "variant", "version"])
        self.assertEqual(response.parameters["variant"].string_param, "challenger")
        self.assertEqual(response.parameters["version"].string_param, "2")
        self.assertTrue(response.parameters["digest"].string_param.startswith("sha256:"))
        self.assertTrue(response.parameters["prediction_id"].string_param.startswith("challenger."))
        # A user stays on a side, and it is the side that REST gives.
        for user in ("user-000", "user-001", "ann", "bob", "carl"):
            sides = {self.client.infer("breast-cancer", inputs, headers={"x-user-id": user}).get_response().model_version
                     for _ in range(5)}
            self.assertEqual(len(sides), 1, user)
            self.assertEqual(sides, {rest_version(self.server.http, user, body)}, user)

    def test_many_rows(self):
        _, _, body = support.rows("breast-cancer")[0]
        row = array(body["inputs"][0])
        many = np.repeat(row, 50_000, axis=0)
        one = triton.InferInput("input-0", many.shape, "FP32")
        one.set_data_from_numpy(many)    # 6 MB, many frames and windows
        answer = self.client.infer("breast-cancer", [one], model_version="1").as_numpy("predict")
        self.assertEqual(answer.size, 50_000)
        self.assertEqual(len(np.unique(answer)), 1)

    def test_an_answer_of_many_megabytes(self):
        row = array(support.rows("breast-cancer")[0][2]["inputs"][0])
        many = np.repeat(row, 30_000, axis=0)
        one = triton.InferInput("input-0", many.shape, "FP32")
        one.set_data_from_numpy(many)
        got = self.client.infer("breast-cancer", [one], outputs=[triton.InferRequestedOutput("contributions")])
        self.assertEqual(got.as_numpy("contributions").shape, (30_000, 31))    # 3.7 MB: more than a connection owes at once
        self.assertEqual(len(np.unique(got.as_numpy("contributions"), axis=0)), 1)

    def test_compressed(self):
        _, predictions, body = support.rows("diabetes")[0]
        for algorithm in ("gzip", "deflate"):
            answer = self.client.infer("diabetes", raw_inputs(body_inputs(body)), compression_algorithm=algorithm)
            self.assertEqual(answer.as_numpy("predict").item(), np.float32(predictions[0]))

    def test_asynchronously_and_many_at_once(self):
        _, predictions, body = support.rows("diabetes")[0]
        inputs, got, done = raw_inputs(body_inputs(body)), [], threading.Semaphore(0)

        def took(result, error):
            got.append(error or result.as_numpy("predict").item())
            done.release()

        for _ in range(500):
            self.client.async_infer("diabetes", inputs, took)
        for _ in range(500):
            self.assertTrue(done.acquire(timeout=20))
        self.assertEqual(set(got), {np.float32(predictions[0])})


class Refusals(Grpc):
    def row(self):
        return array(support.rows("breast-cancer")[0][2]["inputs"][0])

    def infer(self, name="input-0", shape=(1, 30), datatype="FP32", data=None, model="breast-cancer", outputs=None,
              version=""):
        one = triton.InferInput(name, list(shape), datatype)
        one.set_data_from_numpy(self.row() if data is None else data)
        return self.client.infer(model, [one], outputs=outputs, model_version=version)

    def test_names_shapes_and_datatypes(self):
        bad = grpc.StatusCode.INVALID_ARGUMENT
        self.assertIn('takes "input-0"', self.refused(bad, self.infer, name="other"))
        self.assertIn("[1,29] does not fit [-1,30]",
                      self.refused(bad, self.infer, shape=(1, 29), data=np.zeros((1, 29), np.float32)))
        self.assertIn("this model takes FP32",
                      self.refused(bad, self.infer, datatype="BYTES", data=np.array([["a"] * 30], dtype=np.object_)))
        self.assertIn('gives "predict"', self.refused(bad, self.infer, outputs=[triton.InferRequestedOutput("no")]))
        self.refused(grpc.StatusCode.NOT_FOUND, self.infer, model="nöthing")
        self.refused(grpc.StatusCode.NOT_FOUND, self.infer, version="9")

    def test_contents_that_do_not_fit(self):
        bad, body = grpc.StatusCode.INVALID_ARGUMENT, support.rows("breast-cancer")[0][2]

        def request(change):
            one = typed_request("breast-cancer", body_inputs(body))
            change(one)
            return one

        for change, words in (
                (lambda r: r.raw_input_contents.append(b"1234"), "exclude each other"),
                (lambda r: r.raw_input_contents.extend([b"", b""]), "2 entries for 1 inputs"),
                (lambda r: r.inputs[0].contents.fp32_contents.append(1), "has 124 bytes"),
                (lambda r: r.inputs[0].contents.fp32_contents.pop(), "more values than are there"),
                (lambda r: r.inputs[0].contents.int_contents.append(1), "another kind"),
                (lambda r: r.inputs[0].ClearField("contents"), "neither contents nor raw"),
                (lambda r: r.inputs.add().CopyFrom(r.inputs[0]), "is given twice"),
                (lambda r: r.ClearField("inputs"), "is missing"),
                (lambda r: r.inputs[0].shape.__setitem__(0, -1), "does not fit"),
                (lambda r: r.inputs[0].shape.__setitem__(0, 1 << 40), "rows are more than"),
                (lambda r: setattr(r.inputs[0], "datatype", "FP13"), "is not known"),
                (lambda r: r.parameters["triton_x"].__setattr__("bool_param", True), "reserved"),
                (lambda r: r.inputs[0].parameters["shared_memory_region"].__setattr__("string_param", "x"), "shared memory"),
        ):
            self.assertIn(words, self.refused(bad, self.service.ModelInfer, request(change)))

    def test_integers_out_of_range(self):
        given = support.onnx_rows("kinds-of-numbers")
        request = typed_request("kinds-of-numbers",
                                [(n, {**t, "datatype": "FP32"} if t["datatype"] == "FP16" else t) for n, t in given["inputs"].items()])
        for one in request.inputs:
            if one.name == "byte":
                one.contents.uint_contents[0] = 256
        self.assertIn("out of its datatype's range",
                      self.refused(grpc.StatusCode.INVALID_ARGUMENT, self.service.ModelInfer, request))

    def test_message_larger_than_the_limit(self):
        call = self.channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
            self.assertIn("larger than 16777216", self.refused(grpc.StatusCode.RESOURCE_EXHAUSTED, call, bytes(17 << 20),
                                                              compression=compression))
        self.assertTrue(self.client.is_server_live())

    def test_damaged_message(self):
        call = self.channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        self.assertIn("damaged", self.refused(grpc.StatusCode.INVALID_ARGUMENT, call, b"\xff\xff\xff"))

    def test_deadline(self):
        body = support.rows("breast-cancer")[0][2]
        inputs = raw_inputs(body_inputs(body))
        self.client.infer("breast-cancer", inputs, client_timeout=5)
        # Far more work than there is time for; the server goes on to answer others.
        many = np.zeros((30_000, 30), np.float32)
        slow = triton.InferInput("input-0", many.shape, "FP32")
        slow.set_data_from_numpy(many)
        wish = [triton.InferRequestedOutput("contributions")]
        self.refused(grpc.StatusCode.DEADLINE_EXCEEDED, self.client.infer, "breast-cancer", [slow], outputs=wish,
                     client_timeout=0.005)
        self.client.infer("breast-cancer", inputs, client_timeout=5)

    def test_http2_that_is_no_grpc(self):
        run = subprocess.run(["curl", "-s", "--http2-prior-knowledge", "-w", "%{http_version} %{http_code}",
                              f"http://{self.server.http}/v2/health/live"], capture_output=True, text=True, check=True)
        self.assertEqual(run.stdout, "2 405")
        with urllib.request.urlopen(f"http://{self.server.http}/v2/health/live", timeout=5) as answer:
            self.assertEqual(answer.status, 200)    # REST, on the same port


class Health(Grpc):
    def setUp(self):
        super().setUp()
        self.health = health_pb2_grpc.HealthStub(self.channel)

    def test_check(self):
        for service in ("", "inference.GRPCInferenceService", "breast-cancer"):
            answer = self.health.Check(health_pb2.HealthCheckRequest(service=service))
            self.assertEqual(answer.status, health_pb2.HealthCheckResponse.SERVING)
        self.refused(grpc.StatusCode.NOT_FOUND, self.health.Check, health_pb2.HealthCheckRequest(service="no"))

    def test_watch(self):
        watch = self.health.Watch(health_pb2.HealthCheckRequest())
        self.assertEqual(next(watch).status, health_pb2.HealthCheckResponse.SERVING)
        unknown = self.health.Watch(health_pb2.HealthCheckRequest(service="no"))
        self.assertEqual(next(unknown).status, health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
        watch.cancel()
        unknown.cancel()
        late = self.health.Watch(health_pb2.HealthCheckRequest(), timeout=0.5)
        self.assertEqual(next(late).status, health_pb2.HealthCheckResponse.SERVING)
        self.refused(grpc.StatusCode.DEADLINE_EXCEEDED, next, late)


class Reflection(Grpc):
    def test_services_and_a_call_made_from_what_is_told(self):
        told = ProtoReflectionDescriptorDatabase(self.channel)
        self.assertEqual(sorted(told.get_services()),
                         ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                          "grpc.reflection.v1alpha.ServerReflection", "inference.GRPCInferenceService"])
        pool = descriptor_pool.DescriptorPool(told)
        service = pool.FindServiceByName("inference.GRPCInferenceService")
        method = service.FindMethodByName("ServerMetadata")
        ask = self.channel.unary_unary(f"/{service.full_name}/{method.name}", lambda message: message.SerializeToString(),
                                       message_factory.GetMessageClass(method.output_type).FromString)
        self.assertEqual(ask(message_factory.GetMessageClass(method.input_type)()).name, "clops")

    def test_what_is_told_is_what_tritons_client_knows(self):
        pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(self.channel))
        theirs = service_pb2.DESCRIPTOR.message_types_by_name
        for name in ("ModelInferRequest", "ModelInferResponse", "InferTensorContents", "InferParameter", "ModelStatistics",
                     "InferStatistics", "ModelMetadataResponse", "ServerMetadataResponse", "RepositoryIndexResponse"):
            ours = pool.FindMessageTypeByName(f"inference.{name}")
            for field in ours.fields:
                known = theirs[name].fields_by_name[field.name]
                self.assertEqual((field.number, field.type), (known.number, known.type), f"{name}.{field.name}")


class Connections(Grpc):
    def test_keep_alive_pings(self):
        options = triton.KeepAliveOptions(keepalive_time_ms=100, keepalive_timeout_ms=1000,
                                          keepalive_permit_without_calls=True, http2_max_pings_without_data=0)
        with triton.InferenceServerClient(self.server.http, keepalive_options=options) as client:
            self.assertTrue(client.is_server_live())
            end = time.monotonic() + 2
            while time.monotonic() < end:
                self.assertTrue(client.is_server_live())
                time.sleep(0.3)

    def test_drain_ends_a_watch_and_no_call_fails(self):
        own = support.Server([m for m in support.sample_models() if m["name"] == "diabetes"], "--drain-delay=1500",
                             "--max-connection-age=700")
        try:
            body = support.rows("diabetes")[0][2]
            inputs, failures, calls, stop = raw_inputs(body_inputs(body)), [], [0], threading.Event()

            def ask():
                with triton.InferenceServerClient(own.http) as client:
                    while not stop.is_set():
                        try:
                            client.infer("diabetes", inputs, client_timeout=5)
                            calls[0] += 1
                        except InferenceServerException as error:
                            failures.append(str(error))
                            return

            threads = [threading.Thread(target=ask) for _ in range(3)]
            for thread in threads:
                thread.start()
            # Several lives of a connection, each ended by GOAWAY; then the drain, until nobody is let in any more.
            self.assertTrue(support.eventually(lambda: calls[0] > 300 or failures))
            time.sleep(2)
            with grpc.insecure_channel(own.http) as channel:
                watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
                self.assertEqual(next(watch).status, health_pb2.HealthCheckResponse.SERVING)
                own.process.terminate()
                seen = []
                try:
                    for answer in watch:
                        seen.append(answer.status)
                except grpc.RpcError as error:
                    self.assertEqual(error.code(), grpc.StatusCode.UNAVAILABLE)
                self.assertIn(seen, ([health_pb2.HealthCheckResponse.NOT_SERVING], []))
            stop.set()
            for thread in threads:
                thread.join()
            self.assertEqual(failures, [])
            self.assertEqual(own.process.wait(10), 0)
        finally:
            own.stop()


def rest_version(address, user, body):
    request = urllib.request.Request(f"http://{address}/v2/models/breast-cancer/infer", json.dumps(body).encode(),
                                     {"Content-Type": "application/json", "x-user-id": user})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)["model_version"]
