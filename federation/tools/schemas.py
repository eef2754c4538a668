"""One JSON Schema (2020-12) for each object on the wire, made from the library's types."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import msgspec

from eccoo_federation import attestations, bodies_introduce, cover, events, handshake, invites, pools, referrals
from eccoo_federation.bodies import BODIES
from eccoo_federation.cover_terms import Terms
from eccoo_federation.errors import CODES
from eccoo_federation.limits import BATCH_EVENTS
from eccoo_federation.shapes import Count

from . import schema_words as words

FOLDER = Path(__file__).resolve().parents[1] / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]

_MOST = get_args(Count)[1].le
TIME = {"type": "string", "format": "date-time", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"}
DIGEST = {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"}
NODE = {"type": "string", "pattern": "^[a-z2-7]{52}$"}
URL = {"type": "string", "minLength": 8, "maxLength": 400}
MULTIKEY = {"type": "string", "pattern": "^z6Mk[1-9A-HJ-NP-Za-km-z]{44}$"}
UUID7 = {"type": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"}
WHOLE = {"type": "integer", "minimum": 0, "maximum": _MOST}

# Members that may be left out although every other of their object is always written.
_OPTIONAL = {"supersedes", "expires_on"}
_TYPES: dict[str, tuple[type, int]] = {
    "invite": (invites.Invite, 0),
    "link-request": (handshake.LinkRequest, 0),
    "link-answer": (handshake.LinkAnswer, 0),
    "reveal": (handshake.Reveal, 0),
    "words": (handshake.WordsAgain, 0),
    "agreement": (handshake.Agreement, 2),
    "terms": (Terms, 0),
    "certificate": (cover.Certificate, 1),
    "requester-state": (cover.RequesterDocument, 1),
    "offerer-state": (cover.OffererDocument, 1),
    "disclosure": (events.Disclosure, 0),
    "pool-page": (pools.PoolPage, 0),
    "attestation": (attestations.Credential, 1),
    "areas": (referrals.Served, 1),
    "referral": (referrals.Referred, 0),
    "circles": (bodies_introduce.Circles, 0),
    "asking": (bodies_introduce.Asking, 1),
}


def all_schemas() -> dict[str, Schema]:
    """File name -> schema."""
    made = {name: _of(name, kind, proofs) for name, (kind, proofs) in _TYPES.items()}
    made |= {f"body.{name}": _of(name, kind, 0, f"body.{name}") for name, kind in BODIES.items()}
    made |= _by_hand()
    _tighten(made)
    return {f"{name}.json": made[name] for name in sorted(made)}


def text(schema: Schema) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def ref(name: str) -> Schema:
    return {"$ref": f"urn:circle:schema:1:{name}"}


def _head(name: str, schema: Schema) -> Schema:
    title = words.TITLES.get(name, name.removeprefix("body."))
    head: Schema = {"$schema": DIALECT, "$id": f"urn:circle:schema:1:{name}", "title": title}
    if name in words.DESCRIPTIONS:
        schema = {**schema, "description": words.DESCRIPTIONS[name]}
    return head | {key: value for key, value in schema.items() if key != "title"}


def _of(name: str, kind: type, proofs: int, file: str = "") -> Schema:
    (top,), components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    own = top["$ref"].rpartition("/")[2]
    structs = _structs(kind)
    tidied = {key: _tidy(value, structs.get(key)) for key, value in components.items()}
    schema = tidied.pop(own)
    if name in words.DESCRIPTIONS:
        schema["description"] = words.DESCRIPTIONS[name]
    if proofs == 1:
        schema["properties"]["proof"] = ref("proof")
    elif proofs == 2:
        schema["properties"]["proof"] = {"type": "array", "items": ref("proof"), "minItems": 1, "maxItems": 2}
    if proofs:
        schema["required"] = sorted({*schema["required"], "proof"})
    if tidied:
        schema["$defs"] = {_plain(key): tidied[key] for key in sorted(tidied)}
    return _head(file or name, schema)


def _structs(kind: type) -> dict[str, Any]:
    """Every struct that `kind` is made of, by its name in the library."""
    found: dict[str, Any] = {}

    def walk(one: Any) -> None:
        if isinstance(one, msgspec.inspect.StructType):
            if one.cls.__name__ not in found:
                found[one.cls.__name__] = one.cls
                for field in one.fields:
                    walk(field.type)
            return
        for part in getattr(one, "types", ()) or getattr(one, "item_types", ()):
            walk(part)
        for name in ("item_type", "value_type", "type"):
            if isinstance(inner := getattr(one, name, None), msgspec.inspect.Type):
                walk(inner)

    walk(msgspec.inspect.type_info(kind))
    return found


def _plain(name: str) -> str:
    return words.NAMES.get(name, re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower())


def _tidy(schema: Any, struct: Any = None) -> Any:
    if isinstance(schema, list):
        return [_tidy(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made: Schema = {}
    for key, value in schema.items():
        if key == "title":
            continue
        if key == "description":
            made[key] = " ".join(value.replace("``", "`").split())
        elif key == "$ref":
            made[key] = "#/$defs/" + _plain(value.rpartition("/")[2])
        elif key == "pattern":
            made[key] = value.replace("\\Z", "$")
        elif key == "properties":
            made[key] = {name: _tidy(one) for name, one in value.items()}
        elif key == "enum" and len(value) == 1:
            made["const"] = value[0]
        else:
            made[key] = _tidy(value)
    if made.get("pattern") == TIME["pattern"]:
        made["format"] = "date-time"
    elif str(made.get("pattern", "")) == "^[0-9]{4}-[0-9]{2}-[0-9]{2}$":
        made["format"] = "date"
    if struct is not None and not struct.__struct_config__.omit_defaults:
        made["required"] = [name for name in made["properties"] if name not in _OPTIONAL]
    elif struct is not None:
        always = {name for name in ("v", "type") if "const" in made["properties"].get(name, {})}
        made["required"] = sorted({*made.get("required", []), *always})
    if struct is not None:
        for name in made["required"]:
            made["properties"][name].pop("default", None)
        if struct.__doc__ is None or struct.__doc__.startswith(struct.__name__):
            made.pop("description", None)
    return made


def _object(properties: Schema, *, optional: tuple[str, ...] = (), **more: Any) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, **more}


def _by_hand() -> dict[str, Schema]:
    proof = _object(
        {
            "type": {"const": "DataIntegrityProof"},
            "cryptosuite": {"const": "eddsa-jcs-2022"},
            "created": TIME,
            "verificationMethod": {"type": "string", "pattern": "^urn:circle:[a-z2-7]{52}#[A-Za-z0-9_-]{43}$"},
            "proofPurpose": {"const": "assertionMethod"},
            "proofValue": {"type": "string", "pattern": "^z[1-9A-HJ-NP-Za-km-z]{64,88}$"},
            "@context": {},
        },
        optional=("@context",),
        additionalProperties=False,
    )
    use = {"enum": ["transport", "object"]}
    key = _object({"kid": DIGEST, "use": use, "public": MULTIKEY, "nbf": TIME, "exp": TIME})
    return {
        "proof": _head("proof", proof),
        "key": _head("key", key),
        "log-entry": _head("log-entry", _log_entry()),
        "identity-document": _head("identity-document", _document()),
        "event": _of("event", events.Envelope, 1),
        **_messages(),
    }


def _log_entry() -> Schema:
    keys = {"type": "array", "items": ref("key"), "minItems": 1}
    members: dict[str, Schema] = {
        "create": {"root": MULTIKEY, "next_root_hash": DIGEST, "base_url": URL, "keys": keys},
        "keys": {"keys": keys},
        "move": {"root": MULTIKEY, "next_root_hash": DIGEST, "base_url": URL},
        "recover": {"root": MULTIKEY, "next_root_hash": DIGEST, "keys": keys},
    }
    kinds = []
    for op, more in members.items():
        first = op == "create"
        common: Schema = {"v": {"const": 1}, "op": {"const": op}}
        common["seq"] = {"const": 0} if first else {"type": "integer", "minimum": 1, "maximum": 255}
        common |= {"prev": {"type": "null"} if first else DIGEST, "at": TIME}
        kinds.append(_object({**common, **more, "proof": ref("proof")}))
    return {"oneOf": kinds}


def _document() -> Schema:
    texts = {"type": "array", "items": {"type": "string"}}
    return _object(
        {
            "v": {"const": 1},
            "type": {"const": "circle-node"},
            "node_id": NODE,
            "base_url": URL,
            "name": {"type": "string"},
            "phone": {"type": "string"},
            "seq": {"type": "integer", "minimum": 0, "maximum": 255},
            "prev": DIGEST,
            "keys": {"type": "array", "items": ref("key"), "minItems": 1},
            "next_root_hash": DIGEST,
            "protocols": {**texts, "contains": {"const": "circle-fed-1"}},
            "caps": texts,
            "limits": {"type": "object", "additionalProperties": {"type": "integer"}},
            "at": TIME,
            "valid_until": TIME,
            "proof": ref("proof"),
        },
        optional=("phone",),
    )


def _messages() -> dict[str, Schema]:
    verdict = _object(
        {
            "id": UUID7,
            "verdict": {"enum": ["applied", "duplicate", "refused", "blocked", "buffered"]},
            "code": {"type": "string"},
        },
        optional=("code",),
    )
    inner = _object(
        {"code": {"enum": sorted(CODES)}, "sentence": {"type": "string"}, "detail": {"type": "object"}},
        optional=("detail",),
    )
    batch = {"type": "array", "items": ref("event"), "maxItems": BATCH_EVENTS}
    shapes = {
        "agreement-message": _object({"v": {"const": 1}, "agreement": ref("agreement")}),
        "batch": _object({"events": {**batch, "minItems": 1}}),
        "events-answer": _object({"events": batch}),
        "batch-answer": _object({"applied": WHOLE, "verdicts": {"type": "array", "items": verdict}}),
        "statements-answer": _object(
            {
                "v": {"const": 1},
                "period": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_.-]{0,47}$"},
                "events": {"type": "array", "items": ref("event")},
                "proof": ref("proof"),
            }
        ),
        "ping": _object({"link": UUID7, "sent": WHOLE, "applied": WHOLE}),
        "error": _object({"error": inner}),
    }
    return {name: _head(name, shape) for name, shape in shapes.items()}


def _tighten(made: dict[str, Schema]) -> None:
    """What the library compares by value instead of by type."""
    both = [made["requester-state"], made["offerer-state"]]
    for schema, side in zip(both, ("requester", "offerer"), strict=True):
        shown = schema["properties"]
        shown |= {"v": {"const": 1}, "type": {"const": "cover.state"}, "side": {"const": side}, "link": UUID7}
        shown["rev"] = WHOLE
        sums = schema["$defs"]["sums"]
        sums["properties"] = {"outcome": {"enum": words.OUTCOMES}} | {
            name: WHOLE for name in sums["properties"] if name != "outcome"
        }
        for name in ("certificate",):
            for holder in (shown, schema["$defs"].get("offer", {}).get("properties", {})):
                if name in holder:
                    holder[name] = {"anyOf": [ref("certificate"), {"type": "null"}]}
        sums.pop("description", None)
    shown = both[0]["properties"]
    shown |= {"phase": {"enum": words.PHASES_REQUESTER}, "last_n": WHOLE}
    both[0]["$defs"]["offer_shown"]["properties"]["status"] = {"enum": words.STATUSES}
    dispute = both[0]["$defs"]["dispute"]["properties"]
    dispute |= {"undisputed_fee_pence": WHOLE, "disputed_pence": WHOLE, "reason": {"enum": words.DISPUTES}}
    offer = both[1]["$defs"]["offer"]["properties"]
    offer |= {"phase": {"enum": words.PHASES_OFFERER}, "n": WHOLE, "dead_n": WHOLE, "refused_n": WHOLE}
    certificate = made["certificate"]["properties"]
    certificate |= {"link": UUID7, "from": NODE, "to": NODE}
    made["body.cover.committed"]["properties"]["certificate"] = ref("certificate")
    for kind in ("asked", "passed"):
        made[f"body.introduce.{kind}"]["properties"]["asking"] = ref("asking")
    made["body.introduce.answered"] |= {
        "if": {"properties": {"answer": {"const": "yes"}}},
        "then": {"properties": {"invite": {"minLength": 1}}, "required": ["invite"]},
        "else": {"properties": {"invite": {"maxLength": 0}}},
    }
    for name in ("fee_pence", "travel_pence", "rate_pence_per_hour"):
        made["terms"]["properties"][name] = {"type": "integer", "minimum": 0, "maximum": 100_000_000}
    made["terms"]["properties"]["home_share_bps"] = {"type": "integer", "minimum": 0, "maximum": 10_000}
    pool = made["pool-page"]["properties"]
    pool.setdefault("workers", {}).pop("default", None)
    made["pool-page"]["required"] = sorted({*made["pool-page"]["required"], "workers"})
    credential = made["attestation"]["properties"]
    credential |= {"@context": {"const": list(attestations.CONTEXT)}, "type": {"const": list(attestations.TYPE)}}
