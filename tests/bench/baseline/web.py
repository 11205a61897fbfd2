"""The web side: API key, Idempotency-Key, validated input, everything on disk before the 202."""

from __future__ import annotations

import hashlib
import hmac
import os
import uuid
from functools import cache
from typing import Any

import msgspec
import redis.asyncio as redis
from fastapi import FastAPI, Request
from starlette.responses import Response

from tests.bench.baseline.tasks import app as celery
from tests.bench.baseline.tasks import deliver
from tests.bench.baseline.translate import Told

app = FastAPI(docs_url=None, redoc_url=None)
_decoder = msgspec.json.Decoder(Told)


@cache
def store() -> redis.Redis:
    return redis.Redis.from_url(os.environ["BASELINE_REDIS"])


@app.post("/v1/messages")
async def post(request: Request) -> Response:
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(given, os.environ["BASELINE_API_KEY"]):
        return Response(status_code=401)
    raw = await request.body()
    try:
        _decoder.decode(raw)
    except msgspec.DecodeError as error:
        return Response(str(error), status_code=400)
    digest = hashlib.sha256(raw).hexdigest()
    key = f"seen:{request.headers['idempotency-key']}"
    message = uuid.uuid4().hex
    if not await store().set(key, f"{digest} {message}", nx=True):
        known: Any = await store().get(key)
        before, message = known.decode().split()
        return Response(f'{{"message":"{message}"}}', status_code=202 if before == digest else 422)
    await store().hset(f"message:{message}", mapping={"raw": raw, "state": "waiting", "digest": digest})
    deliver.apply_async((message,))
    return Response(f'{{"message":"{message}"}}', status_code=202, media_type="application/json")


@app.get("/readyz")
async def ready() -> Response:
    await store().ping()
    celery.connection_for_write().ensure_connection(max_retries=1)
    return Response(status_code=200)
