"""tritonclient over TLS with the certificate of an authority that the test makes with openssl, and with callers' tokens: a list's
and JWTs, signed here with PyJWT. (PyJWT and cryptography come with mlflow.)"""
import base64
import json
import pathlib
import ssl
import subprocess
import tempfile
import time

import grpc
import jwt
import numpy as np
import tritonclient.grpc
import tritonclient.grpc.auth
import tritonclient.http
import tritonclient.http.auth
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tritonclient.utils import InferenceServerException

import support

TOKEN, WRONG = "a-token-of-batch-" + "0" * 16, "a-token-of-batch-" + "1" * 16
ISSUER, AUDIENCE = "https://issuer.example", "fraud"


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, text=True)


def authority(folder, name):
    """NAME.crt and NAME.key, of an authority of its own."""
    openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt", "-addext", "keyUsage=critical,keyCertSign")
    return folder / f"{name}.crt"


def server_certificate(folder, by):
    openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=server", "-keyout",
            "tls.key", "-out", "tls.csr")
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
    openssl(folder, "x509", "-req", "-in", "tls.csr", "-CA", f"{by}.crt", "-CAkey", f"{by}.key", "-CAcreateserial", "-days", "2",
            "-extfile", "names", "-out", "tls.crt")


def row(module):
    _, predictions, body = support.rows("diabetes")[0]
    given = body["inputs"][0]
    out = module.InferInput(given["name"], given["shape"], "FP32")
    out.set_data_from_numpy(np.array(given["data"], np.float32).reshape(given["shape"]))
    return [out], np.float32(predictions[0])


class Access(support.unittest.TestCase):
    @classmethod
    def start(cls, *flags):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="clops-clients-")))
        cls.ca, cls.other_ca = authority(cls.folder, "first"), authority(cls.folder, "other")
        server_certificate(cls.folder, "first")
        cls.write_files()
        cls.server = support.Server([support.model("diabetes", ("only", 100, support.ROOT / "samples/models/diabetes/1/model.ubj", "1"))],
                                    "--drain-delay=0", f"--tls-cert={cls.folder / 'tls.crt'}", f"--tls-key={cls.folder / 'tls.key'}",
                                    *(flag.format(cls.folder) for flag in flags))
        cls.addClassCleanup(cls.server.stop)
        cls.port = cls.server.http.rsplit(":", 1)[1]

    @classmethod
    def write_files(cls):
        pass

    def setUp(self):
        self.pair = self.http(), self.grpc()

    def http(self, host="127.0.0.1", ca=None):
        path = str(ca or self.ca)
        client = tritonclient.http.InferenceServerClient(
            f"{host}:{self.port}", ssl=True, ssl_context_factory=lambda: ssl.create_default_context(cafile=path))
        self.addCleanup(client.close)
        return client

    def grpc(self, host="localhost", ca=None):
        client = tritonclient.grpc.InferenceServerClient(f"{host}:{self.port}", ssl=True, root_certificates=str(ca or self.ca))
        self.addCleanup(client.close)
        return client

    def both(self, headers):
        """What each wire answers to these headers: the prediction, or the status as text."""
        out = []
        for module, client in zip((tritonclient.http, tritonclient.grpc), self.pair):
            inputs, wanted = row(module)
            try:
                got = client.infer("diabetes", inputs, headers=dict(headers)).as_numpy("predict").item()
                self.assertEqual(got, wanted)
                out.append("good")
            except InferenceServerException as error:
                self.assertTrue(error.message())
                out.append(error.status())
        return tuple(out)

    def metadata(self, token):
        """The same of a call without a body."""
        out = []
        for client in self.pair:
            try:
                client.get_model_metadata("diabetes", headers={"authorization": f"Bearer {token}"})
                out.append("good")
            except InferenceServerException as error:
                out.append(error.status())
        return tuple(out)

    def refused(self, reason):
        line = next(line for line in self.server.metrics().splitlines()
                    if line.startswith(f'clops_access_refused_total{{reason="{reason}"}} '))
        return int(line.rsplit(" ", 1)[1])


UNKNOWN, FORBIDDEN = ("401", "StatusCode.UNAUTHENTICATED"), ("403", "StatusCode.PERMISSION_DENIED")


class Tokens(Access):
    @classmethod
    def setUpClass(cls):
        cls.start("--auth-callers={}/callers")

    @classmethod
    def write_files(cls):
        (cls.folder / "callers").mkdir()
        (cls.folder / "callers/batch").write_text(TOKEN + "\n")

    def test_a_right_token_is_answered_over_tls(self):
        before = self.refused("no_token") + self.refused("bad_token")
        self.assertEqual(self.both({"authorization": f"Bearer {TOKEN}"}), ("good", "good"))
        # Binary and JSON, again and again on one connection.
        inputs, wanted = row(tritonclient.http)
        client = self.http("localhost")
        for binary in (True, False) * 10:
            inputs[0].set_data_from_numpy(np.array(support.rows("diabetes")[0][2]["inputs"][0]["data"], np.float32).reshape(1, -1),
                                          binary_data=binary)
            answer = client.infer("diabetes", inputs, headers={"Authorization": f"Bearer {TOKEN}"})
            self.assertEqual(answer.as_numpy("predict").item(), wanted)
        self.assertEqual(self.refused("no_token") + self.refused("bad_token"), before)

    def test_a_wrong_token_and_none_are_refused(self):
        self.assertEqual(self.both({"authorization": f"Bearer {WRONG}"}), UNKNOWN)
        self.assertEqual(self.both({"authorization": f"Basic {TOKEN}"}), UNKNOWN)
        self.assertEqual(self.both({}), UNKNOWN)
        self.assertNotIn(WRONG, self.server.said())
        # And who is refused may try again, on the same connection too.
        client = self.http()
        inputs, wanted = row(tritonclient.http)
        for token, good in ((WRONG, False), (TOKEN, True), (WRONG, False)):
            try:
                answer = client.infer("diabetes", inputs, headers={"authorization": f"Bearer {token}"})
                self.assertTrue(good)
                self.assertEqual(answer.as_numpy("predict").item(), wanted)
            except InferenceServerException as error:
                self.assertEqual((error.status(), good), ("401", False))

    def test_the_clients_own_plugins_for_credentials(self):
        """Basic credentials are all they know, and no token: they are told what is wanted."""
        client = self.http()
        client.register_plugin(tritonclient.http.auth.BasicAuth("batch", TOKEN))
        with self.assertRaises(InferenceServerException) as caught:
            client.get_model_metadata("diabetes")
        self.assertEqual(caught.exception.status(), "401")
        self.assertIn("Bearer", caught.exception.message())

    def test_health_is_everybodys(self):
        self.assertTrue(self.http().is_server_ready())
        self.assertTrue(self.grpc().is_server_ready())

    def test_clients_that_know_another_authority_or_name_do_not_connect(self):
        for client in (self.http(ca=self.other_ca), self.http(host="127.0.0.2")):
            with self.assertRaises(Exception) as caught:
                client.is_server_live()
            self.assertNotIsInstance(caught.exception, InferenceServerException)    # there was no answer at all
        inputs, _ = row(tritonclient.grpc)
        with self.assertRaises(InferenceServerException) as caught:
            self.grpc(ca=self.other_ca).infer("diabetes", inputs, headers={"authorization": f"Bearer {TOKEN}"}, client_timeout=5)
        self.assertIn(caught.exception.status(), ("StatusCode.UNAVAILABLE", "StatusCode.DEADLINE_EXCEEDED"))

    def test_credentials_of_grpc_itself(self):
        """The token goes with the channel, which grpc allows over TLS only."""
        with open(self.ca, "rb") as ca:
            credentials = grpc.composite_channel_credentials(grpc.ssl_channel_credentials(ca.read()),
                                                             grpc.access_token_call_credentials(TOKEN))
        client = tritonclient.grpc.InferenceServerClient(f"localhost:{self.port}", creds=credentials)
        self.addCleanup(client.close)
        inputs, wanted = row(tritonclient.grpc)
        for _ in range(3):
            self.assertEqual(client.infer("diabetes", inputs).as_numpy("predict").item(), wanted)

    def test_z_tokens_are_exchanged_while_clients_are_connected(self):
        later = "a-later-token-of-batch-2222"
        self.assertEqual(self.metadata(TOKEN), ("good", "good"))
        (self.folder / "callers/batch").write_text(later + "\n")
        self.assertTrue(support.eventually(lambda: self.metadata(TOKEN) == UNKNOWN))
        self.assertEqual(self.metadata(later), ("good", "good"))
        (self.folder / "callers/batch").write_text(TOKEN + "\n")
        self.assertTrue(support.eventually(lambda: self.metadata(later) == UNKNOWN))


class Jwts(Access):
    @classmethod
    def setUpClass(cls):
        cls.rsa, cls.strange_rsa = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
        cls.ec = ec.generate_private_key(ec.SECP256R1())
        cls.start("--auth-jwks={}/jwks.json", f"--auth-issuer={ISSUER}", f"--auth-audience={AUDIENCE}", "--auth-claim=role=scorer")

    @classmethod
    def write_files(cls):
        cls.write_jwks(rsa=cls.rsa, ec=cls.ec)

    @classmethod
    def write_jwks(cls, **keys):
        kinds = {"rsa": jwt.algorithms.RSAAlgorithm, "ec": jwt.algorithms.ECAlgorithm}
        public = [{**json.loads(kinds[name].to_jwk(key.public_key())), "kid": name, "use": "sig"} for name, key in keys.items()]
        (cls.folder / "jwks.json.new").write_text(json.dumps({"keys": public}))
        (cls.folder / "jwks.json.new").rename(cls.folder / "jwks.json")

    def token(self, key=None, algorithm="RS256", kid="rsa", **claims):
        all_ = {"iss": ISSUER, "aud": AUDIENCE, "sub": "batch-7", "exp": int(time.time()) + 600, "role": "scorer", **claims}
        return jwt.encode({name: value for name, value in all_.items() if value is not None}, key or self.rsa, algorithm,
                          headers={"kid": kid})

    def verdict(self, token):
        return self.both({"authorization": f"Bearer {token}"})

    def test_good_ones(self):
        good = self.token()
        for token in (good, good, self.token(self.ec, "ES256", "ec"), self.token(aud=["other", AUDIENCE]),
                      self.token(role=["reader", "scorer"])):
            self.assertEqual(self.verdict(token), ("good", "good"))

    def test_bad_ones(self):
        now = int(time.time())
        head, claims, signature = self.token().split(".")
        admin = base64.urlsafe_b64encode(json.dumps({"iss": ISSUER, "aud": AUDIENCE, "sub": "admin", "exp": now + 600, "role": "scorer"})
                                         .encode()).rstrip(b"=").decode()
        for what, token in {
                "expired": self.token(exp=now - 120), "not valid yet": self.token(nbf=now + 120), "without end": self.token(exp=None),
                "wrong audience": self.token(aud="spam"), "wrong issuer": self.token(iss="https://other.example"),
                "wrong key": self.token(self.strange_rsa), "unknown key": self.token(kid="nobody"),
                "another kind of key": self.token(self.ec, "ES256", "rsa"),
                "symmetric": jwt.encode({"sub": "x"}, "0" * 32, "HS256"),
                "unsigned": jwt.encode({"iss": ISSUER, "aud": AUDIENCE, "exp": now + 600}, None, "none", headers={"kid": "rsa"}),
                "exchanged claims": f"{head}.{admin}.{signature}", "none at all": "a.b.c"}.items():
            for _ in range(2):    # the second time from what is remembered
                self.assertEqual(self.verdict(token), UNKNOWN, what)
            self.assertNotIn(token.rsplit(".", 1)[0], self.server.said())

    def test_a_good_one_without_the_right_is_forbidden(self):
        before = self.refused("not_enough")
        for token in (self.token(role="reader"), self.token(role=None)):
            self.assertEqual(self.verdict(token), FORBIDDEN)
        self.assertEqual(self.refused("not_enough"), before + 4)

    def test_one_that_was_accepted_ends_with_its_time(self):
        """The leeway is a minute: this one ends in two seconds, on connections that have used it."""
        token = self.token(exp=int(time.time()) - 57)
        self.assertEqual(self.metadata(token), ("good", "good"))
        self.assertTrue(support.eventually(lambda: self.metadata(token) == UNKNOWN))

    def test_z_a_key_that_is_taken_away_ends_its_tokens(self):
        token, other = self.token(self.ec, "ES256", "ec"), self.token()
        self.assertEqual(self.verdict(token), ("good", "good"))
        self.write_jwks(rsa=self.rsa)
        self.assertTrue(support.eventually(lambda: self.verdict(token) == UNKNOWN))
        self.assertEqual(self.verdict(other), ("good", "good"))
        self.write_jwks(rsa=self.rsa, ec=self.ec)
        self.assertTrue(support.eventually(lambda: self.verdict(token) == ("good", "good")))


if __name__ == "__main__":
    support.unittest.main()
