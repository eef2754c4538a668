"""The schemas beside the text: those of the code, and what they take is what the library takes."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource

from eccoo_federation.bodies import BODIES
from eccoo_federation.errors import ProtocolError
from tools.schemas import all_schemas, text

HERE = Path(__file__).resolve().parents[2] / "federation"
VECTORS = {path.stem: json.loads(path.read_text()) for path in sorted((HERE / "vectors").glob("*.json"))}
SCHEMAS = {path.stem: json.loads(path.read_text()) for path in sorted((HERE / "schemas").glob("*.json"))}
REGISTRY: Any = Registry().with_resources((one["$id"], Resource.from_contents(one)) for one in SCHEMAS.values())


@cache
def validator(name: str) -> Any:
    return Draft202012Validator({"$ref": f"urn:circle:schema:1:{name}"}, registry=REGISTRY)


# Where in the vectors an object lies, and which schema it must then fit.
OBJECTS = [
    ("identity_document", "cases", "document", "identity-document"),
    ("agreements", "cases", "agreement", "agreement"),
    ("certificates", "cases", "certificate", "certificate"),
    ("event_chain", "events", "event", "event"),
    ("cover_story", "events", "event", "event"),
    ("pool_pages", "cases", "page", "pool-page"),
    ("attestations", "cases", "attestation", "attestation"),
    ("statements", "cases", "statement", "body.settle.statement"),
]


def test_what_is_taken_fits_its_schema() -> None:
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)
    for file, part, member, name in OBJECTS:
        fits = validator(name)
        for case in VECTORS[file][part]:
            if case.get("expect", "ok") == "ok":
                fits.validate(case[member])
                # In the chain any object stands for a certificate.
                if name == "event" and (kind := case[member]["type"]) != "cover.committed":
                    validator(f"body.{kind}").validate(case[member]["body"])
    given = VECTORS["handshake"]
    pairs = [
        ("link-request", given["request"]), ("link-answer", given["answer"]), ("reveal", given["reveal_request"]),
        ("reveal", given["reveal_answer"]), ("invite", given["invites"][0]["invite"]),
        ("agreement-message", {"v": 1, "agreement": given["concluded"]}), ("terms", VECTORS["cover_story"]["terms"]),
        ("disclosure", VECTORS["cover_story"]["disclosure"]), ("areas", VECTORS["told"]["areas"]),
        ("ping", {"link": VECTORS["world"]["link"], "sent": 0, "applied": 0}), ("error", ProtocolError("gap", detail={"id": "x"}).as_body()),
        ("batch-answer", {"applied": 3, "verdicts": VECTORS["event_inbox"]["cases"][0]["verdicts"]}),
        ("words", {"v": 1, "link": VECTORS["world"]["link"], "log_head": "A" * 43, "commitment": "A" * 43}),
        ("batch", {"events": [VECTORS["cover_story"]["events"][4]["event"]]}), ("events-answer", {"events": []}),
        ("statements-answer", VECTORS["statements"]["answer"]), ("circles", VECTORS["told"]["circles"]),
        *[("asking", one["event"]["body"]["asking"]) for one in VECTORS["event_chain"]["events"] if "asking" in one["event"]["body"]],
        ("referral", next(one["body"] for one in VECTORS["told"]["cases"] if one["kind"] == "referral")),
    ]  # fmt: skip
    pairs += [
        ("log-entry", entry)
        for case in VECTORS["identity_log"]["cases"][:6]
        for entry in [json.loads(line) for line in case["log"]]
    ]
    for case in VECTORS["reconcile"]["cases"]:
        sides = ["requester-state", "offerer-state"]
        pairs += zip(sides if case["side"] == "requester" else sides[::-1], (case["mine"], case["theirs"]), strict=True)
    for name, value in pairs:
        validator(name).validate(value)
    used = {name for name, _ in pairs} | {name for _, _, _, name in OBJECTS} | {"key", "proof"}
    assert used | {f"body.{kind}" for kind in BODIES} == set(SCHEMAS), "a schema that nothing is measured against"


def test_a_batch_is_judged_by_its_envelopes_and_each_body_by_its_own_schema() -> None:
    """As somebody does it who has the schemas alone: one bad body refuses no batch, and no event beside it."""
    proof = VECTORS["event_inbox"]["cases"][0]["events"][0]["proof"]
    for case in VECTORS["event_inbox"]["cases"]:
        # A proof that does not fit is a bad proof, not a bad batch.
        batch = {"events": [{**one, "proof": proof} for one in case["events"]]}
        assert validator("batch").is_valid(batch) == (case["expect"] != "bad_body"), case["name"]
        codes = {one["id"]: one.get("code") for one in case.get("verdicts", [])}
        for one in case["events"] if case["expect"] == "ok" else []:
            if f"body.{one['type']}" in SCHEMAS:
                fits = validator(f"body.{one['type']}").is_valid(one["body"])
                assert fits == (codes[one["id"]] != "bad_body"), (case["name"], one["type"])


def test_a_schema_and_the_library_take_the_same_bodies() -> None:
    checks = {kind: validator(f"body.{kind}") for kind in BODIES}
    # What a schema cannot say: the order of times, sums, days that do not exist, pictures.
    beyond = {
        "ends before it begins", "go or no go after the start", "an answer after the end", "a day that does not exist",
        "a time that does not exist", "a penny out", "an entry twice", "not what it says", "a picture too large",
        "not base64",
    }  # fmt: skip
    for case in VECTORS["event_bodies"]["cases"]:
        if case["type"] not in checks or case["name"] in beyond or case["type"] == "cover.committed":
            continue
        try:
            checks[case["type"]].validate(case["body"])
            fits = True
        except ValidationError:
            fits = False
        assert fits == (case["expect"] == "ok"), f"{case['type']}: {case['name']}"


def test_the_files_are_what_the_tool_writes() -> None:
    """The one test that makes anything: all others read the files, as a stranger does."""
    files = {path.name: path.read_text() for path in (HERE / "schemas").glob("*.json")}
    assert files == {name: text(schema) for name, schema in all_schemas().items()}, "run: make vectors"
    for words in files.values():
        assert "``" not in words
        assert "eccoo" not in words
