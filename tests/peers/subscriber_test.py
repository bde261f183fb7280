"""The subscriber notices what it is there to notice: one sound message, and each way of breaking it."""

import copy
import json
import unittest
from types import SimpleNamespace

import subscriber

ACCOUNT = "8b411bfe-54f5-4f0e-b1d6-1d1f4c0c5a11"
ASYNCAPI = """
asyncapi: 3.0.0
components:
  messages:
    changed:
      name: countersign.signing_request.status_changed.v1
      payload: {$ref: '#/components/schemas/Change'}
  schemas:
    Change:
      type: object
      required: [id, sequence, verdict, signing_request]
      properties: {sequence: {type: integer, minimum: 1}}
"""


def message(number, status, verdict="advance", sequence=None):
    """Method, properties and body of a sound message, as pika gives them; the body still a dictionary."""
    identity = f"00000000-0000-8000-8000-{number:012}"
    data = {
        "id": identity, "sequence": sequence or number, "verdict": verdict, "origin": "connect",
        "occurred_at": "2026-11-23T10:00:00.1234567Z", "received_at": "2026-11-23T10:00:01Z",
        "account": {"id": ACCOUNT, "integrated_account_id": None},
        "signing_request": {"id": "e-1", "name": "x", "status": {"id": status, "name": status}},
        "participant": None, "cause": {"event": "envelope-sent", "delivery_id": None, "format": "json"},
    }
    event_type = "countersign.signing_request.status_changed.v1"
    headers = {
        "cloudEvents_specversion": "1.0", "cloudEvents_id": identity, "cloudEvents_type": event_type,
        "cloudEvents_source": f"/docusign/accounts/{ACCOUNT}", "cloudEvents_time": data["occurred_at"],
        "cloudEvents_subject": "e-1", "cloudEvents_sequence": str(data["sequence"]),
        "cloudEvents_partitionkey": "p", "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01",
    }
    kind = "signing_request" if verdict == "advance" else verdict
    method = SimpleNamespace(routing_key=f"{kind}.{status}.{ACCOUNT}", exchange="countersign")
    properties = SimpleNamespace(
        headers=headers, delivery_mode=2, app_id="countersign", message_id=identity, type=event_type,
        content_type="application/json", correlation_id="e-1", timestamp=1795428000,
    )
    return method, properties, data


class SubscriberTest(unittest.TestCase):
    def setUp(self):
        self.books = subscriber.Books(subscriber.Schemas(ASYNCAPI), whole=True)

    def take(self, method, properties, data):
        before = self.books.fault_count
        self.books.take(method, properties, json.dumps(data).encode())
        return self.books.fault_count - before

    def test_a_sound_life_has_no_fault(self):
        for number, status in enumerate(["sent", "delivered", "signed", "completed"], 1):
            self.assertEqual(self.take(*message(number, status)), 0, self.books.faults)
        self.assertEqual(self.take(*message(5, "created", "late")), 0, self.books.faults)
        self.assertEqual(self.books.report(0)["stands"], {"completed": 1})

    def test_every_broken_property_and_header_is_noticed(self):
        def broken(change):
            method, properties, data = copy.deepcopy(message(1, "sent"))
            change(method, properties, data)
            self.setUp()
            return self.take(method, properties, data)

        def set_to(part, name, value):
            def change(method, properties, data):
                place = {"m": method, "p": properties}.get(part)
                if place is not None:
                    setattr(place, name, value)
                elif part == "h":
                    properties.headers[name] = value
                else:
                    data[name] = value
            return change

        self.assertEqual(broken(lambda *_: None), 0)
        cases = [
            ("m", "routing_key", "signing_request.sent"), ("m", "routing_key", f"thing.sent.{ACCOUNT}"),
            ("m", "routing_key", "signing_request.sent.other"), ("m", "exchange", ""),
            ("p", "delivery_mode", 1), ("p", "app_id", None), ("p", "type", "x"), ("p", "message_id", "x"),
            ("p", "correlation_id", None), ("p", "timestamp", 1795428000000), ("p", "content_type", "text/plain"),
            ("h", "cloudEvents_id", "x"), ("h", "cloudEvents_source", "/x"), ("h", "cloudEvents_sequence", "9"),
            ("h", "cloudEvents_specversion", "0.9"), ("h", "cloudEvents_subject", "x"), ("h", "cloudEvents_type", "x"),
            ("h", "cloudEvents_time", "2026-11-23T10:00:00.2Z"), ("h", "traceparent", "x"),
            ("d", "id", "x"), ("d", "sequence", 0), ("d", "verdict", None),
        ]
        for part, name, value in cases:
            with self.subTest(f"{part} {name} = {value}"):
                if name == "verdict":
                    self.assertGreater(broken(lambda m, p, d: d.pop("verdict")), 0)
                else:
                    self.assertGreater(broken(set_to(part, name, value)), 0)
        for name in subscriber.ATTRIBUTES:
            with self.subTest(f"no {name}"):
                self.assertGreater(broken(lambda m, p, d, name=name: p.headers.pop(f"cloudEvents_{name}")), 0)

    def test_a_gap_is_noticed_and_a_duplicate_is_none(self):
        self.assertEqual(self.take(*message(1, "sent")), 0)
        self.assertEqual(self.take(*message(1, "sent")), 0)
        self.assertEqual(self.books.duplicates, 1)
        self.assertGreater(self.take(*message(3, "completed")), 0)

    def test_a_duplicate_that_says_something_else_is_noticed(self):
        self.assertEqual(self.take(*message(1, "sent")), 0)
        self.assertGreater(self.take(*message(1, "delivered")), 0)

    def test_a_step_back_and_a_late_step_forward_are_noticed(self):
        self.take(*message(1, "delivered"))
        self.assertGreater(self.take(*message(2, "sent")), 0)
        self.setUp()
        self.take(*message(1, "sent"))
        self.assertGreater(self.take(*message(2, "delivered", "late")), 0)


if __name__ == "__main__":
    unittest.main()
