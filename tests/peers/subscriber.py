"""A subscriber that owes nothing to the server's code: it holds every message against the published contract.

It binds a queue of its own to the exchange, consumes until it is told to end (SIGTERM: it first drains the queue),
outlives the broker, and prints JSON lines: `{"ready": …}` once bound, `{"seen": n}` as it goes, and last the report.
"""

import argparse
import json
import re
import signal
import sys
import time
import urllib.request
from datetime import datetime

import jsonschema
import pika
import pika.exceptions
import yaml
from cloudevents.core.bindings import amqp

KINDS = {"signing_request", "participant", "enriched", "activity", "late", "conflict", "document", "account"}
ROUTING_KEY = re.compile(r"^[a-z0-9_-]+\.[a-z0-9_-]+\.[a-z0-9_-]+$")
TRACEPARENT = re.compile(r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")
UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
ATTRIBUTES = ("specversion", "id", "source", "type", "time", "subject", "sequence", "partitionkey")
# Correction lies beside the life of a signing request: it neither advances nor regresses.
SIGNING_REQUEST_RANKS = {
    "created": 0, "sent": 1, "delivered": 2, "signed": 3, "completed": 4, "declined": 4, "voided": 4, "deleted": 5,
}
PARTICIPANT_RANKS = {
    "created": 0, "sent": 1, "autoresponded": 2, "delivered": 3, "signed": 4, "completed": 5, "declined": 5,
}
FAULTS_SHOWN = 20


def moment(text):
    """RFC 3339 as a datetime; fractions beyond microseconds are cut."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text).replace("Z", "+00:00"))


def word(text):
    """A word of a routing key, as the contract writes it."""
    return re.sub(r"[^a-z0-9_-]", "_", text.lower()) or "_"


class Schemas:
    """The JSON Schemas of `/asyncapi.yaml`, by the CloudEvents type of the message."""

    def __init__(self, text):
        document = yaml.safe_load(text)
        self.components = document["components"]
        self.validators = {}
        for key, message in self.components["messages"].items():
            payload = message["payload"]
            # AsyncAPI 3 wraps a schema of a named format.
            payload = payload.get("schema", payload) if "schemaFormat" in payload else payload
            schema = {"components": self.components, "allOf": [payload]}
            jsonschema.Draft202012Validator.check_schema(schema)
            validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
            self.validators[message.get("name", key)] = validator

    def faults(self, event_type, data):
        if event_type not in self.validators:
            return [f"no message named {event_type} in asyncapi.yaml"]
        errors = self.validators[event_type].iter_errors(data)
        return [f"schema: {error.json_path}: {error.message}" for error in errors]


class Books:
    """What was seen, and every breach of the contract."""

    def __init__(self, schemas, whole, listed=None):
        self.schemas = schemas
        self.listed = listed
        self.whole = whole
        self.messages = 0
        self.ids = {}
        self.duplicates = 0
        self.kinds = {}
        self.modes = {}
        self.sequences = {}
        self.partitions = {}
        self.stands = {}
        self.corrected = set()
        self.fault_count = 0
        self.faults = []

    def fault(self, method, what):
        self.fault_count += 1
        if len(self.faults) < FAULTS_SHOWN:
            self.faults.append(f"{method.routing_key}: {what}")

    def take(self, method, properties, body):
        self.messages += 1
        try:
            for fault in self.checked(method, properties, body):
                self.fault(method, fault)
        except Exception as error:  # a message that cannot even be read is a finding, not the end
            self.fault(method, f"{type(error).__name__}: {error}")

    def checked(self, method, properties, body):
        headers = dict(properties.headers or {})
        structured = (properties.content_type or "").startswith("application/cloudevents")
        mode = "structured" if structured else "binary"
        self.modes[mode] = self.modes.get(mode, 0) + 1
        message = amqp.AMQPMessage({"content-type": properties.content_type}, headers, body)
        event = amqp.from_amqp_event(message)
        attributes, data = event.get_attributes(), event.get_data()
        if not isinstance(data, dict):
            data = json.loads(data)
        attributes = {name: str(value) if name != "time" else value for name, value in attributes.items()}

        yield from self.envelope_faults(method, properties, headers, attributes, data, structured)
        yield from self.schemas.faults(attributes.get("type"), data)

        message_id = properties.message_id
        fingerprint = (method.routing_key, json.dumps(data, sort_keys=True))
        if message_id in self.ids:
            self.duplicates += 1
            if self.ids[message_id] != hash(fingerprint):
                yield f"{message_id} came twice and said two different things"
            return
        self.ids[message_id] = hash(fingerprint)
        if self.listed:
            self.listed.write(f"{message_id}\n")
        kind = method.routing_key.split(".")[0]
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        yield from self.order_faults(attributes, data)

    def envelope_faults(self, method, properties, headers, attributes, data, structured):
        key, account = method.routing_key, data["account"]["id"]
        if not ROUTING_KEY.match(key) or key.split(".")[0] not in KINDS:
            yield "the routing key is none of the contract's"
        if key.split(".")[2] != word(account):
            yield f"the routing key ends with another account than {account}"
        if method.exchange != "countersign":
            yield f"published to the exchange {method.exchange}"
        wanted = {
            "delivery_mode": 2,
            "app_id": "countersign",
            "message_id": data["id"],
            "type": attributes["type"],
            "content_type": "application/cloudevents+json" if structured else "application/json",
        }
        if data.get("signing_request"):
            wanted["correlation_id"] = data["signing_request"]["id"]
            if attributes.get("subject") != data["signing_request"]["id"]:
                yield f"subject is {attributes.get('subject')}"
        for name, value in wanted.items():
            found = getattr(properties, name)
            if found != value and not (name == "content_type" and str(found).startswith(value)):
                yield f"property {name} is {found}, not {value}"
        if not isinstance(properties.timestamp, int) or not 1.0e9 < properties.timestamp < 1.0e10:
            yield f"property timestamp is {properties.timestamp}, not seconds"
        if not UUID.match(data["id"]) or attributes["id"] != data["id"]:
            yield f"id: attribute {attributes['id']}, body {data['id']}"
        if attributes["source"] != f"/docusign/accounts/{account}":
            yield f"source is {attributes['source']}"
        if int(attributes["sequence"]) != data["sequence"]:
            yield f"sequence: attribute {attributes['sequence']}, body {data['sequence']}"
        if "occurred_at" in data and attributes["time"] != moment(data["occurred_at"]):
            yield f"time: attribute {attributes['time']}, body {data['occurred_at']}"
        if not TRACEPARENT.match(headers.get("traceparent", attributes.get("traceparent", ""))):
            yield f"traceparent is {headers.get('traceparent')}"
        if not structured:
            for name in ATTRIBUTES:
                # What concerns the account as a whole has no subject.
                if f"cloudEvents_{name}" not in headers and not (name == "subject" and not data.get("signing_request")):
                    yield f"header cloudEvents_{name} is missing"

    def order_faults(self, attributes, data):
        subject = data.get("subject") or {}
        where = (subject.get("type", ""), subject.get("id", ""))
        if data["signing_request"]:
            where = ("signing_request", data["signing_request"]["id"])
        where = (data["account"]["id"], *where)
        last = self.sequences.get(where, 0)
        if data["sequence"] != last + 1 and self.whole:
            yield f"sequence {data['sequence']} after {last} of {where[2]}"
        self.sequences[where] = max(last, data["sequence"])
        if self.partitions.setdefault(where, attributes.get("partitionkey")) != attributes.get("partitionkey"):
            yield f"the partition key of {where[2]} changed"
        if data.get("verdict") not in ("advance", "late"):
            return
        participant = data.get("participant")
        ranks = PARTICIPANT_RANKS if participant else SIGNING_REQUEST_RANKS
        what = (participant or data["signing_request"])["status"]["id"]
        where = (*where, participant["id"] if participant else None)
        if what not in ranks:
            self.corrected.add(where)
            return
        stood = self.stands.get(where)
        if data["verdict"] == "advance":
            if stood is not None and ranks[what] < ranks[stood]:
                yield f"{where[2]} went back from {stood} to {what}"
            self.stands[where] = what
        elif stood is not None and ranks[what] > ranks[stood] and where not in self.corrected:
            yield f"{where[2]} is called late at {what} while it stands at {stood}"

    def report(self, reconnects):
        stands = {}
        for (_, kind, _, participant), status in self.stands.items():
            if kind == "signing_request" and participant is None:
                stands[status] = stands.get(status, 0) + 1
        return {
            "messages": self.messages, "ids": len(self.ids), "duplicates": self.duplicates, "kinds": self.kinds,
            "modes": self.modes, "subjects": len(self.sequences), "stands": stands,
            "last_sequences": sum(self.sequences.values()), "reconnects": reconnects,
            "fault_count": self.fault_count, "faults": self.faults,
        }


def say(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


class Ending:
    """Whether it is to end, and why."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.asked = False
        self.last_message = time.monotonic()
        signal.signal(signal.SIGTERM, self.ask)
        signal.signal(signal.SIGINT, self.ask)

    def ask(self, *_):
        self.asked = True

    def due(self, books):
        quiet = time.monotonic() - self.last_message
        enough = self.arguments.messages and len(books.ids) >= self.arguments.messages
        return enough or (self.arguments.idle and quiet > self.arguments.idle)


def consume(arguments, books, ending):
    """One connection's worth of messages; true when there is nothing more to do."""
    parameters = pika.URLParameters(arguments.url)
    parameters.heartbeat, parameters.blocked_connection_timeout = 10, 30
    parameters.socket_timeout = parameters.stack_timeout = 10
    connection = pika.BlockingConnection(parameters)
    try:
        channel = connection.channel()
        channel.basic_qos(prefetch_count=arguments.prefetch)
        if arguments.read:
            queue = arguments.read
        else:
            queue = arguments.queue
            channel.queue_declare(queue, durable=True, arguments={"x-queue-type": arguments.type})
            for pattern in arguments.bind or ["#"]:
                channel.queue_bind(queue, arguments.exchange, pattern)
        say({"ready": queue})
        stream = {"x-stream-offset": "first"} if arguments.stream else None
        said = 0.0
        for method, properties, body in channel.consume(queue, inactivity_timeout=0.2, arguments=stream):
            if method is not None:
                books.take(method, properties, body)
                channel.basic_ack(method.delivery_tag)
                ending.last_message = time.monotonic()
            if time.monotonic() - said > 0.2:
                said = time.monotonic()
                say({"seen": len(books.ids)})
            if ending.due(books):
                return True
            if ending.asked and method is None:
                left = channel.queue_declare(queue, passive=True).method.message_count
                if left == 0 or arguments.stream:
                    return True
    finally:
        if connection.is_open:
            connection.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="the broker, amqp://user:password@host:port/%%2f")
    parser.add_argument("--asyncapi", required=True, help="address or file of asyncapi.yaml")
    parser.add_argument("--exchange", default="countersign")
    parser.add_argument("--queue", default="tests.subscriber", help="the queue that it declares and binds")
    parser.add_argument("--type", default="classic", choices=["classic", "quorum"])
    parser.add_argument("--bind", action="append", help="routing-key pattern; may be repeated; all by default")
    parser.add_argument("--read", help="a queue that exists: nothing is declared or bound")
    parser.add_argument("--stream", action="store_true", help="the queue is a stream: read it from its beginning")
    parser.add_argument("--part", action="store_true", help="not every message will come: gaps are no fault")
    parser.add_argument("--prefetch", type=int, default=100)
    parser.add_argument("--messages", type=int, help="end after so many different messages")
    parser.add_argument("--ids", help="a file to write each different message id to, one a line")
    parser.add_argument("--idle", type=float, help="end after so many seconds without one")
    arguments = parser.parse_args()

    if "://" in arguments.asyncapi:
        with urllib.request.urlopen(arguments.asyncapi, timeout=10) as answer:
            text = answer.read().decode()
    else:
        with open(arguments.asyncapi, encoding="utf-8") as file:
            text = file.read()
    listed = open(arguments.ids, "w", encoding="utf-8") if arguments.ids else None
    books = Books(Schemas(text), whole=not arguments.part, listed=listed)
    ending, connects = Ending(arguments), 0
    while not ending.due(books):
        try:
            connects += 1
            if consume(arguments, books, ending):
                break
        except (pika.exceptions.AMQPError, OSError) as error:
            say({"lost": type(error).__name__})
            time.sleep(0.2)
    if listed:
        listed.close()
    say({"report": books.report(connects - 1)})


if __name__ == "__main__":
    main()
