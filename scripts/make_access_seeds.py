#!/usr/bin/env python3
"""Makes the fuzzers' seeds tests/data/fuzz/jwt and jwks from tests/data/access (make_golden_jwt.py): tokens as PyJWT wrote
them, header and claims of tokens as JSON on two lines (tests/fuzz/jwt_check.h), the issuer's JWKS whole and key by key.

  python3 scripts/make_access_seeds.py
"""
import base64
import json
import pathlib

DATA = pathlib.Path(__file__).resolve().parent.parent / "tests/data"
WHOLE = ("rs256", "es256", "eddsa", "kid_missing_of_one", "no_role", "expired", "alg_none_with_kid", "signature_empty",
         "four_parts")
OPENED = ("rs256", "es256", "eddsa", "audience_list", "role_list", "escaped", "role_object", "fractional_times", "critical",
          "claim_twice", "header_twice_alg", "exp_is_text", "exp_is_huge", "claims_are_a_list", "many_members")


def opened(token):
    return b"\n".join(base64.urlsafe_b64decode(part + "==") for part in token.split(".")[:2])


def write(folder, seeds):
    target = DATA / "fuzz" / folder
    target.mkdir(parents=True, exist_ok=True)
    for old in target.iterdir():
        old.unlink()
    for name, content in seeds.items():
        (target / name).write_bytes(content)


def main():
    tokens = {}
    for line in (DATA / "access/cases.tsv").read_text().splitlines():
        name, _, token = line.split("\t")
        tokens[name] = token
    write("jwt", {name: tokens[name].encode() for name in WHOLE} | {f"{name}_opened": opened(tokens[name]) for name in OPENED})
    keys = json.loads((DATA / "access/jwks.json").read_text())["keys"]
    plain = [{name: value for name, value in key.items() if name not in ("kid", "use", "alg", "key_ops")} for key in keys]
    documents = {"whole": keys, "without_names": plain, "same_name_twice": [keys[1], keys[1]], "none": []}
    documents |= {f"{number}_{key['kid']}": [key] for number, key in enumerate(keys)}
    write("jwks", {name: json.dumps({"keys": value}, separators=(",", ":")).encode() for name, value in documents.items()} |
          {"of_another_shape": b'{"issuer":{"a":[1,-2.5e3,null,true]},"keys":[{"kty":"EC","key_ops":["sign"],"x5c":["\\u0041"]}]}'})


if __name__ == "__main__":
    main()
