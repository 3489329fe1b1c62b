#!/usr/bin/env python3
"""Makes tests/data/access: JWTs as PyJWT signs them, the JWKS of their issuer, and the verdict that each must get.

  python3 -m venv VENV && VENV/bin/pip install -r scripts/requirements-golden-jwt.txt
  VENV/bin/python scripts/make_golden_jwt.py

cases.tsv: a name, the verdict (good and the subject, or unauthenticated, or denied) and the token, which is a test's and
opens nothing. The private keys are thrown away; a new run makes new keys, so all files change together. Times are around
the fixed NOW of the test.
"""
import base64
import hashlib
import hmac
import json
import pathlib

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

NOW = 1_800_000_000
ROOT = pathlib.Path(__file__).resolve().parent.parent / "tests/data/access"
CLAIMS = {"iss": "https://issuer.example", "aud": "fraud", "sub": "batch-7", "exp": NOW + 600, "nbf": NOW - 600,
          "role": "scorer", "scope": "read predict"}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def public_jwk(algorithm, key, **more):
    return {**json.loads(algorithm.to_jwk(key.public_key())), **more}


def claims(**changes):
    out = {**CLAIMS, **changes}
    return {name: value for name, value in out.items() if value is not None}


def forged(header, payload, sign):
    text = f"{b64(json.dumps(header).encode())}.{b64(payload if isinstance(payload, bytes) else json.dumps(payload).encode())}"
    return f"{text}.{b64(sign(text.encode()))}"


def main():
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    other_rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    ec_key = ec.generate_private_key(ec.SECP256R1())
    other_ec = ec.generate_private_key(ec.SECP256R1())
    ed_key = ed25519.Ed25519PrivateKey.generate()
    jwks = {"keys": [
        public_jwk(jwt.algorithms.RSAAlgorithm, rsa_key, kid="rsa-1", use="sig", alg="RS256"),
        public_jwk(jwt.algorithms.ECAlgorithm, ec_key, kid="ec-1", use="sig"),
        public_jwk(jwt.algorithms.ECAlgorithm, other_ec, kid="ec-2"),
        public_jwk(jwt.algorithms.OKPAlgorithm, ed_key, kid="ed-1"),
        {"kty": "oct", "kid": "secret", "k": b64(b"0123456789abcdef0123456789abcdef")},
        public_jwk(jwt.algorithms.RSAAlgorithm, other_rsa, kid="for-encryption", use="enc"),
    ]}

    def rs(payload, kid="rsa-1", key=rsa_key, **header):
        return jwt.encode(payload, key, "RS256", headers={**({"kid": kid} if kid else {}), **header})

    def es(payload, kid="ec-1", key=ec_key):
        return jwt.encode(payload, key, "ES256", headers={"kid": kid} if kid else None)

    good = rs(claims())
    pem = rsa_key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    modulus = base64.urlsafe_b64decode(jwks["keys"][0]["n"] + "==")
    head, body, signature = good.split(".")
    flipped = base64.urlsafe_b64decode(signature + "==")
    flipped = bytes([flipped[0] ^ 1]) + flipped[1:]
    rs_sign = lambda text: jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).sign(text, rsa_key)
    rs_header = {"alg": "RS256", "kid": "rsa-1"}

    def hmac_with(key):
        return forged({"alg": "HS256", "kid": "rsa-1"}, claims(), lambda text: hmac.new(key, text, hashlib.sha256).digest())

    twice = b'{"alg":"none","alg":"RS256","kid":"rsa-1"}'
    unauthenticated = {
        "expired": rs(claims(exp=NOW - 61)),
        "expired_long_ago": rs(claims(exp=1)),
        "no_end": rs(claims(exp=None)),
        "not_yet": rs(claims(nbf=NOW + 61)),
        "other_issuer": rs(claims(iss="https://issuer.example.evil")),
        "no_issuer": rs(claims(iss=None)),
        "other_audience": rs(claims(aud="spam")),
        "no_audience": rs(claims(aud=None)),
        "audience_list_without_ours": rs(claims(aud=["spam", "fraud2"])),
        "alg_none": forged({"alg": "none"}, claims(), lambda text: b""),
        "alg_none_upper": forged({"alg": "NONE", "kid": "rsa-1"}, claims(), lambda text: b""),
        "alg_none_with_kid": forged({"alg": "none", "kid": "rsa-1"}, claims(), lambda text: b""),
        "hmac_with_public_pem": hmac_with(pem),
        "hmac_with_modulus": hmac_with(modulus),
        "hmac_with_the_oct_key": forged({"alg": "HS256", "kid": "secret"}, claims(),
                                        lambda t: hmac.new(b"0123456789abcdef0123456789abcdef", t, hashlib.sha256).digest()),
        "rs512": jwt.encode(claims(), rsa_key, "RS512", headers={"kid": "rsa-1"}),
        "ps256": jwt.encode(claims(), rsa_key, "PS256", headers={"kid": "rsa-1"}),
        "kid_unknown": rs(claims(), kid="rsa-9"),
        "kid_of_another_kind": rs(claims(), kid="ec-1"),
        "kid_for_encryption": rs(claims(), kid="for-encryption", key=other_rsa),
        "kid_missing_of_two": es(claims(), kid=None),
        "signed_by_another_key": rs(claims(), key=other_rsa),
        "es_signed_by_another_key": es(claims(), key=other_ec),
        "signature_flipped": f"{head}.{body}.{b64(flipped)}",
        "signature_empty": f"{head}.{body}.",
        "claims_exchanged": f"{head}.{b64(json.dumps(claims(sub='admin')).encode())}.{signature}",
        "header_twice_alg": f"{b64(twice)}.{body}.{signature}",
        "critical": rs(claims(), crit=["exp"]),
        "claim_twice": forged(rs_header, json.dumps(claims())[:-1].encode() + b',"aud":"fraud"}', rs_sign),
        "exp_is_text": forged(rs_header, claims(exp=str(NOW + 600)), rs_sign),
        "exp_is_huge": forged(rs_header, claims(exp=10**30), rs_sign),
        "issuer_is_a_list": forged(rs_header, claims(iss=["https://issuer.example"]), rs_sign),
        "claims_are_a_list": forged(rs_header, b"[]", rs_sign),
        "claims_go_on": forged(rs_header, json.dumps(claims()).encode() + b"{}", rs_sign),
        "two_parts": f"{head}.{body}",
        "four_parts": f"{good}.x",
        "padded": f"{head}=.{body}.{signature}",
        "empty_parts": "..",
        "too_long": rs(claims(filler="x" * 9000)),
        "subject_too_long": rs(claims(sub="x" * 300)),
        "many_members": rs(claims(**{f"c{i}": i for i in range(200)})),
    }
    granted = {
        "rs256": good,
        "es256": es(claims()),
        "es256_second_key": es(claims(), kid="ec-2", key=other_ec),
        "eddsa": jwt.encode(claims(), ed_key, "EdDSA", headers={"kid": "ed-1"}),
        "kid_missing_of_one": rs(claims(), kid=None),
        "expired_within_leeway": rs(claims(exp=NOW - 59)),
        "not_yet_within_leeway": rs(claims(nbf=NOW + 59)),
        "fractional_times": rs(claims(exp=NOW + 0.5, nbf=NOW - 0.5)),
        "no_nbf": rs(claims(nbf=None)),
        "audience_list": rs(claims(aud=["spam", "fraud"])),
        "role_list": rs(claims(role=["reader", "scorer"])),
        "escaped": forged(rs_header, json.dumps(claims()).replace("fraud", "\\u0066raud").encode(), rs_sign),
    }
    denied = {
        "no_role": rs(claims(role=None)),
        "other_role": rs(claims(role="reader")),
        "role_within_text": rs(claims(role="not scorer")),
        "role_list_without": rs(claims(role=["reader"])),
        "role_object": rs(claims(role={"scorer": True})),
        "scope_without": rs(claims(scope="read predictions")),
    }
    lines = [f"{name}\tgood\t{token}" for name, token in granted.items()]
    lines += [f"{name}\tdenied\t{token}" for name, token in denied.items()]
    lines += [f"{name}\tunauthenticated\t{token}" for name, token in unauthenticated.items()]
    ROOT.mkdir(parents=True, exist_ok=True)
    (ROOT / "cases.tsv").write_text("\n".join(lines) + "\n")
    (ROOT / "jwks.json").write_text(json.dumps(jwks, indent=1) + "\n")


if __name__ == "__main__":
    main()
