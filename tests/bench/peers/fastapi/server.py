"""The usual hand-written receiver on FastAPI: check the HMAC over the raw body, publish it persistent to RabbitMQ, and
answer 200 once the broker has confirmed it. Written to be as fast as that can be without being clever.

    BROKER=amqp://… CONNECT_KEY=… python server.py      prints "listening on 127.0.0.1:PORT"
"""

import base64
import hashlib
import hmac
import os
import socket
import uuid
from contextlib import asynccontextmanager

import aio_pika
import uvicorn
from fastapi import FastAPI, Request, Response

KEY = os.environ["CONNECT_KEY"].encode()


@asynccontextmanager
async def connected(app: FastAPI):
    connection = await aio_pika.connect(os.environ["BROKER"])
    channel = await connection.channel(publisher_confirms=True)
    # Passive: the exchange is there already.
    app.state.exchange = await channel.get_exchange("countersign")
    yield
    await connection.close()


app = FastAPI(lifespan=connected, openapi_url=None)


@app.post("/connect")
async def receive(request: Request) -> Response:
    body = await request.body()
    wanted = base64.b64encode(hmac.digest(KEY, body, hashlib.sha256)).decode()
    if not hmac.compare_digest(wanted, request.headers.get("x-docusign-signature-1", "")):
        return Response(status_code=401)
    message = aio_pika.Message(
        body,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=str(uuid.uuid4()),
        content_type=request.headers.get("content-type"),
    )
    account = request.headers.get("x-docusign-accountid")
    # Comes back with the confirm, and raises where the broker refuses.
    await app.state.exchange.publish(message, f"signing_request.event.{account}", mandatory=False)
    return Response(b'{"taken":true}', media_type="application/json")


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(app, loop="uvloop", http="httptools", access_log=False, log_level="warning")
    uvicorn.Server(config).run(sockets=[listener])
