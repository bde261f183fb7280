"""Lists signing requests, sends one from a template, follows it until it is signed, and keeps its PDF.

Needs Python 3.10 or later and nothing else:  python3 unified.py URL ACCOUNT FILE.pdf   (COUNTERSIGN_TOKEN=… where one is set)
"""

import json
import os
import sys
from urllib.parse import urlencode
from urllib.request import Request, urlopen

URL, ACCOUNT, FILE = sys.argv[1:4]
TOKEN = os.environ.get("COUNTERSIGN_TOKEN")


def ask(method, path, query=None, body=None, **headers):
    """One request; its answer, to be read. A refusal is an HTTPError, whose body says what would be right."""
    if TOKEN:
        headers["Authorization"] = f"Bearer {TOKEN}"
    if body is not None:
        headers["Content-Type"] = "application/json"
        body = json.dumps(body).encode()
    address = f"{URL}{path}?{urlencode(query or {})}"
    return urlopen(Request(address, body, headers, method=method), timeout=60)


def unified(method, path, query=None, body=None, **headers):
    query = {"integrated_account_id": ACCOUNT, **(query or {})}
    return ask(method, f"/unified/e-signature/{path}", query, body, **headers)


def every(resource, **filters):
    """All objects of a list, page by page."""
    cursor = ""
    while cursor is not None:
        page = json.load(unified("GET", resource, {**filters, "limit": 10, "next_cursor": cursor}))
        yield from page["result"]
        cursor = page["next_cursor"]


def statuses(signing_request):
    """Where a signing request stands, from the beginning and then as it moves. The feed costs no call to DocuSign."""
    stream = ask("GET", "/v1/changes/stream", {"after": 0, "signing_request": signing_request})
    for line in stream:
        if line.startswith(b"data:"):
            kind, status, _ = json.loads(line[5:])["routing_key"].split(".")
            if kind == "signing_request":
                yield status


waiting = [one["name"] for one in every("signing_requests", status="sent,delivered")]
print(len(waiting), "wait for somebody")

template = next(every("templates", name="lease"))
draft = {
    "name": "Lease 14",
    "description": "Please sign",
    "status": "sent",
    "template": {"id": template["id"]},
    "participants": [{"role": "Tenant", "name": "Ada First", "emails": [{"email": "ada.first@example.com"}]}],
    "document_fields": [{"label": "Rent", "value": "1,200 €"}],
    "custom_fields": [{"name": "record", "value": "lease-14"}],
}
# Should the answer get lost, the same request with the same key makes no second one.
made = json.load(unified("POST", "signing_requests", body=draft, **{"Idempotency-Key": "lease-14"}))
print("made", made["id"])

for status in statuses(made["id"]):
    print(status)
    if status in ("completed", "declined", "voided"):
        break

with unified("POST", "signing_requests/download", body={"id": made["id"]}) as pdf, open(FILE, "wb") as file:
    file.write(pdf.read())
print("kept", FILE)
