"""The worker's side: translate, build, sign, post, read the reply, keep the receipt.

Settings come by environment: ``BASELINE_REDIS``, ``BASELINE_LAND``, ``BASELINE_KEY`` (path stem of ``.key`` and ``.pem``).
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import redis
import requests
import zeep
from celery import Celery
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, SignatureConstructionMethod
from signxml.signer import XMLSigner

from tests.bench.baseline.translate import Told, land

ROOT = Path(__file__).parents[3]
NAME = "TiepNhanHoSo"

app = Celery("baseline", broker=os.environ.get("BASELINE_REDIS", "redis://127.0.0.1:6379/0"))
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=32,
    worker_hijack_root_logger=False,
    broker_pool_limit=8,
    task_serializer="json",
    accept_content=["json"],
)


class Line:
    """Everything that is made once per process."""

    def __init__(self) -> None:
        stem = Path(os.environ["BASELINE_KEY"])
        self.redis = redis.Redis.from_url(os.environ["BASELINE_REDIS"])
        self.session = requests.Session()
        settings = zeep.Settings(strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True)
        wsdl = ROOT / "schemas" / "wsdl" / "land" / "1" / "land.wsdl"
        self.client = zeep.Client(str(wsdl), settings=settings)
        self.service = self.client.create_service(
            "{urn:lienthong:example:land:1}LandSoap11Binding", os.environ["BASELINE_LAND"]
        )
        self.operation = self.service._binding._operations[NAME]
        self.schema = etree.XMLSchema(etree.parse(wsdl.with_name("land.xsd")))
        self.key = _key(stem.with_suffix(".key"))
        self.certificate = stem.with_suffix(".pem").read_text()
        self.decoder = msgspec.json.Decoder(Told)
        self.signer = XMLSigner(
            method=SignatureConstructionMethod.enveloped,
            c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        )


def _key(path: Path) -> RSAPrivateKey:
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError(path)
    return key


@cache
def line() -> Line:
    return Line()


@app.task(autoretry_for=(requests.RequestException,), retry_backoff=True, max_retries=10)
def deliver(message: str) -> None:
    at = line()
    raw: Any = at.redis.hget(f"message:{message}", "raw")
    told = at.decoder.decode(raw)
    envelope = at.client.create_message(at.service, NAME, **land(told, message))
    payload = envelope.find("{*}Body")[0]
    at.schema.assertValid(payload)
    signed = at.signer.sign(payload, key=at.key, cert=at.certificate, reference_uri="#noi-dung")
    envelope.find("{*}Body").replace(payload, signed)
    sent = etree.tostring(envelope, xml_declaration=True, encoding="utf-8")
    headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{self_action(at)}"'}
    reply = at.session.post(os.environ["BASELINE_LAND"], data=sent, headers=headers, timeout=8)
    reply.raise_for_status()
    answer: Any = at.service._binding.process_reply(at.client, at.operation, reply)
    if answer.Ma not in {"0", "1"}:
        raise RuntimeError(answer.Ma)
    at.redis.hset(
        f"message:{message}",
        mapping={"state": "delivered", "reference": answer.SoTiepNhan, "sent": sent, "reply": reply.content},
    )


def self_action(at: Line) -> str:
    return str(at.operation.soapaction)
